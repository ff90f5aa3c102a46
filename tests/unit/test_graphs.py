"""Neighbour graphs and windows against twins that look at every image, and against symmetry."""

import itertools

import numpy as np
import pytest

from mdlens.errors import InputError
from mdlens.neighbors import cutoff_graph, nearest_graph, random_windows

CELLS = {
    "square": (np.diag([5.0, 5.0, 1.0]), (True, True, False)),
    "square, thin period": (np.diag([5.0, 5.0, 1.0]), (True, True, True)),
    "skewed plane": (np.array([[5.0, 0, 0], [2, 4, 0], [0, 0, 1.0]]), (True, True, False)),
    "open plane": (np.zeros((3, 3)), (False, False, False)),
    "half open plane": (np.diag([5.0, 5.0, 0.0]), (True, False, False)),
    "cubic": (np.diag([5.0, 5.0, 5.0]), (True, True, True)),
    "slab": (np.diag([5.0, 5.0, 5.0]), (True, True, False)),
}


def system(name, n, seed):
    cell, pbc = CELLS[name]
    positions = np.random.default_rng(seed).uniform(-1.0, 6.0, (n, 3))
    if "plane" in name or "square" in name:
        positions[:, 2] = 0.0
    return positions, cell, np.array(pbc)


def images(positions, cell, pbc):
    """Every directed pair (i, j, vector) over the images up to 3 cells away; in the plane none along z."""
    flat = np.ptp(positions[:, 2]) == 0
    reach = [range(-3, 4) if p and not (flat and a == 2) else range(1) for a, p in enumerate(pbc)]
    rows = []
    for shift in itertools.product(*reach):
        for i, j in itertools.product(range(len(positions)), repeat=2):
            if i != j or any(shift):
                rows.append((i, j, tuple(positions[j] + np.array(shift) @ cell - positions[i])))
    return rows


def bonds(graph):
    rows = zip(graph.i, graph.j, graph.vector, strict=True)
    return sorted((int(i), int(j), *np.round(v, 9)) for i, j, v in rows)


def check_reverse(graph):
    assert (graph.i[graph.reverse] == graph.j).all()
    np.testing.assert_allclose(graph.vector[graph.reverse], -graph.vector)
    assert (graph.reverse[graph.reverse] == np.arange(len(graph.i))).all()


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("n", [2, 5])
def test_nearest_graph_is_that_of_the_twin(name, n):
    positions, cell, pbc = system(name, n, seed=n)
    k = min(3, n - 1)
    asked = set()
    for i in range(n):
        mine = sorted(
            (r for r in images(positions, cell, pbc) if r[0] == i), key=lambda r: np.linalg.norm(r[2])
        )
        for _, j, v in mine[:k]:
            asked |= {(i, j, *np.round(v, 9)), (j, i, *np.round(-np.array(v), 9))}
    graph = nearest_graph(positions, cell, pbc, k)
    assert {tuple(np.round(b, 6)) for b in bonds(graph)} == {tuple(np.round(b, 6)) for b in asked}
    assert len(bonds(graph)) == len(asked)
    check_reverse(graph)


@pytest.mark.parametrize("name", CELLS)
def test_cutoff_graph_is_that_of_the_twin(name):
    positions, cell, pbc = system(name, 9, seed=1)
    graph = cutoff_graph(positions, cell, pbc, 2.5)
    expected = [(i, j, *v) for i, j, v in images(positions, cell, pbc) if np.linalg.norm(v) < 2.5]
    np.testing.assert_allclose(bonds(graph), sorted(expected), atol=1e-6)
    check_reverse(graph)


def test_part_keeps_the_bonds_within():
    positions, cell, pbc = system("square", 60, seed=3)
    graph = nearest_graph(positions, cell, pbc, 4)
    nodes = np.random.default_rng(0).permutation(60)[:25]
    part = graph.part(nodes)
    check_reverse(part)
    assert (part.nodes == nodes).all()
    inside = np.isin(graph.i, nodes) & np.isin(graph.j, nodes)
    whole = np.column_stack([graph.i, graph.j, graph.vector])[inside]
    again = np.column_stack([part.nodes[part.i], part.nodes[part.j], part.vector])
    assert sorted(map(tuple, whole)) == sorted(map(tuple, again))


def test_too_few_particles_and_a_wrong_k():
    positions, cell, pbc = system("square", 3, seed=0)
    with pytest.raises(InputError, match="3 particles are too few for k = 3"):
        nearest_graph(positions, cell, pbc, 3)
    with pytest.raises(InputError, match="k must be 1 or more"):
        nearest_graph(positions, cell, pbc, 0)


@pytest.mark.parametrize("name", CELLS)
def test_windows_hold_their_share_and_wrap(name):
    positions, cell, pbc = system(name, 400, seed=5)
    windows = random_windows(positions, cell, pbc, side=0.5, count=200, seed=1)
    flat = np.ptp(positions[:, 2]) == 0
    share = np.mean([len(w) for w in windows]) / 400
    assert share == pytest.approx(0.5 ** (2 if flat else 3), rel=0.15)
    assert all((np.diff(w) > 0).all() for w in windows)
    same = random_windows(positions, cell, pbc, side=0.5, count=200, seed=1)
    assert all((a == b).all() for a, b in zip(windows, same, strict=True))
    every = random_windows(positions, cell, pbc, side=1.0, count=2, seed=1)
    assert [len(w) for w in every] == [400, 400]


def test_windows_follow_the_atoms_through_the_boundary():
    positions, cell, pbc = system("square", 200, seed=6)
    shifted = positions + np.array([5.0, -10.0, 0.0])
    for a, b in zip(
        random_windows(positions, cell, pbc, side=0.3, count=20, seed=2),
        random_windows(shifted, cell, pbc, side=0.3, count=20, seed=2),
        strict=True,
    ):
        assert (a == b).all()


def test_a_wrong_side_is_refused():
    with pytest.raises(InputError, match="side"):
        random_windows(*system("square", 5, seed=0), side=0.0, count=1, seed=0)
