"""The neighbour search against a twin that tries every image, against other codes, and against symmetry."""

import itertools
import subprocess
import sys

import ase
import ase.build
import ase.neighborlist
import matscipy.neighbours
import numpy as np
import pytest
import vesin
from hypothesis import given, settings
from hypothesis import strategies as st

from mdlens.errors import InputError
from mdlens.neighbors import Pairs, find_nearest, find_pairs, validate_system

CELLS = {
    "cubic": (np.diag([9.0, 9.0, 9.0]), (True, True, True)),
    "left-handed": (np.diag([9.0, -8.0, 10.0]), (True, True, True)),
    "triclinic": ([[9, 0, 0], [3, 8, 0], [-2, 1, 11]], (True, True, True)),
    "strongly skewed": ([[5, 0, 0], [23, 6, 0], [-11, 27, 7]], (True, True, True)),
    "thin": (np.diag([25.0, 20.0, 1.7]), (True, True, True)),
    "smaller than the cutoff": ([[2.5, 0, 0], [0, 3, 0], [0.4, 0, 2]], (True, True, True)),
    "slab": ([[9, 0, 0], [3, 8, 0], [-2, 1, 11]], (True, True, False)),
    "slab along x": ([[9, 1, 0], [3, 8, 0], [-2, 1, 11]], (False, True, True)),
    "wire": ([[0, 0, 0], [1, 4, 2], [0, 0, 0]], (False, True, False)),
    "cell given, none periodic": ([[9, 0, 0], [3, 8, 0], [-2, 1, 11]], (False, False, False)),
    "no cell": (np.zeros((3, 3)), (False, False, False)),
}


def random_system(name, n, seed, spread=9.0):
    """Atoms all over a cube that is larger than most of the cells: many lie outside."""
    cell, pbc = CELLS[name]
    positions = np.random.default_rng(seed).uniform(-spread, spread, (n, 3))
    return positions, np.array(cell, dtype=float), np.array(pbc)


def all_shifts(positions, cell, pbc, cutoff):
    """Every shift whose translation is no longer than the cutoff plus the diameter of the system.

    ``|n . cell| >= |n_d| h_d`` with the height h_d of the cell over direction d, so few n have to be tried.
    """
    reach = np.zeros(3, dtype=int)
    longest = cutoff + np.linalg.norm(np.ptp(positions, axis=0)) if len(positions) else 0.0
    if pbc.any():
        reach[pbc] = np.ceil(longest * np.linalg.norm(np.linalg.pinv(cell[pbc]), axis=0))
    shifts = np.array(list(itertools.product(*(range(-m, m + 1) for m in reach))))
    return shifts[np.linalg.norm(shifts @ periodic_part(cell, pbc), axis=1) <= longest + 1e-9]


def periodic_part(cell, pbc):
    return np.where(pbc[:, None], cell, 0.0)


def pairs_by_brute_force(positions, cell, pbc, cutoff):
    """(i, j, shift, vector) of all pairs, by computing every distance to every image."""
    rows = []
    for shift in all_shifts(positions, cell, pbc, cutoff):
        vectors = positions[None, :] + shift @ periodic_part(cell, pbc) - positions[:, None]
        close = (vectors**2).sum(-1) < cutoff**2
        if not shift.any():
            np.fill_diagonal(close, val=False)
        i, j = np.nonzero(close)
        rows.append(np.column_stack([i, j, np.broadcast_to(shift, (len(i), 3)), vectors[i, j]]))
    return canonical(np.concatenate(rows))


def canonical(rows):
    """Rows (i, j, shift, vector) in one order, whatever order they were found in."""
    return rows[np.lexsort(rows[:, 4::-1].T)]


def table(pairs):
    return canonical(np.column_stack([pairs.i, pairs.j, pairs.shift, pairs.vector]))


def assert_same_pairs(found, expected, atol=1e-9):
    assert found.shape == expected.shape
    assert np.array_equal(found[:, :5], expected[:, :5])
    assert np.allclose(found[:, 5:], expected[:, 5:], rtol=0, atol=atol)


