"""Networks, as torch modules."""

from importlib.util import find_spec

from mdlens.errors import MissingExtraError

if find_spec("torch") is None:
    raise MissingExtraError("torch", "train")

from mdlens.models.byte_cnn import ByteNeighborsCNN, RoundedNeighborsCNN
from mdlens.models.cost import multiply_adds
from mdlens.models.neighbors_cnn import (
    CompactNeighborsCNN,
    PixelTransform,
    PublishedNeighborsCNN,
    StructureOutput,
)

__all__ = [
    "ByteNeighborsCNN",
    "CompactNeighborsCNN",
    "PixelTransform",
    "PublishedNeighborsCNN",
    "RoundedNeighborsCNN",
    "StructureOutput",
    "multiply_adds",
]
