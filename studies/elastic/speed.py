"""What a compression costs: time of one thread for one network and for 1,000, on an idle machine."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from cases import StudyData
from design import long_steps

from mdlens.elastic import compress, fast_recipe, linear_response, relax
from mdlens.learning.network_rollout import AT_ONCE, roll_out
from mdlens.models import NetworkSimulator

FRAMES = 401
REPEATS = 3


def clock(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Median time of some calls after one that is not counted; a single call is long and counts."""
    if repeats > 1:
        work()
    spent = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begun)
    return median(spent)


def speed_job(data: StudyData, bonds: NetworkSimulator, paper: NetworkSimulator) -> dict[str, Any]:
    """Seconds for 400 frames; 1,000 networks are measured on a part and counted up."""
    torch.set_num_threads(1)
    truths = data.test[:AT_ONCE]
    recipe = fast_recipe(temperature=1e-11, frames=FRAMES - 1)
    networks = [truth.network for truth in truths]
    found: dict[str, Any] = {
        "lammps": {
            "one": clock(lambda: compress(networks[0], recipe)),
            "thousand": 1000.0 / AT_ONCE * clock(lambda: [compress(n, recipe) for n in networks], 1),
        },
        "linear_response": {
            "one": clock(lambda: linear_response(networks[0])),
            "thousand": 1000.0 / AT_ONCE * clock(lambda: [linear_response(network) for network in networks]),
        },
        "relaxed_linear_response": {
            "one": clock(lambda: linear_response(relax(networks[0]))),
            "thousand": 1000.0 / AT_ONCE * clock(lambda: [linear_response(relax(n)) for n in networks], 1),
        },
    }
    for name, simulator in (("bonds", bonds), ("paper", paper)):
        found[name] = {
            "one": clock(lambda s=simulator: roll_out(s, truths[:1], frames=FRAMES)),
            "thousand": 1000.0 / AT_ONCE * clock(lambda s=simulator: roll_out(s, truths, frames=FRAMES), 1),
        }
    found["bonds_long_steps"] = {
        "one": clock(lambda: long_steps(bonds, networks[:1])),
        "thousand": 1000.0 / AT_ONCE * clock(lambda: long_steps(bonds, networks)),
    }
    return {"seconds": found, "frames": FRAMES, "batch": AT_ONCE}