def assert_sorted(pairs: Pairs):
    keys = np.column_stack([pairs.i, pairs.distance, pairs.j, pairs.shift])
    assert np.array_equal(np.lexsort(keys.T[::-1]), np.arange(len(keys)))
    assert np.allclose(np.linalg.norm(pairs.vector, axis=1), pairs.distance, rtol=1e-12, atol=0)


@pytest.mark.parametrize("n", [0, 1, 2, 33, 200])
@pytest.mark.parametrize("name", CELLS)
def test_pairs_match_the_twin(name, n):
    for seed in range(1 if n == 200 else 4):
        positions, cell, pbc = random_system(name, n, seed, spread=4.0 if n == 200 else 9.0)
        for cutoff in (2.0, 4.5)[: 1 if n == 200 else 2]:
            pairs = find_pairs(positions, cell, pbc, cutoff)
            assert_sorted(pairs)
            assert_same_pairs(table(pairs), pairs_by_brute_force(positions, cell, pbc, cutoff))


@pytest.mark.parametrize("n", [0, 1, 2, 33, 200])
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("k", [1, 14, 63])
def test_nearest_match_the_pairs(name, n, k):
    positions, cell, pbc = random_system(name, n, seed=n + k)
    nearest = find_nearest(positions, cell, pbc, k)
    assert nearest.index.shape == nearest.distance.shape == (n, k)
    assert nearest.shift.shape == nearest.vector.shape == (n, k, 3)
    there = nearest.index >= 0
    assert np.array_equal(there.sum(axis=1), np.full(n, k if pbc.any() else min(k, max(n - 1, 0))))
    assert np.isinf(nearest.distance[~there]).all()
    assert (nearest.vector[~there] == 0).all()
    if not there.any():
        return
    # `find_pairs` is checked against the twin above: the nearest must be the head of each of its rows.
    pairs = find_pairs(positions, cell, pbc, nearest.distance[there].max() * (1 + 1e-9))
    starts = np.searchsorted(pairs.i, np.arange(n))
    rows = (starts[:, None] + np.arange(k))[there]
    assert np.array_equal(nearest.index[there], pairs.j[rows])
    assert np.array_equal(nearest.shift[there], pairs.shift[rows])
    assert np.array_equal(nearest.distance[there], pairs.distance[rows])
    assert np.array_equal(nearest.vector[there], pairs.vector[rows])


def test_nearest_of_zero_neighbors():
    assert find_nearest(np.zeros((4, 3)), np.eye(3), True, 0).index.shape == (4, 0)


def test_results_do_not_depend_on_threads():
    positions, cell, pbc = random_system("triclinic", 3000, seed=5, spread=40.0)
    cell = 5.0 * cell
    pairs, nearest = (find(positions, cell, pbc, 7, threads=1) for find in (find_pairs, find_nearest))
    assert len(pairs) > 10_000
    for threads in (0, 2, 3, 8):
        for one, other in (
            (pairs, find_pairs(positions, cell, pbc, 7, threads=threads)),
            (nearest, find_nearest(positions, cell, pbc, 7, threads=threads)),
        ):
            for field in one.__slots__:
                assert np.array_equal(getattr(one, field), getattr(other, field))


def test_coincident_atoms_are_neighbors_at_distance_zero_and_come_first():
    positions = np.array([[1, 2, 3], [2, 2, 3], [1, 2, 3], [1, 2, 3.0]])
    pairs = find_pairs(positions, np.zeros((3, 3)), False, 1.5)
    assert pairs.j[pairs.i == 2].tolist() == [0, 3, 1]
    assert pairs.distance[pairs.i == 2].tolist() == [0.0, 0.0, 1.0]
    nearest = find_nearest(positions, np.zeros((3, 3)), False, 2)
    assert nearest.index.tolist() == [[2, 3], [0, 2], [0, 3], [0, 2]]


def test_many_coincident_atoms():
    nearest = find_nearest(np.ones((300, 3)), np.eye(3) * 5, True, 20)
    assert (nearest.distance == 0).all()
    assert nearest.index[0].tolist() == list(range(1, 21))


def test_self_images_of_one_atom():
    pairs = find_pairs([[0.3, 7.0, -4.0]], np.eye(3) * 3.0, True, 3.1)
    assert len(pairs) == 6
    assert (pairs.j == 0).all()
    assert np.allclose(pairs.distance, 3.0)
    assert len(find_pairs([[0.3, 7.0, -4.0]], np.eye(3) * 3.0, True, 3.0)) == 0  # the cutoff is exclusive


