"""Molecular dynamics of the tribology study: CuNi films under a rough body that slides.

    python -m studies.tribology.generate RUNS/ [--only NAME ...] [--list]

The matrix: 0, 25, 60, 100 % Ni x 0.3, 0.6, 1.0 GPa x three polycrystal seeds at 300 K (36 runs), and each
composition at 0.6 GPa, 450 and 600 K (8 runs). About 20,000 mobile atoms and 100 ps each. Start the command
once per core: every process takes runs that no other one has. An interrupted run goes on where it stopped.
"""

from studies.running import generate

from mdlens.simulation.sliding import SlidingRecipe
from mdlens.simulation.sliding_run import run_sliding

NICKEL = (0.0, 0.25, 0.6, 1.0)
PRESSURES = (0.3, 0.6, 1.0)
# 4 fs: in nickel at 1200 K the energy of an atom then strays by 0.1 meV within 8 ps (`time_step.py`).
STEPS = {"timestep": 0.004, "steps_per_frame": 500, "ramp": 2500, "equilibration": 2500}


def name_of(recipe: SlidingRecipe) -> str:
    """Name of the folder of a run."""
    percent, megapascal = round(100 * recipe.nickel), round(1000 * recipe.pressure)
    return f"ni{percent:03d}_p{megapascal:04d}_t{round(recipe.temperature)}_s{recipe.seed}"


def matrix() -> dict[str, SlidingRecipe]:
    """The runs by name, those that tell most first: two polycrystals at 300 K, other heats, a third."""
    cold = [(nickel, pressure, 300.0) for nickel in NICKEL for pressure in PRESSURES]
    warm = [(nickel, 0.6, temperature) for temperature in (600.0, 450.0) for nickel in NICKEL]
    recipes = [
        SlidingRecipe(nickel=nickel, pressure=pressure, temperature=temperature, seed=seed, **STEPS)
        for seed, conditions in ((1, cold), (2, cold), (1, warm), (3, cold))
        for nickel, pressure, temperature in conditions
    ]
    return {name_of(recipe): recipe for recipe in recipes}


if __name__ == "__main__":
    generate(__doc__, matrix(), run_sliding)
