"""Time from a dump of a polycrystal to its tomographs; asserts that grains have their own colours first.

    python benchmarks/tomographs.py [--atoms 1000000] [--sections 8] [--work FOLDER]

Prints seconds of the whole command (read, orientations, sections, colours, files), by the clock and of the
processors, and the peak memory.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from mdlens.descriptors.ipf import ipf_colors
from mdlens.descriptors.orientations import from_matrices
from mdlens.io import open_writer
from mdlens.simulation.polycrystals import Film, random_film
from mdlens.workflows.tomographs import TomographOptions, write_tomographs


def make_film(atoms: int) -> Film:
    """Copies of a film of random grains, side by side, with the displacements of copper at 300 K."""
    film = random_film(3.615, length=90.0, width=90.0, depth=90.0, grains=6, seed=1)
    copies = max(1, round(atoms / len(film.atoms)))
    along = next(n for n in range(int(copies**0.5), 0, -1) if copies % n == 0)
    made = film.atoms.repeat((copies // along, along, 1))
    made.symbols[:] = "Cu"
    made.positions += np.random.default_rng(1).normal(0, 0.085, made.positions.shape)
    made.arrays["id"] = np.arange(1, len(made) + 1)
    return Film(made, film.rotations)


def main() -> None:
    """Build, check, time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--atoms", type=int, default=1_000_000)
    parser.add_argument("--sections", type=int, default=8)
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        film = make_film(arguments.atoms)
        dump = Path(folder) / "film.dump"
        with open_writer(dump) as writer:
            writer.write(film.atoms)
        options = TomographOptions(axis="y", count=arguments.sections, direction="y")
        begin, busy = time.perf_counter(), time.process_time()
        write_tomographs(dump, Path(folder) / "out", options)
        seconds, used = time.perf_counter() - begin, time.process_time() - busy
        check(film, Path(folder) / "out")
    record = {
        "atoms": len(film.atoms),
        "sections": arguments.sections,
        "seconds": round(seconds, 2),
        "processor_seconds": round(used, 2),
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "processors": len(os.sched_getaffinity(0)),
    }
    print(json.dumps(record))


def check(film: Film, out: Path) -> None:
    """The median colour of every grain's pixels is that of its orientation."""
    q = from_matrices(film.rotations)
    expected = ipf_colors(q, (0, 1, 0)).astype(int)
    wrong = total = 0
    for file in sorted(out.glob("frame*.npz")):
        layers = np.load(file)
        grain = film.atoms.arrays["grain"][np.maximum(layers["id"] - 1, 0)]
        crystal = layers["inside"] & (layers["structure"] == 1)
        for number in np.unique(grain[crystal]):
            pixels = layers["ipf"][crystal & (grain == number)]
            if len(pixels) > 500:
                total += 1
                wrong += bool(np.abs(np.median(pixels, axis=0) - expected[number]).max() > 40)
    assert total > 0
    assert wrong <= 0.02 * total, f"{wrong} of {total} grains have another colour"


if __name__ == "__main__":
    main()
