"""What a Neighbors Map is made of: the settings that travel with every model."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self, TypeAlias

from mdlens.errors import InputError

Channel: TypeAlias = Mapping[str, float] | None

MAX_SIZE = 512


@dataclass(frozen=True, kw_only=True)
class NeighborsMapSettings:
    r"""How the map of an atom is drawn.

    .. math::
        M_{kl} = \alpha_k w_k w_{kl} / d_{kl}^\gamma, \quad \alpha_0 = 1, \quad \alpha_k = d_{0k}^{-1/\beta}

    ``d_kl`` is the distance from node k to its l-th nearest node among the candidates and the atom itself.
    The default is scale-free: every distance is divided by the mean distance of the atom's 14 nearest, so
    that one model serves any element and any unit of length.

    Args:
        size: Rows and columns of a map, n.
        gamma: Exponent of the distance in a pixel.
        beta: Row k is scaled by ``d_0k ** (-1 / beta)``.
        candidates: Use this many nearest atoms (and those tied with the last); None where a cutoff is given.
        cutoff: Use every atom within this distance (the unit of the positions); None where candidates are
            given.
        scale_neighbors: Distances are divided by the mean distance of this many nearest atoms; None keeps
            them as they are.
        channels: One image per entry: None weighs every atom by 1, a mapping weighs each species.

    Raises:
        InputError: If a value is out of range, or not exactly one of candidates and cutoff is given.

    Source: arXiv 2307.00978, section 2; the scale-free form and the limit by number are ours.
    """

    size: int = 32
    gamma: float = 2.0
    beta: float = 3.0
    candidates: int | None = 63
    cutoff: float | None = None
    scale_neighbors: int | None = 14
    channels: tuple[Channel, ...] = (None,)

    def __post_init__(self) -> None:
        if (self.candidates is None) == (self.cutoff is None):
            raise InputError(
                "give exactly one of candidates (how many nearest atoms) and cutoff (how far), "
                f"got candidates={self.candidates!r} and cutoff={self.cutoff!r}"
            )
        _check_integer("size", self.size, MAX_SIZE)
        _check_integer("candidates", self.candidates, 100_000)
        _check_integer("scale_neighbors", self.scale_neighbors, 1_000)
        _check_positive("cutoff", self.cutoff)
        _check_positive("gamma", self.gamma, 12.0)
        _check_positive("beta", self.beta)
        object.__setattr__(self, "channels", _checked_channels(self.channels))

    @classmethod
    def published(cls, cutoff: float, *, channels: Sequence[Channel] = (None,)) -> Self:
        """Give the published form: absolute distances, every atom within the cutoff, n = 32.

        Args:
            cutoff: Largest distance of a candidate, in the unit of the positions.
            channels: As in the class.

        Source: arXiv 2307.00978, section 2.
        """
        return cls(candidates=None, cutoff=cutoff, scale_neighbors=None, channels=tuple(channels))

    @property
    def is_plain(self) -> bool:
        """Whether maps are scale-free, of the nearest atoms, with one channel of ones and usual exponents.

        Such a map can be drawn in bytes.
        """
        exponents = (self.gamma, self.beta) == (2.0, 3.0)
        return exponents and None not in (self.candidates, self.scale_neighbors) and self.channels == (None,)

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers, lists and dictionaries, as JSON holds them."""
        return asdict(self) | {"channels": [None if c is None else dict(c) for c in self.channels]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gave; what is missing takes its default.

        Raises:
            InputError: If a key is unknown or a value is not valid.
        """
        if not isinstance(data, Mapping):
            raise InputError(f"descriptor settings must be a mapping of names to values, got {data!r:.80}")
        check_names(data)
        return cls(**data)


def check_names(names: Mapping[str, Any]) -> None:
    """Refuse names that are no setting.

    Raises:
        InputError: It names the unknown ones and those there are.
    """
    known = [field.name for field in fields(NeighborsMapSettings)]
    unknown = [str(name) for name in names if name not in known]
    if unknown:
        raise InputError(
            f"unknown descriptor setting{'s' * (len(unknown) > 1)} {', '.join(unknown)}: "
            f"the settings are {', '.join(known)}"
        )


def _check_integer(name: str, value: Any, largest: int) -> None:
    if value is None and name != "size":
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
        raise InputError(f"{name} must be an integer from 1 to {largest}, got {value!r:.80}")


def _is_number(value: Any) -> bool:
    """Tell whether a value is a finite number; integers too large for a float are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _check_positive(name: str, value: Any, largest: float = math.inf) -> None:
    if value is None and name == "cutoff":
        return
    if not _is_number(value) or not 0 < value <= largest:
        limit = "" if largest == math.inf else f" of at most {largest:g}"
        raise InputError(f"{name} must be a positive number{limit}, got {value!r:.80}")


def _checked_channels(channels: Any) -> tuple[Channel, ...]:
    if (
        isinstance(channels, str | Mapping)
        or not isinstance(channels, Sequence)
        or not 1 <= len(channels) <= 16
    ):
        raise InputError(
            "channels must be a list of 1 to 16 entries, each None (all ones) or a mapping of species to "
            f"weight, got {channels!r:.80}"
        )
    return tuple(_checked_channel(channel) for channel in channels)


def _checked_channel(channel: Any) -> Channel:
    if channel is None:
        return None
    if not isinstance(channel, Mapping) or not channel:
        raise InputError(
            f"a channel must be None or a mapping such as {{'Cu': 1.0, 'Zr': 2.0}}, got {channel!r:.80}"
        )
    for species, weight in channel.items():
        if not isinstance(species, str) or not _is_number(weight):
            raise InputError(
                f"a channel maps species names to finite weights, got {species!r:.40}: {weight!r:.40}"
            )
    return {species: float(weight) for species, weight in channel.items()}
