"""Elastic networks as LAMMPS data files (``atom_style bond`` or ``molecular``), one type to each bond."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mdlens.errors import FormatError, InputError
from mdlens.io.networks import ElasticNetwork
from mdlens.types import FloatArray

_COUNTS = ("atoms", "bonds", "angles", "dihedrals", "impropers")
_TYPE_COUNTS = ("atom types", "bond types", "angle types", "dihedral types", "improper types")
_BOUNDS = ("xlo xhi", "ylo yhi", "zlo zhi")
_USED = ("Atoms", "Bonds", "Angles", "Bond Coeffs", "Angle Coeffs")
_IGNORED = ("Masses", "Velocities")
_STYLES = ("bond", "molecular", "angle")


@dataclass(frozen=True)
class _Row:
    """One line of a section: its number in the file and its words."""

    line: int
    words: list[str]


@dataclass
class _Parsed:
    """What a data file says, before it is made a network."""

    path: Path
    counts: dict[str, int] = field(default_factory=dict)
    bounds: dict[str, tuple[float, float]] = field(default_factory=dict)
    sections: dict[str, list[_Row]] = field(default_factory=dict)

    def error(self, row: _Row | int | None, message: str) -> FormatError:
        """An error that names the file and the line."""
        line = row.line if isinstance(row, _Row) else row
        return FormatError(f"{self.path}{'' if line is None else f', line {line}'}: {message}")

    def rows(self, section: str, count: str) -> list[_Row]:
        """The rows of a section, as many as the header announces."""
        rows, expected = self.sections.get(section, []), self.counts.get(count, 0)
        if expected and section not in self.sections:
            raise self.error(None, f"{expected} {count} announced, but the section {section!r} is missing")
        if len(rows) != expected:
            at = rows[-1] if rows else None
            raise self.error(
                at, f"section {section!r} has {len(rows)} lines, the header announces {expected}"
            )
        return rows

    def number(self, row: _Row, column: int) -> float:
        """A finite number of a row."""
        try:
            value = float(row.words[column])
        except (IndexError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            got = row.words[column] if column < len(row.words) else "the end of the line"
            raise self.error(row, f"expected a finite number as word {column + 1}, got {got}")
        return value

    def whole(self, row: _Row, column: int, low: int, high: int, what: str) -> int:
        """A whole number of a row within bounds."""
        text = row.words[column] if column < len(row.words) else "the end of the line"
        if not text.lstrip("+").isdecimal() or not low <= int(text) <= high:
            raise self.error(row, f"expected {what} from {low} to {high}, got {text}")
        return int(text)


def read_network_data(path: Path) -> ElasticNetwork:
    """Read an elastic network from a LAMMPS data file.

    Bonds need ``Bond Coeffs`` (style harmonic: k, l0), angles ``Angle Coeffs`` (harmonic: k, degrees). The
    box must be rectangular; x and y count, z is ignored. The order of the nodes is that of their ids.

    Raises:
        FormatError: If the file is no such file, a bond is listed twice, or a count, an index or a number is
            wrong; the message names the line.
    """
    parsed = _parse(path)
    nodes = _nodes(parsed)
    coefficients = _coefficients(parsed, "Bond Coeffs", "bond types")
    bonds, types = _bonds(parsed, nodes.ids)
    angles, angle_types = _angles(parsed, nodes.ids)
    bends = _coefficients(parsed, "Angle Coeffs", "angle types") if angles else {}
    order = sorted(range(len(bonds)), key=bonds.__getitem__)
    try:
        return ElasticNetwork(
            positions=nodes.positions,
            box=nodes.box,
            bonds=np.array([bonds[b] for b in order], dtype=np.int64).reshape(-1, 2),
            rest_lengths=np.array([coefficients[types[b]][1] for b in order]),
            stiffness=np.array([coefficients[types[b]][0] for b in order]),
            angles=np.array(angles, dtype=np.int64).reshape(-1, 3),
            rest_angles=np.radians([bends[t][1] for t in angle_types]),
            angle_stiffness=np.array([bends[t][0] for t in angle_types]),
            name=path.stem,
        )
    except InputError as error:
        raise FormatError(f"{path}: {error}") from error


def write_network_data(path: Path, network: ElasticNetwork) -> None:
    """Write a network as a LAMMPS data file for ``atom_style bond`` (``molecular`` with angles), units lj.

    Numbers have all the digits of a float64. The file appears only when it is complete.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text("\n".join(_lines(network)) + "\n", encoding="utf-8")
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _lines(network: ElasticNetwork) -> Iterator[str]:
    n, b, a = network.n_nodes, network.n_bonds, len(network.angles)
    width, height = map(float, network.box)
    yield f"elastic network {' '.join(network.name.split())}"
    yield f"\n{n} atoms\n{b} bonds\n{a} angles\n\n1 atom types\n{b} bond types\n{a} angle types"
    yield f"\n0.0 {width!r} xlo xhi\n0.0 {height!r} ylo yhi\n-0.5 0.5 zlo zhi"
    yield "\nMasses\n\n1 1.0"
    yield "\nBond Coeffs # harmonic\n"
    for t, (k, rest) in enumerate(zip(network.stiffness, network.rest_lengths, strict=True), start=1):
        yield f"{t} {float(k)!r} {float(rest)!r}"
    if a:
        yield "\nAngle Coeffs # harmonic\n"
    for t, (k, rest) in enumerate(zip(network.angle_stiffness, network.rest_angles, strict=True), start=1):
        yield f"{t} {float(k)!r} {float(np.degrees(rest))!r}"
    yield f"\nAtoms # {'molecular' if a else 'bond'}\n"
    images = np.floor(network.positions / network.box).astype(int)
    inside = network.positions - images * network.box
    for i, ((x, y), (right, up)) in enumerate(zip(inside, images, strict=True), start=1):
        yield f"{i} 1 1 {float(x)!r} {float(y)!r} 0.0 {right} {up} 0"
    yield "\nBonds\n"
    for t, (i, j) in enumerate(network.bonds + 1, start=1):
        yield f"{t} {t} {i} {j}"
    if a:
        yield "\nAngles\n"
    for t, (i, j, k) in enumerate(network.angles + 1, start=1):
        yield f"{t} {t} {i} {j} {k}"


