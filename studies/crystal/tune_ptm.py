"""Choose an RMSD cutoff of PTM for each lattice, on the training systems of the shipped model.

    python studies/crystal/tune_ptm.py [--data TRAIN.npz]

For every crystal class the cutoff is the one with the best balanced accuracy between its atoms (heat up to
1.15 of the melting temperature, as labelled for training) and the melts: half the share of its atoms that
PTM gives this class below the cutoff, plus half the share of the melts' atoms that it does not. Writes
`ptm_cutoffs.json`. The acceptance set takes no part.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from ase import Atoms
from rich.progress import track
from rivals import CLASSES, OTHER, PTM_NUMBER, ptm

from mdlens.io.whole_file import write_whole
from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset

HERE = Path(__file__).parent
TRAIN = HERE.parent / "structure_model" / "train.npz"
GRID = np.round(np.arange(0.05, 0.4001, 0.002), 3)


def matched(snapshot: LabelledSnapshot) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True class, PTM's class and the RMSD of the labelled atoms."""
    atoms = Atoms(
        numbers=np.ones(len(snapshot), int),
        positions=snapshot.positions.astype(float),
        cell=snapshot.cell,
        pbc=snapshot.pbc,
    )
    found, rmsd = ptm(atoms)
    used = snapshot.labels >= 0
    return snapshot.labels[used], found[used], rmsd[used]


def balanced_accuracies(truth: np.ndarray, found: np.ndarray, rmsd: np.ndarray, label: int) -> np.ndarray:
    """Balanced accuracy of one class against the melts for every cutoff of `GRID`."""
    named = (found == label) & (rmsd[None] <= GRID[:, None]).astype(bool)
    kept = named[:, truth == label].mean(axis=1)
    mistaken = named[:, truth == OTHER].mean(axis=1)
    return (kept + 1.0 - mistaken) / 2.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=TRAIN)
    data = SnapshotDataset.load(parser.parse_args().data)
    first = {s.group: s for s in reversed(data.snapshots) if not s.system.startswith(("ideal", "random"))}
    read = [matched(s) for s in track(list(first.values()), description="tuning PTM")]
    truth, found, rmsd = (np.concatenate(x) for x in zip(*read, strict=True))
    cutoffs, reached = {}, {}
    for name in PTM_NUMBER:
        scores = balanced_accuracies(truth, found, rmsd, CLASSES.index(name))
        cutoffs[name] = float(GRID[scores.argmax()])
        reached[name] = round(float(scores.max()), 4)
    record = {
        "cutoffs": cutoffs,
        "balanced_accuracy": reached,
        "snapshots": len(first),
        "atoms": len(truth),
        "systems": sorted({s.system for s in first.values()}),
    }
    write_whole(HERE / "ptm_cutoffs.json", json.dumps(record, indent=1) + "\n")
    print(cutoffs, reached)


if __name__ == "__main__":
    main()
