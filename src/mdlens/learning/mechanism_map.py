"""Deformation mechanism maps: cells over composition and pressure, and the pressures of transitions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdlens.descriptors.deformation import PATTERNS
from mdlens.errors import InputError
from mdlens.types import FloatArray, IntArray

_RIDGE = 1e-3  # keeps the slope finite where a step separates the data
_STEPS = 50


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One condition of a map.

    Attributes:
        nickel, pressure: Where it lies; share, GPa.
        slider: Value of the third axis (K or ps).
        pattern: Number of the dominant pattern.
        confidence: Share of the windows that have it, or mean probability where predicted.
        shares: Of all patterns (classes,).
        windows: Number of windows behind it; 0 where predicted.
        simulated: Whether it was simulated, or is predicted.
    """

    nickel: float
    pressure: float
    slider: float
    pattern: int
    confidence: float
    shares: tuple[float, ...]
    windows: int
    simulated: bool


@dataclass(frozen=True, kw_only=True)
class CharacteristicPressure:
    """The pressure at which a pattern becomes as likely as not.

    Attributes:
        nickel: Share of nickel.
        pattern: Which pattern sets in (or ends, where ``rising`` is False).
        value: GPa; NaN where no step lies in the range of the data.
        low, high: Ends of the 95 % interval, over bootstrap samples of whole runs that have the step.
        found: Share of the bootstrap samples with a step in the range.
        rising: Whether the pattern is likelier at higher pressure.
    """

    nickel: float
    pattern: int
    value: float
    low: float
    high: float
    found: float
    rising: bool


def simulated_cells(
    labels: IntArray, nickel: FloatArray, pressure: FloatArray, slider: FloatArray
) -> list[Cell]:
    """Cells of the conditions that were simulated, by the labels of their windows (N,)."""
    _same_length(labels, nickel, pressure, slider)
    places, index = np.unique(np.stack([slider, nickel, pressure], axis=1), axis=0, return_inverse=True)
    cells = []
    for number, (s, x, p) in enumerate(places):
        inside = labels[index.reshape(-1) == number]
        shares = np.bincount(inside, minlength=len(PATTERNS)) / len(inside)
        cells.append(_cell(float(x), float(p), float(s), shares, len(inside)))
    return cells


def predicted_cells(
    probabilities: FloatArray, nickel: FloatArray, pressure: FloatArray, slider: FloatArray
) -> list[Cell]:
    """Cells of conditions without a simulation, by probabilities of a classifier (N, classes), one a cell."""
    _same_length(probabilities, nickel, pressure, slider)
    return [
        _cell(float(x), float(p), float(s), row, 0)
        for row, x, p, s in zip(probabilities, nickel, pressure, slider, strict=True)
    ]


def _cell(nickel: float, pressure: float, slider: float, shares: FloatArray, windows: int) -> Cell:
    best = int(shares.argmax())
    return Cell(
        nickel=nickel,
        pressure=pressure,
        slider=slider,
        pattern=best,
        confidence=float(shares[best]),
        shares=tuple(float(s) for s in shares),
        windows=windows,
        simulated=windows > 0,
    )


def characteristic_pressures(
    labels: IntArray,
    nickel: FloatArray,
    pressure: FloatArray,
    run: IntArray,
    *,
    seed: int,
    samples: int = 500,
) -> list[CharacteristicPressure]:
    """Fit where each pattern sets in as pressure rises, for each composition.

    The share of a pattern is fitted by ``1 / (1 + exp(-(a + b p)))``; its pressure is ``-a / b``. Whole runs
    are drawn again, because windows of one run are alike.

    Args:
        labels: Of the windows (N,).
        nickel, pressure: Of the windows (N,).
        run: Of the windows (N,).
        seed: Of the bootstrap.
        samples: Bootstrap samples.

    Raises:
        InputError: If the arrays have different lengths.
    """
    _same_length(labels, nickel, pressure, run)
    found = []
    rng = np.random.default_rng(seed)
    for x in np.unique(nickel):
        at = nickel == x
        if len(np.unique(pressure[at])) < 2:
            continue
        for pattern in np.unique(labels[at]):
            hit = (labels[at] == pattern).astype(float)
            if 0.0 < hit.mean() < 1.0:
                found.append(
                    _characteristic(float(x), int(pattern), hit, pressure[at], run[at], rng, samples)
                )
    return found


def _characteristic(
    nickel: float, pattern: int, hit: FloatArray, pressure: FloatArray, run: IntArray,
    rng: np.random.Generator, samples: int,
) -> CharacteristicPressure:  # fmt: skip
    names, index = np.unique(run, return_inverse=True)
    sums = np.bincount(index, weights=hit).astype(float)
    counts = np.bincount(index).astype(float)
    at = np.bincount(index, weights=pressure) / counts
    value, rising = _step(at, sums, counts)
    drawn = []
    for _ in range(samples):
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names)).astype(float)
        drawn.append(_step(at, sums * times, counts * times)[0])
    inside = np.array([d for d in drawn if np.isfinite(d)])
    low, high = np.quantile(inside, [0.025, 0.975]) if len(inside) else (np.nan, np.nan)
    return CharacteristicPressure(
        nickel=nickel,
        pattern=pattern,
        value=value,
        low=float(low),
        high=float(high),
        found=len(inside) / samples,
        rising=rising,
    )


def _step(pressure: FloatArray, hits: FloatArray, counts: FloatArray) -> tuple[float, bool]:
    """Half-way pressure of a logistic fit, NaN outside the data, and whether it rises."""
    a, b = logistic_fit(pressure, hits, counts)
    half = -a / b if abs(b) > 1e-9 else np.nan
    used = pressure[counts > 0]
    within = used.min() <= half <= used.max() if np.isfinite(half) else False
    return (float(half) if within else float("nan")), bool(b > 0)


def logistic_fit(x: FloatArray, hits: FloatArray, counts: FloatArray) -> tuple[float, float]:
    """Fit ``p = 1 / (1 + exp(-(a + b x)))`` to hits out of counts, with a weak ridge on the slope.

    Newton's method on the log-likelihood, x scaled to unit spread.

    Returns:
        Intercept and slope.
    """
    weights = counts.sum()
    center = float((counts * x).sum() / weights)
    spread = float(np.sqrt((counts * (x - center) ** 2).sum() / weights)) or 1.0
    design = np.stack([np.ones_like(x), (x - center) / spread], axis=1)
    beta = np.zeros(2)
    penalty = np.diag([0.0, _RIDGE * weights]) + 1e-9 * np.eye(2)
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (hits - counts * p) - penalty @ beta
        curvature = (design * (counts * p * (1 - p))[:, None]).T @ design + penalty
        step = np.linalg.solve(curvature, gradient)
        beta += np.clip(step, -5.0, 5.0)
        if np.abs(step).max() < 1e-10:
            break
    slope = beta[1] / spread
    return float(beta[0] - slope * center), float(slope)


def _same_length(*arrays: Sequence[object] | FloatArray | IntArray) -> None:
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1 or lengths == {0}:
        raise InputError(f"a map needs windows, with arrays of one length, got lengths {sorted(lengths)}")
