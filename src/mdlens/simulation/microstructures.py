"""Crystals that are not perfect bulk: surfaces, particles, grains, point defects, crystal beside its melt.

Every builder gives an orthogonal periodic cell (Angstrom), ready for `mdlens.simulation.engine.engine`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

import numpy as np
from ase import Atoms
from ase.build import make_supercell

from mdlens.errors import InputError
from mdlens.neighbors import find_nearest, find_pairs
from mdlens.simulation.engine import Engine
from mdlens.simulation.lattices import HEXAGONAL, build_lattice, cubelike_repeats
from mdlens.types import FloatArray

_Directions = tuple[tuple[int, int, int], ...]
# Per surface: right-handed perpendicular lattice directions for x, y and the surface normal z; those of
# hexagonal lattices count edges of the orthogonal cell (a, sqrt(3) a, c).
_CUBIC: Mapping[str, _Directions] = MappingProxyType(
    {
        "100": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        "110": ((0, 0, 1), (1, -1, 0), (1, 1, 0)),
        "111": ((1, -1, 0), (1, 1, -2), (1, 1, 1)),
    }
)
_HEXAGONAL: Mapping[str, _Directions] = MappingProxyType(
    {
        "0001": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        "10-10": ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
        "11-20": ((0, 1, 0), (0, 0, 1), (1, 0, 0)),
    }
)
_TRIALS = 200  # points tried per interstitial; the roomiest one is taken


@dataclass(frozen=True, kw_only=True)
class Crystal:
    """A lattice of `mdlens.simulation.LATTICES` with its elements, ``a`` (Angstrom) and axial ratio."""

    lattice: str
    elements: tuple[str, ...]
    lattice_constant: float
    c_over_a: float | None = None

    def block(self, repeats: tuple[int, int, int] = (1, 1, 1)) -> Atoms:
        """Perfect periodic block of so many orthogonal cells."""
        return build_lattice(
            self.lattice, self.elements, self.lattice_constant, c_over_a=self.c_over_a, repeats=repeats
        )

    def spacing(self) -> float:
        """Distance of nearest neighbours, Angstrom."""
        unit = self.block()
        return float(find_nearest(unit.positions, unit.cell.array, True, 1).distance.min())


def slab(crystal: Crystal, *, surface: str, vacuum: float, atoms_at_least: int) -> Atoms:
    """Build a slab with its surface across z; the most cube-like one of at least so many atoms.

    Args:
        crystal: What it is made of.
        surface: ``100``, ``110``, ``111`` of cubic, ``0001``, ``10-10``, ``11-20`` of hexagonal lattices.
        vacuum: Empty length along z, Angstrom; 0 gives a bulk crystal in that orientation.
        atoms_at_least: Smallest number of atoms.

    Raises:
        InputError: If the lattice has no such surface, or a number is out of range.
    """
    surfaces = _HEXAGONAL if crystal.lattice in HEXAGONAL else _CUBIC
    if surface not in surfaces:
        raise InputError(
            f"surface of {crystal.lattice} must be one of {', '.join(surfaces)}, got {surface!r}"
        )
    _check_range(vacuum=(vacuum, 0.0))
    unit = _turned(crystal.block(), surfaces[surface])
    return _padded(unit.repeat(cubelike_repeats(unit.cell.lengths(), len(unit), atoms_at_least)), z=vacuum)


def nanoparticle(crystal: Crystal, *, radius: float, vacuum: float) -> Atoms:
    """Cut a sphere out of the crystal, centred on an atom, with empty space on all sides.

    Args:
        crystal: What it is made of; of a compound, the composition is what the sphere happens to hold.
        radius: Atoms up to here from the centre are kept, Angstrom.
        vacuum: Empty length between the sphere and its periodic images, Angstrom.

    Raises:
        InputError: If a length is out of range.
    """
    _check_range(radius=(radius, crystal.spacing()), vacuum=(vacuum, 0.0))
    ball = _ball(crystal, radius)
    edge = 2.0 * radius + vacuum
    return Atoms(ball.numbers, positions=ball.positions + 0.5 * edge, cell=np.full(3, edge), pbc=True)


def polycrystal(crystal: Crystal, *, grains: int, atoms: int, seed: int, closest: float = 0.7) -> Atoms:
    """Fill a periodic cube with randomly turned grains: the Voronoi cells of random centres.

    Where two atoms of different grains are nearer than ``closest`` spacings, one of them is taken out; the
    composition of a compound is not restored.

    Args:
        crystal: What it is made of.
        grains: Number of grains; a single one meets its own periodic images.
        atoms: Number of atoms, roughly.
        seed: Decides centres and rotations.
        closest: Shortest distance left, in nearest-neighbour distances of the crystal.

    Raises:
        InputError: If a number is out of range.

    Source: Voronoi grains, e.g. Schiotz, Di Tolla & Jacobsen, *Nature* 391, 561 (1998).
    """
    _check_range(grains=(grains, 1), atoms=(atoms, 1), closest=(closest, 0.0))
    rng = np.random.default_rng(seed)
    unit = crystal.block()
    edge = float((unit.cell.volume * atoms / len(unit)) ** (1 / 3))
    centres = rng.random((grains, 3)) * edge
    images = (centres[None] + edge * np.array(list(product((-1, 0, 1), repeat=3)))[:, None]).reshape(-1, 3)
    filled = Atoms(cell=np.full(3, edge), pbc=True)
    # A point of a grain is never farther from its centre than from that centre's own images.
    ball = _ball(crystal, 0.5 * 3**0.5 * edge)
    for centre in centres:
        grain = ball.copy()
        grain.positions = ball.positions @ _random_rotation(rng).T + centre
        filled += grain[_nearest_to(grain.positions, centre, images)]
    filled.wrap()
    return filled[_apart(filled, closest * crystal.spacing())]


def point_defects(
    atoms: Atoms, *, vacancies: int = 0, interstitials: int = 0, clustered: bool = False, seed: int
) -> Atoms:
    """Take atoms out at random and put others into the largest gaps found; nothing is relaxed.

    Args:
        atoms: A crystal in an orthogonal periodic cell; unchanged.
        vacancies: Number of atoms taken out.
        interstitials: Number of atoms put in; each is of the species of a random atom.
        clustered: Put all vacancies in one place, and all interstitials in another.
        seed: Decides where.

    Raises:
        InputError: If a number is out of range.
    """
    _check_range(vacancies=(vacancies, 0), interstitials=(interstitials, 0))
    if vacancies >= len(atoms):
        raise InputError(f"vacancies must be fewer than the {len(atoms)} atoms, got {vacancies}")
    rng = np.random.default_rng(seed)
    edges = atoms.cell.lengths()
    order = rng.permutation(len(atoms))
    if clustered:
        order = np.argsort(_distances(atoms.positions, atoms.positions[order[0]], edges), kind="stable")
    damaged = atoms[np.sort(order[vacancies:])]
    # A ball with room for them all: one atom's volume each, and the first neighbours of its centre.
    reach = (atoms.cell.volume / len(atoms)) ** (1 / 3) * max(interstitials, 1) ** (1 / 3)
    centre = rng.random(3) * edges
    for _ in range(interstitials):
        offsets = rng.uniform(-reach, reach, (_TRIALS, 3)) if clustered else rng.random((_TRIALS, 3)) * edges
        room = [_distances(damaged.positions, centre + offset, edges).min() for offset in offsets]
        symbol = damaged.symbols[rng.integers(len(damaged))]
        damaged += Atoms(symbol, positions=[centre + offsets[int(np.argmax(room))]])
    damaged.wrap()
    return damaged


def melt_half(
    lmp: Engine, *, melting: float, steps: int, timestep: float, seed: int, superheat: float = 2.0
) -> None:
    """Melt the outer quarters (in z) of what ``lmp`` holds while the half between them stands still.

    They are kept at ``superheat * melting`` and no pressure along z for ``steps``, then cooled to ``melting``
    in as many. Going on with all atoms at ``melting`` gives the crystal beside its melt.

    Args:
        lmp: Holds a crystal with the velocities of ``melting``; no fix is active.
        melting: Melting temperature, K.
        steps: Steps at the high temperature.
        timestep: ps.
        seed: Of the velocities.
        superheat: High temperature over the melting temperature.

    Raises:
        InputError: If a number is out of range, or LAMMPS refuses the run.

    Source: Morris, Wang, Ho & Chan, *Phys. Rev. B* 49, 3109 (1994).
    """
    _check_range(melting=(melting, 1.0), steps=(steps, 1), seed=(seed, 1), superheat=(superheat, 1.0))
    hot, damping = superheat * melting, 100 * timestep
    low, high = lmp.thermo("zlo"), lmp.thermo("zhi")
    quarter = 0.25 * (high - low)
    # Only what melts is stretched with the cell; it fills the gap that would open beside what stands.
    barostat = f"z 0.0 0.0 {10 * damping} dilate molten"
    lmp.run(
        f"timestep {timestep}",
        f"region outer block INF INF INF INF {low + quarter!r} {high - quarter!r} units box side out",
        "group molten region outer",
        f"velocity molten create {hot} {seed} mom yes rot no dist gaussian",
        f"fix motion molten npt temp {hot} {hot} {damping} {barostat}",
        f"run {steps}",
        "unfix motion",
        f"fix motion molten npt temp {hot} {melting} {damping} {barostat}",
        f"run {steps}",
        "unfix motion",
        "group molten delete",
        "region outer delete",
    )


def _turned(unit: Atoms, directions: _Directions) -> Atoms:
    """Orthogonal cell along perpendicular lattice directions."""
    cell = make_supercell(unit, np.array(directions))
    fractions = cell.get_scaled_positions(wrap=False)
    # Rounding must not carry an atom of the lowest layer over to the top.
    fractions = (fractions + 1e-6) % 1.0 - 1e-6
    return Atoms(cell.numbers, scaled_positions=fractions, cell=cell.cell.lengths(), pbc=True)


def _padded(atoms: Atoms, *, z: float) -> Atoms:
    padded = atoms.copy()
    padded.set_cell(atoms.cell.lengths() + np.array((0.0, 0.0, z)))
    padded.positions[:, 2] += 0.5 * z
    return padded


def _ball(crystal: Crystal, radius: float) -> Atoms:
    """Atoms within a radius of one that sits at the origin."""
    edges = crystal.block().cell.lengths()
    half = np.ceil(radius / edges).astype(int) + 1
    block = crystal.block((int(2 * half[0]), int(2 * half[1]), int(2 * half[2])))
    block.positions -= half * edges
    return block[np.linalg.norm(block.positions, axis=1) <= radius * (1 + 1e-9)]


def _random_rotation(rng: np.random.Generator) -> FloatArray:
    """Uniform rotation from a random unit quaternion (Shoemake, *Graphics Gems III*, 1992)."""
    w, x, y, z = (q := rng.normal(size=4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _nearest_to(positions: FloatArray, centre: FloatArray, images: FloatArray) -> np.ndarray:
    """Which positions (N, 3) have no image of any centre nearer than this one, bool (N,)."""
    own = ((positions - centre) ** 2).sum(axis=1)
    inside = np.ones(len(positions), np.bool_)
    for image in images:
        if not np.array_equal(image, centre):
            inside &= own <= ((positions - image) ** 2).sum(axis=1)
    return inside


def _apart(atoms: Atoms, distance: float) -> Sequence[int]:
    """Indices left when the later one of every pair nearer than the distance goes."""
    if distance == 0.0:
        return range(len(atoms))
    pairs = find_pairs(atoms.positions, atoms.cell.array, True, distance)
    gone: set[int] = set()
    for i, j in zip(pairs.i.tolist(), pairs.j.tolist(), strict=True):
        if i < j and i not in gone:
            gone.add(j)
    return [k for k in range(len(atoms)) if k not in gone]


def _distances(positions: FloatArray, point: FloatArray, edges: FloatArray) -> FloatArray:
    shift = positions - point
    return np.asarray(np.linalg.norm(shift - np.round(shift / edges) * edges, axis=1), np.float64)


def _check_range(**values: tuple[float, float]) -> None:
    for name, (value, lowest) in values.items():
        if not lowest <= value < np.inf:
            raise InputError(f"{name} must be a number from {lowest:g} up, got {value}")
