"""Honest probabilities: a temperature for the logits and a threshold for "unknown"."""

import math

import numpy as np
from numpy.typing import NDArray

from mdlens.errors import InputError
from mdlens.types import Float32Array, FloatArray, IntArray

_COLDEST, _HOTTEST = 0.05, 20.0
_STEPS = 60


def negative_log_likelihood(
    logits: Float32Array | FloatArray, labels: IntArray, temperature: float = 1.0
) -> float:
    """Average ``-log softmax(z / T)[label]`` over the samples, in nats."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    chosen = scaled[np.arange(len(labels)), labels]
    return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - chosen))


def fit_temperature(logits: Float32Array | FloatArray, labels: IntArray) -> float:
    """Find the temperature, from 0.05 to 20, with the least negative log-likelihood.

    A golden-section search over ``log T``: the likelihood is convex in ``1 / T``, so it has one minimum.

    Args:
        logits: Logits of validation samples (samples, classes).
        labels: Their classes (samples,).

    Raises:
        InputError: If there is no sample or the lengths differ.

    Source: Guo et al., ICML 2017, arXiv 1706.04599, section 4.2.
    """
    if len(labels) == 0 or len(labels) != len(logits):
        raise InputError(f"calibration needs labels for its logits, got {len(labels)} and {len(logits)}")
    ratio = (math.sqrt(5.0) - 1.0) / 2.0
    low, high = math.log(_COLDEST), math.log(_HOTTEST)
    for _ in range(_STEPS):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        below, above = (negative_log_likelihood(logits, labels, math.exp(x)) for x in (left, right))
        low, high = (low, right) if below <= above else (left, high)
    return math.exp((low + high) / 2.0)


def choose_threshold(
    confidence: Float32Array | FloatArray, correct: NDArray[np.bool_], *, error_rate: float
) -> float:
    """Choose the top probability below which an atom is called unknown.

    Two wishes, the stricter wins: of the accepted predictions at most `error_rate` are wrong, and the share
    `error_rate` of the least confident predictions is not accepted, however good the classifier is.
    If no threshold meets the first wish, the one with the fewest wrong among the accepted is taken.

    Args:
        confidence: Calibrated top probability of validation samples (samples,).
        correct: Whether each prediction is right (samples,).
        error_rate: From 0 to 1.

    Raises:
        InputError: If there is no sample, the lengths differ or the rate is out of range.
    """
    if len(confidence) == 0 or len(confidence) != len(correct) or not 0.0 <= error_rate <= 1.0:
        raise InputError(
            f"a threshold needs equally many confidences and outcomes and a rate from 0 to 1, "
            f"got {len(confidence)}, {len(correct)} and {error_rate}"
        )
    values = np.unique(confidence.astype(np.float64))
    errors = _accepted_errors(confidence, correct, values)
    good = errors <= error_rate
    least = values[good.argmax()] if good.any() else values[errors.argmin()]
    return float(max(least, np.quantile(confidence.astype(np.float64), error_rate)))


def _accepted_errors(
    confidence: Float32Array | FloatArray, correct: NDArray[np.bool_], thresholds: FloatArray
) -> FloatArray:
    """Share of wrong predictions among those at or above each of the rising thresholds."""
    order = np.argsort(confidence)
    wrong = np.concatenate([[0], np.cumsum(~correct[order])])
    start = np.searchsorted(confidence[order].astype(np.float64), thresholds)
    return np.asarray((wrong[-1] - wrong[start]) / (len(confidence) - start))
