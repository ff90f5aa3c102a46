"""Everybody who takes part: the shipped models, each with its training seeds, and OVITO's methods."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from rivals import (
    CLASSES,
    ackland_jones,
    adaptive_cna,
    identify_diamond,
    interval_cna,
    ptm,
    with_cutoff,
)

from mdlens.descriptors import MapSource
from mdlens.inference import SECOND_OPINIONS, StructureModel, load_model
from mdlens.workflows.crystal import averaged, classify_maps

HERE = Path(__file__).parent
CUTOFFS = HERE / "ptm_cutoffs.json"
MODELS = HERE / "models"
KEYS = {"default": "mdlens", "robust": "mdlens_robust"}
RIVALS = ("ptm_0.1", "ptm_none", "ptm_tuned", "acna", "icna", "ackland_jones", "ids")
# The classes a method can name; it is not asked about others.
KNOWN = {
    "acna": ("fcc", "hcp", "bcc", "disordered"),
    "icna": ("fcc", "hcp", "bcc", "disordered"),
    "ackland_jones": ("fcc", "hcp", "bcc", "disordered"),
    "ids": ("cubic_diamond", "hexagonal_diamond", "disordered"),
}


@dataclass(frozen=True, eq=False)
class Verdict:
    """What one contestant says about one frame.

    Attributes:
        labels: Class index of the most probable class, (seeds, N); one seed for a geometric method.
        confidence: Its probability (seeds, N), None for a geometric method.
        accepted: Whether it is not "unknown" (seeds, N), None likewise.
    """

    labels: np.ndarray
    confidence: np.ndarray | None = None
    accepted: np.ndarray | None = None


def load_models(folder: Path = MODELS) -> dict[str, list[StructureModel]]:
    """The seed models by key: the installed one and those of `MODELS`, or all of another folder.

    Each default model asks the robust one of its seed where it is not sure, as the installed ones do.
    """
    found: dict[str, list[StructureModel]] = {}
    for name, key in KEYS.items():
        others = sorted(folder.glob(f"{name}_*.onnx"))
        first = [name] if folder == MODELS else []
        found[key] = [load_model(model) for model in (*first, *others)]
    found["mdlens"] = [
        model.with_second(other, below=SECOND_OPINIONS["default"][1])
        for model, other in zip(found["mdlens"], found["mdlens_robust"], strict=True)
    ]
    return found


def model_verdicts(atoms: Atoms, key: str, models: Sequence[StructureModel]) -> dict[str, Verdict]:
    """One pass of every seed, as it is and averaged over the first shell (what `average=True` gives)."""
    single, over_shell = [], []
    source = None
    for model in models:
        if source is None or source.settings != model.settings:
            source = MapSource(atoms, model.settings, threads=1)
        result = classify_maps(source, model, threads=1)
        mean = averaged(source, result.probabilities, threads=1)
        near = True
        if result.distance is not None:
            distance = averaged(source, result.distance[:, None], threads=1)[:, 0]
            near = distance <= np.float32(model.distance_limit)
        sure = mean.max(axis=1) >= np.float32(model.threshold)
        single.append(_reading(result.probabilities, result.labels != 0, model))
        over_shell.append(_reading(mean, sure & near, model))
    return {key: _stacked(single), f"{key}_averaged": _stacked(over_shell)}


def _reading(
    probabilities: np.ndarray, accepted: np.ndarray, model: StructureModel
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    where = np.array([CLASSES.index(name) for name in model.classes])
    return where[probabilities.argmax(axis=1)], probabilities.max(axis=1), accepted


def _stacked(readings: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Verdict:
    labels, confidence, accepted = (np.array(x) for x in zip(*readings, strict=True))
    return Verdict(labels, confidence, accepted)


def tuned_cutoffs() -> Mapping[str, float]:
    """The RMSD cutoff of each lattice that `tune_ptm.py` found on the training systems."""
    return json.loads(CUTOFFS.read_text())["cutoffs"]


def rival_verdicts(atoms: Atoms, cutoffs: Mapping[str, float]) -> dict[str, Verdict]:
    """Every geometric method on one frame."""
    labels, rmsd = ptm(atoms)
    found = {
        "ptm_0.1": with_cutoff(labels, rmsd, 0.1),
        "ptm_none": labels,
        "ptm_tuned": with_cutoff(labels, rmsd, cutoffs),
        "acna": adaptive_cna(atoms),
        "icna": interval_cna(atoms),
        "ackland_jones": ackland_jones(atoms),
        "ids": identify_diamond(atoms),
    }
    return {name: Verdict(values[None]) for name, values in found.items()}


def verdicts(
    atoms: Atoms, models: Mapping[str, Sequence[StructureModel]], cutoffs: Mapping[str, float]
) -> dict[str, Verdict]:
    """Every contestant on one frame."""
    said = {k: v for key, seeds in models.items() for k, v in model_verdicts(atoms, key, seeds).items()}
    return said | rival_verdicts(atoms, cutoffs)


def knows(contestant: str, structure: str) -> bool:
    """Whether a contestant has a class among those it can name."""
    return structure in KNOWN.get(contestant, CLASSES)
