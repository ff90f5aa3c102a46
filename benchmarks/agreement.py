"""Labels of the fused 8-bit path against the reference: the graph of the same model in ONNX Runtime.

Frames of the acceptance set (studies/crystal/data): crystals and liquids at the melting temperature,
whole and with half of the atoms missing, for every instruction set of this processor, and on a torch
device (the processor). Exits with an error where fewer than 99.99 % of the atoms get the same label, or a
probability differs by more than 0.01.

    python benchmarks/agreement.py [--materials Al Fe Mg Si]
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import ase
import numpy as np
from harness import emit

import mdlens
from mdlens import _core
from mdlens.descriptors import MapSource
from mdlens.inference import StructureModel
from mdlens.learning.sampling import to_atoms
from mdlens.learning.snapshots import SnapshotDataset
from mdlens.workflows.crystal import Classification, classify_maps

DATA = Path(__file__).parents[1] / "studies" / "crystal" / "data"
LEAST = 0.9999
CLOSE = 0.01


def frames(materials: list[str]) -> list[ase.Atoms]:
    """First snapshots at the melting temperature of each crystal and liquid, whole and with half missing."""
    rng = np.random.default_rng(0)
    chosen = []
    for material in materials:
        snapshots = SnapshotDataset.load(DATA / f"{material}.npz").snapshots
        for system in sorted({s.system for s in snapshots}):
            hot = [s for s in snapshots if s.system == system and " 1.00 Tm " in s.snapshot]
            for snapshot in hot[:3]:
                atoms = to_atoms(snapshot)
                chosen += [atoms, atoms[np.flatnonzero(rng.random(len(atoms)) < 0.5)]]
    return chosen


def by(model: StructureModel, atoms: ase.Atoms, isa: str = "automatic") -> Classification:
    return classify_maps(MapSource(atoms, model.settings, threads=1, isa=isa), model, threads=1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--materials", nargs="+", default=["Al", "Fe", "Mg", "Si"])
    parser.add_argument("--model", default="default")
    options = parser.parse_args()
    model = mdlens.load_model(options.model)
    reference_model = replace(model, fused=None)
    contestants = {isa: (model, isa) for isa in _core.supported_isas()}
    contestants["torch on cpu"] = (mdlens.on_device(model, "cpu"), "automatic")
    same = dict.fromkeys(contestants, 0)
    largest = dict.fromkeys(contestants, 0.0)
    close = dict.fromkeys(contestants, 0)
    atoms_seen = 0
    for atoms in frames(options.materials):
        reference = by(reference_model, atoms)
        atoms_seen += len(atoms)
        for name, (contestant, isa) in contestants.items():
            result = by(contestant, atoms, isa)
            same[name] += int(np.count_nonzero(result.labels == reference.labels))
            difference = np.abs(result.probabilities - reference.probabilities).max(axis=1)
            largest[name] = max(largest[name], float(difference.max()))
            close[name] += int(np.count_nonzero(difference <= CLOSE))
    for name in contestants:
        emit(
            {
                "benchmark": "agreement",
                "contestant": name,
                "atoms": atoms_seen,
                "share_of_equal_labels": same[name] / atoms_seen,
                "share_of_probabilities_within_0.01": close[name] / atoms_seen,
                "largest_difference_of_probability": round(largest[name], 6),
                "model": options.model,
            }
        )
    if min(same.values()) < LEAST * atoms_seen:
        sys.exit(f"fewer than {LEAST:%} of the atoms get the label of the reference: {same}")
    if max(largest.values()) > CLOSE:
        sys.exit(f"a probability differs from the reference by more than {CLOSE}: {largest}")


if __name__ == "__main__":
    main()
