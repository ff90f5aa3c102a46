"""`mdlens train amorphous`: from a configuration file to a model file."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mdlens.descriptors.maps import species_names
from mdlens.errors import InputError
from mdlens.io import read
from mdlens.io.whole_file import write_whole
from mdlens.learning.auc import bootstrap_auc
from mdlens.learning.config import read_config
from mdlens.learning.configurations import Configuration, View
from mdlens.learning.fit_configurations import fit_configurations, window_logits
from mdlens.learning.lightning_run import torch_state
from mdlens.learning.window_fit import AmorphousConfig
from mdlens.workflows.amorphous import AmorphousModel, as_configuration, make_network, make_view

PARTS = ("train", "validation", "test")


def train_amorphous(
    config_file: Path, folder: Path, *, threads: int = 1, progress: bool = False
) -> AmorphousModel:
    """Train the classifier that a configuration file describes; an interrupted run continues.

    ``folder`` gets ``model.safetensors``, ``metrics.json`` (held-out AUC with intervals over groups),
    ``log.csv``, ``config.toml`` and the checkpoints.

    Args:
        config_file: TOML file, see `AmorphousConfig`.
        folder: Folder of the run; one of another configuration is refused.
        threads: Threads of torch.
        progress: Whether to draw a progress bar.

    Raises:
        InputError: If the configuration, a file or the folder is wrong.
        FormatError: If a trajectory is damaged.
    """
    config = read_config(AmorphousConfig, config_file)
    configurations, species = _load(config, config_file.parent)
    parts = split_groups(configurations, config.split.validation, config.split.test, config.fit.seed)
    dimension = configurations[0].dimensions
    edge = _edge(configurations, config.windows.particles) if config.model.network.startswith("cnn") else 0.0
    view = make_view(config.model, config.windows, len(species), dimension, edge)
    for configuration in configurations:
        view.whole(configuration)
    _claim(folder, config_file)
    with torch_state(threads, config.fit.seed):
        network = make_network(config.model, config.windows, len(species), dimension)
        _measure(network, view, parts["train"], config.fit.seed)
    fit_configurations(
        network,
        view,
        parts["train"],
        parts["validation"],
        config.fit,
        folder,
        threads=threads,
        progress=progress,
    )
    scores = {name: _score(network, view, parts[name], config) for name in PARTS[1:] if parts[name]}
    training = {
        "groups": {name: len({c.group for c in part}) for name, part in parts.items()},
        "configurations": {name: len(part) for name, part in parts.items()},
        "config": asdict(config),
    }
    model = AmorphousModel(
        config.model,
        config.windows,
        species,
        dimension,
        edge,
        network,
        scores,
        json.loads(json.dumps(training)),
    )
    write_whole(folder / "metrics.json", json.dumps({"scores": scores, **training}, indent=1) + "\n")
    model.save(folder / "model.safetensors")
    return model


def _load(config: AmorphousConfig, folder: Path) -> tuple[list[Configuration], tuple[str, ...]]:
    frames = []
    for entry in config.data:
        label, group = config.model.classes.index(entry.label), entry.group or entry.file
        frames += [(atoms, label, group) for atoms in read(folder / entry.file, entry.frames)]
    species = tuple(sorted({name for atoms, _, _ in frames for name in species_names(atoms)}))
    found = [as_configuration(atoms, species, label=label, group=group) for atoms, label, group in frames]
    dimensions = {c.dimensions for c in found if len(c)}
    if len(dimensions) != 1:
        raise InputError("data must be all in the plane (2D) or all in space (3D), and have particles")
    return found, species


def split_groups(
    configurations: Sequence[Configuration], validation: float, test: float, seed: int
) -> dict[str, list[Configuration]]:
    """Deal whole groups out to training, validation and test, so that each part has both classes.

    Groups with the same classes in them are shuffled and dealt on their own.

    Raises:
        InputError: If a class would be missing in a part.
    """
    kinds: dict[str, set[int]] = {}
    for c in configurations:
        kinds.setdefault(c.group, set()).add(c.label)
    rng = np.random.default_rng(seed)
    part_of: dict[str, str] = {}
    for kind in sorted({tuple(sorted(labels)) for labels in kinds.values()}):
        names = [name for name, labels in kinds.items() if tuple(sorted(labels)) == kind]
        shuffled = [names[i] for i in rng.permutation(len(names))]
        held = max(round(test * len(names)), 1) if test > 0.0 else 0
        kept = max(round(validation * len(names)), 1)
        for i, name in enumerate(shuffled):
            part_of[name] = "test" if i < held else "validation" if i < held + kept else "train"
    parts = {part: [c for c in configurations if part_of[c.group] == part] for part in PARTS}
    for part in PARTS if test > 0.0 else PARTS[:2]:
        if {c.label for c in parts[part]} != {0, 1}:
            raise InputError(
                f"the {part} part would lack a class: give more groups (trajectories) of each class, "
                f"got {len(kinds)}"
            )
    return parts


def _edge(configurations: Sequence[Configuration], particles: int) -> float:
    """Edge of a square that holds so many particles at the mean density of the data."""
    areas = []
    for c in configurations:
        first, second = c.cell[:2, :2]
        area = abs(first[0] * second[1] - first[1] * second[0])
        extent = np.ptp(c.positions[:, :2], axis=0)
        areas.append((area if c.pbc[:2].all() else float(extent.prod())) / max(len(c), 1))
    return float(np.sqrt(particles * np.mean(areas)))


def _claim(folder: Path, config_file: Path) -> None:
    copy = folder / "config.toml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not copy.exists():
            shutil.copyfile(config_file, copy)
        elif copy.read_bytes() != config_file.read_bytes():
            raise InputError(f"{folder} holds a run of another configuration: choose another folder")
    except OSError as error:
        raise InputError(f"{folder}: cannot hold the run: {error.strerror}; choose another folder") from error


def _measure(network: nn.Module, view: View, train: Sequence[Configuration], seed: int) -> None:
    """Take from the training data what the network scales its inputs by."""
    rng = np.random.default_rng(seed)
    chosen = [train[i] for i in rng.permutation(len(train))[:128]]
    sample = view.join([view.draw(c, rng, turn=False) for c in chosen])
    measure = getattr(network, "measure", None)
    if measure is not None:
        measure(sample if isinstance(sample, torch.Tensor) else sample.distance)


def _score(
    network: nn.Module, view: View, part: Sequence[Configuration], config: AmorphousConfig
) -> dict[str, Any]:
    logits = np.array([window_logits(network, view, c, windows=config.windows.count) for c in part])
    labels, groups = np.array([c.label for c in part]), np.array([c.group for c in part])
    count = logits.shape[1]
    whole = bootstrap_auc(logits.mean(axis=1), labels, groups)
    single = bootstrap_auc(logits.ravel(), np.repeat(labels, count), np.repeat(groups, count))
    return {
        "auc_configuration": _plain(asdict(whole)),
        "auc_window": _plain(asdict(single)),
        "accuracy": float(((logits.mean(axis=1) > 0) == labels).mean()),
        "configurations": len(part),
        "groups": len(set(groups.tolist())),
    }


def _plain(interval: dict[str, float]) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {name: value if np.isfinite(value) else None for name, value in interval.items()}
