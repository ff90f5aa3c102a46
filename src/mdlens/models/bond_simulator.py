"""Our simulator of elastic networks: a learned force along each bond, moved by implicit damped steps."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mdlens.errors import InputError
from mdlens.models.implicit_solve import solve_symmetric
from mdlens.models.network_graph import Motion, NetworkGraph
from mdlens.models.network_simulator import NetworkSimulator, Window

TIME_UNIT = 10.0
"""What times are counted in, reduced units: frames are about so far apart."""

_STRAIN_SCALE = 20.0
"""Bonds are strained by some percent; the network sees numbers around 1."""


class ForceLaw(nn.Module):
    """Tension of a bond from its length, rest length and stiffness, ``t = exp(g(e, l0, k)) e``.

    ``e = (l - l0) / l0``, and ``g`` is a perceptron with two hidden layers. A bond pulls back to its rest
    length, which is what "rest length" means; how hard is learned. The tension is in units of node mass x
    length / `TIME_UNIT`^2.

    Args:
        width: Width of the hidden layers.
        start: Tension per strain before training.
    """

    def __init__(self, width: int = 32, start: float = 50.0) -> None:
        super().__init__()
        self.first = nn.Linear(3, width, dtype=torch.float64)
        self.second = nn.Linear(width, width, dtype=torch.float64)
        self.last = nn.Linear(width, 1, dtype=torch.float64)
        nn.init.normal_(self.last.weight, std=0.1 * width**-0.5)
        nn.init.constant_(self.last.bias, math.log(start))

    def forward(self, lengths: Tensor, rest_lengths: Tensor, stiffness: Tensor) -> tuple[Tensor, Tensor]:
        """Give the tension and its derivative with respect to the length, (bonds,) each."""
        strain = (lengths - rest_lengths) / rest_lengths
        inputs = torch.stack([_STRAIN_SCALE * strain, rest_lengths.log(), stiffness.log()], dim=1)
        one = self.first(inputs).tanh()
        slope = (1.0 - one.square()) * self.first.weight[:, 0]
        two = self.second(one).tanh()
        slope = (1.0 - two.square()) * (slope @ self.second.weight.T)
        secant = self.last(two)[:, 0].exp()
        relative = _STRAIN_SCALE * (slope @ self.last.weight[0])
        return secant * strain, secant * (1.0 + strain * relative) / rest_lengths


class BondForces(NamedTuple):
    """Forces of all bonds and how they change.

    Args:
        forces: Force on every node (nodes, 2).
        box_forces: Force on the logarithm of the box length along y (networks,).
        blocks: Second derivatives of a bond's energy with respect to its vector (bonds, 2, 2).
        coupling: Change of every node's force per unit of the logarithm, negated (nodes, 2).
        box_stiffness: Second derivative with respect to the logarithm (networks,).
    """

    forces: Tensor
    box_forces: Tensor
    blocks: Tensor
    coupling: Tensor
    box_stiffness: Tensor


class BondSimulator(NetworkSimulator):
    """A force law, a friction and a box that is set in motion by the stress: all learned.

    Every step of length ``h``, the nodes first follow the box affinely, then move by ``h v`` and the box
    along y by a factor ``exp(h w)`` so that

        ``(1 + c h) v = v_last + h F(x)``                            for every node (mass 1),
        ``M (1 + b h) w = M w_last - (h/N) sum_bonds t_y r_y``       for the box,

    where ``F`` is the sum of the tensions along the bonds. These are damped equations of motion by
    implicit steps, solved by Newton's method: stiff modes settle within a frame, soft ones lag as
    long as the friction says. Forces are equal and opposite by construction, so momentum is conserved but for
    friction, and turning a network turns its forces. Learned are the force law (`ForceLaw`), the friction
    ``c``, the inertia of the box ``M`` and its friction ``b``. The true force law is not given, nor the
    thermostat's friction. Only forces along bonds can be learned: angle terms cannot.

    Args:
        width: Width of the force law.
        iterations: Newton iterations per frame.
        steps: Implicit steps per frame.
    """

    def __init__(self, width: int = 32, iterations: int = 1, steps: int = 1) -> None:
        super().__init__(history=1)
        if not 1 <= width <= 4096 or not 1 <= iterations <= 100 or not 1 <= steps <= 100:
            raise InputError(
                "width must be 1 to 4096, iterations and steps 1 to 100, "
                f"got {width}, {iterations} and {steps}"
            )
        self.law = ForceLaw(width)
        self.iterations = iterations
        self.steps = steps
        self.log_friction = _positive(0.2)
        self.log_box_inertia = _positive(5.0)
        self.log_box_friction = _positive(0.2)

    def start(self, window: Window) -> Motion:
        """Begin a rollout; the velocity remembered is what does not follow the box."""
        motion = super().start(window)
        graph = window.graph
        followed = window.positions[-2] * motion.box_rates.exp()[graph.node_graph]
        per_frame = (motion.positions - followed) / self._step_length(graph)[graph.node_graph, None]
        rates = motion.box_rates / self._step_length(graph)[:, None]
        return motion._replace(velocities=per_frame[None] / self.steps, box_rates=rates / self.steps)

    def advance(self, graph: NetworkGraph, motion: Motion, length_x: Tensor) -> Motion:
        """Predict the next frame; see `NetworkSimulator.advance`."""
        stretch = (length_x / motion.boxes[:, 0]).log() / self.steps
        for _ in range(self.steps):
            motion = self._step(graph, motion, stretch)
        boxes = torch.stack([length_x, motion.boxes[:, 1]], dim=1)
        return motion._replace(boxes=boxes)

    def loss(self, window: Window) -> Tensor:
        """Squared error of the positions relative to that of nodes that stay, averaged over the steps."""
        start = window.positions[self.history]
        total = torch.zeros((), dtype=torch.float64)
        motions = self.follow(window)
        for motion, truth in zip(motions, window.positions[self.history + 1 :], strict=True):
            error = window.graph.sum_nodes((motion.positions - truth).square().sum(dim=1))
            frozen = window.graph.sum_nodes((start - truth).square().sum(dim=1))
            total = total + (error / frozen).mean()
        return total / len(motions)

    def forces(self, graph: NetworkGraph, vectors: Tensor, followed_y: Tensor) -> BondForces:
        """Give forces and stiffness of a configuration.

        Args:
            graph: The networks.
            vectors: Vector along each bond (bonds, 2).
            followed_y: The part of its y component that follows the box (bonds,).
        """
        lengths = vectors.norm(dim=1)
        tension, stiffness = self.law(lengths, graph.rest_lengths, graph.stiffness)
        normals = vectors / lengths[:, None]
        pull = tension[:, None] * normals
        outer = normals[:, :, None] * normals[:, None, :]
        across = (tension / lengths)[:, None, None]
        blocks = stiffness[:, None, None] * outer + across * (torch.eye(2, dtype=outer.dtype) - outer)
        turned = blocks[:, :, 1] * followed_y[:, None]
        return BondForces(
            forces=_at_ends(graph, pull),
            box_forces=-_sum_bonds(graph, pull[:, 1] * followed_y),
            blocks=blocks,
            coupling=-_at_ends(graph, turned),
            box_stiffness=_sum_bonds(graph, (turned[:, 1] + pull[:, 1]) * followed_y),
        )

    def _step(self, graph: NetworkGraph, motion: Motion, stretch: Tensor) -> Motion:
        """Take one implicit step of a `steps`-th of a frame."""
        h = self._step_length(graph)
        residual = h[graph.node_graph, None] * motion.velocities[0]
        rate = h * motion.box_rates[:, 1]
        lengths = motion.boxes[:, 0] * stretch.exp()
        for _ in range(self.iterations):
            residual, rate = self._newton(graph, motion, lengths, residual, rate)
        factors = torch.stack([lengths / motion.boxes[:, 0], rate.exp()], dim=1)
        return motion._replace(
            positions=motion.positions * factors[graph.node_graph] + residual,
            boxes=motion.boxes * factors,
            velocities=residual[None] / h[graph.node_graph, None],
            box_rates=torch.stack([stretch / h, rate / h], dim=1),
        )

    def _step_length(self, graph: NetworkGraph) -> Tensor:
        """Length of a step of each network in units of `TIME_UNIT` (networks,)."""
        return graph.periods / (TIME_UNIT * self.steps)

    def _newton(
        self, graph: NetworkGraph, motion: Motion, lengths: Tensor, residual: Tensor, rate: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Improve the displacement of the nodes (nodes, 2) and the logarithmic one of the box (networks,)."""
        h = self._step_length(graph)
        factors = torch.stack([lengths / motion.boxes[:, 0], rate.exp()], dim=1)
        followed = graph.vectors(motion.positions, motion.boxes) * factors[graph.bond_graph]
        ends = residual[graph.bonds]
        found = self.forces(graph, followed + ends[:, 1] - ends[:, 0], followed[:, 1])
        drag = (1.0 + h * self.log_friction.exp()) / h**2
        inertia = graph.sizes * self.log_box_inertia.exp() / h
        box_drag = inertia * (1.0 / h + self.log_box_friction.exp())
        pushed = motion.velocities[0] / h[graph.node_graph, None] - drag[graph.node_graph, None] * residual
        missing = found.forces + pushed
        box_missing = found.box_forces + inertia * motion.box_rates[:, 1] - box_drag * rate
        system = _assemble(graph, found, drag, box_drag)
        change = solve_symmetric(system, _pack(graph, missing, box_missing))
        nodes = change[:, :-1].reshape(graph.n_graphs, -1, 2)[graph.node_graph, graph.slots]
        return residual + nodes, rate + change[:, -1]


