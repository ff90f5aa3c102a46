"""Simulators of elastic networks: what all share, the published graph network, and the linear baseline."""

from itertools import pairwise
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdlens.errors import InputError
from mdlens.models.network_graph import Motion, NetworkGraph


class Window(NamedTuple):
    """Successive frames of one or more networks.

    Args:
        graph: The networks.
        positions: Relative to the centre of the box, unwrapped (frames, nodes, 2), float64.
        boxes: Box lengths (frames, networks, 2), float64.
    """

    graph: NetworkGraph
    positions: Tensor
    boxes: Tensor


class NetworkSimulator(nn.Module):
    """Predicts a network frame by frame; the box length along x is imposed, that along y is predicted.

    Args:
        history: Displacements between frames that a prediction starts from; a rollout is given one frame
            more.
    """

    def __init__(self, history: int) -> None:
        super().__init__()
        if not 1 <= history <= 16:
            raise InputError(f"history must be 1 to 16, got {history}")
        self.history = history

    def start(self, window: Window) -> Motion:
        """Begin a rollout at the last frame of a window of at least ``history + 1`` frames."""
        given = len(window.positions)
        if given <= self.history:
            raise InputError(f"a rollout needs {self.history + 1} frames to start from, got {given}")
        steps = window.positions.diff(dim=0)
        return Motion(
            positions=window.positions[-1],
            boxes=window.boxes[-1],
            velocities=steps.flip(0)[: self.history],
            box_rates=(window.boxes[-1] / window.boxes[-2]).log(),
            origin=window.positions[0],
            origin_boxes=window.boxes[0],
        )

    def advance(self, graph: NetworkGraph, motion: Motion, length_x: Tensor) -> Motion:
        """Predict the next frame.

        Args:
            graph: The networks.
            motion: Where the rollout stands.
            length_x: Imposed box length along x in the next frame (networks,).
        """
        raise NotImplementedError

    def loss(self, window: Window) -> Tensor:
        """Give the training loss of a window of ``history + 1 + steps`` frames."""
        raise NotImplementedError

    def follow(self, window: Window) -> list[Motion]:
        """Roll out over a window whose first ``history + 1`` frames are given."""
        first = self.history + 1
        motion = self.start(Window(window.graph, window.positions[:first], window.boxes[:first]))
        motions = []
        for boxes in window.boxes[first:]:
            motion = self.advance(window.graph, motion, boxes[:, 0])
            motions.append(motion)
        return motions


class RunningMoments(nn.Module):
    """Mean and standard deviation of the columns of all batches seen so far, in float64.

    Source: Chan, Golub, LeVeque, *Am. Stat.* 37, 242 (1983): Welford's update for whole batches.

    Args:
        size: Number of columns.
    """

    count: Tensor
    mean: Tensor
    squares: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("squares", torch.zeros(size, dtype=torch.float64))

    def update(self, values: Tensor) -> None:
        """Take in rows (rows, size)."""
        rows = values.detach().double()
        mean = rows.mean(dim=0)
        shift, total = mean - self.mean, self.count + len(rows)
        self.squares += (rows - mean).square().sum(dim=0) + shift.square() * self.count * len(rows) / total
        self.mean += shift * len(rows) / total
        self.count.copy_(total)

    @property
    def spread(self) -> Tensor:
        """Standard deviation of each column (size,); 1 where nothing varies or nothing was seen."""
        spread = (self.squares / self.count.clamp(min=1.0)).sqrt()
        return torch.where(spread > 0.0, spread, 1.0)

    def forward(self, values: Tensor) -> Tensor:
        """Bring rows to zero mean and unit variance, as float32."""
        return ((values.double() - self.mean) / self.spread).float()

    def restore(self, values: Tensor) -> Tensor:
        """Undo `forward`, as float64."""
        return values.double() * self.spread + self.mean


