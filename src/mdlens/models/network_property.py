"""A property of a network straight from its graph, without dynamics: what simulators are compared with."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdlens.errors import InputError
from mdlens.models.network_graph import NetworkGraph
from mdlens.models.network_simulator import MessageLayer, RunningMoments, perceptron


class NetworkProperty(nn.Module):
    """A graph network that gives one number for a network at rest.

    Edges see the bond vector, its length and k; nodes see their number of bonds; the last node vectors are
    averaged over the network.

    Args:
        layers: Message-passing layers with weights of their own.
        width: Width of every layer.
    """

    def __init__(self, layers: int = 3, width: int = 64) -> None:
        super().__init__()
        if not 1 <= layers <= 64 or not 1 <= width <= 4096:
            raise InputError(f"layers must be 1 to 64 and width 1 to 4096, got {layers} and {width}")
        self.node_moments = RunningMoments(1)
        self.edge_moments = RunningMoments(4)
        self.target_moments = RunningMoments(1)
        self.encode_nodes = perceptron(1, width, width)
        self.encode_edges = perceptron(4, width, width)
        self.layers = nn.ModuleList(MessageLayer(width) for _ in range(layers))
        self.decode = perceptron(width, width, 1)

    def forward(self, graph: NetworkGraph, positions: Tensor, boxes: Tensor) -> Tensor:
        """Give the normalised property of each network (networks,).

        Args:
            graph: The networks.
            positions: Unwrapped positions (nodes, 2).
            boxes: Box lengths (networks, 2).
        """
        vectors = graph.vectors(positions, boxes)
        both = torch.cat([vectors, -vectors])
        stiffness = graph.stiffness.repeat(2)[:, None]
        edge_features = torch.cat([both, both.norm(dim=1, keepdim=True), stiffness], dim=1)
        ends = torch.cat([graph.bonds, graph.bonds.flip(1)])
        degrees = torch.bincount(graph.bonds.reshape(-1), minlength=graph.n_nodes)[:, None].double()
        if self.training:
            self.node_moments.update(degrees)
            self.edge_moments.update(edge_features)
        nodes = self.encode_nodes(self.node_moments(degrees))
        edges = self.encode_edges(self.edge_moments(edge_features))
        for layer in self.layers:
            nodes, edges = layer(nodes, edges, ends)
        out: Tensor = self.decode(graph.mean_nodes(nodes))[:, 0]
        return out

    def predict(self, graph: NetworkGraph, positions: Tensor, boxes: Tensor) -> Tensor:
        """Give the property in its own unit (networks,), float64."""
        restored: Tensor = self.target_moments.restore(self(graph, positions, boxes)[:, None])
        return restored[:, 0]

    def loss(self, graph: NetworkGraph, positions: Tensor, boxes: Tensor, target: Tensor) -> Tensor:
        """Mean squared error of the normalised property; `target` is (networks,)."""
        if self.training:
            self.target_moments.update(target[:, None])
        wanted = self.target_moments(target[:, None])[:, 0]
        return functional.mse_loss(self(graph, positions, boxes), wanted)
