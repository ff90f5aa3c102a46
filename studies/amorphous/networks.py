"""Train the networks of the study: `networks.py DATA/ WORK/ [--only PATTERN]`; run again to go on.

Every trajectory belongs to one of three folds, the same in all tasks. A network learns from two folds (every
sixth trajectory of them chooses the epoch) and judges the third: the configurations of all six tasks, so the
cross-set matrix has no leak either. Logits of windows by configuration are in WORK/*.json, the networks in
WORK/*.safetensors.
"""

import argparse
import json
import shutil
import time
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import torch
from data import FOLDS, KINDS, Member, Trajectory, load, tasks

from mdlens.learning.configurations import Configuration, GraphView, PictureView
from mdlens.learning.fit_configurations import fit_configurations, window_logits
from mdlens.learning.window_fit import WindowFit
from mdlens.models import AttentionMPNN, PictureCNN
from mdlens.models.files import read_network, restore, save_network
from mdlens.neighbors import Graph, nearest_graph

PARTICLES = 64
NEIGHBORS = 5
PIXELS = 36
BLUR = 0.7
WINDOWS = 16
DENSITY = 1.2


KIND = "study"
SEEDS = range(5)
TASK_ORDER = ("6", "6m", "4", "5", "1", "2", "3")  # tasks, most wanted first


@dataclass(frozen=True)
class Run:
    """One training: task, kind of positions, network, seed, share of the training trajectories."""

    task: str
    kind: str
    network: str
    seed: int = 0
    share: float = 1.0

    @property
    def name(self) -> str:
        share = f".share{self.share}" if self.share < 1 else ""
        return f"task{self.task}.{self.kind}.{self.network}.seed{self.seed}{share}"

    @property
    def epochs(self) -> int:
        """Passes of 1024 windows; the graph network learns heat in one."""
        if self.network == "cnn":
            return 8
        if self.network == "mpnn_paper":
            return 24
        if self.kind == "thermal":
            return 2
        return 12 if self.task in ("6", "6m") else 6


def plan() -> list[Run]:
    """All runs, most wanted first."""
    runs = [Run(task, "inherent", "mpnn") for task in ("6m", "6")]
    runs += [Run("6", "thermal", "mpnn"), Run("6", "inherent", "cnn"), Run("6", "thermal", "cnn")]
    runs += [Run(task, "inherent", "mpnn") for task in "45123"]
    runs += [Run(task, "thermal", network) for task in "45123" for network in ("mpnn", "cnn")]
    runs += [Run(task, "inherent", "cnn") for task in ("6m", *"45123")]
    runs += [Run("6m", "thermal", network) for network in ("mpnn", "cnn")]
    runs += [Run("6", "inherent", "mpnn", 0, share) for share in (0.25, 0.5)]
    runs += [Run("6", kind, "mpnn_paper") for kind in KINDS]
    cells = [(task, kind, network) for task in TASK_ORDER for kind in KINDS for network in ("mpnn", "cnn")]
    runs += [Run(*cell, seed) for seed in SEEDS[1:] for cell in cells]
    return runs


def view_of(network: str) -> GraphView | PictureView:
    if network == "cnn":
        return PictureView(2, (PARTICLES / DENSITY) ** 0.5, PIXELS, blur=BLUR)
    return GraphView(2, PARTICLES, NEIGHBORS, absolute=network == "mpnn_paper")


def bare(network: str) -> torch.nn.Module:
    if network == "cnn":
        return PictureCNN(2, width=16)
    return AttentionMPNN(2, width=64, depth=3, variant="paper" if network == "mpnn_paper" else "relative")


def build(
    network: str, seed: int, view: GraphView | PictureView, shown: list[Configuration]
) -> torch.nn.Module:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    sample = view.join([view.draw(c, rng, turn=False) for c in shown])
    made = bare(network)
    made.measure(sample if network == "cnn" else sample.distance)
    return made


