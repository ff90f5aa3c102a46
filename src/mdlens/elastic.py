"""Elasticity of disordered networks: what ``mdlens.elastic`` offers.

The types lie in `mdlens.io`, the physics in `mdlens.simulation`; nothing here needs LAMMPS but `compress`.
"""

from mdlens.io.network_files import (
    read_networks,
    read_trajectories,
    read_trajectory_folder,
    write_networks,
    write_trajectories,
)
from mdlens.io.network_lammps import read_network_data, write_network_data
from mdlens.io.networks import (
    ElasticNetwork,
    ElasticTrajectory,
    poisson_ratio_from_box,
    poisson_ratio_from_positions,
)
from mdlens.simulation.compression import CompressionRecipe, compress, fast_recipe
from mdlens.simulation.linear_response import LinearResponse, linear_response
from mdlens.simulation.packings import contact_network, jammed_packing
from mdlens.simulation.pruning import PrunedNetwork, prune
from mdlens.simulation.quasistatic import compress_quasistatically, relax

__all__ = [
    "CompressionRecipe",
    "ElasticNetwork",
    "ElasticTrajectory",
    "LinearResponse",
    "PrunedNetwork",
    "compress",
    "compress_quasistatically",
    "contact_network",
    "fast_recipe",
    "jammed_packing",
    "linear_response",
    "poisson_ratio_from_box",
    "poisson_ratio_from_positions",
    "prune",
    "read_network_data",
    "read_networks",
    "read_trajectories",
    "read_trajectory_folder",
    "relax",
    "write_network_data",
    "write_networks",
    "write_trajectories",
]