@pytest.mark.parametrize("scale", [1e-10, 1e-3, 1e6])
def test_any_length_unit(scale):
    positions, cell, pbc = random_system("triclinic", 50, seed=1)
    pairs = find_pairs(positions, cell, pbc, 4.0)
    scaled = find_pairs(scale * positions, scale * cell, pbc, scale * 4.0)
    expected = table(pairs)
    expected[:, 5:] *= scale
    assert_same_pairs(table(scaled), expected, atol=scale * 1e-9)
    distances = find_nearest(scale * positions, scale * cell, pbc, 20).distance
    assert np.allclose(distances, scale * find_nearest(positions, cell, pbc, 20).distance, atol=0)


@pytest.mark.parametrize("pbc", [(False, False, False), (True, True, True), (False, True, False)])
def test_far_atoms_are_found_and_change_nothing_else(pbc):
    positions, cell, _ = random_system("cubic", 500, seed=3)
    cell, pbc = np.diag([4e6, 4e6, 4e6]), np.array(pbc)
    near = find_pairs(positions, cell, pbc, 3.0)
    far = np.concatenate([positions, [[1e6, -1e6, 1e6], [1e6, -1e6, 1e6 + 2.0], [-3e5, 0, 0]]])
    pairs = find_pairs(far, cell, pbc, 3.0)
    assert_same_pairs(table(pairs)[:-2], table(near))
    assert pairs.i[-2:].tolist() == [500, 501]
    nearest = find_nearest(far, cell, pbc, 14)
    assert nearest.index[500, 0] == 501
    by_hand = np.sort(np.linalg.norm(far - far[502], axis=1))[1:15]
    assert np.allclose(nearest.distance[502], by_hand, rtol=1e-12)


