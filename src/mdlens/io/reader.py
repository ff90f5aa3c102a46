"""`read`: any file of atoms as a trajectory."""

import re
from pathlib import Path
from typing import Final

from mdlens.errors import FormatError
from mdlens.io.dump_reader import DumpSource
from mdlens.io.streams import COMPRESSED_SUFFIXES, check_readable, open_bytes
from mdlens.io.trajectory import FrameSource, Trajectory, parse_frames

HEAD: Final = 4096
DUMP_SUFFIXES: Final = frozenset({".dump", ".lammpstrj", ".lammpsdump"})
UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


def inner_suffix(path: Path) -> str:
    """Return the lower-case suffix of a file name, looking through .gz and .zst."""
    inner = path.with_suffix("") if path.suffix.lower() in COMPRESSED_SUFFIXES else path
    return inner.suffix.lower()


def read(path: str | Path, frames: slice | int | str | None = None) -> Trajectory:
    """Open a file of atoms; frames are read one by one when the result is iterated, indexed or sliced.

    LAMMPS text dumps (plain, .gz or .zst) are read natively, told by their contents. Positions are Cartesian
    in the file's unit of length, ``atoms.cell`` holds the box vectors as rows and ``atoms.get_celldisp()``
    its origin; ``atoms.info["timestep"]`` and, where the file has them, ``"time"`` and ``"lammps_units"`` are
    set. Columns stay under their LAMMPS names in ``atoms.arrays``. Without an ``element`` column every symbol
    is X and ``atoms.arrays["type"]`` tells the species apart; a box without boundary letters, as old files
    have, is periodic. Extended XYZ and every other format go through ASE.

    Args:
        path: The file.
        frames: Which frames: a slice, a number, or text such as ``"0:100:5"``, ``"-1"``, ``"10:"``;
            None for all.

    Raises:
        InputError: If the file is not there or cannot be opened, or `frames` makes no sense.
        FormatError: If the contents are wrong, here or when frames are read; it names the line.
    """
    path = Path(path)
    check_readable(path)
    selected = parse_frames(frames) if isinstance(frames, str) else frames
    return Trajectory(_source(path), slice(None) if selected is None else selected)


def _source(path: Path) -> FrameSource:
    with open_bytes(path) as stream:
        head = stream.read(HEAD)[:HEAD]
    _refuse_hopeless(path, head)
    if head.lstrip().startswith(b"ITEM:"):
        return DumpSource(path)
    if inner_suffix(path) in DUMP_SUFFIXES:
        raise FormatError(
            f"{path}, line 1: a LAMMPS dump begins with 'ITEM: TIMESTEP', this file does not; "
            "give it the suffix of its own format (.xyz, .cif, ...)"
        )
    # Slow to import, and dumps need none of it.
    from mdlens.io.ase_files import AseSource, XyzSource, ase_format

    if inner_suffix(path) in {".xyz", ".extxyz"} or re.match(rb"\s*[0-9]+[ \t]*\r?\n.*Properties=", head):
        return XyzSource(path)
    return AseSource(path, ase_format(path, head))


def _refuse_hopeless(path: Path, head: bytes) -> None:
    """Refuse what no reader understands, with the reason."""
    if not head:
        raise FormatError(f"{path}: the file is empty; check the program that should have written it")
    if not head.strip():
        raise FormatError(f"{path}: the file begins with blank lines only; it holds no atoms")
    if head.startswith(UTF16_MARKS):
        raise FormatError(f"{path}, line 1: this is UTF-16 text; convert it with `iconv -f UTF-16 -t UTF-8`")
    if b"DUMPATOM" in head[:32] or b"DUMPCUSTOM" in head[:32]:
        raise FormatError(f"{path}: this is a binary LAMMPS dump; convert it with LAMMPS' `binary2txt`")
