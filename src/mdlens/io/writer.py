"""`open_writer`: trajectories written whole frames at a time, under their name only when complete."""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Protocol, Self

from ase import Atoms

from mdlens.errors import FormatError, InputError
from mdlens.io.dump_header import read_header
from mdlens.io.dump_writer import DumpFormat
from mdlens.io.output_columns import PerAtom
from mdlens.io.packing import packer_for
from mdlens.io.reader import DUMP_SUFFIXES, inner_suffix
from mdlens.io.streams import LineSource, open_bytes

XYZ_SUFFIXES: Final = frozenset({".xyz", ".extxyz"})
OUTPUT_SUFFIXES: Final = DUMP_SUFFIXES | XYZ_SUFFIXES
HELD_IN_MEMORY: Final = 1 << 22


class FrameFormat(Protocol):
    """Turns a frame into text."""

    def pieces(self, atoms: Atoms, frame: int, labels: Mapping[str, PerAtom]) -> Iterator[bytes]:
        """Yield the text of a frame with `labels` beside its own arrays; `frame` counts from 0."""
        ...


class TrajectoryWriter:
    """Writes to ``PATH.partial`` and renames it to ``PATH`` when the ``with`` block ends without an error.

    After an error or an interruption the partial file stays, with the whole frames written so far, if there
    are any.

    Attributes:
        path: The name of the finished file.
        partial: The name while it is written.
        frames: How many frames were written.
    """

    def __init__(self, path: Path, layout: FrameFormat) -> None:
        self.path = path
        self.partial = path.with_name(path.name + ".partial")
        self.frames = 0
        self._layout = layout
        self._packer = packer_for(path.suffix.lower())
        self._whole = 0
        self._ending = b""
        self._file = _open_partial(self.path, self.partial)

    def write(self, atoms: Atoms, labels: Mapping[str, PerAtom] | None = None) -> None:
        """Append one frame; after an error nothing more can be written.

        Args:
            atoms: The frame.
            labels: Further values per atom, written as if they were arrays of the frame; they replace those
                with the same name.

        Raises:
            InputError: If the frame cannot be written in this format, or the disk does not take it.
        """
        if self._file.closed:
            raise InputError(f"{self.path}: this writer is closed; open another one")
        try:
            self._append(atoms, labels or {})
        except OSError as error:
            self._abandon()
            problem = error.strerror or error
            raise InputError(f"{self.partial}: cannot be written: {problem}; make room") from error
        except BaseException:
            self._abandon()
            raise

    def _append(self, atoms: Atoms, labels: Mapping[str, PerAtom]) -> None:
        """Put the frame's text in place of the ending of the frame before, at once unless it is large."""
        held: list[bytes] = []
        size = 0
        self._file.seek(self._whole)
        for piece in self._packer.pack(self._layout.pieces(atoms, self.frames, labels)):
            held.append(piece)
            size += len(piece)
            if size > HELD_IN_MEMORY:
                _put(held, self._file)
                held.clear()
        _put(held, self._file)
        whole, ending = self._file.tell(), self._packer.ending()
        self._file.write(ending)
        self._file.flush()
        self._whole, self._ending, self.frames = whole, ending, self.frames + 1

    @property
    def remainder(self) -> str:
        """What an interrupted run leaves, in words for a message."""
        if not self.frames:
            return "no frame was written"
        return f"{self.frames} whole frame{'s' if self.frames > 1 else ''} kept in {self.partial}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._abandon()
            return
        if self._file.closed:
            raise InputError(
                f"{self.path}: is not finished, because a frame could not be written; {self.remainder}"
            )
        if not self.frames:
            self._abandon()
            raise InputError(f"{self.path}: there was no frame to write; select at least one")
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self.partial.replace(self.path)
            self._file.close()
        except OSError as failure:
            self._abandon()
            raise InputError(
                f"{self.path}: cannot be written: {failure.strerror}; {self.remainder}"
            ) from failure

    def _abandon(self) -> None:
        """Cut the partial file back to whole frames; remove it when there are none."""
        if self._file.closed:
            return
        with suppress(OSError):
            self._file.seek(self._whole)
            self._file.write(self._ending)
            self._file.truncate()
            if not self.frames:
                self.partial.unlink()
        with suppress(OSError):
            self._file.close()


