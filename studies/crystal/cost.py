"""Atoms per second of the models and of PTM on a crystal and on a melt, one thread."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np
from ase import Atoms
from ovito.io.ase import ase_to_ovito
from ovito.modifiers import PolyhedralTemplateMatchingModifier
from rivals import PTM_NUMBER

from mdlens import classify
from mdlens.inference import StructureModel
from mdlens.learning.sampling import to_atoms
from mdlens.learning.snapshots import SnapshotDataset
from mdlens.simulation.lattices import build_lattice

DATA = Path(__file__).parent / "data"
CELLS = 30  # 108,000 atoms
NOISE = 0.05  # of the nearest-neighbour distance
MELT = "Al_liquid 1.00 Tm run 2"
COPIES = 4  # of the melt, along every edge
REPEATS = 5


def crystal() -> Atoms:
    """An fcc crystal whose atoms are displaced by 5 % of the neighbour distance per component."""
    atoms = build_lattice("fcc", ["Cu"], 3.6, repeats=(CELLS, CELLS, CELLS))
    shift = np.random.default_rng(0).normal(0.0, NOISE * 3.6 / 2**0.5, atoms.positions.shape)
    atoms.positions += shift
    return atoms


def melt() -> Atoms:
    """Aluminium's melt at the melting temperature, periodic copies side by side."""
    snapshots = SnapshotDataset.load(DATA / "Al.npz").snapshots
    return to_atoms(next(s for s in snapshots if s.group == MELT)).repeat(COPIES)


def ptm_call(atoms: Atoms, numbers: Sequence[int]) -> Callable[[], object]:
    """OVITO's PTM with some of its structure types on, the frame already inside OVITO."""
    modifier = PolyhedralTemplateMatchingModifier()
    for number in PTM_NUMBER.values():
        modifier.structures[number].enabled = number in numbers
    data = ase_to_ovito(atoms)

    def run() -> object:
        result = data.clone()
        result.apply(modifier)
        return np.asarray(result.particles["Structure Type"])

    return run


def measure(models: Mapping[str, Sequence[StructureModel]]) -> dict[str, object]:
    """Medians of alternating calls, processor seconds of this one thread, by frame and contestant.

    Also the share of the atoms about which the default model asks the robust one.
    """
    found: dict[str, object] = {"threads": 1, "repeats": REPEATS}
    for name, atoms in (("crystal", crystal()), ("melt", melt())):
        found[name] = {"atoms": len(atoms), "asked": asked(atoms, models["mdlens"][0])}
        found[name]["atoms_per_second"] = rates(atoms, models)
    return found


def asked(atoms: Atoms, model: StructureModel) -> float:
    """Share of the atoms about which a model asks its second one."""
    confidence = classify(atoms, model.alone(), threads=1, embeddings=False).confidence
    return float(np.mean(confidence < np.float32(model.second.below)))


def rates(atoms: Atoms, models: Mapping[str, Sequence[StructureModel]]) -> dict[str, int]:
    """Atoms per second of every contestant."""
    calls: dict[str, Callable[[], object]] = {}
    for key, seeds in models.items():
        for name, average in ((key, False), (f"{key}_averaged", True)):
            calls[name] = lambda m=seeds[0], a=average: classify(
                atoms, m, threads=1, embeddings=False, average=a
            )
    calls["ptm (fcc, hcp, bcc)"] = ptm_call(atoms, (1, 2, 3))
    calls["ptm (all six)"] = ptm_call(atoms, tuple(PTM_NUMBER.values()))
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(REPEATS):
        for name, call in calls.items():
            start = time.process_time()
            call()
            spent[name].append(time.process_time() - start)
    return {name: round(len(atoms) / median(seconds)) for name, seconds in spent.items()}
