"""Scores of a classifier with their confidence intervals."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mdlens.errors import InputError
from mdlens.types import Float32Array, FloatArray, IntArray


@dataclass(frozen=True)
class Interval:
    """A measured value with the ends of its confidence interval."""

    value: float
    low: float
    high: float


def confusion_matrix(labels: IntArray, predictions: IntArray, classes: int) -> IntArray:
    """Count the pairs (true class, predicted class), (classes, classes): a row for each true class.

    Raises:
        InputError: If the lengths differ or a class is out of range.
    """
    if labels.shape != predictions.shape:
        raise InputError(
            f"labels and predictions must be equally long, got {labels.shape} and {predictions.shape}"
        )
    for name, values in (("labels", labels), ("predictions", predictions)):
        if len(values) and not 0 <= values.min() <= values.max() < classes:
            raise InputError(f"{name} must lie from 0 to {classes - 1}, got {values.min()} to {values.max()}")
    pairs = labels.astype(np.int64) * classes + predictions
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def macro_f1(confusion: IntArray) -> float:
    """Average ``F1 = 2 TP / (2 TP + FP + FN)`` over the classes that occur; NaN if none does."""
    hits = np.diag(confusion).astype(np.float64)
    total = confusion.sum(axis=0) + confusion.sum(axis=1)
    present = total > 0
    return float(np.mean(2.0 * hits[present] / total[present])) if present.any() else math.nan


def wilson_interval(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """Interval of a proportion of independent trials; value and ends are NaN without trials.

    Source: E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927).
    """
    if trials == 0:
        return Interval(math.nan, math.nan, math.nan)
    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    share = successes / trials
    center = (share + z * z / (2.0 * trials)) / (1.0 + z * z / trials)
    half = z / (1.0 + z * z / trials) * math.sqrt(share * (1.0 - share) / trials + (z / (2.0 * trials)) ** 2)
    return Interval(share, min(max(center - half, 0.0), share), max(min(center + half, 1.0), share))


def bootstrap_accuracy(
    correct: NDArray[np.bool_],
    groups: IntArray,
    *,
    seed: int,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Interval of the accuracy when whole snapshots are drawn again, because atoms of one snapshot are alike.

    The ends are NaN for a single snapshot: it says nothing about others.

    Args:
        correct: Whether each atom was right (atoms,).
        groups: The snapshot of each atom (atoms,).
        seed: Seed of the resampling.
        resamples: Number of bootstrap samples.
        confidence: Share of the samples inside the interval.

    Source: B. Efron, Ann. Stat. 7, 1 (1979); percentile interval.
    """
    if len(correct) == 0:
        return Interval(math.nan, math.nan, math.nan)
    _, index = np.unique(groups, return_inverse=True)
    hits = np.bincount(index, weights=correct)
    sizes = np.bincount(index)
    if len(sizes) < 2:
        return Interval(float(hits.sum() / sizes.sum()), math.nan, math.nan)
    draws = np.random.default_rng(seed).integers(len(sizes), size=(resamples, len(sizes)))
    values = hits[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return Interval(float(hits.sum() / sizes.sum()), float(low), float(high))


def expected_calibration_error(
    probabilities: Float32Array | FloatArray, labels: IntArray, *, bins: int = 15
) -> float:
    """Average ``|accuracy - confidence|`` over equal bins of the top probability, weighted by their atoms.

    Source: Guo et al., ICML 2017, arXiv 1706.04599, equation 3.
    """
    if len(labels) == 0:
        return math.nan
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    index = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gap = np.bincount(index, weights=correct - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(labels))
