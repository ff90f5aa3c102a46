"""The implicit steps against an explicit integration of the same equations with the true force law."""

import math

import numpy as np
import torch
from torch import Tensor, nn
from twins.compression import BOX_FRICTION, BOX_INERTIA, FRICTION, compress_slowly, lattice_network

from mdlens.learning.network_data import NetworkCase, cut_window
from mdlens.models import BondSimulator
from mdlens.models.bond_simulator import TIME_UNIT


class Harmonic(nn.Module):
    """The law of the networks, ``t = 2 k (l - l0)``, in the units of the simulator."""

    def forward(self, lengths: Tensor, rest_lengths: Tensor, stiffness: Tensor) -> tuple[Tensor, Tensor]:
        spring = 2.0 * stiffness * TIME_UNIT**2
        return spring * (lengths - rest_lengths), spring


def simulator(steps: int) -> BondSimulator:
    made = BondSimulator(steps=steps, iterations=2)
    made.law = Harmonic()
    made.log_friction.data.fill_(math.log(FRICTION * TIME_UNIT))
    made.log_box_inertia.data.fill_(math.log(BOX_INERTIA))
    made.log_box_friction.data.fill_(math.log(BOX_FRICTION * TIME_UNIT))
    return made


def test_small_implicit_steps_follow_small_explicit_steps() -> None:
    truth = compress_slowly(lattice_network(4, 0), 8, period=2.0, dt=0.005)
    window = cut_window([NetworkCase(truth, 8)], [0], 8)
    errors = []
    for steps in (20, 80):
        model = simulator(steps)
        start = model.start(window._replace(positions=window.positions[[0, 0]], boxes=window.boxes[[0, 0]]))
        motion = start
        with torch.no_grad():
            for boxes in window.boxes[1:]:
                motion = model.advance(window.graph, motion, boxes[:, 0])
        moved = (window.positions[-1] - window.positions[0]).norm()
        errors.append(float((motion.positions - window.positions[-1]).norm() / moved))
    assert errors[1] < 0.02
    assert errors[1] < 0.5 * errors[0]  # of first order in the step


def test_whole_frames_settle_where_the_truth_settles() -> None:
    truth = compress_slowly(lattice_network(4, 1), 30)
    model = simulator(1)
    window = cut_window([NetworkCase(truth, 30)], [0], 30)
    with torch.no_grad():
        last = model.follow(window)[-1]
    moved = (window.positions[-1] - window.positions[1]).norm()
    assert float((last.positions - window.positions[-1]).norm() / moved) < 0.02
    np.testing.assert_allclose(last.boxes.numpy(), window.boxes[-1].numpy(), rtol=1e-5)
