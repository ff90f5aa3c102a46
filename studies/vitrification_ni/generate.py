"""Molecular dynamics of the nickel study: fcc heated until it melts, and the melt quenched to a glass.

    python -m studies.vitrification_ni.generate RUNS/

One trajectory of 6,912 atoms (the published size) and three of 2,048 atoms. An interrupted run goes on where
it stopped. About 20 core-minutes in all.
"""

from studies.running import generate

from mdlens.simulation import BulkRecipe, Stage, run_bulk


def recipe(cells: int, seed: int) -> BulkRecipe:
    """Heat ``cells``^3 conventional cells at 4.6e13 K/s, hold the melt, cool it at 2.3e13 K/s."""
    return BulkRecipe(
        lattice="fcc",
        elements=("Ni",),
        lattice_constant=3.52,
        potential="Ni_u3.eam",
        repeats=(cells, cells, cells),
        stages=(
            Stage(start=300.0, stop=300.0, steps=1000),
            Stage(start=300.0, stop=2600.0, steps=25_000, snapshots=115, label="heating"),
            Stage(start=2600.0, stop=2600.0, steps=2000),
            Stage(start=2600.0, stop=300.0, steps=50_000, snapshots=230, label="cooling"),
        ),
        coupling="iso",
        timestep=0.002,
        seed=seed,
    )


RECIPES = {
    "nickel": recipe(12, 1),
    **{f"nickel_small_{seed}": recipe(8, seed) for seed in (11, 12, 13)},
}


if __name__ == "__main__":
    generate(__doc__, RECIPES, run_bulk)
