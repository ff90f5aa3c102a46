"""Molecular dynamics of the melting study: an hcp crystal of 108,000 atoms heated through its melting.

    python -m studies.melting_hcp.generate RUNS/

An interrupted run goes on where it stopped. 24,000 steps of 3 fs: about 1 core-hour.
"""

from studies.running import generate

from mdlens.simulation import BulkRecipe, Stage, run_bulk

# Magnesium of Mendelev et al.: hcp is stable up to its melting point (914 K). Iron under pressure was tried
# first; see `iron.py`.
MAGNESIUM = BulkRecipe(
    lattice="hcp",
    elements=("Mg",),
    lattice_constant=3.184,
    c_over_a=1.628,
    potential="Mg_mm.eam.fs",
    repeats=(45, 25, 24),
    stages=(
        Stage(start=300.0, stop=300.0, steps=1000),
        Stage(start=300.0, stop=1400.0, steps=24_000, snapshots=110, label="heating"),
    ),
    timestep=0.003,
    seed=1,
)


if __name__ == "__main__":
    generate(__doc__, {"magnesium": MAGNESIUM}, run_bulk)
