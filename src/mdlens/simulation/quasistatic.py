"""Relaxation and quasi-static compression of elastic networks: small steps of strain, each to its minimum."""

from dataclasses import replace

import numpy as np

from mdlens.errors import InputError
from mdlens.io.networks import ElasticNetwork, ElasticTrajectory
from mdlens.simulation.springs import derivatives
from mdlens.types import FloatArray, IntArray

_STEPS = 500
_TOLERANCE = 1e-10
"""Largest force left, relative to a typical stiffness times a typical bond."""

_LONGEST_STEP = 0.1
"""Largest step of a node, in mean bond lengths: beyond it the second derivatives say little."""


def relax(network: ElasticNetwork) -> ElasticNetwork:
    """The network at the nearest minimum of its energy, nodes and both box lengths free.

    Raises:
        InputError: If no minimum is found.
    """
    positions, box = _minimum(network, network.positions, network.box, axes=(0, 1))
    return replace(network, positions=positions, box=box)


def compress_quasistatically(
    network: ElasticNetwork, *, strain: float = -0.05, steps: int = 100
) -> ElasticTrajectory:
    """Strain a network along x in small steps; nodes and the box along y go to the nearest minimum each time.

    The reference for molecular dynamics at vanishing rate and temperature. The box stays a rectangle.

    Args:
        network: Any network; it is relaxed first, its relaxed state is frame 0.
        strain: Strain along x of the last frame, negative in compression.
        steps: Number of equal steps.

    Returns:
        The trajectory of minima (steps + 1 frames), with rate 0 and temperature 0.

    Raises:
        InputError: If the strain is out of range or no minimum is found.
    """
    if not (-0.5 <= strain <= 0.5 and strain != 0 and steps >= 1):
        raise InputError(f"strain must be from -0.5 to 0.5 and steps 1 or more, got {strain} and {steps}")
    relaxed = relax(network)
    positions, box = relaxed.positions - relaxed.box / 2, relaxed.box
    frames, boxes = [positions], [box]
    for step in range(1, steps + 1):
        width = relaxed.box[0] * (1 + strain * step / steps)
        stretched = np.array([width / box[0], 1.0])
        positions, box = _minimum(network, positions * stretched, np.array([width, box[1]]), axes=(1,))
        frames.append(positions)
        boxes.append(box)
    return ElasticTrajectory(
        network=network,
        positions=np.array(frames) + network.box / 2,
        boxes=np.array(boxes),
        temperature=0.0,
        rate=0.0,
        timestep=0.0,
        seed=0,
        protocol="quasi-static",
    )


def _minimum(
    network: ElasticNetwork, positions: FloatArray, box: FloatArray, *, axes: tuple[int, ...]
) -> tuple[FloatArray, FloatArray]:
    """Newton steps on nodes and on the box lengths named, with the curvature made positive.

    The box changes about the origin of the positions.
    """
    size = 2 * network.n_nodes
    free = np.concatenate([np.arange(size), [size + axis for axis in axes]]).astype(np.int64)
    scale = float(np.mean(network.stiffness * network.rest_lengths))
    longest = _LONGEST_STEP * float(np.mean(network.rest_lengths))
    state = derivatives(network, positions, box)
    damping = 0.0
    for _ in range(_STEPS):
        slope = state.gradient[free]
        if np.abs(slope).max() < _TOLERANCE * scale * network.n_bonds**0.5:
            return positions, box
        step = _newton_step(state.hessian, slope, free, damping)
        step *= min(1.0, longest / float(np.abs(step[:size]).max(initial=1e-300)))
        moved, changed = _moved(positions, box, step, axes)
        trial = derivatives(network, moved, changed)
        # equal within rounding counts as downhill: the last steps change the energy by less than that
        if trial.energy <= state.energy + 1e-13 * abs(state.energy) + 1e-30:
            positions, box, state, damping = moved, changed, trial, damping / 10
        else:
            damping = max(10 * damping, 1e-6)
    raise InputError(
        f"network {network.name!r}: no minimum within {_STEPS} steps: the largest force is still "
        f"{np.abs(state.gradient[free]).max() / scale:.1e} relative to stiffness times length"
    )


def _newton_step(hessian: FloatArray, slope: FloatArray, free: IntArray, damping: float) -> FloatArray:
    """``-H^-1 g`` with negative curvatures reversed and what costs nothing left alone."""
    values, modes = np.linalg.eigh(hessian[np.ix_(free, free)])
    stiffest = float(np.abs(values).max())
    curvature = np.abs(values) + damping * stiffest
    kept = curvature > 1e-12 * stiffest
    along = modes[:, kept].T @ slope
    return np.asarray(-modes[:, kept] @ (along / curvature[kept]))


def _moved(
    positions: FloatArray, box: FloatArray, step: FloatArray, axes: tuple[int, ...]
) -> tuple[FloatArray, FloatArray]:
    stretch = np.ones(2)
    for axis, strain in zip(axes, step[2 * len(positions) :], strict=True):
        stretch[axis] += np.clip(strain, -0.05, 0.05)
    nodes = step[: 2 * len(positions)].reshape(-1, 2)
    return (positions + nodes) * stretch, box * stretch
