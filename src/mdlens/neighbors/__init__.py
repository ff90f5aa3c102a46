"""Neighbour search: pairs and nearest neighbours, found once and passed on."""

from mdlens.neighbors.search import Nearest, Pairs, find_nearest, find_pairs
from mdlens.neighbors.system import validate_system

__all__ = ["Nearest", "Pairs", "find_nearest", "find_pairs", "validate_system"]
