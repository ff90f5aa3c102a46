"""Training, scores and controls that the transformation studies share."""

import platform
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from rich.progress import track
from studies.transformations.curves import Fractions, curve, follow, plain, read_thermo

import mdlens
from mdlens.inference import StructureModel
from mdlens.learning.transitions import class_transition
from mdlens.neighbors import find_nearest
from mdlens.workflows.train_crystal import train_crystal

SHELL = 12
MOVED_EPOCHS = 8  # of the models that show how far labels decide
Ranges = Mapping[str, str]


def retrain(
    runs: Path,
    config: Path,
    name: str,
    *,
    ranges: Ranges | None = None,
    seed: int | None = None,
    epochs: int | None = None,
) -> StructureModel:
    """Train the model of a configuration in ``runs/name``; a finished one is loaded again.

    Args:
        runs: Folder of the simulations; the configuration names files in it.
        config: The TOML file beside the study.
        name: Folder of the run.
        ranges: Frames of each class, in place of those that the file gives.
        seed: In place of the file's.
        epochs: In place of the file's.
    """
    text = config.read_text(encoding="utf-8")
    for label, frames in (ranges or {}).items():
        text = re.sub(rf'(class = "{label}", frames = )"[^"]*"', rf'\g<1>"{frames}"', text)
    if seed is not None:
        text = re.sub(r"(?m)^seed = \d+", f"seed = {seed}", text)
    if epochs is not None:
        text = re.sub(r"(?m)^epochs = \d+", f"epochs = {epochs}", text)
    placed = runs / f"{name}.toml"
    placed.write_text(text, encoding="utf-8")
    return train_crystal(placed, runs / name)


def domain_accuracy(rows: Sequence[Fractions], domains: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Share of the atoms that have the right label in frames whose phase is beyond doubt.

    Args:
        rows: Fractions of each frame.
        domains: Frames of each class.

    Returns:
        For each class the mean over its frames, the worst frame, and a 95 % interval over frames drawn anew.
    """
    rng = np.random.default_rng(0)
    found = {}
    for name, numbers in domains.items():
        shares = np.array([rows[n].get(name, 0.0) for n in numbers])
        draws = rng.choice(shares, (1000, len(shares))).mean(axis=1)
        low, high = np.percentile(draws, (2.5, 97.5))
        found[name] = {
            "value": round(float(shares.mean()), 5),
            "low": round(float(low), 5),
            "high": round(float(high), 5),
            "worst_frame": round(float(shares.min()), 5),
            "frames": len(shares),
        }
    return found


def labels_moved(
    runs: Path,
    run: Path,
    config: Path,
    windows: Mapping[str, Ranges],
    frames: range,
    method: Callable[[StructureModel], Callable[[Atoms], Fractions]],
) -> dict[str, Any]:
    """Glass transition by class if other frames had been labelled: how far the labels decide it."""
    temperature = read_thermo(run).temperature[list(frames)]
    found = {}
    for name, ranges in windows.items():
        model = retrain(runs, config, f"{config.stem}_{run.name}_{name}", ranges=ranges, epochs=MOVED_EPOCHS)
        rows = follow(run, {f"moved_{name}": method(model)}, frames)[f"moved_{name}"]
        found[name] = {**ranges, "glass": plain(class_transition(temperature, curve(rows, "amorphous")))}
    return found


def first_shell_variance(atoms: Atoms) -> np.ndarray:
    """Variance of the distances of each atom's 12 nearest over their squared mean (atoms,)."""
    nearest = find_nearest(atoms.positions, atoms.cell.array, atoms.pbc, SHELL, threads=1)
    return np.asarray(nearest.distance.var(axis=1) / nearest.distance.mean(axis=1) ** 2)


def variance_baseline(
    run: Path,
    labelled: Mapping[str, Collection[int]],
    domains: Mapping[str, Sequence[int]],
    frames: range,
) -> dict[str, Any]:
    """Liquid or amorphous by the first shell's variance alone: one threshold, from the labelled frames.

    Args:
        run: Folder of the trajectory.
        labelled: Frames of "liquid" and "amorphous" that the model is trained on.
        domains: Frames to be scored on.
        frames: The frames of the cooling, for the transition.
    """
    wanted = sorted({*frames, *(n for rows in labelled.values() for n in rows)})
    values = {
        number: first_shell_variance(atoms)
        for number, atoms in track(
            ((k, a) for k, a in enumerate(mdlens.read(run / "trajectory.dump")) if k in wanted),
            "first-shell variance",
            total=len(wanted),
        )
    }
    threshold = _best_threshold(
        *(np.concatenate([values[n] for n in labelled[k]]) for k in ("amorphous", "liquid"))
    )
    rows = {n: {"amorphous": float(np.mean(v < threshold))} for n, v in values.items()}
    for row in rows.values():
        row["liquid"] = 1.0 - row["amorphous"]
    numbers = [n for n in frames if n in rows]
    temperature = read_thermo(run).temperature[numbers]
    scored = {name: [n for n in rows_of if n in rows] for name, rows_of in domains.items()}
    return {
        "threshold": threshold,
        "accuracy": domain_accuracy(rows, scored),  # type: ignore[arg-type]
        "glass": plain(class_transition(temperature, curve([rows[n] for n in numbers], "amorphous"))),
    }


def machine() -> dict[str, str]:
    """What the study ran on."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {"processor": name, "system": platform.system(), "python": platform.python_version()}


def _best_threshold(low: np.ndarray, high: np.ndarray) -> float:
    """The value that divides two samples of equal weight best."""
    values = np.concatenate((low, high))
    order = np.argsort(values)
    weight = np.concatenate((np.full(len(low), 1 / len(low)), np.full(len(high), -1 / len(high))))
    return float(values[order][int(np.argmax(np.cumsum(weight[order])))])
