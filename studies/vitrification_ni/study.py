"""Melting and vitrification of nickel: train on 24 cells, follow every frame, compare with the energy.

    python -m studies.vitrification_ni.study RUNS/

RUNS/ is the folder that `generate.py` made. Each step is kept there, so an interrupted study goes on where it
stopped; results.json and the figures are written beside this script. About 15 core-minutes.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from studies.running import report
from studies.transformations.curves import (
    RIVALS,
    by_model,
    curve,
    follow,
    frame,
    frames_of,
    most_probable,
    plain,
    radial_distribution,
    read_thermo,
)
from studies.transformations.drawing import (
    COLORS,
    energy_and_classes,
    example_maps,
    radial_distributions,
    render,
)
from studies.transformations.scoring import domain_accuracy, labels_moved, machine, retrain, variance_baseline

from mdlens.inference import StructureModel, load_model
from mdlens.learning.transitions import class_transition, energy_kink, energy_step
from mdlens.simulation.inherent import inherent_structure

HERE = Path(__file__).parent
HEATED, FRAMES = 115, 345
SEEDS = ("nickel_small_11", "nickel_small_12", "nickel_small_13")
COOLING_FROM = 2000.0  # K: the kink is sought below, where the melt's heat capacity varies little
CLASSES = ("crystal", "liquid", "amorphous")
LABELLED = {"liquid": range(118, 271, 19), "amorphous": range(312, 345, 8)}  # as in train.toml
WINDOWS = {  # other frames that might have been labelled: liquid down to, amorphous up to (of 830 K)
    "near": {"liquid": "118:287:21", "amorphous": "301:345:10"},  # 1.06 and 0.88
    "far": {"liquid": "118:215:12", "amorphous": "332:345:3"},  # 1.93 and 0.50
    "hot_liquid_only": {"liquid": "118:215:12", "amorphous": "312:345:8"},  # 1.93 and 0.75
}


def transitions(run: Path, fractions: list[dict[str, float]]) -> dict[str, Any]:
    """Melting and glass transition of a run by energy and by class."""
    thermo = read_thermo(run)
    hot, cold = thermo[slice(0, HEATED)], thermo[slice(HEATED, FRAMES)]
    kinked = cold.temperature <= COOLING_FROM
    heating, cooling = fractions[:HEATED], fractions[HEATED:]
    melting = energy_step(hot.temperature, hot.energy)
    melting_by_class = class_transition(hot.temperature, curve(heating, "crystal"))
    glass = energy_kink(cold.temperature[kinked], cold.energy[kinked])
    glass_by_class = class_transition(cold.temperature, curve(cooling, "amorphous"))
    return {
        "melting": _pair(melting, melting_by_class),
        "glass": _pair(glass, glass_by_class),
    }


def _pair(by_energy: Any, by_class: Any) -> dict[str, Any]:
    return {
        "by_energy": plain(by_energy),
        "by_class": plain(by_class),
        "difference_percent": round(100 * abs(by_class.temperature / by_energy.temperature - 1), 2),
    }


def domains(run: Path, melting: float, glass: float) -> dict[str, list[int]]:
    """Frames whose phase is beyond doubt: 5 % from melting, 25 % from the glass transition."""
    t = read_thermo(run).temperature
    number = np.arange(FRAMES)
    heating = number < HEATED
    return {
        "crystal": number[heating & (t <= 0.95 * melting)].tolist(),
        "liquid": number[(heating & (t >= 1.08 * melting)) | (~heating & (t >= 1.25 * glass))].tolist(),
        "amorphous": number[~heating & (t <= 0.75 * glass)].tolist(),
    }


def labelled_frames() -> set[int]:
    """Frames of `nickel` that `train.toml` labels."""
    return {*range(10, 95, 9), *LABELLED["liquid"], *LABELLED["amorphous"]}


def study(runs: Path) -> dict[str, Any]:
    """Train, follow and compare; the content of results.json."""
    model = retrain(runs, HERE / "train.toml", "model_nickel")
    main = runs / "nickel"
    averaged = by_model(model, average=True)
    methods = {
        "mdlens": by_model(model),
        "mdlens_averaged": averaged,
        "shipped": by_model(load_model("default")),
        **RIVALS,
    }
    curves = follow(main, methods, range(FRAMES))
    found = transitions(main, curves["mdlens"])
    at = {kind: found[kind]["by_energy"]["temperature"] for kind in ("melting", "glass")}
    certain = domains(main, at["melting"], at["glass"])
    held_out = {name: [n for n in rows if n not in labelled_frames()] for name, rows in certain.items()}
    seeds = {}
    for name in SEEDS:
        small = follow(runs / name, {"mdlens": by_model(model)}, range(FRAMES))["mdlens"]
        own = transitions(runs / name, small)
        own_domains = domains(
            runs / name, own["melting"]["by_energy"]["temperature"], own["glass"]["by_energy"]["temperature"]
        )
        seeds[name] = {**own, "accuracy": domain_accuracy(small, own_domains)}
    draw(runs, curves, model, at, found)
    return {
        "system": "Ni, Ni_u3.eam, 6,912 atoms, fcc heated at 4.6e13 K/s, melt cooled at 2.3e13 K/s",
        "labelled_cells": len(labelled_frames()),
        "transitions": found,
        "held_out_accuracy": domain_accuracy(curves["mdlens"], held_out),
        "held_out_accuracy_averaged": domain_accuracy(curves["mdlens_averaged"], held_out),
        "rivals_fcc_at_0.95_melting": {
            name: round(float(curve(curves[name], "fcc")[certain["crystal"][-1]]), 4)
            for name in ("shipped", *RIVALS)
        },
        "seeds": seeds,
        "controls": controls(runs, main, certain),
        "machine": machine(),
    }


def controls(runs: Path, main: Path, certain: Mapping[str, list[int]]) -> dict[str, Any]:
    """What a temperature alone would tell, what is left without it, and how far labels decide."""
    cooling = range(HEATED, FRAMES)
    unseen = {
        name: [n for n in certain[name] if n >= HEATED and n not in labelled_frames()]
        for name in ("liquid", "amorphous")
    }
    still = retrain(runs, HERE / "train_inherent.toml", "model_nickel_inherent")
    chosen = range(HEATED, FRAMES, 4)
    rows = follow(main, {"inherent": by_model(still, prepare=minimised)}, chosen)["inherent"]
    place = {n: k for k, n in enumerate(chosen)}
    seen = {name: [place[n] for n in numbers if n in place] for name, numbers in unseen.items()}
    temperature = read_thermo(main).temperature[list(chosen)]
    return {
        "inherent_structure": {
            "accuracy": domain_accuracy(rows, seen),
            "glass": plain(class_transition(temperature, curve(rows, "amorphous"))),
        },
        "first_shell_variance": variance_baseline(main, LABELLED, unseen, cooling),
        "labels_moved": labels_moved(runs, main, HERE / "train.toml", WINDOWS, cooling, by_model),
    }


def minimised(atoms: Atoms) -> Atoms:
    """The frame at the bottom of its basin."""
    return inherent_structure(atoms, "Ni_u3.eam")


def draw(
    runs: Path,
    curves: Mapping[str, list[dict[str, float]]],
    model: StructureModel,
    at: Mapping[str, float],
    found: Mapping[str, Any],
) -> None:
    """The figures, and the thermodynamics they are drawn from."""
    main, figures = runs / "nickel", HERE / "figures"
    thermo = read_thermo(main)
    for kind, part, title in (
        ("melting", slice(0, HEATED), "Nickel, heated"),
        ("glass", slice(HEATED, FRAMES), "Nickel, melt cooled"),
    ):
        lines = [(name, curve(curves["mdlens"][part], name), COLORS[name], "-") for name in CLASSES]
        if kind == "melting":
            lines += [
                (f"fcc, {label}", curve(curves[name][part], "fcc"), color, ":")
                for name, label, color in (
                    ("ptm_0.1", "PTM 0.1", "#888888"),
                    ("acna", "adaptive CNA", "#e0a030"),
                )
            ]
        energy_and_classes(
            thermo[part].temperature,
            thermo[part].energy,
            lines,
            {
                "by energy": (at[kind], "#333333"),
                "by class": (found[kind]["by_class"]["temperature"], "#6f5fb0"),
            },
            figures / f"{kind}.png",
            title=title,
        )
    phases = {"crystal, 320 K": (0, 1), "liquid, 2600 K": (114,), "amorphous, 300 K": (343, 344)}
    radial_distributions(
        {label: radial_distribution(list(frames_of(main, numbers))) for label, numbers in phases.items()},
        figures / "radial_distribution.png",
    )
    example_maps(
        {"crystal": frame(main, 72), "liquid": frame(main, 180), "amorphous": frame(main, 330)},
        model,
        figures / "maps.png",
    )
    melting = int(np.argmin(np.abs(curve(curves["mdlens"][:HEATED], "crystal") - 0.5)))
    atoms = frame(main, melting)
    render(atoms, most_probable(atoms, model), figures / "coexistence.png")
    shutil.copy(main / "thermo.csv", HERE / "thermo.csv")


if __name__ == "__main__":
    report(__doc__, study, HERE)
