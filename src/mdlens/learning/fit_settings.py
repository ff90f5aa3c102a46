"""How a network is fitted; apart from the fit itself, so that reading it needs no torch."""

from dataclasses import dataclass

from mdlens.errors import InputError


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """How a network is fitted.

    Args:
        epochs: Passes; every pass draws new maps.
        maps_per_epoch: Maps drawn for each.
        pool: Maps held at a time; they are shuffled among themselves.
        batch_size: Maps per step.
        learning_rate: Largest rate of the one-cycle schedule.
        weight_decay: Decay of AdamW.
        label_smoothing: Share of the target spread over the other classes.
        validation_maps: Maps of the validation part, drawn once.
        class_shares: Relative number of maps of each class, in training and validation; empty means equal.
        class_weights: Weight of each class in the loss of training; empty means equal.
        outside_share: Number of maps of atoms outside all classes, relative to a class of share 1, in
            training only. Their target is the same probability for every class.
        patience: Stop after this many epochs without a better validation loss; 0 never stops early.
        seed: Seed of the draws and of dropout.

    Raises:
        InputError: If a value is out of range.
    """

    epochs: int = 20
    maps_per_epoch: int = 65_536
    pool: int = 32_768
    batch_size: int = 256
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.0
    validation_maps: int = 16_384
    class_shares: tuple[float, ...] = ()
    class_weights: tuple[float, ...] = ()
    outside_share: float = 0.0
    patience: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "maps_per_epoch", "pool", "validation_maps"):
            _check(name, getattr(self, name), 1, 10**9)
        _check("batch_size", self.batch_size, 2, 10**6)
        _check("learning_rate", self.learning_rate, 1e-8, 10.0)
        _check("weight_decay", self.weight_decay, 0.0, 10.0)
        _check("label_smoothing", self.label_smoothing, 0.0, 0.9)
        for share in self.class_shares:
            _check("class_shares", share, 1e-3, 1e3)
        for weight in self.class_weights:
            _check("class_weights", weight, 1e-3, 1e3)
        _check("outside_share", self.outside_share, 0.0, 1e3)
        _check("patience", self.patience, 0, 10**6)
        _check("seed", self.seed, 0, 2**32 - 1)

    def shares_learnt(self, classes: int) -> tuple[float, ...]:
        """Give the shares that so many classes seem to have: a weight in the loss counts like more maps."""
        shares = self.class_shares or (1.0,) * classes
        weights = self.class_weights or (1.0,) * classes
        return tuple(share * weight for share, weight in zip(shares, weights, strict=True))

    @property
    def steps_per_epoch(self) -> int:
        """Batches of one epoch; the rest of each pool that fills no batch is left out."""
        pools = [
            min(self.pool, self.maps_per_epoch - start) for start in range(0, self.maps_per_epoch, self.pool)
        ]
        return sum(max(pool // self.batch_size, 1) for pool in pools)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InputError(f"{name} must lie between {low:g} and {high:g}, got {value!r}")
