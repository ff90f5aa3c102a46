"""Perfect crystals as orthogonal periodic cells, ready for LAMMPS."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from ase import Atoms

from mdlens.errors import InputError
from mdlens.types import FloatArray

_SQRT3 = 3.0**0.5
_IDEAL_C_OVER_A = (8.0 / 3.0) ** 0.5

_FCC = ((0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0))
_FCC_QUARTER = tuple((x + 0.25, y + 0.25, z + 0.25) for x, y, z in _FCC)
_FCC_HALF = tuple(((x + 0.5) % 1, y, z) for x, y, z in _FCC)
_HCP = ((0, 0, 0), (0.5, 0.5, 0), (0.5, 5 / 6, 0.5), (0, 1 / 3, 0.5))
_HCP_UP = tuple((x, y, z + 0.375) for x, y, z in _HCP)

# Per lattice: edge lengths in units of a (the last scaled by c/a where the lattice has one), basis in
# fractions of the edges, sublattice of each atom.
_CELLS: Mapping[str, tuple[tuple[float, float, float], tuple[tuple[float, ...], ...], tuple[int, ...]]] = (
    MappingProxyType(
        {
            "sc": ((1, 1, 1), ((0, 0, 0),), (0,)),
            "bcc": ((1, 1, 1), ((0, 0, 0), (0.5, 0.5, 0.5)), (0, 0)),
            "cscl": ((1, 1, 1), ((0, 0, 0), (0.5, 0.5, 0.5)), (0, 1)),
            "fcc": ((1, 1, 1), _FCC, (0,) * 4),
            "rocksalt": ((1, 1, 1), _FCC + _FCC_HALF, (0,) * 4 + (1,) * 4),
            "cubic_diamond": ((1, 1, 1), _FCC + _FCC_QUARTER, (0,) * 8),
            "zincblende": ((1, 1, 1), _FCC + _FCC_QUARTER, (0,) * 4 + (1,) * 4),
            "hcp": ((1, _SQRT3, 1), _HCP, (0,) * 4),
            "hexagonal_diamond": ((1, _SQRT3, 1), _HCP + _HCP_UP, (0,) * 8),
            "wurtzite": ((1, _SQRT3, 1), _HCP + _HCP_UP, (0,) * 4 + (1,) * 4),
        }
    )
)
HEXAGONAL = frozenset({"hcp", "hexagonal_diamond", "wurtzite"})
"""Lattices with an axial ratio; their orthogonal cell is (a, sqrt(3) a, c)."""

LATTICES: tuple[str, ...] = tuple(_CELLS)


def build_lattice(
    lattice: str,
    elements: Sequence[str],
    lattice_constant: float,
    *,
    c_over_a: float | None = None,
    repeats: tuple[int, int, int] | None = None,
    atoms_at_least: int = 1,
) -> Atoms:
    """Build a periodic block of a perfect crystal.

    Args:
        lattice: One of `LATTICES`; hexagonal ones come as orthogonal cells (a, sqrt(3) a, c).
        elements: One chemical symbol per sublattice (one for elements, two for compounds such as
            ``rocksalt``).
        lattice_constant: The conventional ``a`` in Angstrom.
        c_over_a: Axial ratio of hexagonal lattices; the ideal sqrt(8/3) by default.
        repeats: Copies of the cell along each axis; by default the most cube-like block that holds
            ``atoms_at_least``.
        atoms_at_least: Smallest number of atoms when ``repeats`` is not given.

    Returns:
        Atoms with ``pbc=True`` and orthogonal cell rows in Angstrom.

    Raises:
        InputError: If the lattice is unknown, a length is not positive, or the number of elements does not
            fit.
    """
    if lattice not in _CELLS:
        raise InputError(f"lattice must be one of {', '.join(LATTICES)}, got {lattice!r}")
    if not 0 < lattice_constant < np.inf:
        raise InputError(f"lattice_constant must be positive (Angstrom), got {lattice_constant}")
    if c_over_a is not None and not 0 < c_over_a < np.inf:
        raise InputError(f"c_over_a must be a positive number, got {c_over_a}")
    edges, basis, sublattice = _CELLS[lattice]
    if len(elements) != max(sublattice) + 1:
        raise InputError(f"lattice {lattice} needs {max(sublattice) + 1} element(s), got {len(elements)}")
    ratio = (c_over_a or _IDEAL_C_OVER_A) if lattice in HEXAGONAL else 1.0
    cell = lattice_constant * np.array(edges, dtype=float) * (1.0, 1.0, ratio)
    unit = Atoms([elements[s] for s in sublattice], scaled_positions=basis, cell=cell, pbc=True)
    return unit.repeat(repeats or cubelike_repeats(cell, len(unit), atoms_at_least))


def cubelike_repeats(cell: FloatArray, atoms_per_cell: int, atoms_at_least: int) -> tuple[int, int, int]:
    """Copies of an orthogonal cell (edges (3,)) that make the most cube-like block of enough atoms."""
    edge = float((cell.prod() * max(atoms_at_least, 1) / atoms_per_cell) ** (1 / 3))
    repeats = np.maximum(1, np.round(edge / cell)).astype(int)
    while atoms_per_cell * repeats.prod() < atoms_at_least:
        repeats[np.argmin(repeats * cell)] += 1
    return int(repeats[0]), int(repeats[1]), int(repeats[2])
