"""Rollouts of many networks at once, and the baselines that need no training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from mdlens.errors import InputError
from mdlens.io.networks import ElasticTrajectory
from mdlens.learning.network_data import NetworkCase, cut_window
from mdlens.models import Motion, NetworkGraph, NetworkSimulator, Window
from mdlens.types import FloatArray

AT_ONCE = 32
"""Networks rolled out together: more need more memory and are not faster."""

_LARGEST_STEP = 0.2
"""A node that moves by more of a box length in a frame has left the network: the rollout is stopped."""


@dataclass(frozen=True, eq=False)
class Rollout:
    """A predicted trajectory.

    Args:
        trajectory: The frames given and those predicted after them; shorter if the rollout was stopped.
        given: Number of frames given.
        stopped: Why it ended early; empty if it did not.
    """

    trajectory: ElasticTrajectory
    given: int
    stopped: str = ""


def roll_out(
    simulator: NetworkSimulator,
    trajectories: Sequence[ElasticTrajectory],
    *,
    frames: int,
    given: int | None = None,
    lengths_x: Sequence[FloatArray] | None = None,
) -> list[Rollout]:
    """Predict trajectories from their first frames; of the others only the imposed length along x is used.

    Args:
        simulator: The simulator.
        trajectories: What to start from, at least `given` frames each.
        frames: Length of the result, the given frames included.
        given: Frames that are given, at least ``simulator.history + 1``; by default so many.
        lengths_x: Imposed box length along x in every frame (frames,), a row per trajectory; by default those
            of the trajectories, continued with the same rate.

    Raises:
        InputError: If a trajectory is too short or there is nothing to predict.
    """
    first = simulator.history + 1 if given is None else given
    if not simulator.history < first < frames:
        raise InputError(
            f"a rollout needs {simulator.history + 1} or more frames to start from and more to predict, "
            f"got {first} and {frames}"
        )
    imposed = [imposed_lengths(t, frames) for t in trajectories] if lengths_x is None else lengths_x
    rollouts: list[Rollout] = []
    for begin in range(0, len(trajectories), AT_ONCE):
        part = slice(begin, begin + AT_ONCE)
        rollouts += _batch(simulator, trajectories[part], imposed[part], frames, first)
    return rollouts


def imposed_lengths(trajectory: ElasticTrajectory, frames: int) -> FloatArray:
    """Box lengths along x of so many frames (frames,): those recorded, continued by equal steps."""
    known = trajectory.boxes[:frames, 0]
    step = (known[-1] - known[0]) / max(len(known) - 1, 1)
    extra = known[-1] + step * np.arange(1, frames - len(known) + 1)
    return np.concatenate([known, extra])


def frozen_rollout(trajectory: ElasticTrajectory, frames: int, given: int) -> Rollout:
    """Let every node stay where it was in the last given frame."""
    positions, boxes = trajectory.positions[:frames].copy(), trajectory.boxes[:frames].copy()
    positions[given:], boxes[given:, 1] = positions[given - 1], boxes[given - 1, 1]
    return Rollout(replace(trajectory, positions=positions, boxes=boxes), given)


def affine_rollout(trajectory: ElasticTrajectory, frames: int, given: int, nu: float) -> Rollout:
    """Let every node follow the box from the last given frame; along y it goes by Poisson's ratio `nu`."""
    positions, boxes = trajectory.positions[:frames].copy(), trajectory.boxes[:frames].copy()
    last = boxes[given - 1]
    boxes[given:, 1] = last[1] * (1.0 - nu * (boxes[given:, 0] / last[0] - 1.0))
    still = positions[given - 1] - trajectory.centre
    positions[given:] = trajectory.centre + still * (boxes[given:] / last)[:, None, :]
    return Rollout(replace(trajectory, positions=positions, boxes=boxes), given)


def _batch(
    simulator: NetworkSimulator,
    trajectories: Sequence[ElasticTrajectory],
    imposed: Sequence[FloatArray],
    frames: int,
    given: int,
) -> list[Rollout]:
    cases = [NetworkCase(trajectory, given) for trajectory in trajectories]
    window = cut_window(cases, [0] * len(cases), given)
    lengths = torch.from_numpy(np.stack(imposed, axis=1))
    positions, boxes = [*window.positions], [*window.boxes]
    alive = torch.full((len(cases),), frames)
    with torch.no_grad():
        motion = simulator.start(window)
        for frame in range(given, frames):
            motion = simulator.advance(window.graph, motion, lengths[frame])
            lost = _lost(window.graph, positions[-1], motion)
            alive = torch.where(lost & (alive == frames), frame, alive)
            motion = _without(window, motion, alive < frames)
            positions.append(motion.positions)
            boxes.append(motion.boxes)
            if bool((alive < frames).all()):
                break
    stacked, stacked_boxes = torch.stack(positions), torch.stack(boxes)
    owners = window.graph.node_graph
    return [
        _rollout(t, stacked[:end, owners == k].numpy(), stacked_boxes[:end, k].numpy(), given, frames)
        for k, (t, end) in enumerate(zip(trajectories, alive.tolist(), strict=True))
    ]


def _rollout(
    trajectory: ElasticTrajectory, positions: FloatArray, boxes: FloatArray, given: int, frames: int
) -> Rollout:
    end = len(positions)
    reason = ""
    if end < frames:
        reason = f"frame {end}: a node left the network or a number is not finite; the rollout ends before it"
    made = replace(trajectory, positions=positions + trajectory.centre, boxes=boxes)
    return Rollout(made, given, reason)


def _lost(graph: NetworkGraph, before: torch.Tensor, motion: Motion) -> torch.Tensor:
    """Tell which networks have come apart (networks,)."""
    moved = (motion.positions - before).abs() / motion.boxes.abs()[graph.node_graph]
    wrong = ~(moved < _LARGEST_STEP).all(dim=1)
    boxes = ~((motion.boxes > 0.0) & torch.isfinite(motion.boxes)).all(dim=1)
    return boxes | (graph.sum_nodes(wrong.double()) > 0)


def _without(window: Window, motion: Motion, lost: torch.Tensor) -> Motion:
    """Put networks that came apart back to their first frame, so that they disturb nobody."""
    if not bool(lost.any()):
        return motion
    nodes = lost[window.graph.node_graph][:, None]
    return motion._replace(
        positions=torch.where(nodes, window.positions[0], motion.positions),
        boxes=torch.where(lost[:, None], window.boxes[0], motion.boxes),
        velocities=torch.where(nodes, 0.0, motion.velocities),
        box_rates=torch.where(lost[:, None], 0.0, motion.box_rates),
    )
