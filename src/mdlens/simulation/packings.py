"""Jammed packings of soft discs, and the spring networks of their contacts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mdlens.errors import InputError
from mdlens.io.networks import ElasticNetwork, minimum_image
from mdlens.types import FloatArray, IntArray

DIAMETERS = (1.0, 1.2, 1.4, 1.6)
"""Of the discs, in equal numbers (arXiv 2505.21125)."""


@dataclass(frozen=True, eq=False)
class Packing:
    """Discs in a periodic square box: positions (discs, 2), diameters (discs,), box lengths (2,)."""

    positions: FloatArray
    diameters: FloatArray
    box: FloatArray


def jammed_packing(
    n_discs: int, *, seed: int, area_fraction: float = 1.0, force_tolerance: float = 1e-8
) -> Packing:
    """Minimise the overlap energy ``sum (1 - r / d_ij)^2 / 2`` of discs from random positions.

    Args:
        n_discs: Number of discs; their diameters are `DIAMETERS` in equal numbers.
        seed: Of the positions and the order of the diameters.
        area_fraction: Summed disc area over the area of the box; above jamming, which is near 0.84.
        force_tolerance: Largest force left.

    Raises:
        InputError: If there are fewer than 16 discs or the fraction is no number from 0.85 to 1.5.
    """
    if n_discs < 16:
        raise InputError(f"a packing needs at least 16 discs, got {n_discs}")
    if not 0.85 <= area_fraction <= 1.5:
        raise InputError(f"the area fraction must be from 0.85 to 1.5, got {area_fraction}")
    random = np.random.default_rng(seed)
    diameters = random.permutation(np.resize(DIAMETERS, n_discs))
    side = float(np.sqrt(np.pi / 4 * (diameters**2).sum() / area_fraction))
    box = np.array([side, side])
    i, j = np.triu_indices(n_discs, 1)
    reach = (diameters[i] + diameters[j]) / 2

    def forces(positions: FloatArray) -> FloatArray:
        return _overlap_forces(positions, box, i, j, reach)

    start = random.random((n_discs, 2)) * box
    return Packing(fire(forces, start, tolerance=force_tolerance) % box, diameters, box)


def contact_network(packing: Packing, *, name: str = "network") -> ElasticNetwork:
    """Join discs that touch with springs at rest of stiffness ``k = 1 / l0``.

    Nodes with one bond or none are dropped, again and again until there are none.

    Source: arXiv 2505.21125, section on the networks.
    """
    i, j = np.triu_indices(len(packing.positions), 1)
    vectors = minimum_image(packing.positions[j] - packing.positions[i], packing.box)
    distances = np.linalg.norm(vectors, axis=1)
    touching = distances <= (packing.diameters[i] + packing.diameters[j]) / 2
    bonds, lengths = np.stack([i, j], 1)[touching], distances[touching]
    kept = np.ones(len(packing.positions), dtype=bool)
    while True:
        inside = kept[bonds].all(axis=1)
        bonds, lengths = bonds[inside], lengths[inside]
        loose = kept & (np.bincount(bonds.ravel(), minlength=len(kept)) <= 1)
        if not loose.any():
            break
        kept &= ~loose
    return ElasticNetwork(
        positions=packing.positions[kept],
        box=packing.box,
        bonds=(np.cumsum(kept) - 1)[bonds],
        rest_lengths=lengths,
        stiffness=1 / lengths,
        name=name,
    )


def fire(
    forces: Callable[[FloatArray], FloatArray],
    start: FloatArray,
    *,
    tolerance: float,
    max_steps: int = 100_000,
) -> FloatArray:
    """Minimise by the fast inertial relaxation engine, from ``start`` (nodes, 2) until all forces are small.

    Raises:
        InputError: If it takes more than ``max_steps``.

    Source: Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006).
    """
    x, v = start.copy(), np.zeros_like(start)
    dt, mixing, downhill = 0.1, 0.1, 0
    for _ in range(max_steps):
        f = forces(x)
        strongest = float(np.abs(f).max())
        if strongest < tolerance:
            return x
        if float((f * v).sum()) > 0:
            downhill += 1
            v = (1 - mixing) * v + mixing * np.linalg.norm(v) / np.linalg.norm(f) * f
            if downhill > 5:
                dt, mixing = min(dt * 1.1, 0.5), mixing * 0.99
        else:
            v, dt, mixing, downhill = np.zeros_like(v), dt * 0.5, 0.1, 0
        v = v + dt * f
        x = x + dt * v
    raise InputError(f"no minimum within {max_steps} steps: the largest force is still {strongest:.1e}")


def _overlap_forces(
    positions: FloatArray, box: FloatArray, i: IntArray, j: IntArray, reach: FloatArray
) -> FloatArray:
    vectors = minimum_image(positions[j] - positions[i], box)
    squared = (vectors**2).sum(axis=1)
    near = np.flatnonzero(squared < reach**2)
    distances = np.sqrt(squared[near])
    push = ((1 - distances / reach[near]) / reach[near] / distances)[:, None] * vectors[near]
    forces = np.empty_like(positions)
    for axis in range(2):
        forces[:, axis] = np.bincount(j[near], push[:, axis], len(positions)) - np.bincount(
            i[near], push[:, axis], len(positions)
        )
    return forces
