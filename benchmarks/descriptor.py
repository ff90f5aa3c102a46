"""Neighbors Maps per second: every instruction set, one and two threads, against the same maps in NumPy.

Run ``python benchmarks/descriptor.py [--cells N] [--repeats R]``: it prints one JSON line per measurement.
All contestants draw the default map (63 candidates, 32 x 32, scale-free) of a noised fcc crystal and find the
neighbours themselves; ours walks the frame batch by batch in spatial order. First the maps must be equal.
"""

import argparse
from collections.abc import Callable
from functools import partial

import ase
import numpy as np
from harness import compare, emit, noised_fcc

from mdlens import _core
from mdlens.descriptors import MapSource, NeighborsMapSettings
from mdlens.neighbors import find_nearest

BATCH = 512
NUMPY_BATCH = 100


def draw_all(source: MapSource, batch: np.ndarray) -> None:
    """Draw every map of the frame, batch after batch, into the same array."""
    for start in range(0, len(source), BATCH):
        chosen = source.order[start : start + BATCH]
        source.maps(chosen, out=batch[: len(chosen)])


def run_mdlens(atoms: ase.Atoms, threads: int, isa: str, batch: np.ndarray) -> None:
    draw_all(MapSource(atoms, NeighborsMapSettings(), threads=threads, isa=isa), batch)


def numpy_maps(vectors: np.ndarray, size: int = 32) -> np.ndarray:
    """Draw maps from the vectors to the nearest (M, k, 3); vectorised over atoms, blind to ties."""
    distances = np.linalg.norm(vectors, axis=2)
    length = distances[:, :14].mean(axis=1)
    nodes = np.concatenate([np.zeros((len(vectors), 1, 3)), vectors], axis=1) / length[:, None, None]
    squares = ((nodes[:, :size, None] - nodes[:, None]) ** 2).sum(axis=3)
    rows = np.arange(size)
    squares[:, rows, rows] = np.inf
    nearest = np.sort(np.partition(squares, size, axis=2)[..., :size], axis=2)
    alpha = np.ones((len(vectors), size))
    alpha[:, 1:] = (distances[:, : size - 1] / length[:, None]) ** (-1 / 3)
    return alpha[..., None] / nearest


def run_numpy(atoms: ase.Atoms) -> None:
    vectors = find_nearest(atoms.positions, atoms.cell.array, atoms.pbc, 63, threads=1).vector
    for start in range(0, len(atoms), NUMPY_BATCH):
        numpy_maps(vectors[start : start + NUMPY_BATCH])


def check_equal(atoms: ase.Atoms, isa: str) -> float:
    """Give the largest relative difference from NumPy's maps on some atoms, which must be rounding."""
    chosen = np.arange(0, len(atoms), max(len(atoms) // 200, 1))
    vectors = find_nearest(atoms.positions, atoms.cell.array, atoms.pbc, 63).vector[chosen]
    expected = numpy_maps(vectors)
    ours = MapSource(atoms, NeighborsMapSettings(), isa=isa).maps(chosen)[:, 0]
    error = float(np.abs(ours / expected - 1).max())
    assert error < 1e-5, f"{isa} differs from NumPy by {error}"
    return error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=18, help="cubic cells along an edge: 4 atoms each")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    atoms, few = noised_fcc(args.cells, noise=0.05), noised_fcc(6, noise=0.05)
    batch = np.empty((BATCH, 1, 32, 32), dtype=np.float32)
    isas = _core.supported_isas()
    errors = {isa: check_equal(atoms, isa) for isa in isas}
    contestants: dict[str, Callable[[], object]] = {"numpy": partial(run_numpy, few)}
    for isa in isas:
        for threads in (1, 2):
            contestants[f"{isa} x{threads}"] = partial(run_mdlens, atoms, threads, isa, batch)
    seconds = compare(contestants, args.repeats)
    speed = {name: (len(few) if name == "numpy" else len(atoms)) / t for name, t in seconds.items()}
    for name, value in speed.items():
        isa, _, threads = name.partition(" x")
        emit(
            {
                "benchmark": "descriptor",
                "contestant": isa,
                "threads": int(threads or 1),
                "atoms": len(few) if name == "numpy" else len(atoms),
                "maps_per_second": round(value),
                "ratio_to_numpy": round(value / speed["numpy"], 1),
                "largest_relative_error": errors.get(isa),
            }
        )


if __name__ == "__main__":
    main()
