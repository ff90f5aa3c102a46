"""Neighbour search: pairs and nearest neighbours, found once and passed on."""

from mdlens.neighbors.graphs import (
    Graph,
    WindowPlaces,
    cutoff_graph,
    dimensions,
    nearest_graph,
    planar,
    random_windows,
    window_places,
)
from mdlens.neighbors.search import Nearest, Pairs, find_nearest, find_pairs
from mdlens.neighbors.system import validate_system

__all__ = [
    "Graph",
    "Nearest",
    "Pairs",
    "WindowPlaces",
    "cutoff_graph",
    "dimensions",
    "find_nearest",
    "find_pairs",
    "nearest_graph",
    "planar",
    "random_windows",
    "validate_system",
    "window_places",
]
