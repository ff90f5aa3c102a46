"""Descriptors of atomic environments."""

from mdlens.descriptors.neighbors_map import MapSource, neighbors_map
from mdlens.descriptors.settings import NeighborsMapSettings

__all__ = ["MapSource", "NeighborsMapSettings", "neighbors_map"]
