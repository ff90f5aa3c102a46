"""Elastic networks as tensors: graphs joined end to end, and the motion on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mdlens.io.networks import ElasticNetwork
from mdlens.types import FloatArray


@dataclass(frozen=True, eq=False)
class NetworkGraph:
    """One or more networks as a single graph without bonds between them.

    Args:
        bonds: Node indices of each bond (bonds, 2).
        shifts: Whole box lengths to add to ``x_j - x_i`` so that it spans the bond (bonds, 2), float64.
        rest_lengths: Rest length of each bond (bonds,), float64.
        stiffness: k of each bond (bonds,), float64.
        node_graph: The network each node belongs to (nodes,).
        bond_graph: The network each bond belongs to (bonds,).
        slots: Number of each node within its network (nodes,).
        sizes: Nodes of each network (networks,).
        periods: Time between frames of each network (networks,), reduced units, float64.
    """

    bonds: Tensor
    shifts: Tensor
    rest_lengths: Tensor
    stiffness: Tensor
    node_graph: Tensor
    bond_graph: Tensor
    slots: Tensor
    sizes: Tensor
    periods: Tensor

    @property
    def n_graphs(self) -> int:
        """Number of networks."""
        return len(self.sizes)

    @cached_property
    def largest(self) -> int:
        """Nodes of the largest network."""
        return int(self.sizes.max())

    @cached_property
    def places(self) -> Tensor:
        """Where the 2x2 blocks (i,i), (i,j), (j,i), (j,j) of each bond lie, (bonds, 4, 2, 2).

        Counted through matrices (networks, 2 largest + 1, 2 largest + 1), as the implicit step needs them.
        """
        size = 2 * self.largest + 1
        ends = 2 * self.slots[self.bonds]
        rows, columns = ends[:, [0, 0, 1, 1]], ends[:, [0, 1, 0, 1]]
        axis = torch.arange(2)
        row = rows[:, :, None, None] + axis[:, None]
        column = columns[:, :, None, None] + axis
        return (self.bond_graph[:, None, None, None] * size + row) * size + column

    @property
    def n_nodes(self) -> int:
        """Number of nodes of all networks."""
        return len(self.node_graph)

    def vectors(self, positions: Tensor, boxes: Tensor) -> Tensor:
        """Vectors from ``i`` to ``j`` along every bond (bonds, 2).

        Args:
            positions: Unwrapped positions (nodes, 2).
            boxes: Box lengths (networks, 2).
        """
        ends = positions[self.bonds]
        return ends[:, 1] - ends[:, 0] + self.shifts * boxes[self.bond_graph]

    def sum_nodes(self, values: Tensor) -> Tensor:
        """Sum over the nodes of each network, (nodes, ...) -> (networks, ...)."""
        out = values.new_zeros(self.n_graphs, *values.shape[1:])
        return out.index_add(0, self.node_graph, values)

    def mean_nodes(self, values: Tensor) -> Tensor:
        """Average over the nodes of each network, (nodes, ...) -> (networks, ...)."""
        sizes = self.sizes.to(values.dtype).reshape(-1, *[1] * (values.dim() - 1))
        return self.sum_nodes(values) / sizes


class Motion(NamedTuple):
    """Where a rollout stands; float64.

    Args:
        positions: Positions relative to the centre of the box, unwrapped (nodes, 2).
        boxes: Box lengths (networks, 2).
        velocities: What the simulator remembers of the last displacements per frame, newest first
            (history, nodes, 2).
        box_rates: Change per frame of the logarithm of the box lengths (networks, 2).
        origin: Positions in the first frame that was given (nodes, 2).
        origin_boxes: Box lengths in that frame (networks, 2).
    """

    positions: Tensor
    boxes: Tensor
    velocities: Tensor
    box_rates: Tensor
    origin: Tensor
    origin_boxes: Tensor


def build_graph(
    network: ElasticNetwork, positions: FloatArray, box: FloatArray, period: float = 10.0
) -> NetworkGraph:
    """Turn one network into a graph.

    Args:
        network: The network.
        positions: Unwrapped positions in the first frame (nodes, 2); they fix which image a bond reaches.
        box: Box lengths in that frame (2,).
        period: Time between frames.
    """
    straight = positions[network.bonds[:, 1]] - positions[network.bonds[:, 0]]
    nodes, bonds = network.n_nodes, network.n_bonds
    return NetworkGraph(
        bonds=torch.from_numpy(network.bonds.copy()),
        shifts=torch.from_numpy(-np.round(straight / box)),
        rest_lengths=torch.from_numpy(network.rest_lengths.copy()),
        stiffness=torch.from_numpy(network.stiffness.copy()),
        node_graph=torch.zeros(nodes, dtype=torch.long),
        bond_graph=torch.zeros(bonds, dtype=torch.long),
        slots=torch.arange(nodes),
        sizes=torch.tensor([nodes]),
        periods=torch.tensor([period], dtype=torch.float64),
    )


def join_graphs(graphs: Sequence[NetworkGraph]) -> NetworkGraph:
    """Put graphs end to end."""
    nodes = np.cumsum([0, *(graph.n_nodes for graph in graphs)])
    count = np.cumsum([0, *(graph.n_graphs for graph in graphs)])
    return NetworkGraph(
        bonds=torch.cat([graph.bonds + int(n) for graph, n in zip(graphs, nodes, strict=False)]),
        shifts=torch.cat([graph.shifts for graph in graphs]),
        rest_lengths=torch.cat([graph.rest_lengths for graph in graphs]),
        stiffness=torch.cat([graph.stiffness for graph in graphs]),
        node_graph=torch.cat([graph.node_graph + int(c) for graph, c in zip(graphs, count, strict=False)]),
        bond_graph=torch.cat([graph.bond_graph + int(c) for graph, c in zip(graphs, count, strict=False)]),
        slots=torch.cat([graph.slots for graph in graphs]),
        sizes=torch.cat([graph.sizes for graph in graphs]),
        periods=torch.cat([graph.periods for graph in graphs]),
    )