def _positive(start: float) -> nn.Parameter:
    """Give a number that stays positive while it is learned, by its logarithm."""
    return nn.Parameter(torch.tensor(math.log(start), dtype=torch.float64))


def _at_ends(graph: NetworkGraph, values: Tensor) -> Tensor:
    """Add a bond's vector (bonds, 2) to its first end and take it from its second, (nodes, 2)."""
    out = values.new_zeros(graph.n_nodes, 2)
    return out.index_add(0, graph.bonds[:, 0], values).index_add(0, graph.bonds[:, 1], -values)


def _sum_bonds(graph: NetworkGraph, values: Tensor) -> Tensor:
    return values.new_zeros(graph.n_graphs).index_add(0, graph.bond_graph, values)


def _pack(graph: NetworkGraph, nodes: Tensor, boxes: Tensor) -> Tensor:
    """Lay node values (nodes, 2) and box values (networks,) out by network, (networks, 2 largest + 1)."""
    out = nodes.new_zeros(graph.n_graphs, graph.largest, 2)
    out = out.index_put((graph.node_graph, graph.slots), nodes)
    return torch.cat([out.reshape(graph.n_graphs, -1), boxes[:, None]], dim=1)


def _assemble(graph: NetworkGraph, found: BondForces, drag: Tensor, box_drag: Tensor) -> Tensor:
    """Give the symmetric matrices of the implicit step (networks, 2 largest + 1, 2 largest + 1)."""
    size = 2 * graph.largest + 1
    flat = found.blocks.new_zeros(graph.n_graphs * size * size)
    values = torch.stack([found.blocks, -found.blocks, -found.blocks, found.blocks], dim=1)
    flat.index_add_(0, graph.places.reshape(-1), values.reshape(-1))
    matrices = flat.reshape(graph.n_graphs, size, size)
    last = (box_drag + found.box_stiffness)[:, None]
    diagonal = torch.cat([drag[:, None].expand(-1, size - 1), last], dim=1)
    matrices.diagonal(dim1=1, dim2=2).add_(diagonal)
    coupling = _pack(graph, found.coupling, torch.zeros_like(box_drag))
    matrices[:, :, -1] += coupling
    matrices[:, -1, :] += coupling
    return matrices