def open_writer(path: str | Path, *, like: str | Path | None = None, threads: int = 1) -> TrajectoryWriter:
    """Open a trajectory for writing: a LAMMPS dump or extended XYZ by suffix, packed if .gz or .zst follows.

    In a dump the column of ``structure_name`` is called ``StructureType``: OVITO takes words only under names
    it knows. `mdlens.read` gives it back as ``structure_name``.

    A dump keeps the columns each frame was read with, in their order and with coordinates in the file's form,
    and appends further arrays; ``structure``, ``structure_name``, ``confidence`` (four decimals) and
    ``distance`` (three) last.
    Other numbers are written as the shortest text that reads back to the same value. Blanks in words become
    ``_``.

    Args:
        path: ``.dump``, ``.lammpstrj``, ``.xyz`` or ``.extxyz``, also with ``.gz`` or ``.zst``.
        like: The input; it gives the columns of a dump where frames do not know theirs, and is
            never overwritten.
        threads: How many threads make text at the same time.

    Raises:
        InputError: At once, if the suffix is another one, the folder is missing or not writable, or
            `path` is the
            input itself.
    """
    path = Path(path)
    check_output(path, like)
    return TrajectoryWriter(path, _layout(path, like, threads))


def _layout(path: Path, like: str | Path | None, threads: int) -> FrameFormat:
    if inner_suffix(path) not in XYZ_SUFFIXES:
        return DumpFormat(_columns_of(like), threads)
    from mdlens.io.xyz_writer import XyzFormat  # ASE's formats take a second and 50 MB, and dumps need none

    return XyzFormat(threads)


def check_output(path: Path, like: str | Path | None = None) -> None:
    """Refuse what `open_writer` would refuse, and leave no trace.

    Raises:
        InputError: As `open_writer`.
    """
    if inner_suffix(path) not in OUTPUT_SUFFIXES:
        known = ", ".join(sorted(OUTPUT_SUFFIXES))
        raise InputError(
            f"{path}: output formats are told by suffix; use one of {known}, also with .gz or .zst"
        )
    _check_target(path, None if like is None else Path(like))


def _check_target(path: Path, like: Path | None) -> None:
    parent = path.parent
    try:
        if not parent.is_dir():
            raise InputError(f"{path}: the folder {parent} does not exist; make it first")
        if path.is_dir():
            raise InputError(f"{path}: is a directory; name a file")
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: is not an ordinary file; name another output")
        for name in (path, path.with_name(path.name + ".partial")):
            if like is not None and name.exists() and like.exists() and name.samefile(like):
                raise InputError(f"{path}: writing would overwrite the input {like}; name another output")
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be used as an output: {error}") from error


def _put(pieces: Iterable[bytes], file: BinaryIO) -> None:
    file.writelines(pieces)


def _open_partial(path: Path, partial: Path) -> BinaryIO:
    """Create the partial file, or take over one that a dead process left; a lock keeps living ones apart."""
    try:
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        file = os.fdopen(descriptor, "r+b")
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        raise InputError(
            f"{path}: cannot be written here: {problem}; choose another name or folder"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise InputError(
            f"{partial}: another process is writing it; wait for it or name another output"
        ) from error
    except OSError:
        pass  # some network file systems have no locks
    if not _is_still(file, partial):
        file.close()
        raise InputError(f"{path}: another process has just finished writing it; name another output")
    file.truncate(0)
    return file


def _is_still(file: BinaryIO, path: Path) -> bool:
    """Tell whether an open file still has this name; its writer may have renamed it before our lock."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _columns_of(like: str | Path | None) -> tuple[str, ...] | None:
    """Return the columns of the first frame of a dump, or None for anything else."""
    if like is None:
        return None
    try:
        with open_bytes(Path(like)) as stream:
            header = read_header(LineSource(stream, Path(like)), None)
    except (FormatError, InputError):
        return None
    return None if header is None else header.columns
