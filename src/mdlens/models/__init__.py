"""Networks, as torch modules."""

from importlib.util import find_spec

from mdlens.errors import MissingExtraError

if find_spec("torch") is None:
    raise MissingExtraError("torch", "train")

from mdlens.models.attention_mpnn import AttentionMPNN, GraphBatch, GraphOutput
from mdlens.models.bond_simulator import BondSimulator
from mdlens.models.byte_cnn import ByteNeighborsCNN, RoundedNeighborsCNN
from mdlens.models.cost import multiply_adds
from mdlens.models.neighbors_cnn import (
    CompactNeighborsCNN,
    PixelTransform,
    PublishedNeighborsCNN,
    StructureOutput,
)
from mdlens.models.network_graph import Motion, NetworkGraph, build_graph, join_graphs
from mdlens.models.network_property import NetworkProperty
from mdlens.models.network_simulator import LinearSimulator, NetworkSimulator, PaperSimulator, Window
from mdlens.models.picture_cnn import PaperPictureCNN, PictureCNN, PictureOutput

__all__ = [
    "AttentionMPNN",
    "BondSimulator",
    "ByteNeighborsCNN",
    "CompactNeighborsCNN",
    "GraphBatch",
    "GraphOutput",
    "LinearSimulator",
    "Motion",
    "NetworkGraph",
    "NetworkProperty",
    "NetworkSimulator",
    "PaperPictureCNN",
    "PaperSimulator",
    "PictureCNN",
    "PictureOutput",
    "PixelTransform",
    "PublishedNeighborsCNN",
    "RoundedNeighborsCNN",
    "StructureOutput",
    "Window",
    "build_graph",
    "join_graphs",
    "multiply_adds",
]
