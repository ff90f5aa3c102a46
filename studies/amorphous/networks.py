"""Train the networks of the study: `networks.py DATA/ WORK/ [--only PATTERN]`; run again to go on.

Every trajectory belongs to one of three folds, the same in all tasks. A network learns from two folds (every
sixth trajectory of them chooses the epoch) and judges the third: the configurations of all six tasks, so the
cross-set matrix has no leak either. The results, logits of windows by configuration, are in WORK/*.json.
"""

import argparse
import json
import shutil
import time
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import torch
from data import FOLDS, KINDS, Member, Trajectory, load, tasks

from mdlens.learning.configurations import Configuration, GraphView, PictureView
from mdlens.learning.fit_configurations import fit_configurations, window_logits
from mdlens.learning.window_fit import WindowFit
from mdlens.models import AttentionMPNN, PictureCNN
from mdlens.models.files import save_network

PARTICLES = 64
NEIGHBORS = 5
PIXELS = 36
WINDOWS = 24
SIDE = 1.2
"""Density: the edge of a picture of so many particles is (PARTICLES / SIDE) ** 0.5."""


def plan() -> list[tuple[str, str, str, int, float]]:
    """Task, kind, network, seed and share of the training trajectories, most wanted first."""
    runs = [(t, kind, "mpnn", 0, 1.0) for kind in KINDS for t in ("6", "6m", "4", "5", "1", "2", "3")]
    runs += [(t, kind, "cnn", 0, 1.0) for kind in KINDS for t in ("6", "6m", "4", "5", "1", "2", "3")]
    runs += [("6m", "inherent", net, seed, 1.0) for seed in (1, 2, 3, 4) for net in ("mpnn", "cnn")]
    runs += [("6m", "inherent", "mpnn", 0, share) for share in (0.25, 0.5)]
    runs += [("4", "inherent", "mpnn", 0, share) for share in (0.25, 0.5)]
    runs += [("6", "thermal", "mpnn_paper", 0, 1.0), ("6", "inherent", "mpnn_paper", 0, 1.0)]
    return runs


def view_of(network: str) -> GraphView | PictureView:
    if network == "cnn":
        return PictureView(2, (PARTICLES / SIDE) ** 0.5, PIXELS)
    return GraphView(2, PARTICLES, NEIGHBORS, absolute=network == "mpnn_paper")


def build(
    network: str, seed: int, view: GraphView | PictureView, shown: list[Configuration]
) -> torch.nn.Module:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    sample = view.join([view.draw(c, rng, turn=False) for c in shown])
    if network == "cnn":
        made = PictureCNN(2, width=16)
        made.measure(sample)
        return made
    made = AttentionMPNN(2, width=64, depth=3, variant="paper" if network == "mpnn_paper" else "relative")
    made.measure(sample.distance)
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


def run(name: str, task: str, kind: str, network: str, seed: int, share: float, data, work: Path) -> None:
    every = tasks(data)
    shown = {m.key: m for t in every.values() for m in t}
    began, logits, losses = time.process_time(), {}, []
    for fold in range(FOLDS):
        parts = split(every[task], data, fold, seed, share)
        train, validation = ([data[m.name].configuration(m.record, kind, m.label) for m in p] for p in parts)
        view = view_of(network)
        made = build(network, seed, view, train[:64])
        folder = work / f"{name}.fold{fold}"
        epochs = 4 if kind == "thermal" else 10  # heat is learnt in two
        settings = WindowFit(epochs=epochs, windows_per_epoch=1024, validation_windows=512, seed=seed)
        fit_configurations(made, view, train, validation, settings, folder)
        losses.append((folder / "log.csv").read_text().splitlines()[-1])
        save_network(work / f"{name}.fold{fold}.safetensors", made, {"kind": "study", "network": network})
        for member in shown.values():
            if data[member.name].fold == fold:
                c = data[member.name].configuration(member.record, kind)
                values = window_logits(made, view, c, windows=WINDOWS, seed=seed)
                logits[member.key] = [round(float(v), 4) for v in values]
        shutil.rmtree(folder)
    record = {"task": task, "kind": kind, "network": network, "seed": seed, "share": share}
    record |= {"cpu_seconds": time.process_time() - began, "last_epoch": losses, "logits": logits}
    partial = work / f"{name}.json.partial"
    partial.write_text(json.dumps(record))
    partial.rename(work / f"{name}.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--only", default="*", help="pattern of the runs' names")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.work.mkdir(parents=True, exist_ok=True)
    data = load(arguments.data)
    for task, kind, network, seed, share in plan():
        name = f"task{task}.{kind}.{network}.seed{seed}" + (f".share{share}" if share < 1 else "")
        if fnmatch(name, arguments.only) and not (arguments.work / f"{name}.json").exists():
            began = time.time()
            run(name, task, kind, network, seed, share, data, arguments.work)
            print(f"{name}: {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
