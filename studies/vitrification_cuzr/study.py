"""Vitrification of copper-zirconium: liquid or amorphous, by geometry alone and by two channels.

    python -m studies.vitrification_cuzr.study RUNS/

RUNS/ is the folder that `generate.py` made. Each step is kept there, so an interrupted study goes on where it
stopped; results.json and the figures are written beside this script. About 40 core-minutes.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from studies.running import report
from studies.transformations.curves import (
    RIVALS,
    Fractions,
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

from mdlens.inference import StructureModel
from mdlens.learning.transitions import Transition, class_transition, energy_kink
from mdlens.simulation.inherent import inherent_structure

HERE = Path(__file__).parent
FRAMES = 135
SEEDS = ("cuzr_small_11", "cuzr_small_12", "cuzr_small_13")
KINK_BELOW = 1100.0  # K: well inside the second ramp; above, the melt still relaxes from the first
EVERY_AVERAGED = 3
EVERY_STILL = 3  # frames that are minimised for the control
LABELLED = {"liquid": range(2, 67, 8), "amorphous": range(103, 135, 4)}  # as in the configurations
WINDOWS = {  # other frames that might have been labelled: liquid down to, amorphous up to (of 747 K)
    "near": {"liquid": "5:78:9", "amorphous": "92:135:6"},  # 1.10 and 0.90
    "far": {"liquid": "0:31:5", "amorphous": "121:135:2"},  # 1.85 and 0.51
}
RANGES = (1000.0, 1200.0)  # K: other ranges the kink might have been sought in


def kink(run: Path, below: float = KINK_BELOW) -> Transition:
    """Glass transition of a run by its energy."""
    thermo = read_thermo(run)
    cold = thermo.temperature <= below
    return energy_kink(thermo.temperature[cold], thermo.energy[cold])


def compared(run: Path, rows: Sequence[Fractions], frames: range = range(FRAMES)) -> dict[str, Any]:
    """Glass transition of a run by energy and by class."""
    by_energy = kink(run)
    by_class = class_transition(read_thermo(run).temperature[list(frames)], curve(rows, "amorphous"))
    return {
        "by_energy": plain(by_energy),
        "by_class": plain(by_class),
        "difference_percent": round(100 * abs(by_class.temperature / by_energy.temperature - 1), 2),
    }


def domains(run: Path, glass: float) -> dict[str, list[int]]:
    """Frames more than a quarter of the transition temperature away from it."""
    t = read_thermo(run).temperature
    return {
        "liquid": np.flatnonzero(t >= 1.25 * glass).tolist(),
        "amorphous": np.flatnonzero(t <= 0.75 * glass).tolist(),
    }


def unseen(numbers: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """Frames of `cuzr` that no configuration labels."""
    return {name: [n for n in rows if n not in LABELLED[name]] for name, rows in numbers.items()}


def places(numbers: Mapping[str, Sequence[int]], chosen: range) -> dict[str, list[int]]:
    """Where the frames of each class stand among those chosen."""
    return {name: [chosen.index(n) for n in rows if n in chosen] for name, rows in numbers.items()}


def study(runs: Path) -> dict[str, Any]:
    """Train, follow and compare; the content of results.json."""
    main = runs / "cuzr"
    models = {
        "one_channel": retrain(runs, HERE / "train.toml", "model_cuzr_1"),
        "two_channels": retrain(runs, HERE / "train_species.toml", "model_cuzr_2"),
    }
    curves = follow(main, {name: by_model(model) for name, model in models.items()}, range(FRAMES))
    averaged = follow(
        main,
        {f"{name}_averaged": by_model(model, average=True) for name, model in models.items()},
        range(0, FRAMES, EVERY_AVERAGED),
    )
    rivals = follow(main, RIVALS, range(0, FRAMES, 6))
    certain = domains(main, kink(main).temperature)
    own = {
        name: {
            "glass": compared(main, rows),
            "held_out_accuracy": domain_accuracy(rows, unseen(certain)),
            "held_out_accuracy_averaged": domain_accuracy(
                averaged[f"{name}_averaged"], places(unseen(certain), range(0, FRAMES, EVERY_AVERAGED))
            ),
        }
        for name, rows in curves.items()
    }
    seeds = {name: small_run(runs / name, models) for name in SEEDS}
    draw(main, curves, models["two_channels"], own)
    return {
        "system": "Cu50Zr50, CuZr_mm.eam.fs, 32,000 atoms placed at random; 2000-1200 K at 5e13 K/s, "
        "1200-250 K at 1.4e13 K/s",
        **own,
        "kink_in_other_ranges": {f"below {below:.0f} K": plain(kink(main, below)) for below in RANGES},
        "crystalline_by_rivals": {name: _most(rows) for name, rows in rivals.items()},
        "seeds": seeds,
        "controls": controls(runs, main, certain),
        "machine": machine(),
    }


def _most(rows: Sequence[Fractions]) -> float:
    """Largest share of crystalline atoms in any frame: the glass is one."""
    return round(float(max(1.0 - row["other"] for row in rows)), 4)


def small_run(run: Path, models: Mapping[str, StructureModel]) -> dict[str, Any]:
    """An independent trajectory, none of whose frames was trained on."""
    curves = follow(run, {name: by_model(model) for name, model in models.items()}, range(FRAMES))
    certain = domains(run, kink(run).temperature)
    return {
        name: {"glass": compared(run, rows), "accuracy": domain_accuracy(rows, certain)}
        for name, rows in curves.items()
    }


def controls(runs: Path, main: Path, certain: Mapping[str, list[int]]) -> dict[str, Any]:
    """What a temperature alone would tell, what is left without it, and how far labels decide."""
    still, other = retrain(runs, HERE / "train_inherent.toml", "model_cuzr_inherent"), runs / SEEDS[1]
    chosen = range(0, FRAMES, EVERY_STILL)
    rows = follow(other, {"inherent": by_model(still, prepare=minimised)}, chosen)["inherent"]
    seen = places(domains(other, kink(other).temperature), chosen)
    return {
        "inherent_structure": {
            "accuracy": domain_accuracy(rows, seen),
            "glass": compared(other, rows, chosen),
        },
        "first_shell_variance": variance_baseline(main, LABELLED, unseen(certain), range(FRAMES)),
        "labels_moved": labels_moved(runs, main, HERE / "train.toml", WINDOWS, range(0, FRAMES, 3), by_model),
    }


def minimised(atoms: Atoms) -> Atoms:
    """The frame at the bottom of its basin."""
    return inherent_structure(atoms, "CuZr_mm.eam.fs", ("Cu", "Zr"))


def draw(
    main: Path,
    curves: Mapping[str, Sequence[Fractions]],
    model: StructureModel,
    own: Mapping[str, Mapping[str, Any]],
) -> None:
    """The figures, and the thermodynamics they are drawn from."""
    figures, thermo = HERE / "figures", read_thermo(main)
    glass = own["one_channel"]["glass"]
    energy_and_classes(
        thermo.temperature,
        thermo.energy,
        [
            ("amorphous, one channel", curve(curves["one_channel"], "amorphous"), COLORS["amorphous"], "-"),
            ("amorphous, two channels", curve(curves["two_channels"], "amorphous"), "#0b6e4f", "-"),
            ("liquid, one channel", curve(curves["one_channel"], "liquid"), COLORS["liquid"], ":"),
        ],
        {
            "by energy": (glass["by_energy"]["temperature"], "#333333"),
            "by class": (glass["by_class"]["temperature"], COLORS["amorphous"]),
        },
        figures / "glass.png",
        title="Cu50Zr50, 32,000 atoms, cooled",
    )
    phases = {"liquid, 1980 K": 0, "liquid, 1200 K": 39, "amorphous, 250 K": FRAMES - 1}
    radial_distributions(
        {label: radial_distribution(list(frames_of(main, [n]))) for label, n in phases.items()},
        figures / "radial_distribution.png",
    )
    example_maps(
        {"liquid": frame(main, 20), "amorphous": frame(main, 130)}, model, figures / "maps.png", examples=4
    )
    middle = int(np.argmin(np.abs(curve(curves["one_channel"], "amorphous") - 0.5)))
    atoms = frame(main, middle)
    render(atoms, most_probable(atoms, model), figures / "transition.png")
    shutil.copy(main / "thermo.csv", HERE / "thermo.csv")


if __name__ == "__main__":
    report(__doc__, study, HERE)
