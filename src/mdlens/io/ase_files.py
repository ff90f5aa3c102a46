"""Every other format, read by ASE: frame by frame, with its errors turned into ours."""

import io
import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import ase.io
import numpy as np
from ase import Atoms
from ase.io.extxyz import read_xyz
from ase.io.formats import UnknownFileTypeError, filetype, ioformats

from mdlens.errors import FormatError
from mdlens.io.dump_header import shown
from mdlens.io.streams import COMPRESSED_SUFFIXES, LineSource, is_compressed, open_bytes

LARGEST_UNPACKED: Final = 1 << 30


def check_frame(atoms: Atoms, where: str) -> Atoms:
    """Return the frame if its positions and cell are finite numbers and periodic directions have a length.

    Raises:
        FormatError: Otherwise.
    """
    if not np.isfinite(atoms.positions).all():
        atom = int(np.argmin(np.isfinite(atoms.positions).all(axis=1)))
        raise FormatError(
            f"{where}: the position of atom {atom} (from 0) is not finite; correct or remove it"
        )
    if not np.isfinite(atoms.cell.array).all():
        raise FormatError(f"{where}: the cell holds numbers that are not finite; correct it")
    periodic = atoms.cell.array[atoms.pbc]
    if len(periodic) and np.linalg.matrix_rank(periodic) < len(periodic):
        raise FormatError(f"{where}: the periodic cell has zero volume; correct the cell or its periodicity")
    return atoms


def with_origin(atoms: Atoms) -> Atoms:
    """Move the ``Origin`` of an extended XYZ comment, as OVITO and mdlens write it, to ``celldisp``."""
    origin = np.asarray(atoms.info.get("Origin", ()))
    if origin.shape == (3,) and np.issubdtype(origin.dtype, np.number):
        atoms.set_celldisp(origin.astype(float))
        del atoms.info["Origin"]
    return atoms


def guarded(make: Callable[[], Any], where: str, kind: str) -> Any:
    """Return ``make()``; whatever ASE raises becomes a FormatError.

    Raises:
        FormatError: If ASE cannot make sense of the text.
    """
    try:
        return make()
    except (FormatError, KeyboardInterrupt):
        raise
    except MemoryError as error:
        raise FormatError(
            f"{where}: {kind} that needs more memory than there is; check its counts"
        ) from error
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise FormatError(
            f"{where}: ASE cannot read it as {kind} ({type(error).__name__}: {reason}); "
            "check that name and contents agree, or convert it to extended XYZ"
        ) from error


class XyzSource:
    """The frames of an XYZ or extended XYZ file; ASE parses one frame at a time, others are skipped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._count: int | None = None

    def count(self) -> int:
        """Return the number of frames, by passing over all of them."""
        if self._count is None:
            self._count = sum(1 for _ in self._texts(range(0)))
        return self._count

    def frames(self, start: int, stop: int | None, step: int) -> Iterator[Atoms]:
        """Yield the frames ``start, start + step, ...`` before `stop`."""
        for line, text in self._texts(range(start, 2**62 if stop is None else stop, step)):
            if text is not None:
                yield self._parse(line, text)

    def _parse(self, line: int, text: str) -> Atoms:
        where = f"{self.path}, frame beginning in line {line}"
        atoms = guarded(lambda: next(read_xyz(io.StringIO(text), 0)), where, "extended XYZ")
        return check_frame(with_origin(atoms), where)

    def _texts(self, wanted: range) -> Iterator[tuple[int, str | None]]:
        """Yield first line and text (None if unwanted) of frames up to the last one wanted, or of all."""
        with open_bytes(self.path) as stream:
            lines = LineSource(stream, self.path)
            index = 0
            text = lines.next_words()
            while text is not None and (not wanted or index <= wanted[-1]):
                begin, rows = lines.line, _atom_count(lines, text) + 1
                pieces: list[bytes] | None = [text, b"\n"] if index in wanted else None
                if (seen := lines.skip(rows, pieces)) < rows:
                    raise lines.error(
                        f"the frame that begins in line {begin} declares {rows - 1} atoms "
                        f"but the file ends after {max(seen - 1, 0)}; copy it again or remove this frame"
                    )
                while (text := lines.next_words()) is not None and text.startswith(b"VEC"):
                    if pieces is not None:
                        pieces += [text, b"\n"]
                yield begin, None if pieces is None else b"".join(pieces).decode("utf-8", "replace")
                index += 1


def _atom_count(lines: LineSource, text: bytes) -> int:
    if not re.fullmatch(rb"[0-9]{1,19}", text):
        raise lines.error(
            f"expected the number of atoms of the next frame, got {shown(text)}; "
            "does the frame before hold more atoms than it declares?"
        )
    return int(text)


class AseSource:
    """The frames of a file that ASE reads in the format of the given name."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        self._kind = kind
        self._count: int | None = None

    def count(self) -> int:
        """Return the number of frames; ASE has to read them."""
        if self._count is None:
            self._count = sum(1 for _ in self._read(0, None, 1))
        return self._count

    def frames(self, start: int, stop: int | None, step: int) -> Iterator[Atoms]:
        """Yield the frames ``start, start + step, ...`` before `stop`, streamed where ASE can."""
        nothing = FormatError(
            f"{self.path}: no atoms found as {self._kind}; check that name and contents agree"
        )
        found = start > 0 or stop == 0
        for number, atoms in zip(itertools.count(start, step), self._read(start, stop, step), strict=False):
            if not len(atoms):
                raise nothing
            found = True
            yield check_frame(with_origin(atoms), f"{self.path}, frame {number}")
        if not found:
            raise nothing

    def _read(self, start: int, stop: int | None, step: int) -> Iterator[Atoms]:
        single = ioformats[self._kind].single
        if single and (start > 0 or stop == 0):
            return
        where = str(self.path)
        with _ase_input(self.path, self._kind) as file:
            frames = ase.io.iread(
                file,
                index=slice(None) if single else slice(start, stop, step),
                format=self._kind,
                do_not_split_by_at_sign=True,
                **_ase_options(self.path, self._kind),
            )
            while (atoms := guarded(lambda: next(frames, None), where, self._kind)) is not None:
                yield atoms


