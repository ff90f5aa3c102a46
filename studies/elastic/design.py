"""Inverse design: gradients through the learned simulator move nodes towards a Poisson's ratio."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from cases import StudyData
from torch import Tensor

from mdlens.elastic import ElasticNetwork, compress, fast_recipe, linear_response, relax
from mdlens.models import BondSimulator, Motion, NetworkGraph, NetworkSimulator, build_graph, join_graphs

LONG = 1e4
STEPS = 5
STRAIN = -0.01
CHANGE = 0.2
UPDATES = 60
RATE = 5e-3
DESIGNED = 12
FRAME = 100


def graph_of(networks: Sequence[ElasticNetwork]) -> tuple[NetworkGraph, Tensor, Tensor]:
    """Graph with frames far apart in time, positions about the centre, and boxes of networks at rest."""
    graph = join_graphs([build_graph(n, n.positions - n.box / 2, n.box, LONG) for n in networks])
    positions = torch.cat([torch.from_numpy(n.positions - n.box / 2) for n in networks])
    return graph, positions, torch.from_numpy(np.stack([n.box for n in networks]))


def compressed(simulator: NetworkSimulator, graph: NetworkGraph, start: Tensor, boxes: Tensor) -> Tensor:
    """Poisson's ratio from the positions after a slow compression in a few long steps (networks,)."""
    still = torch.zeros_like(start)
    motion = Motion(start, boxes, still[None], torch.zeros_like(boxes), start, boxes)
    for step in range(1, STEPS + 1):
        motion = simulator.advance(graph, motion, boxes[:, 0] * (1.0 + STRAIN * step / STEPS))
    y = start[:, 1] - graph.mean_nodes(start[:, 1])[graph.node_graph]
    slope = graph.sum_nodes((motion.positions[:, 1] - start[:, 1]) * y) / graph.sum_nodes(y.square())
    return -slope / STRAIN


def long_steps(simulator: NetworkSimulator, networks: Sequence[ElasticNetwork]) -> Tensor:
    """Poisson's ratios by a few long steps of the learned simulator (networks,)."""
    with torch.no_grad():
        return compressed(simulator, *graph_of(networks))


def at_rest(graph: NetworkGraph, positions: Tensor, boxes: Tensor) -> NetworkGraph:
    """The same bonds with the lengths they have now as rest lengths, and k = 1 / l0."""
    lengths = graph.vectors(positions, boxes).norm(dim=1)
    return replace(graph, rest_lengths=lengths, stiffness=1.0 / lengths)


def design(
    simulator: NetworkSimulator, networks: Sequence[ElasticNetwork], wanted: Tensor
) -> list[ElasticNetwork]:
    """Move the nodes of networks by gradient descent on ``(nu - wanted)^2``; bonds stay, lengths follow."""
    simulator.requires_grad_(False)
    graph, start, boxes = graph_of(networks)
    moved = torch.zeros_like(start, requires_grad=True)
    optimizer = torch.optim.Adam([moved], lr=RATE)
    for _ in range(UPDATES):
        at = start + moved
        nu = compressed(simulator, at_rest(graph, at, boxes), at, boxes)
        loss = (nu - wanted).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    at = (start + moved).detach()
    final = at_rest(graph, at, boxes)
    return [
        replace(
            network,
            positions=at[graph.node_graph == k].numpy() + network.box / 2,
            rest_lengths=final.rest_lengths[graph.bond_graph == k].numpy(),
            stiffness=final.stiffness[graph.bond_graph == k].numpy(),
            name=f"{network.name}_designed",
        )
        for k, network in enumerate(networks)
    ]


def design_job(data: StudyData, simulator: NetworkSimulator) -> dict[str, Any]:
    """Half of the networks should become more auxetic, half less; molecular dynamics has the last word."""
    assert isinstance(simulator, BondSimulator)  # noqa: S101  # only this one takes long steps
    chosen = data.test[:: max(len(data.test) // DESIGNED, 1)][:DESIGNED]
    networks = [relax(trajectory.network) for trajectory in chosen]
    before = long_steps(simulator, networks)
    signs = torch.tensor([1.0 if k % 2 else -1.0 for k in range(len(networks))], dtype=torch.float64)
    wanted = before + CHANGE * signs
    made = design(simulator, networks, wanted)
    after = long_steps(simulator, made)
    recipe = fast_recipe(temperature=1e-11, rate=-1e-6, strain=STRAIN * 1.05)
    rows = []
    for k, (old, new) in enumerate(zip(networks, made, strict=True)):
        runs = [compress(network, recipe) for network in (old, new)]
        rows.append(
            {
                "network": old.name,
                "wanted": float(wanted[k]),
                "learned_before": float(before[k]),
                "learned_after": float(after[k]),
                "md_before": at_strain(runs[0]),
                "md_after": at_strain(runs[1]),
                "linear_response_after": float(linear_response(new).nu_box),
                "largest_move": float(np.linalg.norm(new.positions - old.positions, axis=1).max()),
            }
        )
    wrong = np.array([row["md_after"] - row["wanted"] for row in rows])
    return {"rows": rows, "mae_to_wanted": float(np.abs(wrong).mean()), "asked_change": CHANGE}


def at_strain(run: Any) -> float:
    """Poisson's ratio of the frame nearest to the strain of the design."""
    return float(run.poisson_ratio[np.abs(run.strain - STRAIN).argmin()])
