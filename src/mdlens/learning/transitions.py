"""Transition temperatures read from energies and from class fractions, with intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mdlens.errors import InputError
from mdlens.types import FloatArray

_FEWEST = 8  # frames: two lines have four numbers
_BLOCK = 5  # frames next to each other in time are not independent: they are drawn together
_RESAMPLES = 400
_WIDTHS = (0.001, 0.004, 0.01, 0.02, 0.04)  # of a step, in ranges of the temperature

Estimator = Callable[[FloatArray, FloatArray], float]
Curve = Callable[[FloatArray, FloatArray, float], FloatArray]


@dataclass(frozen=True)
class Transition:
    """A transition temperature with its 95 % interval, in the unit of the temperatures."""

    temperature: float
    low: float
    high: float


def energy_step(temperatures: FloatArray, energies: FloatArray, *, seed: int = 0) -> Transition:
    """Temperature of a first-order transition: the middle of the step from one branch to another.

    Least squares of a parabola, for heat makes crystals anharmonic, plus a smooth step in height and slope; a
    crystal heated fast melts over a range of temperatures.

    Args:
        temperatures: (frames,), any order.
        energies: (frames,), any unit.
        seed: Of the bootstrap: residuals drawn anew in blocks of frames.

    Raises:
        InputError: If there are fewer than 8 frames, or numbers are not finite.
    """
    return _with_interval(_best_step, _step_curve, temperatures, energies, seed)


def energy_kink(temperatures: FloatArray, energies: FloatArray, *, seed: int = 0) -> Transition:
    """Temperature of a glass transition: where two straight lines of the energy meet.

    Least squares of ``a + b (T - T_g) + c max(T - T_g, 0)``. The melt's heat capacity grows as it is cooled:
    give frames of a range around the transition, not those of the hot melt.

    Args:
        temperatures: (frames,), any order.
        energies: (frames,), any unit.
        seed: Of the bootstrap: residuals drawn anew in blocks of frames.

    Raises:
        InputError: If there are fewer than 8 frames, or numbers are not finite.
    """
    return _with_interval(_best_kink, _hinge, temperatures, energies, seed)


def class_transition(temperatures: FloatArray, fractions: FloatArray, *, seed: int = 0) -> Transition:
    """Temperature that divides frames of one class from frames of another best.

    The cost of a division is the share of the class above it plus the share of all else below it; between the
    two frames it falls between, the temperature where the fraction passes one half is interpolated.

    Args:
        temperatures: (frames,), any order.
        fractions: (frames,) share of the class that is stable at low temperatures.
        seed: Of the bootstrap: residuals drawn anew in blocks of frames.

    Raises:
        InputError: If there are fewer than 8 frames, or numbers are not finite.
    """
    return _with_interval(_best_division, _falling, temperatures, fractions, seed)


def _with_interval(
    estimate: Estimator, curve: Curve, temperatures: FloatArray, values: FloatArray, seed: int
) -> Transition:
    t, y = np.asarray(temperatures, float), np.asarray(values, float)
    if t.ndim != 1 or t.shape != y.shape or len(t) < _FEWEST:
        raise InputError(
            f"a transition needs {_FEWEST} frames or more with a value each, got {t.shape} and {y.shape}"
        )
    if not (np.isfinite(t).all() and np.isfinite(y).all()):
        raise InputError("a transition needs finite temperatures and values")
    order = np.argsort(t, kind="stable")
    t, y = t[order], y[order]
    best = estimate(t, y)
    fitted = curve(t, y, best)
    rng = np.random.default_rng(seed)
    draws = [estimate(t, fitted + _blocks(y - fitted, rng)) for _ in range(_RESAMPLES)]
    low, high = np.percentile(draws, (2.5, 97.5))
    frame = _spacing(t, best) / 2  # what happens between two frames nobody has seen
    return Transition(best, float(min(low, best)) - frame, float(max(high, best)) + frame)


def _blocks(residuals: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Residuals drawn anew in blocks of neighbours."""
    n = len(residuals)
    starts = rng.integers(0, n, size=-(-n // _BLOCK))
    rows = (starts[:, None] + np.arange(_BLOCK)).ravel() % n
    return np.asarray(residuals[rows[:n]])


def _spacing(t: FloatArray, at: float) -> float:
    after = min(max(int(np.searchsorted(t, at)), 1), len(t) - 1)
    return float(t[after] - t[after - 1])


def _best_step(t: FloatArray, y: FloatArray) -> float:
    """Middle of the step with the least squared error among places and widths, refined three times."""
    low, high = np.quantile(t, (0.05, 0.95))
    widths = np.ptp(t) * np.array(_WIDTHS)
    for _ in range(3):
        grid = np.linspace(low, high, 31)
        errors = [np.einsum("kn,kn->k", rest, rest) for rest in (y - _steps(t, y, grid, w) for w in widths)]
        width, best = divmod(int(np.argmin(errors)), len(grid))
        widths = widths[width : width + 1]
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    return float(grid[best])


def _step_curve(t: FloatArray, y: FloatArray, step: float) -> FloatArray:
    curves = [_steps(t, y, np.array([step]), np.ptp(t) * w)[0] for w in _WIDTHS]
    return min(curves, key=lambda c: float(np.sum((y - c) ** 2)))


def _steps(t: FloatArray, y: FloatArray, steps: FloatArray, width: float) -> FloatArray:
    """Least-squares parabola with a smooth step (steps, frames) in height and slope at each place."""
    x = (t - steps[:, None]) / (np.ptp(t) or 1.0)
    up = 0.5 * (1.0 + np.tanh((t - steps[:, None]) / (2.0 * width)))
    return _fitted(np.stack((np.ones_like(x), x, x * x, up, x * up), axis=-1), y)


def _fitted(design: FloatArray, y: FloatArray) -> FloatArray:
    """Least-squares curves (k, frames) for designs (k, frames, terms), by normal equations."""
    terms = design.shape[-1]
    gram = np.einsum("kni,knj->kij", design, design) + 1e-10 * np.eye(terms)
    right = np.einsum("kni,n->ki", design, y - y.mean())
    best = np.linalg.solve(gram, right[..., None])[..., 0]
    return np.asarray(y.mean() + np.einsum("kni,ki->kn", design, best))


def _best_kink(t: FloatArray, y: FloatArray) -> float:
    """Grid over the inner nine tenths, then finer ones around the best."""
    low, high = np.quantile(t, (0.05, 0.95))
    for _ in range(3):
        grid = np.linspace(low, high, 41)
        best = int(np.argmin(_kink_errors(t, y, grid)))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, 40)]
    return float(grid[best])


