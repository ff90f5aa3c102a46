"""Compression of a spring network, integrated explicitly in small steps: slow and obvious."""

import numpy as np

from mdlens.io.networks import ElasticNetwork, ElasticTrajectory

FRICTION = 0.1
BOX_INERTIA = 1.0
BOX_FRICTION = 0.02


def lattice_network(side: int = 4, seed: int = 0) -> ElasticNetwork:
    """A shaken triangular-like lattice of ``side^2`` nodes at rest."""
    rng = np.random.default_rng(seed)
    rows, columns = np.divmod(np.arange(side * side), side)
    positions = np.stack([rows, columns], axis=1) + rng.normal(0.0, 0.08, (side * side, 2)) + 0.5
    bonds = set()
    for a, (row, column) in enumerate(zip(rows, columns, strict=True)):
        for right, up in ((1, 0), (0, 1), (1, 1)):
            b = (row + right) % side * side + (column + up) % side
            bonds.add((min(a, int(b)), max(a, int(b))))
    pairs = np.array(sorted(bonds))
    box = np.array([float(side), float(side)])
    vectors = positions[pairs[:, 1]] - positions[pairs[:, 0]]
    lengths = np.linalg.norm(vectors - box * np.round(vectors / box), axis=1)
    return ElasticNetwork(
        positions=positions,
        box=box,
        bonds=pairs,
        rest_lengths=lengths,
        stiffness=1.0 / lengths,
        name=f"lattice{seed}",
    )


def compress_slowly(
    network: ElasticNetwork, frames: int, *, rate: float = -5e-5, period: float = 10.0, dt: float = 0.02
) -> ElasticTrajectory:
    """Newton's equations with friction against the motion of the box, and a box driven by its stress.

    ``v' = F - c v``, ``x' = v + rate_of_box x``; ``N M (w' + b w) = -sum t_y r_y`` for ``w = (ln Ly)'``.
    """
    centre = network.box / 2
    x, v, box, w = network.positions - centre, np.zeros_like(network.positions), network.box.copy(), 0.0
    i, j = network.bonds.T
    shifts = -np.round((x[j] - x[i]) / box)
    initial, time = box[0], 0.0
    positions, boxes = [x + centre], [box.copy()]
    for _ in range(frames - 1):
        for _ in range(round(period / dt)):
            vectors = x[j] - x[i] + shifts * box
            lengths = np.linalg.norm(vectors, axis=1)
            tension = 2.0 * network.stiffness * (lengths - network.rest_lengths)
            pull = (tension / lengths)[:, None] * vectors
            force = np.zeros_like(x)
            np.add.at(force, i, pull)
            np.add.at(force, j, -pull)
            v = v + dt * (force - FRICTION * v)
            stress = -(pull[:, 1] * vectors[:, 1]).sum() / len(x)
            w += dt * (stress / BOX_INERTIA - BOX_FRICTION * w)
            time += dt
            factors = np.array([initial * (1.0 + rate * time) / box[0], np.exp(dt * w)])
            x, box = x * factors + dt * v, box * factors
        positions.append(x + centre)
        boxes.append(box.copy())
    return ElasticTrajectory(
        network=network,
        positions=np.array(positions),
        boxes=np.array(boxes),
        temperature=0.0,
        rate=rate,
        timestep=dt,
        seed=0,
        protocol="twin",
    )
