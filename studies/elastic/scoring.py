"""Scores of simulators and baselines in the elastic study."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from mdlens.elastic import ElasticTrajectory
from mdlens.learning.network_data import NetworkCase, cut_window, label
from mdlens.learning.network_rollout import Rollout, affine_rollout, frozen_rollout, roll_out
from mdlens.learning.network_scores import poisson_ratios, r_squared, score_rollouts, squared_errors
from mdlens.models import NetworkSimulator

GIVEN = 4
"""Frames every contestant is given, as many as three displacements need."""

STEPS = (20, 100, 400, 1200)
CURVE = (4, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 400, 800, 1200)


def evaluate(
    simulator: NetworkSimulator, truths: Sequence[ElasticTrajectory], last: int = 400
) -> dict[str, Any]:
    """Score rollouts up to a frame: nu, position errors by frame, one-step error, CPU time."""
    frames = min(last + 1, *(truth.n_frames for truth in truths))
    begun = time.process_time()
    rollouts = roll_out(simulator.eval(), truths, frames=frames, given=GIVEN)
    spent = time.process_time() - begun
    return {
        **score(rollouts, truths, frames - 1),
        "one_step": one_step(simulator, truths),
        "cpu_s_per_network_and_step": spent / len(truths) / (frames - GIVEN),
    }


def score(rollouts: Sequence[Rollout], truths: Sequence[ElasticTrajectory], last: int) -> dict[str, Any]:
    """Scores at the frames of the study, the curve of the error, and nu of every network."""
    steps = [step for step in STEPS if step <= last]
    curve = {}
    for step in (s for s in CURVE if s <= last):
        pairs = zip(rollouts, truths, strict=True)
        total = np.array([squared_errors(made, truth, step) for made, truth in pairs]).sum(axis=0)
        curve[str(step)] = {"mse": total[0] / total[2], "mse_relative": total[0] / total[1]}
    scores = score_rollouts(rollouts, truths, steps)
    for step in steps:
        predicted, true = poisson_ratios(rollouts, truths, step)
        scores[str(step)] |= {"r2_nu_interval": interval(predicted, true, truths), **by_sign(predicted, true)}
        scores[str(step)]["predicted"] = np.round(predicted, 5).tolist()
        scores[str(step)]["true"] = np.round(true, 5).tolist()
    return {**scores, "curve": curve}


def interval(
    predicted: np.ndarray, true: np.ndarray, truths: Sequence[ElasticTrajectory], resamples: int = 1000
) -> list[float]:
    """95 % interval of R^2 when whole base networks are drawn again."""
    bases, index = np.unique([truth.network.base for truth in truths], return_inverse=True)
    members = [np.flatnonzero(index == k) for k in range(len(bases))]
    rng = np.random.default_rng(0)
    values = []
    for _ in range(resamples):
        drawn = np.concatenate([members[k] for k in rng.integers(len(bases), size=len(bases))])
        values.append(r_squared(predicted[drawn], true[drawn]))
    return [float(value) for value in np.nanquantile(values, [0.025, 0.975])]


def by_sign(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Mean absolute error of nu for auxetic networks and for the others."""
    wrong, negative = np.abs(predicted - true), true < 0
    return {
        name: float(wrong[chosen].mean()) if chosen.any() else float("nan")
        for name, chosen in (("mae_auxetic", negative), ("mae_ordinary", ~negative))
    }


def one_step(simulator: NetworkSimulator, truths: Sequence[ElasticTrajectory]) -> dict[str, float]:
    """Error of a single step from true frames, at ten places along every trajectory."""
    wrong = moved = count = 0.0
    first = simulator.history + 1
    for start in np.linspace(GIVEN - first, 398 - first, 10).astype(int):
        cases = [NetworkCase(t, t.n_frames) for t in truths[:FEW_STEPS] if t.n_frames > start + first]
        if not cases:
            continue
        window = cut_window(cases, [int(start)] * len(cases), first + 1)
        with torch.no_grad():
            (motion,) = simulator.follow(window)
        wrong += float((motion.positions - window.positions[-1]).square().sum())
        moved += float((window.positions[-1] - window.positions[-2]).square().sum())
        count += 2 * len(motion.positions)
    return {"mse": wrong / count, "mse_relative": wrong / moved}


FEW_STEPS = 40
"""Trajectories on which single steps are scored."""


def baselines(
    truths: Sequence[ElasticTrajectory], train: Sequence[ElasticTrajectory], last: int = 400
) -> dict[str, Any]:
    """Frozen and affine networks, and linear response, which reads nu off the network at rest."""
    frames = min(last + 1, *(truth.n_frames for truth in truths))
    nu = float(np.mean([label(trajectory) for trajectory in train]))
    found: dict[str, Any] = {
        "frozen": score([frozen_rollout(t, frames, GIVEN) for t in truths], truths, frames - 1),
        "affine": score([affine_rollout(t, frames, GIVEN, nu) for t in truths], truths, frames - 1),
    }
    found["affine"]["nu"] = nu
    linear = np.array([truth.linear_nu for truth in truths])
    response: dict[str, Any] = {}
    for step in (s for s in STEPS if s < frames):
        true = np.array([truth.poisson_ratio[step] for truth in truths])
        response[str(step)] = {
            "r2_nu": r_squared(linear, true),
            "mae_nu": float(np.abs(linear - true).mean()),
            **by_sign(linear, true),
            "predicted": np.round(linear, 5).tolist(),
            "true": np.round(true, 5).tolist(),
        }
    found["linear_response"] = response
    return found


def mean_and_spread(runs: Sequence[Mapping[str, Any]], *path: str) -> dict[str, float]:
    """Mean, lowest and highest of a number over runs that differ in their seed."""
    values = []
    for run in runs:
        at: Any = run
        for key in path:
            at = at[key]
        values.append(float(at))
    return {"mean": float(np.mean(values)), "low": min(values), "high": max(values)}
