"""Averages over the first shell and how one-sided it is, against twins that sort every distance."""

import itertools

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111

from mdlens.descriptors import MapSource, NeighborsMapSettings
from mdlens.errors import InputError

SETTINGS = NeighborsMapSettings(size=8, candidates=20)
CELLS = {
    "cubic": (np.diag([7.0, 7.0, 7.0]), (True, True, True)),
    "triclinic": (np.array([[6.0, 0, 0], [2.0, 5, 0], [-1, 1, 7]]), (True, True, True)),
    "slab": (np.diag([6.0, 7.0, 8.0]), (True, True, False)),
    "none": (np.zeros((3, 3)), (False, False, False)),
}


def twin(atoms: Atoms, values: np.ndarray, neighbors: int) -> np.ndarray:
    """Average by measuring the distance to every atom in two cells around, ties counted in."""
    reach = [range(-2, 3) if periodic else range(1) for periodic in atoms.pbc]
    shifts = np.array(list(itertools.product(*reach))) @ atoms.cell.array
    out = np.empty_like(values, dtype=np.float64)
    for i, here in enumerate(atoms.positions):
        square = ((atoms.positions[None] + shifts[:, None] - here) ** 2).sum(-1)
        square[np.flatnonzero(~shifts.any(axis=1))[0], i] = np.inf
        order = np.sort(square[np.isfinite(square)])
        limit = order[min(neighbors, len(order)) - 1] * (1 + 1e-5) if neighbors and len(order) else -1.0
        _, who = np.nonzero(square <= limit)
        out[i] = values[[i, *who]].astype(np.float64).mean(axis=0)
    return out


def random_atoms(name: str, count: int, seed: int) -> Atoms:
    cell, pbc = CELLS[name]
    positions = np.random.default_rng(seed).uniform(-3.0, 9.0, (count, 3))
    atoms = Atoms(np.ones(count, int), positions=positions, cell=cell, pbc=pbc)
    atoms.wrap()  # so that the twin finds the nearest images in the two cells around
    return atoms


def values_for(count: int) -> np.ndarray:
    return np.random.default_rng(9).random((count, 3), np.float32)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("count", [1, 2, 13, 33])
@pytest.mark.parametrize("neighbors", [0, 1, 12])
def test_it_is_the_mean_over_the_nearest(name, count, neighbors):
    atoms, values = random_atoms(name, count, seed=count), values_for(count)
    if count < 13 and any(CELLS[name][1]):
        atoms.cell[:] = 3.0 * np.eye(3)  # two of these cells around hold the twelve nearest images
        atoms.wrap()
    expected = twin(atoms, values, neighbors)
    found = MapSource(atoms, SETTINGS).shell_mean(values, neighbors=neighbors)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_tied_neighbors_all_count():
    """In bcc six atoms share the second distance, of which twelve nearest would take four."""
    atoms = bulk("Fe", "bcc", a=2.9, cubic=True).repeat(3)
    values = values_for(len(atoms))
    found = MapSource(atoms, SETTINGS).shell_mean(values)
    np.testing.assert_allclose(found, twin(atoms, values, 14), rtol=0, atol=1e-6)
    np.testing.assert_allclose(found, twin(atoms, values, 12), rtol=0, atol=1e-6)


@pytest.mark.parametrize("atoms", [bulk("Fe", "bcc", a=2.9, cubic=True), bulk("Po", "sc", a=3.0)])
def test_the_order_of_the_atoms_does_not_matter(atoms):
    atoms = atoms.repeat(4)
    del atoms[[5, 11]]
    values, order = values_for(len(atoms)), np.random.default_rng(1).permutation(len(atoms))
    straight = MapSource(atoms, SETTINGS).shell_mean(values)
    shuffled = MapSource(atoms[order], SETTINGS).shell_mean(values[order])
    np.testing.assert_allclose(shuffled, straight[order], rtol=0, atol=1e-7)


def test_threads_change_nothing():
    atoms = random_atoms("cubic", 3000, seed=0)
    source, values = MapSource(atoms, SETTINGS), values_for(3000)
    one = source.shell_mean(values, threads=1)
    np.testing.assert_array_equal(one, source.shell_mean(values, threads=3))


def test_coincident_atoms_are_tied():
    atoms = Atoms("H40", positions=np.zeros((40, 3)))
    values = values_for(40)
    found = MapSource(atoms, SETTINGS).shell_mean(values)
    np.testing.assert_allclose(found, np.broadcast_to(values.mean(axis=0), (40, 3)), atol=1e-6)


