"""Molecular dynamics of the copper-zirconium study: a random mixture, molten and quenched to a glass.

    python -m studies.vitrification_cuzr.generate RUNS/

One trajectory of 32,000 atoms (the published size) and three of 2,000 atoms. An interrupted run goes on where
it stopped. About an hour of one core in all.
"""

from studies.running import generate

from mdlens.simulation import BulkRecipe, Stage, run_bulk


def recipe(atoms: int, seed: int) -> BulkRecipe:
    """Cool Cu50Zr50 in two ramps: 5e13 K/s where it is liquid, 1.4e13 K/s through the glass transition."""
    return BulkRecipe(
        lattice="random",
        elements=("Cu", "Zr"),
        fractions=(0.5, 0.5),
        lattice_constant=2.65,
        atoms_at_least=atoms,
        potential="CuZr_mm.eam.fs",
        stages=(
            Stage(start=2000.0, stop=2000.0, steps=2000),
            Stage(start=2000.0, stop=1200.0, steps=6400, snapshots=40, label="first ramp"),
            Stage(start=1200.0, stop=250.0, steps=27_200, snapshots=95, label="second ramp"),
        ),
        coupling="iso",
        timestep=0.0025,
        seed=seed,
    )


RECIPES = {
    "cuzr": recipe(32_000, 1),
    **{f"cuzr_small_{seed}": recipe(2000, seed) for seed in (11, 12, 13)},
}


if __name__ == "__main__":
    generate(__doc__, RECIPES, run_bulk)
