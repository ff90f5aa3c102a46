"""Per-atom values on their way into a text table, formatted natively block by block."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from mdlens import _core
from mdlens.errors import InputError
from mdlens.io.columns import code_points

BLOCK: Final = 1 << 15
DECIMALS: Final = {"confidence": 4, "distance": 3}
LAST_COLUMNS: Final = ("structure", "structure_name", "confidence", "distance")
SYMBOLS: Final = np.array(chemical_symbols)


@dataclass(frozen=True, eq=False)
class Words:
    """A word per atom, held as places (N,) in a table of the few that occur.

    An array of the words themselves has room for the longest one at every atom.
    """

    places: NDArray[np.integer]
    table: NDArray[np.str_]
    ndim: ClassVar[int] = 1

    def __len__(self) -> int:
        """Count the atoms."""
        return len(self.places)

    def __getitem__(self, rows: slice) -> "Words":
        """Return the words of some atoms."""
        return Words(self.places[rows], self.table)

    @property
    def shape(self) -> tuple[int]:
        """The shape of an array of these words."""
        return (len(self.places),)

    @property
    def dtype(self) -> np.dtype[np.str_]:
        """The type of an array of these words."""
        return self.table.dtype


PerAtom: TypeAlias = NDArray[Any] | Words
NativeColumn: TypeAlias = tuple[NDArray[Any], int, NDArray[np.uint32] | None]


@dataclass(frozen=True)
class OutputColumn:
    """One column of a table: `values` gives a block of rows, so that no column is copied whole."""

    name: str
    values: Callable[[slice], PerAtom]

    @property
    def decimals(self) -> int:
        """Digits after the point, or -1 for the shortest text that reads back to the same number."""
        return DECIMALS.get(self.name, -1)


def stored(name: str, array: PerAtom) -> OutputColumn:
    """Return the column of an array, (N,)."""
    return OutputColumn(name, lambda rows: array[rows])


def symbol_column(name: str, atoms: Atoms) -> OutputColumn:
    """Return the column of chemical symbols; numbers that name no element become X."""
    numbers = atoms.numbers

    def block(rows: slice) -> Words:
        part = numbers[rows]
        return Words(np.where((part >= 0) & (part < len(SYMBOLS)), part, 0), SYMBOLS)

    return OutputColumn(name, block)


def split(names: Sequence[str], array: PerAtom) -> list[OutputColumn]:
    """Return one column per component of an array, (N, ...)."""
    if isinstance(array, Words):
        return [stored(names[0], array)]
    flat = array.reshape(len(array), len(names))
    return [stored(name, flat[:, k]) for k, name in enumerate(names)]


def per_atom_arrays(atoms: Atoms, labels: Mapping[str, PerAtom]) -> dict[str, PerAtom]:
    """Return all arrays but positions and numbers, computed results too; a classification's come last.

    Args:
        atoms: The frame.
        labels: Further arrays, which replace those of the frame with the same name.
    """
    arrays: dict[str, PerAtom] = {
        name: array for name, array in atoms.arrays.items() if name not in ("positions", "numbers")
    }
    results = getattr(atoms.calc, "results", {}) if atoms.calc is not None else {}
    for name in ("forces", "energies", "stresses", "charges", "magmoms"):
        value = np.asarray(results.get(name, ()))
        if value.ndim and len(value) == len(atoms) and len(atoms) and name not in arrays:
            arrays[name] = value
    arrays.update(labels)
    ordered = [name for name in arrays if name not in LAST_COLUMNS] + [
        name for name in LAST_COLUMNS if name in arrays
    ]
    return {name: arrays[name] for name in ordered}


def native_block(name: str, values: PerAtom) -> tuple[NDArray[Any], NDArray[np.uint32] | None]:
    """Return values in one of the types the native formatter takes, and the words they stand for, if any.

    Raises:
        InputError: If they are neither numbers nor words.
    """
    if isinstance(values, Words):
        return np.ascontiguousarray(values.places, dtype=np.int32), code_points(values.table)
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind in "iub":
        narrow = size < 4 or (kind == "i" and size == 4)
        return np.ascontiguousarray(values, dtype=np.int32 if narrow else np.int64), None
    if kind == "f":
        return np.ascontiguousarray(values, dtype=np.float32 if size <= 4 else np.float64), None
    if kind in "SO":
        words = [w.decode() if isinstance(w, bytes) else str(w) for w in values]
        return code_points(np.array(words, dtype=str)), None
    if kind == "U":
        return code_points(values), None
    raise InputError(f"array {name!r} of type {values.dtype} cannot be written as text; remove or convert it")


def text_blocks(columns: Sequence[OutputColumn], rows: int, threads: int = 1) -> Iterator[bytes]:
    """Yield the lines of a table, `BLOCK` rows at a time, columns separated by single spaces.

    Args:
        columns: What to write.
        rows: How many rows.
        threads: How many blocks are formatted at once, ahead of the one that is yielded.
    """
    blocks = [slice(begin, min(begin + BLOCK, rows)) for begin in range(0, rows, BLOCK)]
    if threads < 2 or len(blocks) < 2:
        for block in blocks:
            yield _text(columns, block)
        return
    waiting: deque[Future[bytes]] = deque()
    pool = ThreadPoolExecutor(min(threads, len(blocks)))
    try:
        for block in blocks:
            waiting.append(pool.submit(_text, columns, block))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _text(columns: Sequence[OutputColumn], block: slice) -> bytes:
    parts: list[NativeColumn] = []
    for column in columns:
        values, words = native_block(column.name, column.values(block))
        parts.append((values, column.decimals, words))
    return _core.format_rows(parts, block.stop - block.start)


def clean_name(name: str) -> str:
    """Return a column name without blanks, which would make two of it."""
    return "_".join(name.split()) or "_"
