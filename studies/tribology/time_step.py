"""How long a time step the potential bears, and two runs of one condition side by side.

    python studies/tribology/time_step.py [RUN_A/ RUN_B/]

Nickel and copper crystals of 1372 atoms run for 8 ps at constant energy, after 2 ps of settling: how far the
energy strays. Two runs of one of `generate.py`'s conditions, if given: what they say from 50 ps on. Writes
time_step.json.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from mdlens.descriptors.deformation import PATTERNS
from mdlens.io.whole_file import write_whole
from mdlens.simulation.potentials import find_potential_file
from mdlens.simulation.session import session
from mdlens.workflows.pattern_labels import label_runs

CASES = (("Ni", 3.52, 600.0), ("Ni", 3.52, 1200.0), ("Cu", 3.615, 600.0))
TIME_STEPS = (0.001, 0.002, 0.004, 0.005)
EXPANSION = 1.65e-5
CELLS = 7
SETTLED = 50.0


def strays(element: str, constant: float, kelvin: float, step: float) -> dict[str, Any]:
    """Standard deviation of the energy per atom (meV) and its drift (K/ps) at constant energy."""
    atoms = 4 * CELLS**3
    energy = []
    with session() as lmp:
        lmp.run(
            "units metal",
            "atom_style atomic",
            f"lattice fcc {constant * (1 + EXPANSION * kelvin)}",
            f"region cell block 0 {CELLS} 0 {CELLS} 0 {CELLS}",
            "create_box 2 cell",
            f"create_atoms {1 + ('Cu', 'Ni').index(element)} box",
            "pair_style eam/alloy",
            f'pair_coeff * * "{find_potential_file("CuNi.eam.alloy")}" Cu Ni',
            f"velocity all create {2 * kelvin} 7 mom yes rot no dist gaussian",
            f"timestep {step}",
            "fix motion all nve",
            f"run {round(2.0 / step)} post no",
        )
        for _ in range(40):
            lmp.run(f"run {round(0.2 / step)} post no")
            energy.append(lmp.thermo("etotal") / atoms)
    drift = np.polyfit(0.2 * np.arange(len(energy)), energy, 1)[0] / (3 * 8.617333e-5)
    return {
        "element": element,
        "temperature_K": kelvin,
        "step_fs": 1000 * step,
        "energy_strays_meV_per_atom": round(1000 * float(np.std(energy)), 4),
        "drift_K_per_ps": round(float(drift), 4),
    }


def late_half(run: Path) -> dict[str, Any]:
    """Means of a run after 50 ps, and how its windows are labelled."""
    recipe = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    rows = np.loadtxt(run / "thermo.csv", delimiter=",", skiprows=1)
    rows = rows[rows[:, 1] > SETTLED]
    with tempfile.TemporaryDirectory() as folder:
        data = label_runs([run], Path(folder) / "windows.npz", size=32, frames="::2")
    late = data.metadata[:, 3] > SETTLED
    names = ("temperature_y_K", "normal_stress_GPa", "shear_stress_GPa")
    engine = run / "engine.txt"
    return {
        "step_fs": 1000 * recipe["timestep"],
        "engine": engine.read_text(encoding="utf-8").splitlines() if engine.exists() else [],
        "means": {n: round(float(c.mean()), 3) for n, c in zip(names, rows[:, 2:].T, strict=True)},
        "errors": {
            n: round(float(c.std() / len(c) ** 0.5), 3) for n, c in zip(names, rows[:, 2:].T, strict=True)
        },
        "scores": dict(zip(PATTERNS[1:], data.scores[late].mean(axis=0).round(3).tolist(), strict=True)),
        "labels": dict(
            zip(PATTERNS, np.bincount(data.labels, minlength=len(PATTERNS)).tolist(), strict=True)
        ),
    }


def main() -> None:
    """Measure and write."""
    found: dict[str, Any] = {
        "constant_energy": [strays(*case, step) for case in CASES for step in TIME_STEPS]
    }
    if runs := [Path(name) for name in sys.argv[1:]]:
        found["runs"] = {run.name + f", {k}": late_half(run) for k, run in enumerate(runs)}
    write_whole(Path(__file__).with_suffix(".json"), json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
