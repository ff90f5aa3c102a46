"""Descriptors of atomic environments."""

from mdlens.descriptors.maps import MapSource, neighbors_map
from mdlens.descriptors.settings import NeighborsMapSettings

__all__ = ["MapSource", "NeighborsMapSettings", "neighbors_map"]
