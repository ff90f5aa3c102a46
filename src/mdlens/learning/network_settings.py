"""The configuration of `mdlens train network`: what to learn from, which simulator, how to fit it."""

from dataclasses import dataclass, field

from mdlens.errors import InputError

VARIANTS = ("bonds", "paper", "linear")


@dataclass(frozen=True, kw_only=True)
class SimulatorConfig:
    """`[model]`: which simulator.

    Args:
        name: Name written into the model file.
        version: Version written into the model file.
        variant: "bonds" (learned bond forces, implicit steps), "paper" (the published graph network) or
            "linear" (a weighted sum of the last displacements).
        history: Displacements a prediction starts from; "bonds" takes 1 whatever is said here.
        layers: Message-passing layers of "paper".
        width: Width of every layer of "paper".
        robust: Whether "paper" takes rare, large accelerations less seriously; the published one does not.
        law_width: Width of the force law of "bonds".
        iterations: Newton iterations per step of "bonds".
        steps: Implicit steps per frame of "bonds".
    """

    name: str = "network"
    version: str = "1"
    variant: str = "bonds"
    history: int = 3
    layers: int = 2
    width: int = 128
    robust: bool = False
    law_width: int = 32
    iterations: int = 1
    steps: int = 1

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise InputError(f"variant must be one of {', '.join(VARIANTS)}, got {self.variant!r}")


@dataclass(frozen=True, kw_only=True)
class NetworkDataConfig:
    """`[[data]]`: a file of trajectories, or a folder of such files, relative to the configuration."""

    file: str


@dataclass(frozen=True, kw_only=True)
class SelectionConfig:
    """`[selection]`: which part of the training and validation parts is learned from.

    Args:
        bases: So many base networks of the training part; 0 takes all.
        networks: So many networks of the training part, from different bases as far as there are; 0 takes
            all.
        frames: So many frames of each trajectory; 0 takes all.
        nu_min: Smallest Poisson's ratio, measured in frame 100 or the last.
        nu_max: Largest.
    """

    bases: int = 0
    networks: int = 0
    frames: int = 0
    nu_min: float = -10.0
    nu_max: float = 10.0

    def __post_init__(self) -> None:
        for name in ("bases", "networks", "frames"):
            _check(name, getattr(self, name), 0, 10**9)
        if self.nu_min >= self.nu_max:
            raise InputError(f"nu_min must be below nu_max, got {self.nu_min:g} and {self.nu_max:g}")


@dataclass(frozen=True, kw_only=True)
class BaseSplitConfig:
    """`[split]`: shares of the base networks; networks of one base stay together.

    Args:
        validation: For the losses in the log.
        test: For the scores in metrics.json.
        seed: Seed of the shuffle, apart from that of the fit.
        file: A JSON file, relative to the configuration, that lists the base networks under "train",
            "validation" and "test" in place of a shuffle.
    """

    validation: float = 0.1
    test: float = 0.2
    seed: int = 0
    file: str = ""

    def __post_init__(self) -> None:
        if self.validation <= 0.0 or self.test < 0.0 or self.validation + self.test >= 1.0:
            raise InputError(
                "validation must be above 0, test 0 or more, and both below 1 together, "
                f"got {self.validation:g} and {self.test:g}"
            )


@dataclass(frozen=True, kw_only=True)
class SimulatorFitSettings:
    """`[fit]`: how a simulator is fitted.

    Args:
        epochs: Passes, each of `steps_per_epoch` batches.
        steps_per_epoch: Batches of an epoch.
        batch_size: Windows of a batch.
        learning_rate: Adam's rate at the start.
        final_rate: Its rate at the end; it decays exponentially between.
        unroll: Steps predicted in a row, in equal shares of the epochs: (1,) or a curriculum like
            (1, 2, 3, 5, 8, 10).
        clip: Largest norm of a gradient; 0 does not clip.
        validation_windows: Windows of the validation part, drawn once.
        validation_steps: Steps rolled out in each.
        seed: Seed of the weights and the draws.
    """

    epochs: int = 20
    steps_per_epoch: int = 20
    batch_size: int = 4
    learning_rate: float = 2e-2
    final_rate: float = 1e-3
    unroll: tuple[int, ...] = (1, 2, 3, 5, 8, 10, 15, 20)
    clip: float = 1.0
    validation_windows: int = 16
    validation_steps: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "steps_per_epoch", "batch_size", "validation_windows", "validation_steps"):
            _check(name, getattr(self, name), 1, 10**9)
        for name in ("learning_rate", "final_rate"):
            _check(name, getattr(self, name), 1e-8, 10.0)
        if not self.unroll:
            raise InputError("unroll must hold at least one number of steps")
        for steps in self.unroll:
            _check("unroll", steps, 1, 1000)
        _check("clip", self.clip, 0.0, 1e6)
        _check("seed", self.seed, 0, 2**32 - 1)

    @property
    def total_steps(self) -> int:
        """Batches of the whole fit."""
        return self.epochs * self.steps_per_epoch

    def unroll_at(self, epoch: int) -> int:
        """Steps predicted in a row in an epoch."""
        share = min(epoch, self.epochs - 1) * len(self.unroll) // self.epochs
        return self.unroll[share]


@dataclass(frozen=True, kw_only=True)
class NetworkTrainingConfig:
    """A whole configuration file of `mdlens train network`."""

    data: tuple[NetworkDataConfig, ...]
    model: SimulatorConfig = field(default_factory=SimulatorConfig)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    split: BaseSplitConfig = field(default_factory=BaseSplitConfig)
    fit: SimulatorFitSettings = field(default_factory=SimulatorFitSettings)

    def __post_init__(self) -> None:
        if not self.data:
            raise InputError("data must list at least one file: add [[data]] with file = '...'")


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InputError(f"{name} must lie between {low:g} and {high:g}, got {value!r}")
