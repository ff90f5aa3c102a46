"""Area under the receiver operating characteristic, with intervals over whole trajectories."""

import math

import numpy as np
from numpy.typing import ArrayLike

from mdlens.errors import InputError
from mdlens.learning.metrics import Interval
from mdlens.types import FloatArray, IntArray


def roc_auc(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Probability that a sample of class 1 scores above one of class 0, ties counting half; NaN without both.

    Args:
        scores: Any numbers, (n,).
        labels: 0 or 1, (n,).
        weights: How often each sample counts, (n,); once if None.
    """
    values, truth = np.asarray(scores, dtype=float), np.asarray(labels).astype(bool)
    counts = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=float)
    _, rank = np.unique(values, return_inverse=True)
    return float(_auc(rank, truth, counts[None, :])[0])


def bootstrap_auc(
    scores: ArrayLike, labels: ArrayLike, groups: ArrayLike, *, seed: int = 0, resamples: int = 1000
) -> Interval:
    """AUC with its 95% interval when whole groups are drawn again.

    Args:
        scores: Any numbers, (n,).
        labels: 0 or 1, (n,).
        groups: What belongs together: frames of one trajectory are alike, (n,).
        seed: Of the resampling.
        resamples: Number of bootstrap samples; those without both classes are left out.

    Raises:
        InputError: If the lengths differ.

    Source: B. Efron, Ann. Stat. 7, 1 (1979); percentile interval.
    """
    values, truth, owners = (
        np.asarray(scores, dtype=float),
        np.asarray(labels).astype(bool),
        np.asarray(groups),
    )
    if not values.shape == truth.shape == owners.shape:
        raise InputError("scores, labels and groups must be equally long")
    _, rank = np.unique(values, return_inverse=True)
    names, owner = np.unique(owners, return_inverse=True)
    draws = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / max(len(names), 1)), resamples
    )
    value = float(_auc(rank, truth, np.ones((1, len(values))))[0])
    found = _auc(rank, truth, draws[:, owner].astype(float))
    found = found[np.isfinite(found)]
    if not len(found) or len(names) < 2:
        return Interval(value, math.nan, math.nan)
    low, high = np.quantile(found, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def _auc(
    rank: IntArray, truth: np.ndarray[tuple[int], np.dtype[np.bool_]], weights: FloatArray
) -> FloatArray:
    """AUC for every row of weights (resamples, n), from the rank of each sample, (n,)."""
    places = int(rank.max(initial=-1)) + 1
    high, low = (np.zeros((places, len(weights))) for _ in range(2))
    for table, chosen in ((high, truth), (low, ~truth)):
        np.add.at(table, rank[chosen], weights[:, chosen].T)
    below = np.cumsum(low, axis=0) - 0.5 * low
    with np.errstate(invalid="ignore", divide="ignore"):
        areas: FloatArray = (high * below).sum(axis=0) / (high.sum(axis=0) * low.sum(axis=0))
    return areas
