"""Trajectories of elastic networks for learning: splits by base network, windows, batches."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mdlens.errors import InputError
from mdlens.io.networks import ElasticTrajectory
from mdlens.learning.network_settings import BaseSplitConfig, SelectionConfig
from mdlens.models import NetworkGraph, Window, build_graph, join_graphs

PARTS = ("train", "validation", "test")

LABEL_FRAME = 100
"""Poisson's ratio of a trajectory, where one number is needed, is that of this frame (or of the last)."""


@dataclass(frozen=True, eq=False)
class NetworkCase:
    """A trajectory as tensors.

    Args:
        trajectory: Where it comes from.
        frames: How many of its frames are used.
    """

    trajectory: ElasticTrajectory
    frames: int

    @cached_property
    def graph(self) -> NetworkGraph:
        """The network."""
        run = self.trajectory
        return build_graph(run.network, run.positions[0], run.boxes[0], frame_period(run))

    @cached_property
    def positions(self) -> Tensor:
        """Positions relative to the centre of the box (frames, nodes, 2)."""
        return torch.from_numpy(self.trajectory.positions[: self.frames] - self.trajectory.centre)

    @cached_property
    def boxes(self) -> Tensor:
        """Box lengths (frames, 1, 2)."""
        return torch.from_numpy(self.trajectory.boxes[: self.frames, None].copy())


@dataclass(frozen=True, kw_only=True)
class NetworkSplit:
    """Indices of the trajectories of each part."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def frame_period(trajectory: ElasticTrajectory) -> float:
    """Time between frames, from the strain of a frame and the strain rate.

    Raises:
        InputError: If the trajectory has one frame or is not strained.
    """
    strain = trajectory.strain
    if len(strain) < 2 or strain[1] * trajectory.rate <= 0.0:
        raise InputError(
            f"{trajectory.network.name}: two frames or more under strain, and its rate, are needed"
        )
    return float(strain[1] / trajectory.rate)


def label(trajectory: ElasticTrajectory) -> float:
    """Poisson's ratio that a trajectory stands for, see `LABEL_FRAME`."""
    return float(trajectory.poisson_ratio[min(LABEL_FRAME, trajectory.n_frames - 1)])


def split_by_base(
    trajectories: Sequence[ElasticTrajectory], settings: BaseSplitConfig, folder: Path
) -> NetworkSplit:
    """Split so that networks pruned from one base lie in one part.

    Args:
        trajectories: All trajectories.
        settings: How to split.
        folder: What `settings.file` is relative to.

    Raises:
        InputError: If there are too few base networks, or the file of the split cannot be used.
    """
    bases = sorted({trajectory.network.base for trajectory in trajectories})
    owner = _listed(folder / settings.file) if settings.file else _dealt(bases, settings)
    parts: dict[str, list[int]] = {part: [] for part in PARTS}
    for index, trajectory in enumerate(trajectories):
        if trajectory.network.base in owner:
            parts[owner[trajectory.network.base]].append(index)
    return NetworkSplit(**{part: tuple(indices) for part, indices in parts.items()})


def _dealt(bases: list[str], settings: BaseSplitConfig) -> dict[str, str]:
    shares = (settings.validation, settings.test)
    held = [max(round(len(bases) * share), 1) if share else 0 for share in shares]
    if sum(held) >= len(bases):
        raise InputError(f"{len(bases)} base networks are too few to split: give more trajectories")
    order = [bases[index] for index in np.random.default_rng(settings.seed).permutation(len(bases))]
    names = ["validation"] * held[0] + ["test"] * held[1] + ["train"] * (len(bases) - sum(held))
    return dict(zip(order, names, strict=True))


def _listed(file: Path) -> dict[str, str]:
    try:
        listed = json.loads(file.read_text(encoding="utf-8"))
        owner = {str(base): part for part in PARTS for base in listed[part]}
        count = sum(len(listed[part]) for part in PARTS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: must list base networks under {', '.join(PARTS)} ({error})") from error
    if len(owner) != count:
        raise InputError(f"{file}: a base network is listed twice, so that the split leaks")
    return owner


def select(
    trajectories: Sequence[ElasticTrajectory],
    indices: Sequence[int],
    settings: SelectionConfig,
    *,
    limit: bool,
    seed: int = 0,
) -> tuple[NetworkCase, ...]:
    """Choose what is learned from.

    Args:
        trajectories: All trajectories.
        indices: Those of the part.
        settings: What to choose.
        limit: Whether the numbers of bases and networks hold too (they do for the training part).
        seed: Seed of the order in which networks are taken.

    Raises:
        InputError: If nothing is left.
    """
    kept = [i for i in indices if settings.nu_min <= label(trajectories[i]) <= settings.nu_max]
    if limit:
        kept = _limited(trajectories, kept, settings, seed)
    if not kept:
        raise InputError("no trajectory is left to learn from: widen [selection]")
    frames = settings.frames or max(trajectory.n_frames for trajectory in trajectories)
    return tuple(NetworkCase(trajectories[i], min(frames, trajectories[i].n_frames)) for i in kept)


def _limited(
    trajectories: Sequence[ElasticTrajectory], indices: list[int], settings: SelectionConfig, seed: int
) -> list[int]:
    """Take networks in turns from shuffled bases, so that few networks are as different as can be."""
    rng = np.random.default_rng((seed, len(indices)))
    by_base: dict[str, list[int]] = {}
    for index in rng.permutation(indices):
        by_base.setdefault(trajectories[index].network.base, []).append(int(index))
    bases = list(by_base.values())[: settings.bases or None]
    turns = max((len(base) for base in bases), default=0)
    ordered = [base[turn] for turn in range(turns) for base in bases if turn < len(base)]
    return sorted(ordered[: settings.networks or None])


def cut_window(cases: Sequence[NetworkCase], starts: Sequence[int], frames: int) -> Window:
    """Join the windows of several trajectories, each `frames` long from its start.

    Raises:
        InputError: If a trajectory is too short.
    """
    for case, start in zip(cases, starts, strict=True):
        if start + frames > case.frames:
            raise InputError(
                f"{case.trajectory.network.name}: {start + frames} frames are needed, got {case.frames}"
            )
    return Window(
        graph=join_graphs([case.graph for case in cases]),
        positions=torch.cat(
            [case.positions[s : s + frames] for case, s in zip(cases, starts, strict=True)], dim=1
        ),
        boxes=torch.cat([case.boxes[s : s + frames] for case, s in zip(cases, starts, strict=True)], dim=1),
    )


def draw_window(cases: Sequence[NetworkCase], count: int, frames: int, rng: np.random.Generator) -> Window:
    """Draw windows of random trajectories and random starts.

    Raises:
        InputError: If no trajectory is long enough.
    """
    long = [case for case in cases if case.frames >= frames]
    if not long:
        raise InputError(f"windows of {frames} frames are needed; the longest trajectory has fewer")
    chosen = [long[index] for index in rng.integers(len(long), size=count)]
    return cut_window(chosen, [int(rng.integers(case.frames - frames + 1)) for case in chosen], frames)
