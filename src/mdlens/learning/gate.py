"""A gate that tells one new class from all known ones by the embeddings of a model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdlens.errors import InputError
from mdlens.types import Float32Array, FloatArray

PENALTY = 0.01
"""Weight of the squared coefficients beside losses of the order of one."""

CAUTION = 3.0
"""Weight of an atom taken from a known class, beside one of the new class that is missed."""

_RIDGE = 0.1
"""Share of the mean variance added to every variance of the new class: few atoms underestimate it."""

_MOST_STEPS = 100
_SMALLEST_STEP = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Gate:
    r"""Logit of "it is the new class" for an embedding e of E numbers.

    .. math::
        s(e) = w \cdot e + c \ln(1 + |A (e - \mu)|^2 / E) + b

    The second term is the Mahalanobis distance to the new class; with c < 0 it keeps the gate shut far from
    what was shown. Without it a plane through the embeddings would open it without limit on one side.

    Args:
        weights: w (E,).
        locality: c.
        bias: b.
        center: Mean of the new class (E,).
        whitening: A (E, E).
    """

    weights: FloatArray
    locality: float
    bias: float
    center: FloatArray
    whitening: FloatArray

    def logits(self, embeddings: Float32Array | FloatArray) -> FloatArray:
        """Evaluate the gate for embeddings (atoms, E), (atoms,)."""
        distance = _log_distance(embeddings.astype(np.float64), self.center, self.whitening)
        return np.asarray(embeddings @ self.weights + self.locality * distance + self.bias)


def fit_gate(new: Float32Array | FloatArray, known: Sequence[Float32Array | FloatArray]) -> Gate:
    """Fit a gate by penalised logistic regression in which all known classes weigh the same.

    The loss is ``mean log(1 + exp(-s))`` of the new class, plus `CAUTION` times ``mean log(1 + exp(s))`` of
    each known class, plus ``PENALTY / 2 |coefficients|^2`` with features scaled to unit variance.

    Args:
        new: Embeddings of the new class (atoms, E).
        known: Embeddings (atoms, E) of each known class.

    Raises:
        InputError: If there are fewer than two atoms of the new class.
    """
    if len(new) < 2 or not known:
        raise InputError("a gate needs at least two atoms of the new class and one known class")
    new, others = new.astype(np.float64), np.concatenate(known).astype(np.float64)
    center, whitening = _whitening(new)
    embeddings = np.concatenate([new, others])
    features = np.column_stack([embeddings, _log_distance(embeddings, center, whitening)])
    mean, scale = features[len(new) :].mean(axis=0), features[len(new) :].std(axis=0)
    scale = np.maximum(scale, 1e-3 * scale.max() + 1e-12)
    shares = np.repeat([1.0] + [CAUTION] * len(known), lengths := [len(new), *map(len, known)])
    shares /= np.repeat(lengths, lengths)
    is_new = np.arange(len(features)) < len(new)
    fitted = _logistic_regression((features - mean) / scale, is_new, shares)
    slopes = fitted[:-1] / scale
    return Gate(
        weights=slopes[:-1],
        locality=float(slopes[-1]),
        bias=float(fitted[-1] - slopes @ mean),
        center=center,
        whitening=whitening,
    )


def _whitening(embeddings: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean (E,) and the matrix (E, E) that gives embeddings unit covariance."""
    covariance = np.atleast_2d(np.cov(embeddings.T))
    mean_variance = float(np.trace(covariance)) / len(covariance)
    covariance += np.eye(len(covariance)) * (_RIDGE * mean_variance + 1e-6)
    return embeddings.mean(axis=0), np.linalg.cholesky(np.linalg.inv(covariance)).T


def _log_distance(embeddings: FloatArray, center: FloatArray, whitening: FloatArray) -> FloatArray:
    squares = ((embeddings - center) @ whitening.T) ** 2
    return np.asarray(np.log1p(squares.mean(axis=1)))


def _logistic_regression(features: FloatArray, positive: np.ndarray, shares: FloatArray) -> FloatArray:
    """Fit slopes and, last, the intercept by Newton steps, halved until the loss falls."""
    inputs = np.column_stack([features, np.ones(len(features))])
    signs = np.where(positive, 1.0, -1.0)
    penalty = np.full(inputs.shape[1], PENALTY)
    penalty[-1] = 0.0  # the intercept is free

    def loss(coefficients: FloatArray) -> float:
        margins = signs * (inputs @ coefficients)
        return float(shares @ np.logaddexp(0.0, -margins) + 0.5 * penalty @ coefficients**2)

    coefficients = np.zeros(inputs.shape[1])
    for _ in range(_MOST_STEPS):
        chance = 1.0 / (1.0 + np.exp(np.clip(-inputs @ coefficients, -500.0, 500.0)))
        gradient = inputs.T @ (shares * (chance - positive)) + penalty * coefficients
        curvature = (inputs * (shares * chance * (1.0 - chance))[:, None]).T @ inputs
        step = np.linalg.solve(curvature + np.diag(penalty + 1e-9), gradient)
        length, before = 1.0, loss(coefficients)
        while loss(coefficients - length * step) > before - 1e-4 * length * float(gradient @ step):
            length /= 2.0
            if length < _SMALLEST_STEP:
                return coefficients
        coefficients = coefficients - length * step
        if math.sqrt(float(step @ step)) * length < _SMALLEST_STEP:
            break
    return coefficients
