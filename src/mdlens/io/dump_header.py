"""Headers of LAMMPS dump frames: everything before the table of atoms."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from mdlens.errors import FormatError
from mdlens.io.boxes import DumpBox, general_box, restricted_box
from mdlens.io.columns import FORMS, RESERVED_ARRAYS, coordinate_form
from mdlens.io.streams import LineSource

LARGEST_COUNT: Final = 2**63 - 1
OTHER_DUMPS: Final = {"ENTRIES": "local", "NUMBER OF ENTRIES": "local", "GRID": "grid", "DIMENSION": "grid"}


@dataclass(frozen=True)
class FrameHeader:
    """What a frame says of itself; `line` is the number of its first line."""

    line: int
    timestep: int
    n_atoms: int
    box: DumpBox
    columns: tuple[str, ...]
    units: str | None
    time: float | None

    def cut_remedy(self) -> str:
        """Say how to save the frames before this one."""
        return cut_remedy(self.line)


@dataclass
class _Draft:
    line: int
    units: str | None
    time: float | None = None
    timestep: int | None = None
    n_atoms: int | None = None
    box: DumpBox | None = None
    seen: set[str] = field(default_factory=set)


def cut_remedy(line: int) -> str:
    """Say what to do with a file that ends within the frame that begins in this line."""
    save = f", or keep its whole frames with `head -n {line - 1}`" if line > 1 else ""
    return "the file is cut: copy it again" + save


def shown(text: bytes, limit: int = 40) -> str:
    """Return the beginning of a line for a message, with odd bytes escaped."""
    start = text[:limit].decode("ascii", "backslashreplace")
    return f"'{start}{'...' if len(text) > limit else ''}'"


def read_header(lines: LineSource, units: str | None) -> FrameHeader | None:
    """Read a frame's header, or return None at the end of the file.

    Args:
        lines: Where the frame begins; left at the first row of the table.
        units: What an earlier frame said; LAMMPS writes ``ITEM: UNITS`` once per file.

    Raises:
        FormatError: If the header is cut, holds something else, or promises what no frame can hold.

    Source: LAMMPS documentation, `dump` and `dump_modify` commands.
    """
    text = lines.next_words()
    if text is None:
        return None
    draft = _Draft(lines.line, units)
    try:
        return _read_items(lines, draft, text)
    except FormatError as error:
        if lines.unfinished:
            raise lines.error("the last line is cut; " + cut_remedy(draft.line)) from error
        raise


def _read_items(lines: LineSource, draft: _Draft, text: bytes) -> FrameHeader:
    """Read from the first ``ITEM:`` line, `text`, to ``ITEM: ATOMS``."""
    while True:
        name, words = _item(lines, text)
        if name in draft.seen:
            raise lines.error(
                f"'ITEM: {name}' comes twice in one header; "
                f"the frame that begins in line {draft.line} is cut: remove it or write the dump again"
            )
        draft.seen.add(name)
        if name == "ATOMS":
            return _finish(lines, draft, words)
        _take(lines, draft, name, words)
        text = _next(lines, draft)


def _next(lines: LineSource, draft: _Draft) -> bytes:
    text = lines.next_words()
    if text is None:
        raise lines.error(
            f"the file ends inside the header that begins in line {draft.line}; " + cut_remedy(draft.line)
        )
    return text


def _item(lines: LineSource, text: bytes) -> tuple[str, list[str]]:
    """Return the name of an ``ITEM:`` line and the words after it."""
    if not text.startswith(b"ITEM:"):
        raise lines.error(
            f"expected 'ITEM: TIMESTEP' or another item of a LAMMPS dump, got {shown(text)}; "
            "does the frame before hold more atoms than it declares, or is this another kind of file?"
        )
    rest = " ".join(text[5:].decode("utf-8", "backslashreplace").split())
    for name in ("TIMESTEP", "NUMBER OF ATOMS", "BOX BOUNDS", "ATOMS", "UNITS", "TIME"):
        if rest == name or rest.startswith(name + " "):
            return name, rest[len(name) :].split()
    for start, kind in OTHER_DUMPS.items():
        if rest.startswith(start):
            raise lines.error(f"a dump of style {kind} holds no atoms; write one with `dump ... custom`")
    raise lines.error(f"'ITEM: {rest[:40]}' is no item of a dump of atoms; write one with `dump ... custom`")


def _take(lines: LineSource, draft: _Draft, name: str, words: Sequence[str]) -> None:
    """Read the lines below an item into the draft."""
    if name == "BOX BOUNDS":
        draft.box = _read_box(lines, draft, words)
        return
    text = _next(lines, draft)
    if name == "TIMESTEP":
        draft.timestep = _integer(lines, text, "the timestep")
    elif name == "NUMBER OF ATOMS":
        draft.n_atoms = _integer(lines, text, "the number of atoms")
        if draft.n_atoms < 0:
            raise lines.error(
                f"the number of atoms is {draft.n_atoms}, it cannot be negative; write the dump again"
            )
    elif name == "TIME":
        draft.time = _real(lines, text, "the time")
    else:
        draft.units = text.decode("utf-8", "backslashreplace")


def _read_box(lines: LineSource, draft: _Draft, words: Sequence[str]) -> DumpBox:
    """Read the three rows of a box of any of the three kinds; without boundary letters it is periodic."""
    general = list(words[:2]) == ["abc", "origin"]
    tilted = list(words[:3]) == ["xy", "xz", "yz"]
    letters = list(words[2 if general else 3 if tilted else 0 :])
    if letters and (len(letters) != 3 or not all(re.fullmatch("[pfsm]{2}", word) for word in letters)):
        raise lines.error(
            "box boundaries must be three pairs of the letters p, f, s, m (as in 'pp pp ff'), "
            f"got {' '.join(letters)[:40]!r}"
        )
    rows = [_next(lines, draft).split() for _ in range(3)]
    wanted = {4} if general else {3} if tilted else {2} if letters else {2, 3}
    for back, row in zip((2, 1, 0), rows, strict=True):
        if len(row) not in wanted or len(row) != len(rows[0]):
            raise lines.error(
                f"a row of this box must hold {max(wanted)} numbers, got {len(row)}; write the dump again",
                line=lines.line - back,
            )
    values = np.array([[_real(lines, word, "the box") for word in row] for row in rows])
    x, y, z = letters or ("pp", "pp", "pp")
    box = general_box(values, (x, y, z)) if general else restricted_box(values, (x, y, z))
    _check_box(lines, box, general=general)
    return box


def _check_box(lines: LineSource, box: DumpBox, *, general: bool) -> None:
    finite = bool(np.isfinite(box.cell).all() and np.isfinite(box.origin).all())
    lengths = np.linalg.norm(box.cell, axis=1) if general else np.diag(box.cell)
    if not finite:
        raise lines.error("the box overflows; its bounds must be finite numbers of ordinary size")
    if (lengths < 0).any():
        raise lines.error("the box is inside out (an upper bound below its lower bound); correct the bounds")
    with np.errstate(over="ignore", invalid="ignore"):
        flat = (lengths == 0).any() or (general and abs(np.linalg.det(box.cell / lengths[:, None])) < 1e-12)
    if flat:
        raise lines.error("the box has zero volume; give every direction a length, periodic or not")


def _finish(lines: LineSource, draft: _Draft, columns: Sequence[str]) -> FrameHeader:
    """Check that nothing is missing and that the columns say where the atoms are."""
    timestep, n_atoms, box = draft.timestep, draft.n_atoms, draft.box
    if timestep is None or n_atoms is None or box is None:
        missing = {"TIMESTEP", "NUMBER OF ATOMS", "BOX BOUNDS"} - draft.seen
        raise lines.error(
            f"the header that begins in line {draft.line} has no 'ITEM: {sorted(missing)[0]}'; restore it"
        )
    _check_columns(lines, columns)
    return FrameHeader(draft.line, timestep, n_atoms, box, tuple(columns), draft.units, draft.time)


def _check_columns(lines: LineSource, columns: Sequence[str]) -> None:
    for name, count in Counter(columns).items():
        if count > 1:
            raise lines.error(
                f"column {name!r} comes {count} times; name each once (`dump_modify ... colname`)"
            )
    for name in RESERVED_ARRAYS & set(columns):
        raise lines.error(f"a column may not be called {name!r}; rename it (`dump_modify ... colname`)")
    if coordinate_form(columns) is None:
        forms = ", ".join(" ".join(form.columns) for form in FORMS)
        raise lines.error(
            f"no complete coordinates among the columns {' '.join(columns)[:120]!r}; "
            f"dump all three of one form: {forms}"
        )


def _integer(lines: LineSource, text: bytes, what: str) -> int:
    if not re.fullmatch(rb"[+-]?[0-9]{1,19}", text) or not -LARGEST_COUNT <= int(text) <= LARGEST_COUNT:
        raise lines.error(f"{what} must be one integer of 64 bits, got {shown(text)}; write the dump again")
    return int(text)


def _real(lines: LineSource, text: bytes, what: str) -> float:
    try:
        value = float(text) if b"_" not in text else np.nan
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise lines.error(f"{what} must be made of finite numbers, got {shown(text)}; write the dump again")
    return value
