"""Message passing over directed bonds with self-attention: one logit for a whole neighbour graph."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdlens.errors import InputError

VARIANTS = ("relative", "paper")
POOLINGS = ("mean", "attention")


class GraphBatch(NamedTuple):
    """Neighbour graphs joined end to end.

    Attributes:
        species: Species of each node, 0, 1, ..., int64 (n,).
        graph: The graph each node belongs to, ascending, int64 (n,).
        i: Node each bond starts at; bonds come in both directions, int64 (E,).
        j: Node it ends at, int64 (E,).
        reverse: The same bond in the other direction, int64 (E,).
        distance: Length of each bond, float32 (E,).
        places: Coordinates within the window, for the variant "paper" only, float32 (n, d).
        graphs: Number of graphs.
    """

    species: Tensor
    graph: Tensor
    i: Tensor
    j: Tensor
    reverse: Tensor
    distance: Tensor
    places: Tensor
    graphs: int


class GraphOutput(NamedTuple):
    """What the network says.

    Attributes:
        logits: Of the second class against the first, (graphs,).
        attention: Weight of each bond in its graph, heads averaged, summing to 1 in a graph, (E,).
        embedding: The pooled state of each graph, (graphs, width).
    """

    logits: Tensor
    attention: Tensor
    embedding: Tensor


class AttentionMPNN(nn.Module):
    r"""Directed-bond network (D-MPNN) with self-attention over the bonds of a graph.

    .. math::
        u_{ij} = W_i [f_i, d_{ij}], \quad h_{ij} = \mathrm{ReLU}(u_{ij}), \quad
        m_{ij} = \sum_{k \in N(i)} h_{ki} - h_{ji}, \quad h_{ij} \leftarrow \mathrm{ReLU}(u_{ij} + W_h m_{ij})

    repeated ``depth - 1`` times; then per head :math:`\alpha = \mathrm{softmax}(v^T \mathrm{ReLU}(W_a h))`
    over the E bonds of a graph, averaged over the heads, and atoms
    :math:`a_i = \mathrm{ReLU}(W_o [f_i, \sum_k E \alpha_{ki} h_{ki}])`, pooled and read by two dense layers.

    With the variant "relative" atoms enter by species and bonds by length: the output does not change when
    the system is shifted, rotated, mirrored or its atoms are numbered otherwise. With "paper" atoms also have
    their coordinates within the window, as published, and only the numbering does not matter.

    Args:
        species: Number of species.
        width: Numbers per bond and atom.
        depth: Rounds of messages, the first included.
        heads: Attention heads.
        dropout: After each layer.
        pooling: "mean" over the atoms or "attention" (a softmax over the atoms).
        variant: "relative" or "paper".
        centers: Gaussians that describe a distance ("relative").
        places: Coordinates per atom ("paper").

    Raises:
        InputError: If a value is out of range.

    Source: Yang et al., J. Chem. Inf. Model. 59, 3370 (2019); with attention arXiv 1909.04648. The Gaussians,
    and weighting the sum over bonds by attention, are ours.
    """

    low: Tensor
    high: Tensor

    def __init__(
        self,
        species: int,
        *,
        width: int = 64,
        depth: int = 3,
        heads: int = 4,
        dropout: float = 0.0,
        pooling: str = "mean",
        variant: str = "relative",
        centers: int = 16,
        places: int = 2,
    ) -> None:
        super().__init__()
        _check(species, width, depth, heads, dropout, pooling, variant, centers, places)
        self.settings: dict[str, Any] = {
            "species": species, "width": width, "depth": depth, "heads": heads, "dropout": dropout,
            "pooling": pooling, "variant": variant, "centers": centers, "places": places,
        }  # fmt: skip
        self.species, self.depth, self.variant = species, depth, variant
        self.register_buffer("low", torch.tensor(0.5))
        self.register_buffer("high", torch.tensor(1.5))
        self.centers = 1 if variant == "paper" else centers
        atom = species + (places if variant == "paper" else 0)
        self.first = nn.Linear(atom + self.centers, width)
        self.messages = nn.Linear(width, width, bias=False)
        self.attend = nn.Linear(width, width)
        self.score = nn.Linear(width, heads, bias=False)
        self.atoms = nn.Linear(atom + width, width)
        self.atom_score = nn.Linear(width, 1, bias=False) if pooling == "attention" else None
        self.head = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 1)
        )
        self.dropout = nn.Dropout(dropout)

    def measure(self, distances: Tensor) -> None:
        """Spread the Gaussians over the distances of training data, (E,)."""
        values = distances.double()
        self.low.fill_(float(values.quantile(0.001)) if len(values) < 2**24 else float(values.min()))
        self.high.fill_(float(values.quantile(0.999)) if len(values) < 2**24 else float(values.max()))

    def forward(self, batch: GraphBatch) -> GraphOutput:
        """Classify graphs."""
        features = functional.one_hot(batch.species, self.species).to(batch.distance.dtype)
        if self.variant == "paper":
            features = torch.cat([features, batch.places], dim=1)
        hidden = self._bonds(features, batch)
        bond_graph = batch.graph[batch.i]
        attention = self._attention(hidden, bond_graph, batch.graphs)
        size = torch.bincount(bond_graph, minlength=batch.graphs).to(hidden.dtype)
        weighted = hidden * (attention * size[bond_graph])[:, None]
        gathered = _sum_to(weighted, batch.j, len(features))
        states = self.dropout(functional.relu(self.atoms(torch.cat([features, gathered], dim=1))))
        embedding = self._pool(states, batch)
        return GraphOutput(self.head(embedding).squeeze(1), attention, embedding)

    def _bonds(self, features: Tensor, batch: GraphBatch) -> Tensor:
        start = self.first(torch.cat([features[batch.i], self._lengths(batch.distance)], dim=1))
        hidden = functional.relu(start)
        for _ in range(self.depth - 1):
            message = _sum_to(hidden, batch.j, len(features))[batch.i] - hidden[batch.reverse]
            hidden = self.dropout(functional.relu(start + self.messages(message)))
        return hidden

    def _lengths(self, distance: Tensor) -> Tensor:
        """Describe distances, (E,) -> (E, centers); as they are in the variant "paper"."""
        scaled = (distance - self.low) / (self.high - self.low).clamp(min=1e-6)
        if self.centers == 1:
            return scaled[:, None]
        centers = torch.linspace(0.0, 1.0, self.centers, dtype=distance.dtype, device=distance.device)
        return torch.exp(-0.5 * ((scaled[:, None] - centers) * self.centers) ** 2)

    def _attention(self, hidden: Tensor, graph: Tensor, count: int) -> Tensor:
        scores = self.score(functional.relu(self.attend(hidden)))
        return graph_softmax(scores, graph, count).mean(dim=1)

    def _pool(self, states: Tensor, batch: GraphBatch) -> Tensor:
        if self.atom_score is None:
            sizes = torch.bincount(batch.graph, minlength=batch.graphs).clamp(min=1)
            return _sum_to(states, batch.graph, batch.graphs) / sizes[:, None]
        weights = graph_softmax(self.atom_score(states), batch.graph, batch.graphs)
        return _sum_to(states * weights, batch.graph, batch.graphs)


def graph_softmax(scores: Tensor, graph: Tensor, count: int) -> Tensor:
    """Softmax over the rows of each graph, (R, H) -> (R, H).

    Args:
        scores: Any numbers, (R, H).
        graph: The graph of each row, (R,).
        count: Number of graphs.
    """
    index = graph[:, None].expand_as(scores)
    lowest = scores.new_full((count, scores.shape[1]), float("-inf"))
    highest = lowest.scatter_reduce(0, index, scores.detach(), "amax")
    exponentials = (scores - highest[graph]).exp()
    return exponentials / _sum_to(exponentials, graph, count)[graph]


def _sum_to(rows: Tensor, index: Tensor, count: int) -> Tensor:
    """Add rows (R, W) up into (count, W) by their index."""
    return rows.new_zeros((count, rows.shape[1])).index_add(0, index, rows)


def _check(
    species: int,
    width: int,
    depth: int,
    heads: int,
    dropout: float,
    pooling: str,
    variant: str,
    centers: int,
    places: int,
) -> None:
    if not (1 <= species <= 100 and 1 <= width <= 4096 and 1 <= depth <= 16 and 1 <= heads <= 64):
        raise InputError(
            "species must be 1 to 100, width 1 to 4096, depth 1 to 16 and heads 1 to 64, "
            f"got {species}, {width}, {depth} and {heads}"
        )
    if not (0.0 <= dropout < 1.0 and 2 <= centers <= 256 and places in (2, 3)):
        raise InputError(
            "dropout must be 0 or more but below 1, centers 2 to 256 and places 2 or 3, "
            f"got {dropout}, {centers} and {places}"
        )
    if variant not in VARIANTS or pooling not in POOLINGS:
        raise InputError(
            f"variant must be one of {', '.join(VARIANTS)} and pooling one of {', '.join(POOLINGS)}, "
            f"got {variant!r} and {pooling!r}"
        )
