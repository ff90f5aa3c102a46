"""How networks are fitted to windows of configurations; reading it needs no torch."""

from dataclasses import dataclass, field

from mdlens.errors import InputError

NETWORKS = ("mpnn", "mpnn_paper", "cnn", "cnn_paper")


@dataclass(frozen=True, kw_only=True)
class WindowFit:
    """`[fit]`: how a network is fitted to windows.

    Args:
        epochs: Passes; every pass draws new windows.
        windows_per_epoch: Windows drawn for each, both classes equally often.
        batch_size: Windows per step.
        validation_windows: Windows of the validation part, drawn once.
        learning_rate: Largest rate of the one-cycle schedule.
        weight_decay: Decay of AdamW.
        patience: Stop after this many epochs without a better validation loss; 0 never stops early.
        seed: Of the split, the draws, the weights and dropout.

    Raises:
        InputError: If a value is out of range.
    """

    epochs: int = 20
    windows_per_epoch: int = 2048
    batch_size: int = 64
    validation_windows: int = 1024
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    patience: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "windows_per_epoch", "batch_size", "validation_windows"):
            if not 1 <= getattr(self, name) <= 10**8:
                raise InputError(f"{name} must lie between 1 and 1e8, got {getattr(self, name)}")
        if not 1e-8 <= self.learning_rate <= 10.0 or not 0.0 <= self.weight_decay <= 10.0:
            raise InputError("learning_rate must lie between 1e-8 and 10, weight_decay between 0 and 10")
        if self.patience < 0 or not 0 <= self.seed < 2**32:
            raise InputError("patience must be 0 or more and seed between 0 and 2^32 - 1")

    @property
    def steps(self) -> int:
        """Batches of one epoch."""
        return max(self.windows_per_epoch // self.batch_size, 1)


@dataclass(frozen=True, kw_only=True)
class WindowData:
    """`[[data]]`: frames that are all of one class.

    Args:
        file: Path of a trajectory, relative to the configuration file.
        label: The class.
        frames: Which frames, e.g. "-10:".
        group: What is never split; the file if empty.
    """

    file: str
    label: str
    frames: str | None = None
    group: str = ""


@dataclass(frozen=True, kw_only=True)
class WindowModel:
    """`[model]`: name and network.

    Args:
        name: Name written into the model file.
        version: Version written into the model file.
        classes: The two classes; probabilities are those of the second.
        network: "mpnn" (message passing with attention), "cnn" (pictures, 2D only), or their published forms
            "mpnn_paper" and "cnn_paper".
        width: Numbers per bond and atom, or channels of the first convolution.
        depth: Rounds of messages.
        heads: Attention heads.
        dropout: Dropout.
        pooling: "mean" or "attention".
    """

    name: str = "amorphous"
    version: str = "1"
    classes: tuple[str, ...] = ("liquid", "glass")
    network: str = "mpnn"
    width: int = 64
    depth: int = 3
    heads: int = 4
    dropout: float = 0.0
    pooling: str = "mean"

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise InputError(f"network must be one of {', '.join(NETWORKS)}, got {self.network!r}")
        if len(set(self.classes)) != 2:
            raise InputError(f"classes must be two different names, got {list(self.classes)}")


@dataclass(frozen=True, kw_only=True)
class Windows:
    """`[windows]`: what a network sees at a time.

    Args:
        particles: Particles in a window, on average; a smaller configuration is seen whole.
        k: Nearest neighbours each particle is bonded with.
        pixels: Rows and columns of a picture.
        blur: Standard deviation of the Gaussians in a picture, in pixels.
        count: Windows of a configuration that are classified.
    """

    particles: int = 64
    k: int = 5
    pixels: int = 36
    blur: float = 0.7
    count: int = 24

    def __post_init__(self) -> None:
        if not (2 <= self.particles <= 10**6 and 1 <= self.k <= 64 and 1 <= self.count <= 10**4):
            raise InputError("particles must be 2 to 1e6, k 1 to 64 and count 1 to 10000")
        if self.particles <= self.k:
            raise InputError(f"particles must be more than k, got {self.particles} and {self.k}")
        if not (14 <= self.pixels <= 1000 and 0.1 <= self.blur <= 20.0):
            raise InputError("pixels must be 14 to 1000 and blur 0.1 to 20")


@dataclass(frozen=True, kw_only=True)
class GroupSplit:
    """`[split]`: shares of the groups of each class.

    Args:
        validation: For choosing the epoch.
        test: For the scores of the model.
    """

    validation: float = 0.15
    test: float = 0.25

    def __post_init__(self) -> None:
        if not (0.0 < self.validation < 1.0 and self.test >= 0.0 and self.validation + self.test < 1.0):
            raise InputError("validation must be above 0, test 0 or more, and both together below 1")


@dataclass(frozen=True, kw_only=True)
class AmorphousConfig:
    """A whole configuration file of `mdlens train amorphous`."""

    data: tuple[WindowData, ...]
    model: WindowModel = field(default_factory=WindowModel)
    windows: Windows = field(default_factory=Windows)
    split: GroupSplit = field(default_factory=GroupSplit)
    fit: WindowFit = field(default_factory=WindowFit)

    def __post_init__(self) -> None:
        labels = {entry.label for entry in self.data}
        if labels != set(self.model.classes):
            raise InputError(
                f"data must have both classes and no other: {', '.join(self.model.classes)}; "
                f"got {', '.join(sorted(labels)) or 'none'}"
            )
