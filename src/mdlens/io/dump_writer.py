"""Frames as LAMMPS text dumps."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from ase import Atoms
from ase.geometry import complete_cell
from numpy.typing import NDArray

from mdlens.errors import InputError
from mdlens.io.boxes import is_restricted, restricted_rows
from mdlens.io.columns import ARRAY_NAMES, CoordinateForm, coordinate_form
from mdlens.io.output_columns import (
    OutputColumn,
    PerAtom,
    clean_name,
    per_atom_arrays,
    split,
    stored,
    symbol_column,
    text_blocks,
)
from mdlens.types import FloatArray

MARGIN: Final = 0.5
VECTOR_NAMES: Final = {"forces": ("fx", "fy", "fz"), "velocities": ("vx", "vy", "vz")}


class DumpFormat:
    """Formats frames as a LAMMPS dump; a species keeps its type number from frame to frame.

    Columns are those a frame was read with (``atoms.info["lammps_columns"]``), or else `columns`, or else
    ``id type element x y z``; then every other array of the frame, ``structure``, ``structure_name``,
    ``confidence`` and ``distance`` last.
    """

    def __init__(self, columns: Sequence[str] | None = None, threads: int = 1) -> None:
        self._columns = columns
        self._threads = threads
        self._types: dict[int, int] = {}

    def pieces(self, atoms: Atoms, frame: int, labels: Mapping[str, PerAtom]) -> Iterator[bytes]:
        """Yield the text of a frame; `frame` counts from 0 and stands in for a missing timestep.

        Raises:
            InputError: If the cell has no volume or an array cannot be written.
        """
        cell, origin = whole_box(atoms)
        columns = self._plan(atoms, cell, origin, labels)
        yield header_text(atoms, cell, origin, [column.name for column in columns], frame).encode()
        yield from text_blocks(columns, len(atoms), self._threads)

    def _names(self, atoms: Atoms) -> list[str]:
        names = str(atoms.info.get("lammps_columns", "")).split() or list(self._columns or ())
        if names and coordinate_form(names) is not None:
            return names
        return ["id", "type", *(["element"] if atoms.numbers.any() else []), "x", "y", "z"]

    def _plan(
        self, atoms: Atoms, cell: FloatArray, origin: FloatArray, labels: Mapping[str, PerAtom]
    ) -> list[OutputColumn]:
        """Return the columns of a frame in order; an input column no longer on the atoms is left out."""
        names = self._names(atoms)
        arrays = named_for_file(per_atom_arrays(atoms, labels))
        form = coordinate_form(names) or CoordinateForm(("x", "y", "z"), scaled=False)
        values = coordinates(atoms, form, cell, origin)
        columns = []
        for name in names:
            if name in form.columns:
                columns.append(stored(name, values[:, form.columns.index(name)]))
                arrays.pop(name, None)
            elif name in arrays and arrays[name].ndim == 1:
                columns.append(stored(name, arrays.pop(name)))
            elif name == "element":
                columns.append(symbol_column(name, atoms))
            elif name == "id":
                columns.append(stored(name, np.arange(1, len(atoms) + 1)))
            elif name == "type":
                columns.append(stored(name, self._type_numbers(atoms)))
        return columns + _extra_columns(arrays, {column.name for column in columns})

    def _type_numbers(self, atoms: Atoms) -> NDArray[np.int64]:
        species, inverse = np.unique(atoms.numbers, return_inverse=True)
        types = [self._types.setdefault(int(number), len(self._types) + 1) for number in species]
        numbers: NDArray[np.int64] = np.array(types, dtype=np.int64)[inverse]
        return numbers


def named_for_file(arrays: dict[str, PerAtom]) -> dict[str, PerAtom]:
    """Return the arrays under their column names, without words whose name the input has taken."""
    named: dict[str, PerAtom] = {}
    file_names = {array_name: name for name, array_name in ARRAY_NAMES.items()}
    for name, array in arrays.items():
        file_name = file_names.get(name, name) if array.dtype.kind in "US" else name
        if file_name == name or file_name not in arrays:
            named[file_name] = array
    return named


def _extra_columns(arrays: dict[str, PerAtom], taken: set[str]) -> list[OutputColumn]:
    """Return the columns of further arrays; vectors are split into ``name[1] name[2] ...``."""
    columns: list[OutputColumn] = []
    for name, array in arrays.items():
        width = int(np.prod(array.shape[1:]))
        if array.ndim == 1:
            columns.append(stored(clean_name(name), array))
        elif width:
            numbered = [f"{clean_name(name)}[{k + 1}]" for k in range(width)]
            known = VECTOR_NAMES.get(name, ()) if width == 3 else ()
            columns += split(numbered if set(known) & taken else known or numbered, array)
    return columns


def coordinates(atoms: Atoms, form: CoordinateForm, cell: FloatArray, origin: FloatArray) -> FloatArray:
    """Return what to write for the positions, (N, 3): scaled values as read, if they still mean the same."""
    if not form.scaled:
        return np.asarray(atoms.positions, dtype=np.float64)
    if all(name in atoms.arrays for name in form.columns):
        values = np.stack([atoms.arrays[name] for name in form.columns], axis=1)
        if np.array_equal(form.to_cartesian(values, cell, origin), atoms.positions):
            return values
    return form.from_cartesian(atoms.positions, cell, origin)


def whole_box(atoms: Atoms) -> tuple[FloatArray, FloatArray]:
    """Return cell and origin; a missing vector (zero, not periodic) becomes one that spans the atoms.

    Raises:
        InputError: If the cell has no volume otherwise, or holds numbers that are not finite.
    """
    cell = np.array(atoms.cell.array, dtype=np.float64)
    origin = np.array(atoms.get_celldisp(), dtype=np.float64).reshape(3)
    missing = ~cell.any(axis=1)
    if not np.isfinite(cell).all() or not np.isfinite(origin).all():
        raise InputError("the cell of a frame to be written must hold finite numbers; correct `atoms.cell`")
    if (missing & atoms.pbc).any() or np.linalg.matrix_rank(cell) < 3 - missing.sum():
        raise InputError(
            "the cell of a frame to be written has zero volume; correct `atoms.cell` or `atoms.pbc`"
        )
    whole = np.array(complete_cell(cell), dtype=np.float64) if missing.any() else cell
    for axis in np.flatnonzero(missing):
        heights = (atoms.positions - origin) @ whole[axis]
        low, high = (heights.min(), heights.max()) if len(heights) else (0.0, 0.0)
        origin += (low - MARGIN) * whole[axis]
        whole[axis] *= high - low + 2 * MARGIN
    return whole, origin


def header_text(
    atoms: Atoms, cell: FloatArray, origin: FloatArray, columns: Sequence[str], frame: int
) -> str:
    """Return everything before the table; as LAMMPS does, units are said in the first frame only."""
    info = atoms.info
    lines: list[str] = []
    if frame == 0 and info.get("lammps_units"):
        lines += ["ITEM: UNITS", " ".join(str(info["lammps_units"]).split())]
    if isinstance(info.get("time"), int | float | np.number):
        lines += ["ITEM: TIME", repr(float(info["time"]))]
    step = info.get("timestep", frame)
    lines += ["ITEM: TIMESTEP", str(int(step) if isinstance(step, int | float | np.number) else frame)]
    lines += ["ITEM: NUMBER OF ATOMS", str(len(atoms)), *_box_lines(atoms, cell, origin)]
    return "\n".join([*lines, " ".join(["ITEM: ATOMS", *columns]), ""])


def _box_lines(atoms: Atoms, cell: FloatArray, origin: FloatArray) -> list[str]:
    letters = boundary_letters(atoms)
    if is_restricted(cell):
        rows = restricted_rows(cell, origin)
        words = ["xy", "xz", "yz"] if len(rows[0]) == 3 else []
    else:
        rows = [[*map(float, cell[k]), float(origin[k])] for k in range(3)]
        words = ["abc", "origin"]
    return [" ".join(["ITEM: BOX BOUNDS", *words, *letters]), *(" ".join(map(repr, row)) for row in rows)]


def boundary_letters(atoms: Atoms) -> list[str]:
    """Return the boundary letters a frame was read with, where they still agree with ``atoms.pbc``."""
    known = str(atoms.info.get("lammps_boundary", "")).split()
    letters = known if len(known) == 3 else ["ff"] * 3
    plain = {True: "pp", False: "ff"}
    return [
        word if ("p" in word) == bool(p) else plain[bool(p)]
        for word, p in zip(letters, atoms.pbc, strict=True)
    ]
