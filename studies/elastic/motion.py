"""Poisson's ratio against strain, predicted and true, and how complex the motion of the nodes is."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from cases import StudyData
from scoring import GIVEN

from mdlens.elastic import ElasticTrajectory
from mdlens.learning.network_data import label
from mdlens.learning.network_rollout import roll_out
from mdlens.learning.network_scores import held
from mdlens.models import NetworkSimulator

SHOWN = 6
LAST = 400
EVERY = 8


def strain_job(data: StudyData, simulators: Mapping[str, NetworkSimulator]) -> dict[str, Any]:
    """Poisson's ratio in every eighth frame of six test networks from the most to the least auxetic."""
    ordered = sorted(data.test, key=label)
    chosen = [ordered[k] for k in np.linspace(0, len(ordered) - 1, SHOWN).round().astype(int)]
    frames = list(range(EVERY, LAST + 1, EVERY))
    rows: list[dict[str, Any]] = [
        {
            "network": truth.network.name,
            "strain": np.round(truth.strain[frames], 6).tolist(),
            "true": np.round(truth.poisson_ratio[frames], 5).tolist(),
            "linear_response": float(truth.linear_nu),
        }
        for truth in chosen
    ]
    for name, simulator in simulators.items():
        for row, made in zip(rows, roll_out(simulator, chosen, frames=LAST + 1, given=GIVEN), strict=True):
            row[name] = np.round(held(made, LAST).poisson_ratio[frames], 5).tolist()
    return {"rows": rows}


def motion_job(data: StudyData) -> dict[str, Any]:
    """How complex the motion of every test network is, and its Poisson's ratio."""
    nu = np.array([label(truth) for truth in data.test])
    found = np.array([complexity(truth) for truth in data.test])
    auxetic = nu < 0
    return {
        "nu": np.round(nu, 5).tolist(),
        "complexity": np.round(found, 6).tolist(),
        "median_auxetic": float(np.median(found[auxetic])),
        "median_ordinary": float(np.median(found[~auxetic])),
        "spearman": float(np.corrcoef(nu.argsort().argsort(), found.argsort().argsort())[0, 1]),
    }


def complexity(truth: ElasticTrajectory) -> float:
    """Variance in time of the nodes' velocities over their mean square; 0 if they are constant."""
    velocities = np.diff(truth.positions[GIVEN : LAST + 1], axis=0)
    return float(velocities.var(axis=0).sum() / np.square(velocities).mean(axis=0).sum())
