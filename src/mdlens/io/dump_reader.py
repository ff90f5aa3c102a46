"""A streaming reader for LAMMPS text dumps."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from mdlens._core import Fault, Kind, TableReader
from mdlens.errors import FormatError
from mdlens.io.columns import ARRAY_NAMES, column_rule, coordinate_form
from mdlens.io.dump_header import FrameHeader, read_header, shown
from mdlens.io.streams import LineSource, is_compressed, open_bytes
from mdlens.types import IntArray

T = TypeVar("T")

SPECIES_COLUMNS: Final = ("element", "typelabel", "type")


@dataclass(frozen=True)
class FrameMark:
    """Where a frame begins, and the units said before it."""

    offset: int = 0
    line: int = 0
    units: str | None = None


@dataclass(frozen=True)
class FramePlace:
    """A frame of a plain dump, to be read by whoever sees the same file.

    Attributes:
        path: The file, absolute.
        size: Its bytes.
        changed: When it was changed last, in nanoseconds.
        mark: Where the frame begins.
        n_atoms: Its atoms, as the header says.
    """

    path: Path
    size: int
    changed: int
    mark: FrameMark
    n_atoms: int

    def __len__(self) -> int:
        """Count the atoms."""
        return self.n_atoms

    def is_seen(self) -> bool:
        """Tell whether this process sees the file as it was."""
        try:
            found = self.path.stat()
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == (self.size, self.changed)

    def read(self) -> Atoms:
        """Read the frame, see `read_frame`.

        Raises:
            FormatError: If the file is wrong there.
            InputError: If it cannot be opened.
        """
        with open_bytes(self.path, self.mark.offset) as stream:
            lines = LineSource(stream, self.path, offset=self.mark.offset, line=self.mark.line)
            header = read_header(lines, self.mark.units)
            if header is None:
                raise lines.error("the frame that was here is gone")
            return read_frame(lines, header)


class DumpSource:
    """The frames of one LAMMPS text dump, found as they are asked for.

    In a plain file the places of frames passed are remembered, so that later requests go there directly; a
    compressed file is read from its start each time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seekable = not is_compressed(path)
        self._marks = [FrameMark()]
        self._count: int | None = None

    def count(self) -> int:
        """Return the number of frames, by passing over all of them.

        Raises:
            FormatError: If a header is wrong or the last frame is cut.
        """
        if self._count is None:
            last = len(self._marks) - 1
            for _ in self._walk(last, range(0)):
                pass
        return self._count or 0

    def frames(self, start: int, stop: int | None, step: int) -> Iterator[Atoms]:
        """Yield the frames ``start, start + step, ...`` before `stop`; others are not parsed."""
        return self._walk(start, range(start, 2**62 if stop is None else stop, step))

    def places(self, start: int, stop: int | None, step: int) -> Iterator[FramePlace] | None:
        """Yield where these frames are and parse none; None if the file is compressed."""
        return self._find(range(start, 2**62 if stop is None else stop, step)) if self._seekable else None

    def _find(self, wanted: range) -> Iterator[FramePlace]:
        path, found = self.path.absolute(), self.path.stat()

        def place(lines: LineSource, header: FrameHeader, mark: FrameMark) -> FramePlace:
            skip_frame(lines, header)
            return FramePlace(path, found.st_size, found.st_mtime_ns, mark, header.n_atoms)

        return self._visit(wanted.start, wanted, place)

    def _walk(self, start: int, wanted: range) -> Iterator[Atoms]:
        """Yield the frames wanted, from the nearest known one on; if none is, go to the end."""
        return self._visit(start, wanted, lambda lines, header, _: read_frame(lines, header))

    def _visit(
        self, start: int, wanted: range, take: Callable[[LineSource, FrameHeader, FrameMark], T]
    ) -> Iterator[T]:
        """Yield what is taken of the frames wanted, whose headers were read."""
        index = min(start, len(self._marks) - 1)
        mark = self._marks[index]
        with open_bytes(self.path, mark.offset) as stream:
            lines = LineSource(stream, self.path, offset=mark.offset, line=mark.line)
            while not wanted or index <= wanted[-1]:
                header = read_header(lines, mark.units)
                if header is None:
                    self._count = index
                    return
                if index in wanted:
                    yield take(lines, header, mark)
                else:
                    skip_frame(lines, header)
                index += 1
                mark = FrameMark(lines.offset, lines.line, header.units)
                if self._seekable and index == len(self._marks):
                    self._marks.append(mark)


def read_frame(lines: LineSource, header: FrameHeader) -> Atoms:
    """Read the table of a frame whose header was read.

    Positions are Cartesian, in the file's unit of length, in file order. Every column but ``x y z`` or ``xu
    yu zu`` used as positions is kept in ``atoms.arrays`` under its LAMMPS name, ``element`` only if it holds
    words that are no chemical symbols. Species come from ``element``, or from ``typelabel`` or ``type`` if
    that holds chemical symbols; otherwise every symbol is X and ``type`` tells.

    Raises:
        FormatError: If a row is wrong or the table is cut.
    """
    table = TableReader([column_rule(name) for name in header.columns], header.n_atoms)
    first = lines.line + 1
    lines.feed(table)
    if not table.complete:
        raise _table_error(lines, header, table, first)
    return _to_atoms(lines, header, table)