def test_no_atoms():
    assert MapSource(Atoms(), SETTINGS).shell_mean(np.empty((0, 3), np.float32)).shape == (0, 3)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.zeros((2, 3)), {}, "one row for each of 1 atoms"),
        (np.zeros(1), {}, "one row for each of 1 atoms"),
        (np.zeros((1, 3)), {"neighbors": -1}, "0 or more"),
        (np.zeros((1, 3)), {"threads": -1}, "0 or more"),
    ],
)
def test_wrong_arguments(values, options, message):
    with pytest.raises(InputError, match=message):
        MapSource(Atoms("H"), SETTINGS).shell_mean(values, **options)


def off_center_twin(atoms: Atoms, neighbors: int) -> np.ndarray:
    """Measure the distance to every atom in two cells around, ties counted in."""
    reach = [range(-2, 3) if periodic else range(1) for periodic in atoms.pbc]
    shifts = np.array(list(itertools.product(*reach))) @ atoms.cell.array
    out = np.zeros(len(atoms))
    for i, here in enumerate(atoms.positions):
        vectors = atoms.positions[None] + shifts[:, None] - here
        square = (vectors**2).sum(-1)
        square[np.flatnonzero(~shifts.any(axis=1))[0], i] = np.inf
        order = np.sort(square[np.isfinite(square)])
        if not neighbors or not len(order):
            continue
        near = square <= order[min(neighbors, len(order)) - 1] * (1 + 1e-5)
        out[i] = np.linalg.norm(vectors[near].sum(axis=0)) / np.sqrt(square[near]).sum()
    return out


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("count", [13, 33])
@pytest.mark.parametrize("neighbors", [0, 1, 12])
def test_off_center_is_the_length_of_the_sum_over_the_sum_of_lengths(name, count, neighbors):
    atoms = random_atoms(name, count, seed=count)
    found = MapSource(atoms, SETTINGS).off_center(neighbors=neighbors)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, off_center_twin(atoms, neighbors), rtol=0, atol=1e-6)


def test_off_center_counts_ties():
    """In bcc six atoms share the second distance, of which twelve nearest would take four."""
    atoms = bulk("Fe", "bcc", a=2.9, cubic=True).repeat(3)
    np.testing.assert_allclose(MapSource(atoms, SETTINGS).off_center(neighbors=12), 0.0, atol=1e-6)


def test_off_center_of_many_atoms_in_one_place_ends():
    atoms = Atoms("H3000", positions=np.zeros((3000, 3)))
    np.testing.assert_array_equal(MapSource(atoms, SETTINGS).off_center(threads=1), 0.0)


def test_off_center_knows_a_surface_from_what_is_below():
    slab = fcc111("Cu", (6, 6, 8), vacuum=10.0)
    found = MapSource(slab, SETTINGS).off_center()
    height = slab.positions[:, 2]
    outermost = np.isclose(height, height.min()) | np.isclose(height, height.max())
    assert found[outermost].min() > 0.4
    assert found[~outermost].max() < 0.14
    deep = np.abs(height - height.mean()) < 5.0
    assert found[deep].max() < 1e-5  # ties count in, so a crystal is centred


@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_off_center_of_few_or_coincident_atoms(count):
    atoms = Atoms(f"H{count}", positions=np.zeros((count, 3)))
    np.testing.assert_array_equal(MapSource(atoms, SETTINGS).off_center(), np.zeros(count))
    if count == 2:
        atoms.positions[1] = 1.0
        np.testing.assert_allclose(MapSource(atoms, SETTINGS).off_center(), np.ones(2), rtol=1e-6)


def test_off_center_does_not_depend_on_order_or_threads():
    atoms = random_atoms("slab", 3000, seed=0)
    order = np.random.default_rng(1).permutation(len(atoms))
    one = MapSource(atoms, SETTINGS).off_center(threads=1)
    np.testing.assert_array_equal(one, MapSource(atoms, SETTINGS).off_center(threads=3))
    np.testing.assert_allclose(MapSource(atoms[order], SETTINGS).off_center(), one[order], rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", [{"neighbors": -1}, {"threads": -1}])
def test_off_center_refuses_negative_numbers(options):
    with pytest.raises(InputError, match="0 or more"):
        MapSource(Atoms("H"), SETTINGS).off_center(**options)
