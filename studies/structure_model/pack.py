"""Join the parts that `generate.py` wrote into the two data sets that are committed.

    python studies/structure_model/pack.py PARTS/

Writes `train.npz` and `test.npz` beside this script. Positions are rounded to 1/1024 Angstrom, far below any
thermal displacement, so that they compress well. A group is one hold of one system: two snapshots, 5 ps.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers
from generate import CLASSES, recipe
from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from systems import TEST, TRAIN, System

from mdlens.simulation.bulk import start_structure

GRID = 1024.0  # positions are multiples of 1/GRID Angstrom


def part_name(system: System) -> str:
    return f"{system.name.replace(' ', '_')}.npz"


def snapshots_of(system: System, parts: Path) -> list[LabelledSnapshot]:
    with np.load(parts / part_name(system), allow_pickle=False) as saved:
        table = json.loads(str(saved["table"]))
        positions, cells, labels = saved["positions"], saved["cells"], saved["labels"]
    symbols = start_structure(recipe(system)).get_chemical_symbols()
    numbers = np.array([atomic_numbers[s] for s in symbols], dtype=np.int16)
    snapshots = []
    for k, target in enumerate(table["target_temperature"]):
        relative = f"{target / system.melting:.2f} Tm"
        snapshots.append(
            LabelledSnapshot(
                positions=(np.round(positions[k] * GRID) / GRID).astype(np.float32),
                cell=np.diag(cells[k].astype(float)),
                pbc=np.ones(3, bool),
                labels=labels[k],
                system=system.name,
                snapshot=f"{system.name} {relative} {k}",
                group=f"{system.name} {relative}",
                temperature=table["temperature"][k],
                numbers=numbers,
            )
        )
    return snapshots


def pack(systems: tuple[System, ...], parts: Path, out: Path) -> None:
    snapshots = [s for system in systems for s in snapshots_of(system, parts)]
    provenance = {
        "generator": "studies/structure_model/generate.py",
        "potentials": {s.name: s.potential for s in systems},
        "melting_K": {s.name: s.melting for s in systems},
        "label": "inherent structure by PTM (crystals), prepared phase (disordered)",
    }
    SnapshotDataset(classes=CLASSES, snapshots=tuple(snapshots), provenance=provenance).save(out)
    atoms = sum(len(s) for s in snapshots)
    print(f"{out}: {len(snapshots)} snapshots, {atoms} atoms, {out.stat().st_size / 1e6:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", type=Path)
    parts = parser.parse_args().parts
    here = Path(__file__).parent
    for systems, name in ((TRAIN, "train.npz"), (TEST, "test.npz")):
        pack(systems, parts, here / name)


if __name__ == "__main__":
    main()
