"""Crystals that no model here was taught, with their published parameters.

None of them takes part in training. Elements and compounds of the Strukturbericht, each atom counted whatever
its species, since the models see none: rock salt, zinc blende, CsCl or Fe3Al would be sc, diamond or
bcc.

Parameters: Mehl et al., The AFLOW Library of Crystallographic Prototypes, Comp. Mat. Sci. 136, S1 (2017) and
the sources named there, rounded; clathrate: the Si46 framework of Na8Si46, Kasper et al., Science 150, 1713
(1965).
"""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from ase.spacegroup import crystal

from mdlens.neighbors import find_nearest

Site = tuple[str, tuple[float, float, float]]


@dataclass(frozen=True)
class Prototype:
    """A structure by space group, cell (Angstrom, degrees) and sites in fractions of the cell.

    `atoms` is the number of atoms in the cell, which the sites must give.
    """

    group: int
    cell: tuple[float, float, float, float, float, float]
    sites: tuple[Site, ...]
    atoms: int

    def build(self) -> Atoms:
        symbols, basis = zip(*self.sites, strict=True)
        made = crystal(symbols, basis, spacegroup=self.group, cellpar=self.cell)
        if len(made) != self.atoms:
            raise ValueError(f"{self} must have {self.atoms} atoms in the cell, got {len(made)}")
        return Atoms(made.numbers, positions=made.positions, cell=made.cell, pbc=True)


def _cubic(a: float) -> tuple[float, float, float, float, float, float]:
    return (a, a, a, 90.0, 90.0, 90.0)


def _tetragonal(a: float, c: float) -> tuple[float, float, float, float, float, float]:
    return (a, a, c, 90.0, 90.0, 90.0)


def _hexagonal(a: float, c: float) -> tuple[float, float, float, float, float, float]:
    return (a, a, c, 90.0, 90.0, 120.0)


def _third(z: float = 0.0) -> tuple[float, float, float]:
    return (1 / 3, 2 / 3, z)


PROTOTYPES: dict[str, Prototype] = {
    # Topologically close-packed and other metals
    "a15": Prototype(223, _cubic(4.556), (("Si", (0, 0, 0)), ("Cr", (0.25, 0, 0.5))), 8),
    "sigma": Prototype(
        136,
        _tetragonal(8.7966, 4.5582),
        (
            ("Cr", (0, 0, 0)),
            ("Cr", (0.3986, 0.3986, 0)),
            ("Cr", (0.4635, 0.1312, 0)),
            ("Fe", (0.7393, 0.0661, 0)),
            ("Fe", (0.1827, 0.1827, 0.252)),
        ),
        30,
    ),
    "laves_c14": Prototype(
        194,
        _hexagonal(5.223, 8.566),
        (("Mg", _third(0.062)), ("Zn", (0, 0, 0)), ("Zn", (0.8305, 0.661, 0.25))),
        12,
    ),
    "laves_c15": Prototype(227, _cubic(7.02), (("Mg", (0, 0, 0)), ("Cu", (0.625,) * 3)), 24),
    "beta_mn": Prototype(213, _cubic(6.315), (("Mn", (0.0636,) * 3), ("Mn", (0.125, 0.2022, 0.4522))), 20),
    "gamma_brass": Prototype(
        217,
        _cubic(8.8664),
        (
            ("Zn", (0.1089,) * 3),
            ("Cu", (0.8280,) * 3),
            ("Cu", (0.3558, 0, 0)),
            ("Zn", (0.3128, 0.3128, 0.0366)),
        ),
        52,
    ),
    "omega": Prototype(191, _hexagonal(4.60, 2.82), (("Ti", (0, 0, 0)), ("Ti", _third(0.5))), 3),
    "simple_hexagonal": Prototype(191, _hexagonal(3.2198, 2.9885), (("Sn", (0, 0, 0)),), 1),
    "alpha_pa": Prototype(139, _tetragonal(3.925, 3.238), (("Pa", (0, 0, 0)),), 2),
    "alpha_u": Prototype(63, (2.854, 5.869, 4.955, 90.0, 90.0, 90.0), (("U", (0, 0.1024, 0.25)),), 4),
    "white_tin": Prototype(141, _tetragonal(5.8313, 3.1812), (("Sn", (0, 0, 0)),), 4),
    "bismuth": Prototype(166, _hexagonal(4.546, 11.862), (("Bi", (0, 0, 0.2339)),), 6),
    # Covalent networks
    "graphite": Prototype(194, _hexagonal(2.461, 6.708), (("C", (0, 0, 0.25)), ("C", _third(0.25))), 4),
    "clathrate": Prototype(
        223,
        _cubic(10.19),
        (("Si", (0.25, 0, 0.5)), ("Si", (0.1837,) * 3), ("Si", (0, 0.3077, 0.1173))),
        46,
    ),
    "bc8": Prototype(206, _cubic(6.636), (("Si", (0.1003,) * 3),), 16),
    "selenium": Prototype(152, _hexagonal(4.3662, 4.9536), (("Se", (0.2254, 0, 1 / 3)),), 3),
    # Compounds
    "fluorite": Prototype(225, _cubic(5.463), (("Ca", (0, 0, 0)), ("F", (0.25,) * 3)), 12),
    "perovskite": Prototype(
        221, _cubic(3.905), (("Sr", (0, 0, 0)), ("Ti", (0.5,) * 3), ("O", (0.5, 0.5, 0))), 5
    ),
    "rutile": Prototype(136, _tetragonal(4.594, 2.959), (("Ti", (0, 0, 0)), ("O", (0.305, 0.305, 0))), 6),
    "nickel_arsenide": Prototype(194, _hexagonal(3.619, 5.034), (("Ni", (0, 0, 0)), ("As", _third(0.25))), 4),
}


def build(name: str, *, atoms_at_least: int) -> Atoms:
    """Repeat a prototype to a nearly cubic periodic block; hexagonal cells are made orthogonal first."""
    cell = PROTOTYPES[name].build()
    if abs(cell.cell.angles()[2] - 120.0) < 1e-6:
        cell = make_supercell(cell, [[1, 0, 0], [1, 2, 0], [0, 0, 1]])
    edge = (atoms_at_least * cell.get_volume() / len(cell)) ** (1 / 3)
    return cell.repeat([max(round(edge / length + 0.49), 1) for length in cell.cell.lengths()])


def nearest_distance(atoms: Atoms) -> float:
    """Mean over the atoms of the distance to the nearest, Angstrom."""
    nearest = find_nearest(atoms.positions, atoms.cell.array, atoms.pbc, 1, threads=1)
    return float(nearest.distance.mean())


def noisy(atoms: Atoms, sigma: float, seed: int) -> Atoms:
    """Displace every atom at random, Gaussian per component, `sigma` in mean nearest-neighbour distances."""
    moved = atoms.copy()
    displacement = np.random.default_rng(seed).normal(0.0, 1.0, moved.positions.shape)
    moved.positions += displacement * sigma * nearest_distance(atoms)
    return moved


__all__ = ["PROTOTYPES", "Prototype", "build", "nearest_distance", "noisy"]
