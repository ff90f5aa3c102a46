"""Simulate the four crystals of the paper's experiment and label them by their inherent structure.

    python studies/crystal/published_data.py        # LAMMPS, about four minutes on one core

128 atoms of bcc iron, fcc aluminium, hcp zirconium and cubic diamond silicon, heated in an NPT ramp of 40 ps
from 1 K to the melting temperature; a snapshot every 4 ps. Ten trajectories of each that differ in the seed
of the velocities: one to learn from, one to validate, eight for the test. Writes data/published.npz.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from rich.progress import track

from mdlens.learning.ptm import match_templates
from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from mdlens.simulation.bulk import BulkRecipe, Stage, simulate_bulk

DATA = Path(__file__).parent / "data" / "published.npz"
CLASSES = ("fcc", "hcp", "bcc", "cubic_diamond")
PTM_ID = {"fcc": 1, "hcp": 2, "bcc": 3, "cubic_diamond": 6}
SNAPSHOTS = 10
LEARNT = 2  # trajectories for training and validation
TESTED = 8
GRID = 1024.0  # positions are multiples of 1/GRID Angstrom, far below any thermal displacement


@dataclass(frozen=True)
class Material:
    """A crystal of 128 atoms and the temperature (K) its ramp ends at."""

    element: str
    lattice: str
    lattice_constant: float
    potential: str
    melting: float
    repeats: tuple[int, int, int]

    @property
    def name(self) -> str:
        return f"{self.element} {self.lattice}"


# The melting temperatures of the potentials, as published; for zirconium 0.8 of the temperature at which its
# perfect hcp crystal gives way within 5 ps: in so small a cell it does so from 1500 K within this ramp.
MATERIALS = (
    Material("Al", "fcc", 4.045, "Al_mm.eam.fs", 926.0, (4, 4, 2)),
    Material("Fe", "bcc", 2.855, "Fe_mm.eam.fs", 1772.0, (4, 4, 4)),
    Material("Zr", "hcp", 3.23, "Zr_mm.eam.fs", 1400.0, (4, 2, 4)),
    Material("Si", "cubic_diamond", 5.43, "Si.sw", 1690.0, (4, 2, 2)),
)


def recipe(material: Material, seed: int) -> BulkRecipe:
    ramp = Stage(start=1.0, stop=material.melting, steps=20_000, snapshots=SNAPSHOTS)
    return BulkRecipe(
        lattice=material.lattice,
        elements=(material.element,),
        lattice_constant=material.lattice_constant,
        potential=material.potential,
        stages=(ramp,),
        repeats=material.repeats,
        seed=seed,
    )


def labels_of(material: Material, inherent: Atoms) -> np.ndarray:
    """The class of the material where PTM (RMSD below 0.1) finds it in the minimised copy, else -1."""
    found, rmsd = match_templates(inherent, PTM_ID)
    right = (found == PTM_ID[material.lattice]) & (rmsd <= 0.1)
    return np.where(right, CLASSES.index(material.lattice), -1).astype(np.int8)


def snapshots_of(material: Material, seed: int) -> Iterator[LabelledSnapshot]:
    """The snapshots of one trajectory; seeds up to `LEARNT` are not for the test."""
    system = material.name if seed <= LEARNT else f"{material.name} test"
    for step, progress in enumerate(simulate_bulk(recipe(material, seed), inherent=True), start=1):
        atoms, group = progress.state, f"{material.name} {seed}"
        yield LabelledSnapshot(
            positions=(np.round(atoms.get_positions(wrap=True) * GRID) / GRID).astype(np.float32),
            cell=np.diag(atoms.cell.lengths()),
            pbc=np.ones(3, bool),
            labels=labels_of(material, progress.inherent),
            numbers=atoms.numbers.astype(np.int16),
            system=system,
            group=group,
            snapshot=f"{group} {step / SNAPSHOTS:.1f}",
            temperature=atoms.info["temperature"],
        )


def main() -> None:
    runs = [(material, seed) for material in MATERIALS for seed in range(1, LEARNT + TESTED + 1)]
    snapshots = [s for run in track(runs, description="trajectories") for s in snapshots_of(*run)]
    provenance = {
        "generator": "studies/crystal/published_data.py",
        "potentials": {m.name: m.potential for m in MATERIALS},
        "melting_K": {m.name: m.melting for m in MATERIALS},
        "label": "inherent structure by PTM",
    }
    DATA.parent.mkdir(exist_ok=True)
    SnapshotDataset(classes=CLASSES, snapshots=tuple(snapshots), provenance=provenance).save(DATA)
    left_out = sum(int((s.labels < 0).sum()) for s in snapshots)
    print(f"{len(snapshots)} snapshots, {left_out} atoms without a label, {DATA.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
