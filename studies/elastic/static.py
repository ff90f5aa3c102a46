"""The static contestant: a graph network that gives Poisson's ratio straight from the network at rest."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from cases import StudyData
from torch import Tensor

from mdlens.learning.network_data import NetworkCase, label, select
from mdlens.learning.network_scores import r_squared
from mdlens.learning.network_settings import SelectionConfig
from mdlens.models import NetworkProperty, join_graphs

UPDATES = 300
BATCH = 8
RATES = (1e-3, 1e-5)


def batch(cases: Sequence[NetworkCase], signs: Tensor) -> tuple[Any, Tensor, Tensor, Tensor]:
    """Graph, positions and boxes of networks at rest, mirrored by signs (2,), and their labels."""
    graph = join_graphs([case.graph for case in cases])
    graph.shifts.mul_(signs)
    positions = torch.cat([case.positions[0] for case in cases]) * signs
    boxes = torch.cat([case.boxes[0] for case in cases])
    labels = torch.tensor([label(case.trajectory) for case in cases], dtype=torch.float64)
    return graph, positions, boxes, labels


def fit_static(cases: Sequence[NetworkCase], seed: int) -> NetworkProperty:
    """Fit with Adam and an exponential decay; every batch is mirrored at random along x and y."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = NetworkProperty()
    optimizer = torch.optim.Adam(network.parameters(), lr=RATES[0])
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, (RATES[1] / RATES[0]) ** (1 / UPDATES))
    for _ in range(UPDATES):
        chosen = rng.permutation(len(cases))[:BATCH]
        signs = torch.from_numpy(rng.choice([-1.0, 1.0], 2))
        loss = network.loss(*batch([cases[index] for index in chosen], signs))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def static_job(data: StudyData, size: int, seeds: Sequence[int]) -> dict[str, Any]:
    """R^2 of nu on the test networks after training on so many networks (0: all)."""
    found = []
    for seed in seeds:
        settings = SelectionConfig(networks=size)
        cases = select(data.clean, data.split.train, settings, limit=True, seed=seed)
        network = fit_static(cases, seed)
        graph, positions, boxes, true = batch([NetworkCase(t, t.n_frames) for t in data.test], torch.ones(2))
        with torch.no_grad():
            predicted = network.predict(graph, positions, boxes)
        found.append(
            {
                "seed": seed,
                "networks": len(cases),
                "r2_nu": r_squared(predicted.numpy(), true.numpy()),
                "mae_nu": float((predicted - true).abs().mean()),
            }
        )
    parameters = sum(weights.numel() for weights in NetworkProperty().parameters())
    return {"runs": found, "parameters": parameters, "updates": UPDATES, "batch": BATCH}