def split(chosen: list[Member], data: dict[str, Trajectory], fold: int, seed: int, share: float):
    """Members to train on and to choose the epoch by, of the trajectories outside a fold."""
    inside = [m for m in chosen if data[m.name].fold != fold]
    names = sorted({m.name for m in inside})
    by_protocol: dict[str, list[str]] = {}
    for name in np.random.default_rng((seed, fold)).permutation(names):
        by_protocol.setdefault(data[name].protocol, []).append(str(name))
    validation, train = set(), set()
    for group in by_protocol.values():
        n = max(len(group) // 6, 1)
        validation |= set(group[:n])
        train |= set(group[n : n + max(round(share * (len(group) - n)), 1)])
    return [m for m in inside if m.name in train], [m for m in inside if m.name in validation]


def train(run: Run, data: dict[str, Trajectory], work: Path) -> None:
    """Fit the networks of a run, one for each fold."""
    every = tasks(data)
    for fold in range(FOLDS):
        file = work / f"{run.name}.fold{fold}.safetensors"
        if file.exists():
            continue
        parts = split(every[run.task], data, fold, run.seed, run.share)
        shown, held = ([data[m.name].configuration(m.record, run.kind, m.label) for m in p] for p in parts)
        view = view_of(run.network)
        made = build(run.network, run.seed, view, shown[:64])
        settings = WindowFit(epochs=run.epochs, windows_per_epoch=1024, validation_windows=256, seed=run.seed)
        began, folder = time.process_time(), work / f"{run.name}.fold{fold}"
        fit_configurations(made, view, shown, held, settings, folder)
        told = {"kind": KIND, "cpu_seconds": time.process_time() - began, "trajectories": [
            len({m.name for m in p}) for p in parts], "log": (folder / "log.csv").read_text()}  # fmt: skip
        save_network(file, made, told)
        shutil.rmtree(folder)


def fitted(run: Run, fold: int, work: Path) -> tuple[torch.nn.Module, GraphView | PictureView]:
    """A trained network and how it sees configurations."""
    file = work / f"{run.name}.fold{fold}.safetensors"
    made = bare(run.network)
    restore(file, made, read_network(file, KIND)[1])
    return made, view_of(run.network)


@torch.no_grad()
def attention(run: Run, trajectory: Trajectory, record: int, work: Path) -> tuple[Graph, np.ndarray]:
    """The bonds of a configuration and what each counts, 1 where attention is spread evenly (bonds,).

    The network is the one that did not see the trajectory; both directions of a bond count the same.
    """
    network, view = fitted(run, trajectory.fold, work)
    c = trajectory.configuration(record, run.kind)
    weights = network.eval()(view.join([view.graph(c)])).attention.numpy()
    graph = nearest_graph(c.positions, c.cell, c.pbc, NEIGHBORS)
    return graph, 0.5 * (weights + weights[graph.reverse]) * len(weights)


def predict(run: Run, data: dict[str, Trajectory], work: Path) -> None:
    """Judge the configurations of all tasks, each with the network that did not see its trajectory."""
    shown = {m.key: m for t in tasks(data).values() for m in t}
    logits = {}
    for fold in range(FOLDS):
        made, view = fitted(run, fold, work)
        for member in shown.values():
            if data[member.name].fold == fold:
                c = data[member.name].configuration(member.record, run.kind)
                values = window_logits(made, view, c, windows=WINDOWS, seed=run.seed)
                logits[member.key] = [round(float(v), 4) for v in values]
    partial = work / f"{run.name}.json.partial"
    partial.write_text(json.dumps(logits))
    partial.rename(work / f"{run.name}.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--only", default="*", help="pattern of the runs' names")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.work.mkdir(parents=True, exist_ok=True)
    data = load(arguments.data)
    for run in plan():
        if fnmatch(run.name, arguments.only) and not (arguments.work / f"{run.name}.json").exists():
            began = time.process_time()
            train(run, data, arguments.work)
            predict(run, data, arguments.work)
            print(f"{run.name}: {time.process_time() - began:.0f} s of CPU", flush=True)


if __name__ == "__main__":
    main()