MEMORY = """
import resource
import numpy as np
from mdlens.neighbors import find_nearest, find_pairs
positions = np.random.default_rng(0).uniform(0, 30, (3000, 3))
find_pairs(positions, np.eye(3) * 30, True, 3.0), find_nearest(positions, np.eye(3) * 30, True, 14)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
positions[-1] = 1e6
positions[-2] = -1e9
for pbc in (True, (True, False, True), False):
    find_pairs(positions, np.eye(3) * 1e10, pbc, 3.0), find_nearest(positions, np.eye(3) * 1e10, pbc, 14)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kB on Linux only")
@pytest.mark.parametrize("far", [127, 128, -128, -129, 100_000])
def test_shifts_of_atoms_many_cells_away(far):
    cell, pbc = CELLS["triclinic"]
    positions = np.random.default_rng(4).random((30, 3)) @ np.array(cell, float)
    moved = np.zeros((30, 3))
    moved[[3, 29], [0, 2]] = far
    near = find_pairs(positions, np.array(cell, float), pbc, 4.0)
    away = find_pairs(positions + moved @ np.array(cell, float), np.array(cell, float), pbc, 4.0)
    shift = away.shift + moved[away.j] - moved[away.i]
    rows = [sorted(zip(p.i, p.j, *s.T, strict=True)) for p, s in ((near, near.shift), (away, shift))]
    assert rows[0] == rows[1]


def test_memory_follows_the_atoms_not_the_volume():
    grown = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True).stdout
    assert int(grown) < 20_000  # kB; a grid over the box would need 10^27 bins


def named_systems():
    graphene = ase.build.graphene(vacuum=10.0)
    graphene.pbc = (True, True, False)
    tube = ase.build.nanotube(6, 0, length=2)
    shifted = ase.build.bulk("Ti", "hcp", a=2.95, c=4.68).repeat((3, 2, 2))
    shifted.positions += np.random.default_rng(0).normal(0, 30, 3)
    shifted.set_cell(np.array([[1, 0, 0], [7, 1, 0], [-5, 4, 1]]) @ shifted.cell.array)
    return {
        "fcc primitive": ase.build.bulk("Cu", "fcc", a=3.61),
        "bcc cubic": ase.build.bulk("Fe", "bcc", a=2.87, cubic=True),
        "diamond": ase.build.bulk("Si", "diamond", a=5.43),
        "rocksalt": ase.build.bulk("NaCl", "rocksalt", a=5.64),
        "hcp, skewed description": shifted,
        "graphene": graphene,
        "nanotube": tube,
        "surface": ase.build.fcc111("Al", (2, 3, 4), vacuum=8.0),
        "molecule": ase.build.molecule("C60"),
    }


def by_ase(atoms, cutoff):
    return ase.neighborlist.primitive_neighbor_list("ijSD", atoms.pbc, atoms.cell, atoms.positions, cutoff)


def by_matscipy(atoms, cutoff):
    whole = atoms.copy()
    whole.cell = atoms.cell.complete()
    return matscipy.neighbours.neighbour_list("ijSD", whole, cutoff)


def by_vesin(atoms, cutoff):
    search = vesin.NeighborList(cutoff=cutoff, full_list=True)
    return search.compute(points=atoms.positions, box=atoms.cell.array, periodic=atoms.pbc, quantities="ijSD")


@pytest.mark.parametrize("cutoff", [3.3, 6.2])
@pytest.mark.parametrize("name", named_systems())
@pytest.mark.parametrize("other", [by_ase, by_matscipy, by_vesin])
def test_named_systems_match_other_codes(other, name, cutoff):
    atoms = named_systems()[name]
    atoms.rattle(0.02, seed=1)  # no shell lies exactly at the cutoff
    i, j, shift, vector = other(atoms, cutoff)
    expected = canonical(np.column_stack([i, j, shift, vector]).astype(float))
    assert_same_pairs(table(find_pairs(atoms.positions, atoms.cell, atoms.pbc, cutoff)), expected)


def test_coordination_numbers_of_lattices():
    # Shells of the lattices: Ashcroft & Mermin, Solid State Physics (1976), ch. 4 and table 4.1's text.
    for symbol, lattice, a, cutoff, shell in (
        ("Cu", "fcc", 3.61, 3.0, 12),
        ("Fe", "bcc", 2.87, 2.6, 8),
        ("Po", "sc", 3.35, 3.5, 6),
        ("Si", "diamond", 5.43, 2.6, 4),
    ):
        atoms = ase.build.bulk(symbol, lattice, a=a)
        pairs = find_pairs(atoms.positions, atoms.cell, atoms.pbc, cutoff)
        assert np.bincount(pairs.i).tolist() == [shell] * len(atoms)


# ---- symmetry --------------------------------------------------------------------------------

properties = settings(derandomize=True, deadline=None, max_examples=30)
systems = st.builds(
    random_system, st.sampled_from(sorted(CELLS)), st.integers(2, 40), st.integers(0, 10_000), st.just(9.0)
)
seeds = st.integers(0, 10_000)
CUTOFF = 3.7


@properties
@given(systems, seeds)
def test_translation_changes_nothing(system, seed):
    positions, cell, pbc = system
    moved = positions + np.random.default_rng(seed).normal(0.0, 50.0, 3)
    assert_same_pairs(
        table(find_pairs(moved, cell, pbc, CUTOFF)), table(find_pairs(positions, cell, pbc, CUTOFF))
    )
    assert np.allclose(
        find_nearest(moved, cell, pbc, 14).distance,
        find_nearest(positions, cell, pbc, 14).distance,
        rtol=1e-9,
    )


@properties
@given(systems, seeds)
def test_rotation_rotates_the_vectors(system, seed):
    positions, cell, pbc = system
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    expected = table(find_pairs(positions, cell, pbc, CUTOFF))
    expected[:, 5:] = expected[:, 5:] @ rotation
    assert_same_pairs(table(find_pairs(positions @ rotation, cell @ rotation, pbc, CUTOFF)), expected)


@properties
@given(systems, seeds)
def test_permutation_permutes(system, seed):
    positions, cell, pbc = system
    order = np.random.default_rng(seed).permutation(len(positions))
    found = table(find_pairs(positions[order], cell, pbc, CUTOFF))
    found[:, :2] = order[found[:, :2].astype(int)]
    assert_same_pairs(canonical(found), table(find_pairs(positions, cell, pbc, CUTOFF)))


@properties
@given(systems, seeds)
def test_wrapping_moves_the_shifts(system, seed):
    positions, cell, pbc = system
    wraps = np.random.default_rng(seed).integers(-9, 10, positions.shape) * pbc
    found = table(find_pairs(positions + wraps @ periodic_part(cell, pbc), cell, pbc, CUTOFF))
    i, j = found[:, :2].astype(int).T
    found[:, 2:5] += wraps[j] - wraps[i]
    assert_same_pairs(canonical(found), table(find_pairs(positions, cell, pbc, CUTOFF)))


@properties
@given(systems, st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2)))
def test_replication_repeats_the_neighborhoods(system, repeats):
    positions, cell, pbc = system
    repeats = np.where(pbc, repeats, 1)
    shifts = np.array(list(itertools.product(*(range(m) for m in repeats))))
    copies = (positions[None] + (shifts @ periodic_part(cell, pbc))[:, None]).reshape(-1, 3)
    larger = cell * repeats[:, None]
    small, large = find_pairs(positions, cell, pbc, CUTOFF), find_pairs(copies, larger, pbc, CUTOFF)
    counts = np.bincount(small.i, minlength=len(positions))
    assert np.array_equal(np.bincount(large.i, minlength=len(copies)), np.tile(counts, len(shifts)))
    assert np.allclose(large.distance, np.tile(small.distance, len(shifts)), rtol=0, atol=1e-9)
    if pbc.any():  # always nine neighbours then
        nearest = find_nearest(positions, cell, pbc, 9).distance
        assert np.allclose(find_nearest(copies, larger, pbc, 9).distance, np.tile(nearest, (len(shifts), 1)))


# ---- wrong input --------------------------------------------------------------------------------

NAN = float("nan")


@pytest.mark.parametrize(
    ("positions", "cell", "pbc", "message"),
    [
        (
            [[0, 0, NAN]],
            np.eye(3),
            True,
            r"positions must be finite numbers, got \[0.0, 0.0, nan\] for atom 0",
        ),
        ([[0, 0, 0], [np.inf, 0, 0]], np.eye(3), True, "for atom 1"),
        ([[0, 0]], np.eye(3), True, r"positions must be \(N, 3\), got \(1, 2\)"),
        ([["a", 0, 0]], np.eye(3), True, "positions must be numbers"),
        ([[0, 0, 0]], np.eye(2), True, r"cell must be \(3, 3\)"),
        ([[0, 0, 0]], np.eye(3), (True, False), "pbc must be three booleans"),
        ([[0, 0, 0]], np.diag([1, 1, 0]), True, "must not be zero"),
        ([[0, 0, 0]], np.diag([1, 1, NAN]), True, "must be finite"),
        ([[0, 0, 0]], [[1, 0, 0], [0, 1, 0], [1, 1, 0]], True, "must span a volume"),
        ([[0, 0, 0]], [[1, 1, 0], [2, 2, 0], [0, 0, 1]], (True, True, False), "must span a volume"),
        ([[1e12, 0, 0]], np.eye(3), True, "wrap them"),
    ],
)
def test_wrong_systems_are_refused(positions, cell, pbc, message):
    for refused in (
        lambda: validate_system(positions, cell, pbc),
        lambda: find_pairs(positions, cell, pbc, 1.0),
        lambda: find_nearest(positions, cell, pbc, 1),
    ):
        with pytest.raises(InputError, match=message):
            refused()


@pytest.mark.parametrize("cutoff", [0.0, -1.0, NAN, np.inf])
def test_wrong_cutoffs_are_refused(cutoff):
    with pytest.raises(InputError, match="cutoff must be a positive length"):
        find_pairs([[0, 0, 0]], np.eye(3), True, cutoff)


def test_negative_k_is_refused():
    with pytest.raises(InputError, match="k must not be negative"):
        find_nearest([[0, 0, 0]], np.eye(3), True, -1)


def test_a_cell_that_is_not_periodic_may_be_anything():
    positions, cell, pbc = validate_system([[0, 0, 0]], np.full((3, 3), NAN), False)
    assert positions.dtype == cell.dtype == np.float64
    assert pbc.tolist() == [False] * 3
    assert len(find_pairs([[0, 0, 0], [1, 0, 0]], np.full((3, 3), NAN), False, 2.0)) == 2