def skip_frame(lines: LineSource, header: FrameHeader) -> None:
    """Pass over the table of a frame.

    Raises:
        FormatError: If the file ends before the table does.
    """
    rows = lines.skip(header.n_atoms)
    if rows < header.n_atoms:
        raise _cut_error(lines, header, rows)


def _cut_error(lines: LineSource, header: FrameHeader, rows: int) -> FormatError:
    return lines.error(
        f"the frame that begins in line {header.line} declares {header.n_atoms} atoms "
        f"but the file ends after {rows}; " + header.cut_remedy()
    )


def _table_error(lines: LineSource, header: FrameHeader, table: TableReader, first: int) -> FormatError:
    """Say what is wrong with a row, in words."""
    issue = table.issue
    line = first + issue.row
    expected = len(header.columns)
    if issue.fault is Fault.none:
        return _cut_error(lines, header, table.rows)
    if issue.fault is Fault.cut or lines.in_last_line:
        return lines.error("the last line is cut; " + header.cut_remedy(), line=line)
    if issue.fault is Fault.next_item:
        return lines.error(
            f"the frame that begins in line {header.line} declares {header.n_atoms} atoms "
            f"but the next item comes after {issue.row}; correct 'NUMBER OF ATOMS' or remove the frame",
            line=line,
        )
    if issue.fault in (Fault.too_few, Fault.too_many):
        return lines.error(
            f"expected {expected} columns ({' '.join(header.columns)[:120]}), got {issue.column}; "
            "restore or remove this frame",
            line=line,
        )
    name = header.columns[issue.column]
    return lines.error(_word_problem(issue.fault, name, shown(issue.token)), line=line)


def _word_problem(fault: Fault, name: str, token: str) -> str:
    problems = {
        Fault.not_number: f"column {name!r} must hold numbers, got {token}; correct it or remove the frame",
        Fault.not_finite: f"coordinate {name!r} is {token}, not a finite number; correct or remove it",
        Fault.not_integer: f"column {name!r} must hold integers of 64 bits, got {token}; correct the value",
        Fault.not_word: f"column {name!r} must hold words of at most 64 bytes, got {token}; correct it",
        Fault.changed_kind: f"column {name!r} held numbers in the rows above, got {token}; correct the value",
    }
    return problems[fault]


def _to_atoms(lines: LineSource, header: FrameHeader, table: TableReader) -> Atoms:
    form = coordinate_form(header.columns)
    if form is None:  # a header with incomplete coordinates is refused when it is read
        raise lines.error("no complete coordinates")
    box = header.box
    columns: dict[str, NDArray[Any]] = {}
    values = np.empty((header.n_atoms, 3))
    for index, name in enumerate(header.columns):
        column = _narrowed(table.take(index)) if name == "type" else table.take(index)
        if name in form.columns:
            values[:, form.columns.index(name)] = column
        if form.scaled or name not in form.columns:
            columns[name] = column
    positions = form.to_cartesian(values, box.cell, box.origin)
    if form.scaled and not np.isfinite(positions).all():
        raise lines.error("scaled coordinates times the box overflow; correct the box or the coordinates")
    numbers = _translate_words(lines, header, table, columns)
    atoms = Atoms(cell=box.cell, pbc=box.pbc, celldisp=box.origin)
    atoms.arrays = {"numbers": numbers, "positions": positions, **columns}  # the constructor would copy them
    atoms.info.update(_info(header))
    return atoms


def _narrowed(types: NDArray[Any]) -> NDArray[Any]:
    """Types are integers of 32 bits in LAMMPS: half the memory. Larger ones are left alone."""
    if types.dtype != np.int64:
        return types
    span = np.iinfo(np.int32)
    fits = types.min(initial=0) >= span.min and types.max(initial=0) <= span.max
    return types.astype(np.int32) if fits else types


def _info(header: FrameHeader) -> dict[str, Any]:
    info: dict[str, Any] = {"timestep": header.timestep}
    if header.units is not None:
        info["lammps_units"] = header.units
    if header.time is not None:
        info["time"] = header.time
    info["lammps_columns"] = " ".join(header.columns)
    info["lammps_boundary"] = " ".join(header.box.boundary)
    return info


def _decode(lines: LineSource, words: list[bytes]) -> list[str]:
    try:
        return [word.decode("utf-8") for word in words]
    except UnicodeDecodeError as error:
        raise lines.error("a word of this frame is not UTF-8; convert the file (`iconv -t UTF-8`)") from error


def _translate_words(
    lines: LineSource, header: FrameHeader, table: TableReader, columns: dict[str, NDArray[Any]]
) -> IntArray:
    """Turn word columns from indices to words, under the names of their arrays, and return atomic numbers.

    Numbers are 0 (X) where unknown; ``element`` is dropped when they say the same.
    """
    species: dict[str, IntArray] = {}
    for index, name in enumerate(header.columns):
        if table.kind(index) is not Kind.text:
            continue
        codes = columns.pop(name)
        words = _decode(lines, table.words(index))
        known = np.array([atomic_numbers.get(word, -1) for word in words], dtype=np.int64)
        if name == "element" or (name in SPECIES_COLUMNS and (known >= 0).all()):
            species[name] = np.maximum(known, 0)[codes]
        if name != "element" or (known < 0).any():
            columns[ARRAY_NAMES.get(name, name)] = np.array(words, dtype=str)[codes]
    first = next((species[name] for name in SPECIES_COLUMNS if name in species), None)
    return np.zeros(header.n_atoms, dtype=np.int64) if first is None else first