def _kink_errors(t: FloatArray, y: FloatArray, kinks: FloatArray) -> FloatArray:
    """Squared errors (kinks,) of the best hinge at each kink."""
    rest = y - _hinges(t, y, kinks)
    return np.asarray(np.einsum("kn,kn->k", rest, rest))


def _hinges(t: FloatArray, y: FloatArray, kinks: FloatArray) -> FloatArray:
    """Least-squares hinge (kinks, frames) for each place of the kink."""
    x = (t - kinks[:, None]) / (np.ptp(t) or 1.0)
    return _fitted(np.stack((np.ones_like(x), x, np.maximum(x, 0.0)), axis=-1), y)


def _hinge(t: FloatArray, y: FloatArray, kink: float) -> FloatArray:
    return np.asarray(_hinges(t, y, np.array([kink]))[0])


def _best_division(t: FloatArray, fraction: FloatArray) -> float:
    below = np.concatenate(([0.0], np.cumsum(1.0 - fraction)))
    above = np.concatenate((np.cumsum(fraction[::-1])[::-1], [0.0]))
    k = int(np.argmin(below + above))
    if k in (0, len(t)):
        return float(t[min(k, len(t) - 1)])
    before, after = fraction[k - 1], fraction[k]
    share = (before - 0.5) / (before - after) if before > 0.5 > after else 0.5
    return float(t[k - 1] + share * (t[k] - t[k - 1]))


def _falling(t: FloatArray, fraction: FloatArray, division: float) -> FloatArray:
    """The falling curve nearest to the fractions: neighbours out of order are pooled."""
    del t, division
    pools: list[tuple[float, int]] = []
    for value in map(float, fraction):
        mean, size = value, 1
        while pools and pools[-1][0] <= mean:
            earlier, n = pools.pop()
            mean, size = (earlier * n + mean * size) / (n + size), n + size
        pools.append((mean, size))
    return np.repeat([mean for mean, _ in pools], [size for _, size in pools])