def ase_format(path: Path, head: bytes) -> str:
    """Return ASE's name of the format of a file, told by its contents or its name.

    Raises:
        FormatError: If ASE does not know or cannot read it.
    """
    if re.search(rb"^\s*[0-9]+\s+atoms\s*(#.*)?$", head, re.MULTILINE) and re.search(
        rb"^.*\b(xlo\s+xhi|avec)\s*(#.*)?$", head, re.MULTILINE
    ):
        return "lammps-data"
    packed = is_compressed(path) and path.suffix.lower() in COMPRESSED_SUFFIXES
    name = path.stem if packed else path.name
    peek = io.BytesIO(head)
    peek.name = f"./{name}"
    try:
        kind = str(filetype(peek))
    except UnknownFileTypeError:
        kind = ""
    if kind not in ioformats or not ioformats[kind].can_read:
        raise FormatError(
            f"{path}: neither contents nor name say what it is; mdlens reads LAMMPS dumps (text beginning "
            "with 'ITEM:') and, by name, what ASE reads (.xyz, .extxyz, POSCAR, .cif, ...): rename it"
        )
    return kind


@contextmanager
def _ase_input(path: Path, kind: str) -> Iterator[Any]:
    """Give what `ase.io.iread` is to read: the path, or the unpacked contents of a compressed file."""
    if not is_compressed(path):
        yield str(path)
        return
    description = ioformats[kind]
    with open_bytes(path) as stream:
        contents = bytearray()
        while (piece := stream.read(1 << 20)) and len(contents) <= LARGEST_UNPACKED:
            contents += piece
    if len(contents) > LARGEST_UNPACKED or not description.acceptsfd:
        raise FormatError(f"{path}: a packed file of format {kind} cannot be read as it is; unpack it first")
    yield io.BytesIO(contents) if description.isbinary else io.StringIO(contents.decode("utf-8", "replace"))


def _ase_options(path: Path, kind: str) -> dict[str, Any]:
    """Return what ASE must be told beyond the format: for LAMMPS data, file order and the atom style."""
    if kind != "lammps-data":
        return {}
    return {"sort_by_id": False, "atom_style": _atom_style(path)}


def _atom_style(path: Path) -> str | None:
    """Tell the atom style where neither a comment nor the number of columns does: charges have a point."""
    with open_bytes(path) as stream:
        lines = LineSource(stream, path)
        text = lines.next_words()
        while text is not None and not re.match(rb"Atoms\b", text):
            text = lines.next_words()
        row = (lines.next_words() or b"").split(b"#")[0].split()
    if text is None or b"#" in text or len(row) not in (6, 9):
        return None
    return "charge" if re.search(rb"[.eE]", row[2]) else "molecular"