def _parse(path: Path) -> _Parsed:
    parsed, section = _Parsed(path), None
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not a LAMMPS data file: it is no text") from error
    for line, raw in enumerate(text.splitlines(), start=1):
        content, _, comment = raw.partition("#")
        words = content.split()
        if line == 1 or not words:
            continue  # the first line is a title
        name = " ".join(words)
        if name in _USED or name in _IGNORED:
            if name in parsed.sections:
                raise parsed.error(line, f"section {name!r} is there a second time")
            _check_style(parsed, name, comment.strip(), line)
            section = parsed.sections.setdefault(name, [])
        elif section is not None:
            if words[0][0].isalpha():
                raise parsed.error(line, f"section {name!r} is not known: expected {', '.join(_USED)}")
            section.append(_Row(line, words))
        else:
            _header(parsed, _Row(line, words))
    if not parsed.sections:
        raise FormatError(f"{path}: not a LAMMPS data file of a network: no section such as Atoms or Bonds")
    return parsed


def _check_style(parsed: _Parsed, section: str, style: str, line: int) -> None:
    expected = _STYLES if section == "Atoms" else ("harmonic",) if section.endswith("Coeffs") else (style,)
    if style and style not in expected:
        raise parsed.error(line, f"style {style!r} of {section}: expected {' or '.join(expected)}")


def _header(parsed: _Parsed, row: _Row) -> None:
    for name in (*_COUNTS, *_TYPE_COUNTS):
        if row.words[1:] == name.split():
            parsed.counts[name] = parsed.whole(row, 0, 0, 10**9, f"the number of {name}")
            return
    for name in _BOUNDS:
        if row.words[2:] == name.split():
            low, high = parsed.number(row, 0), parsed.number(row, 1)
            if low >= high:
                raise parsed.error(row, f"box bounds must rise, got {low} to {high}")
            parsed.bounds[name] = (low, high)
            return
    if row.words[-3:] == ["xy", "xz", "yz"]:
        if any(parsed.number(row, column) for column in range(3)):
            raise parsed.error(row, "only rectangular boxes are supported, this one is tilted")
        return
    if not (len(row.words) >= 2 and row.words[1] == "extra"):
        raise parsed.error(row, f"expected a count or box bounds, got `{' '.join(row.words)}`")


