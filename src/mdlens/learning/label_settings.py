"""Where the labels of a trajectory come from; apart from the labelling, so that reading it is cheap."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mdlens.errors import InputError
from mdlens.io import parse_frames

SOURCES = ("frames", "ptm", "inherent_structure")
POSITIONS = ("frames", "inherent_structure")
SHELLS: Mapping[str, int] = {
    "other": 12, "fcc": 12, "hcp": 12, "bcc": 14, "icosahedral": 12, "sc": 6, "cubic_diamond": 4,
    "hexagonal_diamond": 4, "graphene": 3,
}  # fmt: skip
"""Structures of polyhedral template matching, each with the number of atoms in its first shell."""

OTHER = "other"
PTM_CUTOFF = 0.1


@dataclass(frozen=True, kw_only=True)
class LabelRange:
    """`[[labels.ranges]]`: frames in which a class may be given.

    Args:
        class_: The class.
        frames: Which frames, counted in the file from 0, e.g. "0:9" or "-5:".
    """

    class_: str
    frames: str

    def __post_init__(self) -> None:
        if not self.class_:
            raise InputError("class must name a class, got ''")
        parse_frames(self.frames)


@dataclass(frozen=True, kw_only=True)
class LabelsConfig:
    """`[labels]` or `[data.labels]`: labels of a trajectory that nobody has labelled atom by atom.

    Args:
        from_: "frames": every atom of a frame in `ranges` gets the class of the range. "ptm": an atom gets
            the class of the structure that polyhedral template matching finds. "inherent_structure": the
            same, found in a copy of the frame that is minimised at fixed cell.
        ranges: Frames of each class. A class without one may be given in every frame.
        classes: Class of each structure (`SHELLS`) of template matching; structures not named are ignored.
        rmsd_cutoff: Largest RMSD of a template that counts as found, 0 for any; None takes 0.1 for "ptm" and
            0 for "inherent_structure".
        whole_shell: Whether an atom is labelled only if its first shell is of the same structure.
        potential: Potential to minimise with: a file, or a name as `mdlens simulate bulk` takes it.
        positions: "inherent_structure" trains on the minimised positions, "frames" on those of the file.

    Raises:
        InputError: If the options do not fit each other.
    """

    from_: str
    ranges: tuple[LabelRange, ...] = ()
    classes: Mapping[str, str] = field(default_factory=dict)
    rmsd_cutoff: float | None = None
    whole_shell: bool = False
    potential: str | None = None
    positions: str = "frames"

    def __post_init__(self) -> None:
        _check_one_of("from", self.from_, SOURCES)
        _check_one_of("positions", self.positions, POSITIONS)
        if self.minimises != bool(self.potential):
            raise InputError(
                "give a potential to minimise with, e.g. potential = 'Ni_u3.eam'"
                if self.minimises
                else "potential is for from or positions = 'inherent_structure' only: leave it out"
            )
        if self.from_ == "frames":
            self._check_frames()
        else:
            self._check_templates()

    @property
    def minimises(self) -> bool:
        """Whether frames are minimised."""
        return "inherent_structure" in (self.from_, self.positions)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, in the order in which they are named."""
        given = self.classes.values() or (part.class_ for part in self.ranges)
        return tuple(dict.fromkeys(given))

    @property
    def cutoff(self) -> float:
        """The RMSD cutoff, 0 for none."""
        if self.rmsd_cutoff is not None:
            return self.rmsd_cutoff
        return PTM_CUTOFF if self.from_ == "ptm" else 0.0

    def _check_frames(self) -> None:
        if not self.ranges:
            raise InputError("from = 'frames' needs ranges, e.g. ranges = [{class = 'fcc', frames = '0:9'}]")
        if self.classes or self.whole_shell or self.rmsd_cutoff is not None:
            raise InputError("classes, rmsd_cutoff and whole_shell do not go with from = 'frames'")

    def _check_templates(self) -> None:
        if not self.classes:
            raise InputError(
                f"from = '{self.from_}' needs classes, e.g. classes = {{hcp = 'hcp', other = 'liquid'}}"
            )
        for structure, name in self.classes.items():
            _check_one_of("a key of classes", structure, tuple(SHELLS))
            if not name:
                raise InputError(f"classes.{structure} must name a class, got ''")
        for part in self.ranges:
            _check_one_of("the class of a range", part.class_, self.names)
        if not 0.0 <= self.cutoff <= 1.0:
            raise InputError(f"rmsd_cutoff must lie between 0 and 1, got {self.rmsd_cutoff!r}")
        ranged = {part.class_ for part in self.ranges}
        # Template matching fails in hot crystals long before they melt: "other" alone is no evidence.
        if self.from_ == "ptm" and OTHER in self.classes and self.classes[OTHER] not in ranged:
            raise InputError(
                f"say in which frames 'other' is {self.classes[OTHER]!r}, e.g. "
                f"ranges = [{{class = '{self.classes[OTHER]}', frames = '-5:'}}]"
            )


def _check_one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
