"""Per-atom values on their way into a text table, formatted natively block by block."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from mdlens import _core
from mdlens.errors import InputError
from mdlens.io.columns import code_points

BLOCK: Final = 1 << 16
DECIMALS: Final = {"confidence": 4, "distance": 3}
LAST_COLUMNS: Final = ("structure", "structure_name", "confidence", "distance")
SYMBOLS: Final = np.array(chemical_symbols)


@dataclass(frozen=True)
class OutputColumn:
    """One column of a table: `values` gives a block of rows, so that no column is copied whole."""

    name: str
    values: Callable[[slice], NDArray[Any]]

    @property
    def decimals(self) -> int:
        """Digits after the point, or -1 for the shortest text that reads back to the same number."""
        return DECIMALS.get(self.name, -1)


def stored(name: str, array: NDArray[Any]) -> OutputColumn:
    """Return the column of an array, (N,)."""
    return OutputColumn(name, lambda rows: array[rows])


def symbol_column(name: str, atoms: Atoms) -> OutputColumn:
    """Return the column of chemical symbols; numbers that name no element become X."""
    numbers = atoms.numbers

    def block(rows: slice) -> NDArray[Any]:
        part = numbers[rows]
        return SYMBOLS[np.where((part >= 0) & (part < len(SYMBOLS)), part, 0)]

    return OutputColumn(name, block)


def split(names: Sequence[str], array: NDArray[Any]) -> list[OutputColumn]:
    """Return one column per component of an array, (N, ...)."""
    flat = array.reshape(len(array), len(names))
    return [stored(name, flat[:, k]) for k, name in enumerate(names)]


def per_atom_arrays(atoms: Atoms) -> dict[str, NDArray[Any]]:
    """Return all arrays but positions and numbers, computed results too; a classification's come last."""
    arrays = {name: array for name, array in atoms.arrays.items() if name not in ("positions", "numbers")}
    results = getattr(atoms.calc, "results", {}) if atoms.calc is not None else {}
    for name in ("forces", "energies", "stresses", "charges", "magmoms"):
        value = np.asarray(results.get(name, ()))
        if value.ndim and len(value) == len(atoms) and len(atoms) and name not in arrays:
            arrays[name] = value
    ordered = [name for name in arrays if name not in LAST_COLUMNS] + [
        name for name in LAST_COLUMNS if name in arrays
    ]
    return {name: arrays[name] for name in ordered}


def native_block(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return values in one of the types the native formatter takes.

    Raises:
        InputError: If they are neither numbers nor words.
    """
    kind = values.dtype.kind
    if kind in "iub":
        return np.ascontiguousarray(values, dtype=np.int64)
    if kind == "f":
        return np.ascontiguousarray(values, dtype=np.float32 if values.dtype.itemsize <= 4 else np.float64)
    if kind in "SO":
        return code_points(
            np.array([w.decode() if isinstance(w, bytes) else str(w) for w in values], dtype=str)
        )
    if kind == "U":
        return code_points(values)
    raise InputError(f"array {name!r} of type {values.dtype} cannot be written as text; remove or convert it")


def text_blocks(columns: Sequence[OutputColumn], rows: int) -> Iterator[bytes]:
    """Yield the lines of a table, `BLOCK` rows at a time, columns separated by single spaces."""
    for begin in range(0, rows, BLOCK):
        block = slice(begin, min(begin + BLOCK, rows))
        parts = [(native_block(column.name, column.values(block)), column.decimals) for column in columns]
        yield _core.format_rows(parts, block.stop - begin)


def clean_name(name: str) -> str:
    """Return a column name without blanks, which would make two of it."""
    return "_".join(name.split()) or "_"
