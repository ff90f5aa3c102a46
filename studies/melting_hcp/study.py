"""Melting of an hcp metal: train on six snapshots without an annotator, follow every frame.

    python -m studies.melting_hcp.study RUNS/

RUNS/ is the folder that `generate.py` made. Each step is kept there, so an interrupted study goes on where it
stopped; results.json and the figures are written beside this script. About 40 core-minutes.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
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
    templates,
)
from studies.transformations.drawing import (
    COLORS,
    energy_and_classes,
    example_maps,
    radial_distributions,
    render,
)
from studies.transformations.scoring import machine, retrain

from mdlens.inference import StructureModel, load_model
from mdlens.learning.transitions import class_transition, energy_step
from mdlens.simulation.inherent import inherent_structure

HERE = Path(__file__).parent
FRAMES = 110
EVERY = 2  # frames that all methods are applied to
SEEDS = (1, 2, 3)
CRYSTAL = (1, 2)  # fcc counts: it is a stacking fault of hcp
CURVES = (
    ("ptm_0.1", "PTM 0.1", "#888888", ":"),
    ("ptm_none", "PTM, no cutoff", "#6f5fb0", ":"),
    ("acna", "adaptive CNA", "#e0a030", ":"),
    ("shipped", "shipped model", "#4a90d9", "-"),
    ("mdlens", "this model", COLORS["hcp"], "-"),
)


def study(runs: Path) -> dict[str, Any]:
    """Train, follow and compare; the content of results.json."""
    run = runs / "magnesium"
    models = {seed: retrain(runs, HERE / "train.toml", f"model_{seed}", seed=seed) for seed in SEEDS}
    chosen = range(0, FRAMES, EVERY)
    methods = {
        **{f"mdlens_{seed}": by_model(model) for seed, model in models.items()},
        "mdlens_averaged": by_model(models[1], average=True),
        "shipped": by_model(load_model("default")),
        **RIVALS,
    }
    curves = follow(run, methods, chosen)
    curves["mdlens"] = curves["mdlens_1"]
    thermo = read_thermo(run)
    by_energy = energy_step(thermo.temperature, thermo.energy)
    temperature = thermo.temperature[list(chosen)]
    hcp = {name: curve(rows, "hcp") for name, rows in curves.items()}
    by_class = class_transition(temperature, hcp["mdlens"])
    draw(run, curves, models[1], by_energy.temperature, by_class.temperature)
    return {
        "system": "Mg, Mg_mm.eam.fs, 108,000 atoms, hcp heated from 300 to 1400 K at 1.5e13 K/s",
        "labelled": "6 snapshots x 2,000 atoms by PTM (RMSD 0.1), and noised copies: 24,000 maps an epoch",
        "melting": {
            "by_energy": plain(by_energy),
            "by_class": plain(by_class),
            "by_class_of_each_seed": [
                plain(class_transition(temperature, hcp[f"mdlens_{seed}"])) for seed in SEEDS
            ],
            "by_rivals": {name: plain(class_transition(temperature, hcp[name])) for name, *_ in CURVES[:4]},
            "difference_percent": round(100 * abs(by_class.temperature / by_energy.temperature - 1), 2),
        },
        "hcp_fraction": {
            f"{share:.2f} of the step": _at(temperature, hcp, share * by_energy.temperature)
            for share in (0.5, 0.8, 0.9, 0.95, 0.97, 0.98)
        },
        "lowest_hcp_fraction_up_to_0.97": {
            name: round(float(values[temperature <= 0.97 * by_energy.temperature].min()), 4)
            for name, values in hcp.items()
        },
        "inherent_structure": inherent_truth(run, models[1], by_energy.temperature, thermo.temperature),
        "machine": machine(),
    }


def _at(temperature: np.ndarray, hcp: Mapping[str, np.ndarray], wanted: float) -> dict[str, float]:
    """Fractions in the last frame that is not hotter than wanted."""
    row = int(np.searchsorted(temperature, wanted, side="right")) - 1
    return {
        "temperature": round(float(temperature[row]), 1),
        **{name: round(float(v[row]), 4) for name, v in hcp.items()},
    }


def inherent_truth(
    run: Path, model: StructureModel, step: float, temperature: np.ndarray
) -> list[dict[str, Any]]:
    """Agreement with template matching of the minimised frame, atom by atom, around the step."""
    rows = []
    for share in (0.8, 0.97, 1.0):
        number = int(np.argmin(np.abs(temperature - share * step)))
        atoms = frame(run, number)
        kept = run / f"inherent_{number}.npz"
        if kept.exists():
            atoms_still = atoms.copy()
            atoms_still.positions = np.load(kept)["positions"]
        else:
            atoms_still = inherent_structure(atoms, "Mg_mm.eam.fs")
            np.savez_compressed(kept, positions=atoms_still.positions.astype(np.float32))
        truth = np.isin(templates(atoms_still, 0.1), CRYSTAL)
        ours = most_probable(atoms, model) == "hcp"
        rivals = np.isin(templates(atoms, 0.1), CRYSTAL)
        rows.append(
            {
                "temperature": round(float(temperature[number]), 1),
                "crystal_in_inherent_structure": round(float(truth.mean()), 4),
                "agreement": round(float(np.mean(ours == truth)), 4),
                "agreement_of_ptm_0.1": round(float(np.mean(rivals == truth)), 4),
            }
        )
    return rows


def draw(
    run: Path,
    curves: Mapping[str, list[dict[str, float]]],
    model: StructureModel,
    by_energy: float,
    by_class: float,
) -> None:
    """The figures, and the thermodynamics they are drawn from."""
    figures, thermo = HERE / "figures", read_thermo(run)
    rows = list(range(0, FRAMES, EVERY))
    lines = [
        (f"hcp, {label}", curve(curves[name], "hcp"), color, style) for name, label, color, style in CURVES
    ]
    lines.append(("liquid, this model", curve(curves["mdlens"], "liquid"), COLORS["liquid"], "-"))
    energy_and_classes(
        thermo.temperature[rows],
        thermo.energy[rows],
        lines,
        {"by energy": (by_energy, "#333333"), "by class": (by_class, "#0b6e4f")},
        figures / "melting.png",
        title="Magnesium, 108,000 atoms, heated at 1.5e13 K/s",
    )
    phases = {"hcp, 310 K": 0, "liquid, 1400 K": FRAMES - 1}
    radial_distributions(
        {label: radial_distribution(list(frames_of(run, [n]))) for label, n in phases.items()},
        figures / "radial_distribution.png",
    )
    example_maps({"hcp": frame(run, 60), "liquid": frame(run, FRAMES - 1)}, model, figures / "maps.png")
    middle = rows[int(np.argmin(np.abs(curve(curves["mdlens"], "hcp") - 0.5)))]
    atoms = frame(run, middle)
    render(atoms, most_probable(atoms, model), figures / "coexistence.png")
    shutil.copy(run / "thermo.csv", HERE / "thermo.csv")


if __name__ == "__main__":
    report(__doc__, study, HERE)
