"""Neighbour search against vesin, matscipy and scipy: equal pairs first, then alternated timing, JSON lines.

Run from the repository: ``python benchmarks/pairs.py [--cells 30] [--repeats 5] [--threads 1] [--ase]``.
"""

import argparse
from collections.abc import Callable

import ase
import ase.neighborlist
import matscipy.neighbours
import numpy as np
import vesin
from harness import emit, measure, noised_fcc
from scipy.spatial import cKDTree

from mdlens.neighbors import find_nearest, find_pairs

CUTOFF = 6.0
K = 63


def pair_contestants(atoms: ase.Atoms, threads: int, with_ase: bool) -> dict[str, Callable[[], tuple]]:
    """Functions that give (i, j, shift, vector, distance) of every directed pair closer than the cutoff."""
    search = vesin.NeighborList(cutoff=CUTOFF, full_list=True, n_threads=threads)
    ordered = vesin.NeighborList(cutoff=CUTOFF, full_list=True, sorted=True, n_threads=threads)

    def by_mdlens() -> tuple:
        pairs = find_pairs(atoms.positions, atoms.cell, atoms.pbc, CUTOFF, threads=threads)
        return pairs.i, pairs.j, pairs.shift, pairs.vector, pairs.distance

    def by_vesin(search: vesin.NeighborList) -> tuple:
        return search.compute(
            points=atoms.positions, box=atoms.cell.array, periodic=atoms.pbc, quantities="ijSDd"
        )

    contestants = {
        "mdlens": by_mdlens,
        "vesin": lambda: by_vesin(search),
        "vesin sorted": lambda: by_vesin(ordered),
        "matscipy": lambda: matscipy.neighbours.neighbour_list("ijSDd", atoms, CUTOFF),
    }
    if with_ase:
        contestants["ase"] = lambda: ase.neighborlist.primitive_neighbor_list(
            "ijSDd", atoms.pbc, atoms.cell, atoms.positions, CUTOFF
        )
    return contestants


def nearest_contestants(atoms: ase.Atoms, threads: int) -> dict[str, Callable[[], tuple]]:
    """Functions that give (distance, index) of the k nearest; scipy gives no vectors and no shifts."""
    wrapped = np.mod(atoms.positions, atoms.cell.lengths())

    def by_mdlens() -> tuple:
        nearest = find_nearest(atoms.positions, atoms.cell, atoms.pbc, K, threads=threads)
        return nearest.distance, nearest.index

    def by_scipy() -> tuple:
        tree = cKDTree(wrapped, boxsize=atoms.cell.lengths())
        distance, index = tree.query(wrapped, k=K + 1, workers=threads)
        return distance[:, 1:], index[:, 1:]

    return {"mdlens": by_mdlens, "scipy cKDTree": by_scipy}


def assert_equal_pairs(results: dict[str, tuple]) -> int:
    """Compare the pair sets of all codes, sorted alike; return their number."""

    def sorted_rows(result: tuple) -> tuple:
        i, j, shift, _, distance = (np.asarray(column) for column in result)
        order = np.lexsort((shift[:, 2], shift[:, 1], shift[:, 0], j, i))
        return np.column_stack([i, j, shift])[order], distance[order]

    rows, distances = sorted_rows(results["mdlens"])
    for name, result in results.items():
        other_rows, other_distances = sorted_rows(result)
        assert np.array_equal(rows, other_rows), f"{name} finds other pairs"
        assert np.allclose(distances, other_distances, rtol=1e-10), f"{name} finds other distances"
    return len(rows)


def report(
    task: str, atoms: ase.Atoms, threads: int, repeats: int, contestants: dict, **facts: object
) -> None:
    """Time the contestants in turn and print one line: seconds, and how many times faster mdlens is."""
    medians = measure(contestants, repeats)
    ours = medians["mdlens"]
    emit(
        {
            "benchmark": task,
            "n_atoms": len(atoms),
            "threads": threads,
            "repeats": repeats,
            **facts,
            "wall_seconds": {name: round(median.wall, 4) for name, median in medians.items()},
            "cpu_seconds": {name: round(median.cpu, 4) for name, median in medians.items()},
            "mdlens_speedup_wall": {
                name: round(median.wall / ours.wall, 2) for name, median in medians.items()
            },
            "mdlens_speedup_cpu": {name: round(median.cpu / ours.cpu, 2) for name, median in medians.items()},
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--cells", type=int, default=30, help="fcc cells along each edge; 30 makes 108,000 atoms"
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ase", action="store_true", help="also time ASE's own pair list (slow)")
    options = parser.parse_args()
    atoms = noised_fcc(options.cells)

    contestants = pair_contestants(atoms, options.threads, options.ase)
    n_pairs = assert_equal_pairs({name: run() for name, run in contestants.items()})
    report("pairs", atoms, options.threads, options.repeats, contestants, cutoff=CUTOFF, n_pairs=n_pairs)

    contestants = nearest_contestants(atoms, options.threads)
    (distance, index), (other_distance, other_index) = (run() for run in contestants.values())
    assert np.allclose(distance, other_distance, rtol=1e-9), "scipy finds other distances"
    assert np.array_equal(np.sort(index), np.sort(other_index)), "scipy finds other neighbours"
    report("nearest", atoms, options.threads, options.repeats, contestants, k=K)


if __name__ == "__main__":
    main()
