"""Scores of a finished model on held-out snapshots, as they are and disturbed."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdlens.inference import StructureModel
from mdlens.learning.augment import Disturbance
from mdlens.learning.metrics import (
    bootstrap_accuracy,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
    wilson_interval,
)
from mdlens.learning.sampling import MapSampler
from mdlens.learning.snapshots import SnapshotDataset
from mdlens.types import Float32Array, IntArray

CONDITIONS: dict[str, Disturbance] = {
    "as simulated": Disturbance(),
    "10 % of the atoms missing": Disturbance(vacancies=0.1),
    "30 % of the atoms missing": Disturbance(vacancies=0.3),
    "50 % of the atoms missing": Disturbance(vacancies=0.5),
    "Gaussian noise of 6 % of the nearest-neighbour distance": Disturbance(gaussian=0.06),
}


def evaluate(
    model: StructureModel,
    sampler: MapSampler,
    dataset: SnapshotDataset,
    *,
    maps: int,
    seed: int,
    threads: int = 1,
) -> dict[str, Any]:
    """Score a model on maps of held-out snapshots, under each of `CONDITIONS`.

    Atoms are drawn so that classes, and within a class systems, are equally frequent.

    Args:
        model: The model as its file gives it.
        sampler: Source of the maps, over held-out snapshots.
        dataset: What the sampler draws from, for the names.
        maps: Maps for each condition.
        seed: Seed of the draws and of the bootstrap.
        threads: Threads of the model.

    Returns:
        For each condition the values of `score`.
    """
    scores = {}
    for name, disturbance in CONDITIONS.items():
        sample = sampler.draw(maps, disturbance, np.random.default_rng(seed))
        probabilities, _ = model.predict(sample.maps, threads=threads)
        scores[name] = score(
            probabilities,
            sample.labels,
            sample.snapshots,
            dataset=dataset,
            threshold=model.threshold,
            seed=seed,
        )
    return scores


def score(
    probabilities: Float32Array,
    labels: IntArray,
    snapshots: IntArray,
    *,
    dataset: SnapshotDataset,
    threshold: float,
    seed: int,
) -> dict[str, Any]:
    """Score probabilities (samples, classes) against labels, as JSON values.

    Accuracies count every atom, also those below the threshold, and come with two 95 % intervals: Wilson's,
    as if atoms were independent, and the bootstrap over snapshots, which is the honest one.
    """
    predictions = probabilities.argmax(axis=1)
    correct = predictions == labels
    accepted = probabilities.max(axis=1) >= threshold
    confusion = confusion_matrix(labels, predictions, len(dataset.classes))
    systems = np.array([dataset.snapshots[index].system for index in snapshots])
    return {
        "maps": len(labels),
        "snapshots": len(np.unique(snapshots)),
        "accuracy": _accuracy(correct, snapshots, seed),
        "macro_f1": macro_f1(confusion),
        "expected_calibration_error": expected_calibration_error(probabilities, labels),
        "unknown": float(np.mean(~accepted)),
        "wrong_among_accepted": asdict(
            wilson_interval(int((~correct & accepted).sum()), int(accepted.sum()))
        ),
        "confusion": confusion.tolist(),
        "systems": {
            str(system): _accuracy(correct[systems == system], snapshots[systems == system], seed)
            for system in np.unique(systems)
        },
    }


def _accuracy(correct: NDArray[np.bool_], snapshots: IntArray, seed: int) -> dict[str, float]:
    wilson = wilson_interval(int(correct.sum()), len(correct))
    bootstrap = bootstrap_accuracy(correct, snapshots, seed=seed)
    return {
        "value": bootstrap.value,
        "wilson_low": wilson.low,
        "wilson_high": wilson.high,
        "bootstrap_low": bootstrap.low,
        "bootstrap_high": bootstrap.high,
    }


def summary(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of the scores of `evaluate` what a model file carries."""
    keys = ("accuracy", "macro_f1", "expected_calibration_error", "unknown", "systems")
    return {condition: plain_json({key: values[key] for key in keys}) for condition, values in scores.items()}


def plain_json(value: Any) -> Any:
    """Turn a value into what JSON can hold: tuples become lists, NumPy numbers plain ones, NaN null."""
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
