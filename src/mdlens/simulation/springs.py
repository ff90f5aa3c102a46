"""Energy of an elastic network with its first and second derivatives, by node displacement and by strain.

Strain enters through the edge vectors: ``d -> d + eps d`` with the symmetric strain
``(eps_xx, eps_yy, gamma_xy)``, ``gamma_xy = 2 eps_xy``. The degrees of freedom are the 2 N displacements
``(u_0x, u_0y, u_1x, ...)`` followed by the three strains.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mdlens.io.networks import ElasticNetwork, minimum_image
from mdlens.types import FloatArray, IntArray

STRAINS = 3


@dataclass(frozen=True, eq=False)
class Derivatives:
    """Energy, gradient (2 N + 3,) and Hessian (2 N + 3, 2 N + 3) of a network at one state."""

    energy: float
    gradient: FloatArray
    hessian: FloatArray


@dataclass(frozen=True, eq=False)
class _Terms:
    """Energies of the springs of one kind, and their derivatives by their own degrees of freedom."""

    energy: FloatArray  # (terms,)
    gradient: FloatArray  # (terms, dofs)
    hessian: FloatArray  # (terms, dofs, dofs)
    dofs: IntArray  # (terms, dofs)


def derivatives(
    network: ElasticNetwork, positions: FloatArray | None = None, box: FloatArray | None = None
) -> Derivatives:
    """Energy, gradient and Hessian of a network.

    Args:
        network: Bonds, angles and their constants.
        positions: Positions (nodes, 2); the network's own by default.
        box: Box lengths (2,); the network's own by default.
    """
    at = network.positions if positions is None else positions
    lengths = network.box if box is None else box
    size = 2 * network.n_nodes + STRAINS
    terms = [_bond_terms(network, at, lengths)]
    if len(network.angles):
        terms.append(_angle_terms(network, at, lengths))
    gradient, hessian = np.zeros(size), np.zeros(size * size)
    for kind in terms:
        gradient += np.bincount(kind.dofs.ravel(), kind.gradient.ravel(), size)
        flat = kind.dofs[:, :, None] * size + kind.dofs[:, None, :]
        hessian += np.bincount(flat.ravel(), kind.hessian.ravel(), size * size)
    energy = float(sum(kind.energy.sum() for kind in terms))
    return Derivatives(energy, gradient, hessian.reshape(size, size))


def bond_directions(vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lengths (bonds,) and unit vectors (bonds, 2) of edge vectors (bonds, 2)."""
    lengths = np.linalg.norm(vectors, axis=1)
    return lengths, vectors / lengths[:, None]


def _bond_terms(network: ElasticNetwork, positions: FloatArray, box: FloatArray) -> _Terms:
    d = network.edge_vectors(positions, box)
    r, n = bond_directions(d)
    k, stretch = network.stiffness, r - network.rest_lengths
    outer = n[:, :, None] * n[:, None, :]
    slope = 2 * k[:, None] * stretch[:, None] * n
    transverse = (2 * k * stretch / r)[:, None, None] * (np.eye(2) - outer)
    curvature = 2 * k[:, None, None] * outer + transverse
    # d by the displacements of i and j, then by strain
    by_dof = np.concatenate(
        [np.broadcast_to([[-1.0, 0, 1, 0], [0, -1, 0, 1]], (len(d), 2, 4)), _strained(d)], 2
    )
    return _mapped(k * stretch**2, slope, curvature, by_dof, network.bonds, network.n_nodes)


def _angle_terms(network: ElasticNetwork, positions: FloatArray, box: FloatArray) -> _Terms:
    i, j, k = network.angles.T
    a = minimum_image(positions[i] - positions[j], box)
    b = minimum_image(positions[k] - positions[j], box)
    signed = np.arctan2(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], (a * b).sum(1))
    sign = np.where(signed < 0, -1.0, 1.0)
    excess, stiffness = np.abs(signed) - network.rest_angles, network.angle_stiffness
    slope = sign[:, None] * np.concatenate([-_polar_gradient(a), _polar_gradient(b)], 1)
    bend = np.zeros((len(a), 4, 4))
    bend[:, :2, :2], bend[:, 2:, 2:] = -_polar_hessian(a), _polar_hessian(b)
    bend *= (2 * stiffness * excess * sign)[:, None, None]
    curvature = bend + 2 * stiffness[:, None, None] * slope[:, :, None] * slope[:, None, :]
    one, none = np.eye(2), np.zeros((2, 2))
    by_nodes = np.block([[one, -one, none], [none, -one, one]])
    by_strain = np.concatenate([_strained(a), _strained(b)], 1)
    by_dof = np.concatenate([np.broadcast_to(by_nodes, (len(a), 4, 6)), by_strain], 2)
    gradient = 2 * (stiffness * excess)[:, None] * slope
    return _mapped(stiffness * excess**2, gradient, curvature, by_dof, network.angles, network.n_nodes)


def _mapped(
    energy: FloatArray,
    slope: FloatArray,
    curvature: FloatArray,
    by_dof: FloatArray,
    nodes: IntArray,
    n_nodes: int,
) -> _Terms:
    """Chain rule from edge vectors, which are linear in the degrees of freedom, to these."""
    at = (2 * nodes[:, :, None] + np.arange(2)).reshape(len(nodes), -1)
    strains = np.broadcast_to(2 * n_nodes + np.arange(STRAINS), (len(nodes), STRAINS))
    turned = by_dof.transpose(0, 2, 1)
    gradient = (turned @ slope[:, :, None])[:, :, 0]
    return _Terms(energy, gradient, turned @ curvature @ by_dof, np.concatenate([at, strains], 1))


def _strained(d: FloatArray) -> FloatArray:
    """Derivative (terms, 2, 3) of an edge vector by the strains: ``(eps d)_x = eps_xx dx + gamma dy / 2``."""
    x, y = d.T
    zero = np.zeros_like(x)
    return np.stack([np.stack([x, zero, y / 2], 1), np.stack([zero, y, x / 2], 1)], 1)


def _polar_gradient(v: FloatArray) -> FloatArray:
    """Gradient (terms, 2) of the polar angle of vectors."""
    gradient: FloatArray = np.stack([-v[:, 1], v[:, 0]], 1) / (v**2).sum(1)[:, None]
    return gradient


def _polar_hessian(v: FloatArray) -> FloatArray:
    """Hessian (terms, 2, 2) of the polar angle of vectors."""
    x, y = v.T
    fourth = ((v**2).sum(1) ** 2)[:, None, None]
    rows: NDArray[np.float64] = np.array([[2 * x * y, y * y - x * x], [y * y - x * x, -2 * x * y]])
    hessian: FloatArray = rows.transpose(2, 0, 1) / fourth
    return hessian
