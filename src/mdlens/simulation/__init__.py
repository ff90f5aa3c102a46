"""LAMMPS recipes."""

from mdlens.simulation.bulk import BulkRecipe, Stage, simulate_bulk
from mdlens.simulation.inherent import inherent_structure
from mdlens.simulation.lattices import LATTICES, build_lattice
from mdlens.simulation.mixtures import volume_of_elements
from mdlens.simulation.run import run_bulk

__all__ = [
    "LATTICES",
    "BulkRecipe",
    "Stage",
    "build_lattice",
    "inherent_structure",
    "run_bulk",
    "simulate_bulk",
    "volume_of_elements",
]
