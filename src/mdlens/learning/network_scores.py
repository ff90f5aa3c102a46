"""Scores of rollouts: position errors relative to a network that stays, and Poisson's ratio."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mdlens.io.networks import ElasticTrajectory
from mdlens.learning.network_rollout import Rollout
from mdlens.types import FloatArray

STEPS = (20, 100, 400)
"""Frames at which rollouts are scored, where they are long enough."""


def r_squared(predicted: FloatArray, truth: FloatArray) -> float:
    """``1 - sum (p - t)^2 / sum (t - mean t)^2``; NaN for fewer than two different values."""
    spread = float(np.square(truth - truth.mean()).sum()) if len(truth) else 0.0
    return 1.0 - float(np.square(predicted - truth).sum()) / spread if spread > 0.0 else math.nan


def score_rollouts(
    rollouts: Sequence[Rollout], truths: Sequence[ElasticTrajectory], steps: Sequence[int] = STEPS
) -> dict[str, Any]:
    """Score rollouts against the trajectories they should have followed.

    A rollout that was stopped stands still from its last frame on.

    Args:
        rollouts: What was predicted.
        truths: The trajectory of each.
        steps: Frames to score; those that a truth does not reach are left out.

    Returns:
        By frame: "r2_nu", "mae_nu", "mse" (per coordinate), "mse_relative" (sum of squared errors over that
        of nodes frozen in the last given frame); the number of networks, and how many were stopped.
    """
    length = min(truth.n_frames for truth in truths)
    found: dict[str, Any] = {
        "networks": len(rollouts),
        "stopped": sum(bool(rollout.stopped) for rollout in rollouts),
    }
    for step in steps:
        if step < length:
            found[str(step)] = _score_step(rollouts, truths, step)
    return found


def poisson_ratios(
    rollouts: Sequence[Rollout], truths: Sequence[ElasticTrajectory], step: int
) -> tuple[FloatArray, FloatArray]:
    """Poisson's ratio from the positions of a frame, predicted and true, (networks,) each."""
    predicted = [float(held(rollout, step).poisson_ratio[step]) for rollout in rollouts]
    true = [float(truth.poisson_ratio[step]) for truth in truths]
    return np.array(predicted), np.array(true)


def held(rollout: Rollout, step: int) -> ElasticTrajectory:
    """Give the trajectory of a rollout up to a frame, its last positions held where it was stopped."""
    made = rollout.trajectory
    missing = step + 1 - made.n_frames
    if missing <= 0:
        return made
    positions = np.concatenate([made.positions, np.repeat(made.positions[-1:], missing, axis=0)])
    boxes = np.concatenate([made.boxes, np.repeat(made.boxes[-1:], missing, axis=0)])
    stretch = made.boxes[-1, 0] / made.boxes[-2, 0]
    boxes[made.n_frames :, 0] *= stretch ** np.arange(1, missing + 1)
    return ElasticTrajectory(
        network=made.network,
        positions=positions,
        boxes=boxes,
        temperature=made.temperature,
        rate=made.rate,
        timestep=made.timestep,
        seed=made.seed,
        protocol=made.protocol,
    )


def squared_errors(rollout: Rollout, truth: ElasticTrajectory, step: int) -> tuple[float, float, int]:
    """Squared error of a frame, that of nodes frozen in the last given frame, and the coordinates."""
    wrong = held(rollout, step).positions[step] - truth.positions[step]
    frozen = truth.positions[rollout.given - 1] - truth.positions[step]
    return float(np.square(wrong).sum()), float(np.square(frozen).sum()), wrong.size


def _score_step(
    rollouts: Sequence[Rollout], truths: Sequence[ElasticTrajectory], step: int
) -> dict[str, float]:
    pairs = zip(rollouts, truths, strict=True)
    errors = np.array([squared_errors(rollout, truth, step) for rollout, truth in pairs]).sum(axis=0)
    predicted, true = poisson_ratios(rollouts, truths, step)
    return {
        "r2_nu": r_squared(predicted, true),
        "mae_nu": float(np.abs(predicted - true).mean()),
        "mse": float(errors[0] / errors[2]),
        "mse_relative": float(errors[0] / errors[1]) if errors[1] > 0.0 else math.nan,
    }
