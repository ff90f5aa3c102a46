"""Score the shipped model on systems and potential files it never saw, next to OVITO's geometric methods.

    python studies/structure_model/evaluate.py [--model NAME|PATH] [--data test.npz] [--out results.json]

The test set (`test.npz`) takes no part in training, in the choice of the network or in calibration. Three
tables: accuracy per system and temperature, accuracy at the melting temperature with atoms missing at random,
and accuracy on ideal lattices under Gaussian noise; those lattices, at other sizes, are in the training data.
"mdlens" counts the most probable class, "mdlens_accepted" the share of atoms that are not "unknown",
"mdlens_accepted_right" the accuracy among those. Intervals (95 %) draw whole snapshots again.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ase import Atoms
from ovito.io.ase import ase_to_ovito
from ovito.modifiers import CommonNeighborAnalysisModifier, PolyhedralTemplateMatchingModifier
from rich.progress import track

from mdlens.inference import StructureModel, load_model
from mdlens.learning.metrics import bootstrap_accuracy
from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from mdlens.simulation.lattices import build_lattice
from mdlens.workflows.crystal import classify

HERE = Path(__file__).parent
SEED = 2026
MISSING = (0.1, 0.3, 0.5)
NOISE = (0.02, 0.04, 0.06, 0.08, 0.10, 0.12)  # of the nearest-neighbour distance, per component
PTM_ID = {"fcc": 1, "hcp": 2, "bcc": 3, "sc": 5, "cubic_diamond": 6, "hexagonal_diamond": 7}
CNA_ID = {"fcc": 1, "hcp": 2, "bcc": 3}
# Nearest-neighbour distance over the lattice constant.
SPACING = {
    "fcc": 0.5**0.5,
    "hcp": 1.0,
    "bcc": 3**0.5 / 2,
    "sc": 1.0,
    "cubic_diamond": 3**0.5 / 4,
    "hexagonal_diamond": 0.375 * (8 / 3) ** 0.5,
}
# Class index per atom in the order of the data set; -1 for "none of them".
Method = Callable[[Atoms], np.ndarray]


def model_method(model: StructureModel, classes: tuple[str, ...], *, accept: bool) -> Method:
    where = np.array([classes.index(name) for name in model.classes])

    def labels(atoms: Atoms) -> np.ndarray:
        result = classify(atoms, model, embeddings=False)
        top = where[result.probabilities.argmax(axis=1)]
        return np.where(result.labels == 0, -1, top) if accept else top

    return labels


def ptm_method(classes: tuple[str, ...], rmsd_cutoff: float) -> Method:
    table = np.full(10, classes.index("disordered"))
    for name, number in PTM_ID.items():
        table[number] = classes.index(name)

    def labels(atoms: Atoms) -> np.ndarray:
        modifier = PolyhedralTemplateMatchingModifier(rmsd_cutoff=rmsd_cutoff)
        for number in PTM_ID.values():
            modifier.structures[number].enabled = True
        data = ase_to_ovito(atoms)
        data.apply(modifier)
        return table[np.asarray(data.particles["Structure Type"])]

    return labels


def cna_method(classes: tuple[str, ...]) -> Method:
    table = np.full(10, classes.index("disordered"))
    for name, number in CNA_ID.items():
        table[number] = classes.index(name)

    def labels(atoms: Atoms) -> np.ndarray:
        data = ase_to_ovito(atoms)
        data.apply(CommonNeighborAnalysisModifier(mode=CommonNeighborAnalysisModifier.Mode.AdaptiveCutoff))
        return table[np.asarray(data.particles["Structure Type"])]

    return labels


def methods(model: StructureModel, classes: tuple[str, ...]) -> dict[str, Method]:
    return {
        "mdlens": model_method(model, classes, accept=False),
        "ptm_0.1": ptm_method(classes, 0.1),
        "ptm_none": ptm_method(classes, 0.0),
        "acna": cna_method(classes),
    }


def as_atoms(snapshot: LabelledSnapshot) -> Atoms:
    numbers = snapshot.numbers if snapshot.numbers is not None else np.ones(len(snapshot), int)
    return Atoms(numbers, positions=snapshot.positions.astype(float), cell=snapshot.cell, pbc=snapshot.pbc)


def without(
    atoms: Atoms, labels: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[Atoms, np.ndarray]:
    keep = rng.random(len(atoms)) >= share
    return atoms[keep], labels[keep]


Frames = list[tuple[Atoms, np.ndarray]]


def score(frames: Frames, contestants: dict[str, Method], accepted: Method) -> dict[str, object]:
    """Accuracy of every method on the labelled atoms of some frames, with intervals over frames."""
    truth = [labels for _, labels in frames]
    used = [labels >= 0 for labels in truth]
    groups = np.concatenate([np.full(u.sum(), k) for k, u in enumerate(used)])
    record: dict[str, object] = {"snapshots": len(frames), "atoms": len(groups)}
    for name, method in contestants.items():
        right = np.concatenate([(method(a) == t)[u] for (a, t), u in zip(frames, used, strict=True)])
        interval = bootstrap_accuracy(right, groups, seed=SEED)
        record[name] = {key: round(100 * value, 3) for key, value in asdict(interval).items()}
    chosen = np.concatenate([accepted(a)[u] for (a, _), u in zip(frames, used, strict=True)])
    labels = np.concatenate([t[u] for t, u in zip(truth, used, strict=True)])
    kept = chosen >= 0
    record["mdlens_accepted"] = round(100 * float(kept.mean()), 3)
    accuracy = float((chosen == labels)[kept].mean()) if kept.any() else float("nan")
    record["mdlens_accepted_right"] = round(100 * accuracy, 3)
    return record


def by_system(data: SnapshotDataset) -> Iterator[tuple[str, str, Frames]]:
    """Yield (system, relative temperature, frames) in the order of the file."""
    groups: dict[tuple[str, str], Frames] = {}
    for s in data.snapshots:
        relative = s.group.removeprefix(s.system).strip()
        groups.setdefault((s.system, relative), []).append((as_atoms(s), s.labels))
    for (system, relative), frames in groups.items():
        yield system, relative, frames


def noise_table(
    contestants: dict[str, Method], accepted: Method, classes: tuple[str, ...]
) -> dict[str, object]:
    table: dict[str, object] = {}
    for name, spacing in track(SPACING.items(), description="noise"):
        perfect = build_lattice(name, ["X"], 4.0, atoms_at_least=2000)
        table[name] = {}
        for sigma in NOISE:
            rng = np.random.default_rng(SEED)
            frames = []
            for _ in range(3):
                atoms = perfect.copy()
                atoms.positions += rng.normal(0.0, sigma * spacing * 4.0, atoms.positions.shape)
                frames.append((atoms, np.full(len(atoms), classes.index(name))))
            table[name][f"{sigma:.2f}"] = score(frames, contestants, accepted)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="default")
    parser.add_argument("--data", type=Path, default=HERE / "test.npz")
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    arguments = parser.parse_args()
    data, model = SnapshotDataset.load(arguments.data), load_model(arguments.model)
    contestants = methods(model, data.classes)
    accepted = model_method(model, data.classes, accept=True)
    thermal: dict[str, dict[str, object]] = {}
    missing: dict[str, dict[str, object]] = {}
    rng = np.random.default_rng(SEED)
    for system, relative, frames in track(list(by_system(data)), description="thermal"):
        thermal.setdefault(system, {})[relative] = score(frames, contestants, accepted)
        if relative == "1.00 Tm":
            for share in MISSING:
                holed = [without(a, t, share, rng) for a, t in frames]
                missing.setdefault(system, {})[f"{share:.1f}"] = score(holed, contestants, accepted)
    results = {
        "model": {"name": model.name, "version": model.version, "threshold": model.threshold},
        "thermal": thermal,
        "missing_at_melting": missing,
        "noise": noise_table(contestants, accepted, data.classes),
        "seed": SEED,
        "data": arguments.data.name,
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "ovito": version("ovito")},
    }
    partial = arguments.out.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=1) + "\n")
    partial.replace(arguments.out)


if __name__ == "__main__":
    main()
