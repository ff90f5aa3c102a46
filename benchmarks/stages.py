"""What each stage of a classification costs, in microseconds of processor time per atom, one thread.

Stages are those of the shipped model on 108,000 atoms of noised fcc: building the search, finding the 96
nearest and handing them out, maps in bytes (search included), the 8-bit network alone, positions to
embeddings fused, and what follows the embedding. Beside them the whole of OVITO's PTM. Medians of
alternating calls.

    python benchmarks/stages.py [--cells 30] [--noise 0.08] [--repeats 5]
"""

import argparse
import os
from collections.abc import Callable

os.environ["OVITO_THREAD_COUNT"] = "1"  # read by OVITO when it is imported

import numpy as np
from classify import in_ovito
from harness import emit, measure, noised_fcc
from ovito.modifiers import PolyhedralTemplateMatchingModifier

import mdlens
from mdlens import _core
from mdlens.descriptors import MapSource
from mdlens.inference.byte_network import FusedNetwork

BATCH = 512


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=30)
    parser.add_argument("--noise", type=float, default=0.08)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    atoms = noised_fcc(options.cells, options.noise)
    model = mdlens.load_model()
    fused, settings = model.fused, model.settings
    if not isinstance(fused, FusedNetwork):
        raise SystemExit("the shipped model has no 8-bit network")
    source = MapSource(atoms, settings, threads=1)
    search = _core.NeighborSearch(atoms.positions, atoms.cell.array, np.ones(3, bool))
    drawing = _core.MapOptions(settings.size, 2.0, 3.0, settings.candidates, 0.0, settings.scale_neighbors)
    levels = fused.network.levels
    starts = range(0, len(atoms), BATCH)
    few = source.order[:8192].copy()
    maps = source.maps(few)
    embeddings = fused.run(maps)[:BATCH]
    contestants: dict[str, Callable[[], object]] = {
        "whole classification": lambda: mdlens.classify(atoms, model, threads=1, embeddings=False),
        "build search": lambda: MapSource(atoms, settings, threads=1),
        "96 nearest, as an array": lambda: [source.vectors(source.order[s : s + BATCH], 96) for s in starts],
        "search and maps in bytes, as an array": lambda: [
            _core.byte_maps(
                search, drawing, levels.reach, levels.density, source.order[s : s + BATCH], 1, "automatic"
            )
            for s in starts
        ],
        "positions to embeddings, fused": lambda: [
            fused.embed(source, source.order[s : s + BATCH]) for s in starts
        ],
        "embedding to probabilities and distance": lambda: [model.conclude(embeddings) for _ in starts],
        "ovito ptm (fcc, hcp, bcc; rmsd 0.1)": in_ovito(PolyhedralTemplateMatchingModifier())(atoms),
    }
    medians = measure(contestants, options.repeats)
    for name, median in medians.items():
        emit(
            {
                "benchmark": "stages",
                "stage": name,
                "atoms": len(atoms),
                "noise": options.noise,
                "repeats": options.repeats,
                "cpu_us_per_atom": round(median.cpu / len(atoms) * 1e6, 3),
                "wall_us_per_atom": round(median.wall / len(atoms) * 1e6, 3),
            }
        )


if __name__ == "__main__":
    main()
