"""Molecular dynamics of the tribology study: CuNi films under a rough body that slides.

    python -m studies.tribology.generate RUNS/ [--only NAME ...] [--list]

The matrix: 0, 25, 60, 100 % Ni x 0.3, 0.6, 1.0 GPa x two polycrystal seeds at 300 K (24 runs), and each
composition at 0.6 GPa, 450 and 600 K (8 runs). About 20,000 mobile atoms and 100 ps each, estimated at
half an hour of one core each. Start the command once per core: every process takes runs that no other one
has. An interrupted run goes on where it stopped.
"""

from studies.running import generate

from mdlens.simulation.sliding import SlidingRecipe
from mdlens.simulation.sliding_run import run_sliding

NICKEL = (0.0, 0.25, 0.6, 1.0)
PRESSURES = (0.3, 0.6, 1.0)
SEEDS = (1, 2)


def name_of(recipe: SlidingRecipe) -> str:
    """Name of the folder of a run."""
    percent, megapascal = round(100 * recipe.nickel), round(1000 * recipe.pressure)
    return f"ni{percent:03d}_p{megapascal:04d}_t{round(recipe.temperature)}_s{recipe.seed}"


def matrix() -> dict[str, SlidingRecipe]:
    """The runs by name, those that tell most first: 300 K, one seed after the other, then other heats."""
    recipes = [
        SlidingRecipe(nickel=nickel, pressure=pressure, temperature=300.0, seed=seed)
        for seed in SEEDS
        for nickel in NICKEL
        for pressure in PRESSURES
    ]
    recipes += [
        SlidingRecipe(nickel=nickel, pressure=0.6, temperature=temperature, seed=1)
        for temperature in (450.0, 600.0)
        for nickel in NICKEL
    ]
    return {name_of(recipe): recipe for recipe in recipes}


if __name__ == "__main__":
    generate(__doc__, matrix(), run_sliding)
