"""Columns of LAMMPS dumps: their names, what they hold, and the form of the coordinates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mdlens._core import Rule
from mdlens.types import FloatArray

INTEGER_COLUMNS: Final = frozenset({"id", "mol", "proc", "procp1", "ix", "iy", "iz"})
REAL_COLUMNS: Final = frozenset(
    [f"{quantity}{axis}" for quantity in ("v", "f", "mu", "omega", "angmom", "tq") for axis in "xyz"]
    + ["q", "mass", "mu", "radius", "diameter"],
)
TEXT_COLUMNS: Final = frozenset({"element", "typelabel"})
ARRAY_NAMES: Final = {"StructureType": "structure_name"}
"""Word columns whose name in a dump is not that of the array: OVITO takes words only under names it knows."""
RESERVED_ARRAYS: Final = frozenset({"positions", "numbers"})


@dataclass(frozen=True)
class CoordinateForm:
    """One of the four ways a dump gives positions."""

    columns: tuple[str, str, str]
    scaled: bool

    def to_cartesian(self, values: FloatArray, cell: FloatArray, origin: FloatArray) -> FloatArray:
        """Return positions, (N, 3): the values or ``origin + values @ cell`` (infinite on overflow)."""
        if not self.scaled:
            return values
        positions = np.empty_like(values)
        with np.errstate(over="ignore", invalid="ignore"):
            for axis in range(3):
                column = values[:, 0] * cell[0, axis]
                column += values[:, 1] * cell[1, axis]
                column += values[:, 2] * cell[2, axis]
                positions[:, axis] = column + origin[axis]
        return positions

    def from_cartesian(self, positions: FloatArray, cell: FloatArray, origin: FloatArray) -> FloatArray:
        """Return the values that stand for these positions, (N, 3)."""
        if not self.scaled:
            return positions
        return np.ascontiguousarray(np.linalg.solve(cell.T, (positions - origin).T).T, dtype=np.float64)


FORMS: Final = (
    CoordinateForm(("x", "y", "z"), scaled=False),
    CoordinateForm(("xu", "yu", "zu"), scaled=False),
    CoordinateForm(("xs", "ys", "zs"), scaled=True),
    CoordinateForm(("xsu", "ysu", "zsu"), scaled=True),
)
COORDINATE_COLUMNS: Final = frozenset(name for form in FORMS for name in form.columns)


def coordinate_form(names: Sequence[str]) -> CoordinateForm | None:
    """Return the first complete form: Cartesian before scaled, wrapped before unwrapped."""
    return next((form for form in FORMS if set(form.columns) <= set(names)), None)


def column_rule(name: str) -> Rule:
    """Return what a column of this name must hold; columns of unknown names are judged by their first row."""
    if name in COORDINATE_COLUMNS:
        return Rule.coordinate
    if name in INTEGER_COLUMNS or name.startswith(("i_", "i2_")):
        return Rule.integer
    if name in REAL_COLUMNS or name.startswith(("d_", "d2_")):
        return Rule.real
    return Rule.text if name in TEXT_COLUMNS else Rule.any


def code_points(words: NDArray[np.str_]) -> NDArray[np.uint32]:
    """View strings, (N,), as rows of code points, (N, width), for the native formatter."""
    fixed = np.ascontiguousarray(words, dtype=f"=U{max(1, words.dtype.itemsize // 4)}")
    return fixed.view(np.uint32).reshape(len(fixed), fixed.dtype.itemsize // 4)