@dataclass(frozen=True)
class _Nodes:
    ids: dict[int, int]
    positions: FloatArray
    box: FloatArray


def _nodes(parsed: _Parsed) -> _Nodes:
    for name in _BOUNDS[:2]:
        if name not in parsed.bounds:
            raise parsed.error(None, f"box bounds `{name}` are missing")
    low, high = np.array([parsed.bounds[name] for name in _BOUNDS[:2]]).T
    rows = parsed.rows("Atoms", "atoms")
    if not rows:
        raise parsed.error(None, "there are no atoms")
    places: dict[int, tuple[float, float]] = {}
    for row in rows:
        if len(row.words) not in (6, 9):
            raise parsed.error(
                row, f"expected `id molecule type x y z` with or without 3 images, got {len(row.words)} words"
            )
        atom = parsed.whole(row, 0, 1, 10**15, "an atom id")
        if atom in places:
            raise parsed.error(row, f"atom {atom} is there a second time")
        images = [parsed.number(row, column) for column in (6, 7)] if len(row.words) == 9 else [0.0, 0.0]
        x, y = (
            parsed.number(row, 3 + axis) + images[axis] * float(high[axis] - low[axis]) for axis in (0, 1)
        )
        places[atom] = (x, y)
    ids = sorted(places)
    positions = np.array([places[atom] for atom in ids]) - low
    return _Nodes({atom: k for k, atom in enumerate(ids)}, positions, high - low)


def _coefficients(parsed: _Parsed, section: str, count: str) -> dict[int, tuple[float, float]]:
    rows = parsed.rows(section, count)
    found: dict[int, tuple[float, float]] = {}
    for row in rows:
        kind = parsed.whole(row, 0, 1, len(rows), "a type")
        shift = 1 if len(row.words) == 4 and row.words[1] == "harmonic" else 0
        if len(row.words) != 3 + shift:
            raise parsed.error(row, f"expected `type k rest` (harmonic), got `{' '.join(row.words)}`")
        found[kind] = (parsed.number(row, 1 + shift), parsed.number(row, 2 + shift))
    if len(found) != len(rows):
        raise parsed.error(rows[0], f"section {section!r} sets a type twice")
    return found


def _bonds(parsed: _Parsed, ids: dict[int, int]) -> tuple[list[tuple[int, int]], list[int]]:
    first: dict[tuple[int, int], int] = {}
    types = []
    for row in parsed.rows("Bonds", "bonds"):
        kind, ends = _members(parsed, row, ids, 2, "bond types")
        pair = (min(ends), max(ends))
        if ends[0] == ends[1]:
            raise parsed.error(row, f"a bond joins atom {row.words[2]} to itself")
        if pair in first:
            raise parsed.error(
                row,
                f"the bond of atoms {row.words[2]} and {row.words[3]} is listed twice, first in line "
                f"{first[pair]}: list each bond once",
            )
        first[pair] = row.line
        types.append(kind)
    return list(first), types


def _angles(parsed: _Parsed, ids: dict[int, int]) -> tuple[list[list[int]], list[int]]:
    found = [_members(parsed, row, ids, 3, "angle types") for row in parsed.rows("Angles", "angles")]
    return [nodes for _, nodes in found], [kind for kind, _ in found]


def _members(parsed: _Parsed, row: _Row, ids: dict[int, int], n: int, types: str) -> tuple[int, list[int]]:
    if len(row.words) != 2 + n:
        raise parsed.error(row, f"expected `id type` and {n} atoms, got {len(row.words)} words")
    kind = parsed.whole(row, 1, 1, parsed.counts.get(types, 0), "a type")
    nodes = []
    for column in range(2, 2 + n):
        atom = parsed.whole(row, column, 1, 10**15, "an atom id")
        if atom not in ids:
            raise parsed.error(row, f"atom {atom} is not in the section Atoms")
        nodes.append(ids[atom])
    return kind, nodes