class RunningScale(nn.Module):
    """Mean absolute value of the columns of all batches so far, in float64: rare large values count little.

    Args:
        size: Number of columns.
    """

    count: Tensor
    total: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("total", torch.zeros(size, dtype=torch.float64))

    def update(self, values: Tensor) -> None:
        """Take in rows (rows, size)."""
        self.total += values.detach().double().abs().sum(dim=0)
        self.count += len(values)

    @property
    def spread(self) -> Tensor:
        """Mean absolute value of each column (size,); 1 where nothing varies or nothing was seen."""
        spread = self.total / self.count.clamp(min=1.0)
        return torch.where(spread > 0.0, spread, 1.0)

    def forward(self, values: Tensor) -> Tensor:
        """Divide rows by their scale, as float32."""
        return (values.double() / self.spread).float()

    def restore(self, values: Tensor) -> Tensor:
        """Undo `forward`, as float64."""
        return values.double() * self.spread


def perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Two hidden layers with ReLU, weights normal with the standard deviation ``1 / sqrt(fan_in)``."""
    sizes = (inputs, width, width, outputs)
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        linear = nn.Linear(fan_in, fan_out)
        nn.init.normal_(linear.weight, std=fan_in**-0.5)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class MessageLayer(nn.Module):
    """Messages along both directions of every bond, summed at the nodes; residual.

    Args:
        width: Numbers of each node, edge and hidden layer.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.edge = perceptron(3 * width, width, width)
        self.node = perceptron(2 * width, width, width)

    def forward(self, nodes: Tensor, edges: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
        """Update nodes (nodes, width) and directed edges (edges, width) with ends (edges, 2)."""
        messages = self._messages(nodes, edges, ends)
        total = torch.zeros_like(nodes).index_add(0, ends[:, 1], messages)
        return nodes + self.node(torch.cat([nodes, total], dim=1)), edges + messages

    def _messages(self, nodes: Tensor, edges: Tensor, ends: Tensor) -> Tensor:
        """Apply the edge network to (edge, sender, receiver); its first layer is summed from three parts.

        Nodes are fewer than edges, so their parts are multiplied before they are copied to the edges.
        """
        first = cast(nn.Linear, self.edge[0])
        width = nodes.shape[1]
        own, sender, receiver = torch.split(first.weight, width, dim=1)
        hidden = functional.linear(edges, own, first.bias)
        hidden = hidden + (nodes @ sender.T)[ends[:, 0]] + (nodes @ receiver.T)[ends[:, 1]]
        out: Tensor = self.edge[1:](hidden)
        return out


_HUBER = 4.0
"""Accelerations further off than so many mean absolute values count linearly."""


class PaperSimulator(NetworkSimulator):
    """The published graph-network simulator.

    Node features are the last displacements per frame, edge features the bond vector, its length and k.
    The output is the acceleration ``x_{t+1} - 2 x_t + x_{t-1}``, integrated by forward Euler. Nothing of the
    force law is given. The box along y is inferred in a rollout from the predicted positions: the slope of
    the displacements since the first given frame on their height.

    Args:
        history: Displacements per node, 1 to 3 in the paper.
        layers: Message-passing layers with weights of their own.
        width: Width of every layer.
        robust: Not published: measure accelerations by their mean absolute value and learn them by Huber's
            loss. Where networks snap now and then, one acceleration in thousands is 10^3 to 10^4 times the
            others; by the standard deviation the others are then near zero and are hardly learned.

    Source: arXiv 2505.21125.
    """

    def __init__(self, history: int = 3, layers: int = 2, width: int = 128, *, robust: bool = False) -> None:
        super().__init__(history)
        self.robust = robust
        if not 1 <= layers <= 64 or not 1 <= width <= 4096:
            raise InputError(f"layers must be 1 to 64 and width 1 to 4096, got {layers} and {width}")
        self.node_moments = RunningMoments(2 * history)
        self.edge_moments = RunningMoments(4)
        self.target_moments: RunningMoments | RunningScale = RunningScale(2) if robust else RunningMoments(2)
        self.encode_nodes = perceptron(2 * history, width, width)
        self.encode_edges = perceptron(4, width, width)
        self.layers = nn.ModuleList(MessageLayer(width) for _ in range(layers))
        self.decode = perceptron(width, width, 2)

    def forward(self, graph: NetworkGraph, motion: Motion) -> Tensor:
        """Give the normalised acceleration of every node (nodes, 2), float32."""
        features, edge_features, ends = self._features(graph, motion)
        if self.training:
            self.node_moments.update(features)
            self.edge_moments.update(edge_features)
        nodes = self.encode_nodes(self.node_moments(features))
        edges = self.encode_edges(self.edge_moments(edge_features))
        for layer in self.layers:
            nodes, edges = layer(nodes, edges, ends)
        out: Tensor = self.decode(nodes)
        return out

    def advance(self, graph: NetworkGraph, motion: Motion, length_x: Tensor) -> Motion:
        """Predict the next frame by forward Euler; see `NetworkSimulator.advance`."""
        acceleration = self.target_moments.restore(self(graph, motion))
        return move(graph, motion, motion.velocities[0] + acceleration, length_x)

    def loss(self, window: Window) -> Tensor:
        """Mean squared error (or Huber's loss) of the normalised acceleration in the last frame.

        With more than one step, the frames before the last are predicted without gradient: the network
        learns to come back from its own errors. The target is the true displacement, not the true position:
        making up for an error of the position within one frame would give later ones a false velocity.
        """
        first = self.history + 1
        motion = self.start(Window(window.graph, window.positions[:first], window.boxes[:first]))
        with torch.no_grad():
            training = self.training
            self.eval()
            for boxes in window.boxes[first:-1]:
                motion = self.advance(window.graph, motion, boxes[:, 0])
            self.train(training)
        target = window.positions[-1] - window.positions[-2] - motion.velocities[0]
        if self.training:
            self.target_moments.update(target)
        predicted, wanted = self(window.graph, motion), self.target_moments(target)
        return (
            functional.huber_loss(predicted, wanted, delta=_HUBER)
            if self.robust
            else functional.mse_loss(predicted, wanted)
        )

    def _features(self, graph: NetworkGraph, motion: Motion) -> tuple[Tensor, Tensor, Tensor]:
        vectors = graph.vectors(motion.positions, motion.boxes)
        both = torch.cat([vectors, -vectors])
        stiffness = graph.stiffness.repeat(2)[:, None]
        edges = torch.cat([both, both.norm(dim=1, keepdim=True), stiffness], dim=1)
        velocities = motion.velocities.permute(1, 0, 2).reshape(graph.n_nodes, -1)
        return velocities, edges, torch.cat([graph.bonds, graph.bonds.flip(1)])


class LinearSimulator(NetworkSimulator):
    """The next displacement as a weighted sum of the last ones: as many weights as `history`."""

    def __init__(self, history: int = 3) -> None:
        super().__init__(history)
        self.weights = nn.Parameter(torch.full((history,), 1.0 / history, dtype=torch.float64))

    def advance(self, graph: NetworkGraph, motion: Motion, length_x: Tensor) -> Motion:
        """Predict the next frame; see `NetworkSimulator.advance`."""
        velocity = torch.einsum("h,hnd->nd", self.weights, motion.velocities)
        return move(graph, motion, velocity, length_x)

    def loss(self, window: Window) -> Tensor:
        """Squared error of the last displacement relative to its square."""
        first = self.history + 1
        motion = self.start(Window(window.graph, window.positions[:first], window.boxes[:first]))
        motion = self.advance(window.graph, motion, window.boxes[first, :, 0])
        target = window.positions[first] - window.positions[first - 1]
        return (motion.velocities[0] - target).square().sum() / target.square().sum()


def move(graph: NetworkGraph, motion: Motion, velocity: Tensor, length_x: Tensor) -> Motion:
    """Move the nodes by a displacement (nodes, 2); the box along y follows from where they are then."""
    positions = motion.positions + velocity
    boxes = torch.stack([length_x, inferred_height(graph, motion, positions)], dim=1)
    return motion._replace(
        positions=positions,
        boxes=boxes,
        velocities=torch.cat([velocity[None], motion.velocities[:-1]]),
        box_rates=(boxes / motion.boxes).log(),
    )


def inferred_height(graph: NetworkGraph, motion: Motion, positions: Tensor) -> Tensor:
    """Box length along y that the displacements since the first given frame tell (networks,).

    ``Ly = Ly_0 (1 + sum u_y (y - ybar) / sum (y - ybar)^2)``
    """
    y = motion.origin[:, 1]
    y = y - graph.mean_nodes(y)[graph.node_graph]
    moved = positions[:, 1] - motion.origin[:, 1]
    slope = graph.sum_nodes(moved * y) / graph.sum_nodes(y.square())
    return motion.origin_boxes[:, 1] * (1.0 + slope)
