"""How many atoms count as standing at a surface, on the training data: -> surfaces.json.

    python studies/structure_model/surfaces.py

An atom whose 48 nearest neighbours are off centre by more than a fifth of their mean distance takes no part
in averages (`mdlens.workflows.crystal`). Inside a crystal or a melt none should be such an atom, whatever is
missing; of surfaces and particles the atoms that are no crystal should be. Percent of the atoms.
"""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from mdlens.descriptors import MapSource, NeighborsMapSettings
from mdlens.io.whole_file import write_whole
from mdlens.learning.augment import Disturbance, disturb, nearest_neighbor_distance
from mdlens.learning.sampling import to_atoms
from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from mdlens.workflows.crystal import AROUND, ONE_SIDED

HERE = Path(__file__).parent
MISSING = (0.0, 0.3, 0.5)
NEAR_MELTING = 0.95  # and above, of the melting temperature
SEED = 0


def one_sided(snapshot: LabelledSnapshot) -> np.ndarray:
    """Which atoms count as standing at a surface."""
    source = MapSource(to_atoms(snapshot), NeighborsMapSettings(), threads=1)
    return source.off_center(neighbors=AROUND, threads=1) > ONE_SIDED


def inside() -> dict[str, float]:
    """Shares in crystals and melts near melting, by what is missing."""
    rng, found = np.random.default_rng(SEED), defaultdict(list)
    for snapshot in SnapshotDataset.load(HERE / "train.npz").snapshots:
        if "Tm" not in snapshot.group or float(snapshot.group.split()[-2]) < NEAR_MELTING:
            continue
        kind = "melts" if "liquid" in snapshot.system else "crystals"
        for missing in MISSING:
            spacing = nearest_neighbor_distance(snapshot)
            copy = disturb(snapshot, Disturbance(vacancies=missing), rng, spacing=spacing)
            found[f"{kind}, {missing:.0%} missing"].append(one_sided(copy).mean())
    return {name: round(100 * float(np.mean(shares)), 2) for name, shares in found.items()}


def at_surfaces() -> dict[str, float]:
    """Shares in slabs and particles, of atoms that are crystal by the inherent structure and of others."""
    found = defaultdict(list)
    for snapshot in SnapshotDataset.load(HERE / "mixed.npz").snapshots:
        kind = snapshot.system.split()[-1]
        if kind in ("slab", "nanoparticle"):
            alone = one_sided(snapshot)
            found[f"{kind}, crystal"].append(alone[snapshot.labels >= 0])
            found[f"{kind}, others"].append(alone[snapshot.labels < 0])
    return {name: round(100 * float(np.concatenate(parts).mean()), 2) for name, parts in found.items()}


def main() -> None:
    shares = {"neighbors": AROUND, "limit": ONE_SIDED, "seed": SEED, "inside": inside()}
    shares["at_surfaces"] = at_surfaces()
    write_whole(HERE / "surfaces.json", json.dumps(shares, indent=1) + "\n")
    print(json.dumps(shares, indent=1))


if __name__ == "__main__":
    main()
