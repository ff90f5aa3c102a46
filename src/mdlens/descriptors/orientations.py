"""Crystal orientations as unit quaternions: misorientation angles reduced by the symmetry of the crystal.

A quaternion is (w, x, y, z), scalar first, and turns crystal into laboratory coordinates. OVITO stores
(x, y, z, w), which `from_ovito` takes.
"""

from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mdlens.errors import InputError
from mdlens.types import BoolArray, FloatArray, IntArray

SIGMA3 = np.array([3**0.5 / 2, *(0.5 / 3**0.5,) * 3])
"""60 degrees about <111>, the twin of fcc, as its reduced quaternion."""


def _cubic_group() -> FloatArray:
    half = [(1, *signs) for signs in product((1, -1), repeat=3)]
    kinds = [np.array(half) / 2, np.eye(4)]
    rows = [[s1 if k == a else s2 if k == b else 0 for k in range(4)]
            for a in range(4) for b in range(a + 1, 4) for s1 in (1,) for s2 in (1, -1)]  # fmt: skip
    kinds.append(np.array(rows) / 2**0.5)
    return np.concatenate(kinds)


CUBIC = _cubic_group()
"""The 24 proper rotations of a cubic crystal, (24, 4)."""


def from_ovito(orientation: ArrayLike) -> FloatArray:
    """Quaternions (N, 4) scalar first of OVITO's (x, y, z, w); no orientation is (1, 0, 0, 0)."""
    given = np.asarray(orientation, np.float64)
    q = np.roll(given, 1, axis=1)
    length = np.linalg.norm(q, axis=1)
    q[length < 0.5] = (1.0, 0.0, 0.0, 0.0)
    turned: FloatArray = q / np.linalg.norm(q, axis=1, keepdims=True)
    return turned


def from_matrices(matrices: ArrayLike) -> FloatArray:
    """Quaternions (N, 4) of rotation matrices (N, 3, 3), crystal to laboratory.

    Source: the eigenvector method of Bar-Itzhack, J. Guid. Control Dyn. 23, 1085 (2000).
    """
    m = np.asarray(matrices, np.float64).reshape(-1, 3, 3)
    k = np.empty((len(m), 4, 4))
    k[:, 0, 0] = m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2]
    k[:, 1:, 1:] = m + m.transpose(0, 2, 1)
    for axis in range(3):
        k[:, axis + 1, axis + 1] -= k[:, 0, 0]
    vector = np.stack([m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]], axis=1)
    k[:, 0, 1:] = vector
    k[:, 1:, 0] = vector
    found = np.linalg.eigh(k)[1][:, :, -1]
    q: FloatArray = found * np.where(found[:, :1] < 0, -1.0, 1.0)
    return q


def about(axis: ArrayLike, degrees: ArrayLike) -> FloatArray:
    """Rotations by angles (N,) about one axis, or about axes (N, 3), as quaternions (N, 4)."""
    half = np.radians(np.atleast_1d(np.asarray(degrees, np.float64))) / 2
    unit = np.atleast_2d(np.asarray(axis, np.float64))
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    return np.concatenate([np.cos(half)[:, None], np.sin(half)[:, None] * unit], axis=1)


def multiply(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Quaternion product: first ``b``, then ``a``; shapes broadcast."""
    p, q = np.asarray(a, np.float64), np.asarray(b, np.float64)
    w = p[..., 0] * q[..., 0] - (p[..., 1:] * q[..., 1:]).sum(axis=-1)
    v = p[..., :1] * q[..., 1:] + q[..., :1] * p[..., 1:] + np.cross(p[..., 1:], q[..., 1:])
    return np.concatenate([w[..., None], v], axis=-1)


def inverse(q: ArrayLike) -> FloatArray:
    """The opposite rotations."""
    opposite: FloatArray = np.asarray(q, np.float64) * np.array([1.0, -1.0, -1.0, -1.0])
    return opposite


def rotate(q: ArrayLike, vectors: ArrayLike) -> FloatArray:
    """Vectors turned by quaternions; shapes broadcast."""
    turn, v = np.asarray(q, np.float64), np.asarray(vectors, np.float64)
    u = 2.0 * np.cross(turn[..., 1:], v)
    turned: FloatArray = v + turn[..., :1] * u + np.cross(turn[..., 1:], u)
    return turned


def crystal_directions(q: ArrayLike, direction: ArrayLike) -> FloatArray:
    """The laboratory direction (3,) as each crystal sees it, unit vectors (N, 3)."""
    d = np.asarray(direction, np.float64)
    return rotate(inverse(q), d / np.linalg.norm(d))


def reduced_cubic(misorientation: ArrayLike) -> FloatArray:
    """Misorientation quaternions (N, 4) of two cubic crystals in their standard form.

    Of all equivalent ones that with the smallest angle, its axis with falling positive components.

    Source: Grimmer, Acta Cryst. A 30, 685 (1974).
    """
    sizes = -np.sort(-np.abs(np.atleast_2d(np.asarray(misorientation, np.float64))), axis=1)
    a, b, c, d = sizes.T
    forms = np.stack(
        [
            sizes,
            np.stack([a + b, a - b, c + d, c - d], axis=1) / 2**0.5,
            np.stack([a + b + c + d, a + b - c - d, a - b + c - d, a - b - c + d], axis=1) / 2,
        ]
    )
    best = forms[forms[:, :, 0].argmax(axis=0), np.arange(len(sizes))]
    vector = -np.sort(-np.abs(best[:, 1:]), axis=1)
    return np.concatenate([np.minimum(best[:, :1], 1.0), vector], axis=1)


def misorientation(a: ArrayLike, b: ArrayLike, symmetry: FloatArray = CUBIC) -> FloatArray:
    """Smallest angle between orientations (N, 4) that the symmetry of the crystal allows, degrees (N,).

    Args:
        a: Orientations.
        b: Others.
        symmetry: Proper rotations of the crystal, (operations, 4).

    Raises:
        InputError: If the symmetry is no list of quaternions.
    """
    if symmetry.ndim != 2 or symmetry.shape[1] != 4:
        raise InputError(f"a symmetry must be quaternions (operations, 4), got {symmetry.shape}")
    between = multiply(inverse(a), b)
    if symmetry is CUBIC:
        largest = reduced_cubic(between)[:, 0]
    else:
        # The scalar part of m s is m . s*, so the best of all operations is the largest dot product.
        largest = np.abs(between @ inverse(symmetry).T).max(axis=1)
    angles: FloatArray = np.degrees(2.0 * np.arccos(np.clip(largest, -1.0, 1.0)))
    return angles


def twin_deviation(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Distance of the misorientations of cubic orientations (N, 4) from 60 degrees about <111>, degrees."""
    reduced = reduced_cubic(multiply(inverse(a), b))
    deviation: FloatArray = np.degrees(2.0 * np.arccos(np.clip(reduced @ SIGMA3, -1.0, 1.0)))
    return deviation


def grain_ids(
    pairs: NDArray[np.integer], q: FloatArray, crystalline: BoolArray, *, degrees: float = 5.0, least: int = 1
) -> IntArray:
    """Number the grains: crystalline atoms joined by bonds of little misorientation, largest grain first.

    Args:
        pairs: Bonds (M, 2).
        q: Cubic orientations (N, 4).
        crystalline: Which atoms have one (N,).
        degrees: Largest misorientation within a grain from atom to atom.
        least: Grains of fewer atoms count as none.

    Returns:
        Grain of each atom (N,), -1 for none.
    """
    i, j = np.asarray(pairs, np.int64).reshape(-1, 2).T
    kept = crystalline[i] & crystalline[j]
    i, j = i[kept], j[kept]
    alike = misorientation(q[i], q[j]) <= degrees
    return connected(len(q), i[alike], j[alike], crystalline, least=least)


def connected(n: int, i: IntArray, j: IntArray, members: BoolArray, *, least: int = 1) -> IntArray:
    """Number the connected parts of a graph among its members, largest first; -1 for others and small."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(i), np.int8), (i, j)), shape=(n, n))
    part = connected_components(graph, directed=False)[1]
    sizes = np.bincount(part[members], minlength=part.max(initial=0) + 1)
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    numbers = np.where(members & (sizes[part] >= least), rank[part], -1)
    return np.asarray(numbers, np.int64)


def mean_grain(grains: IntArray) -> float:
    """Number of members of the grain that an average member of grains (N,), -1 for none, is in."""
    counts = np.bincount(grains[grains >= 0]).astype(float)
    return float((counts**2).sum() / counts.sum()) if counts.sum() else 0.0


def grid_bonds(rows: int, columns: int) -> IntArray:
    """Bonds (M, 2) of the pixels of an image, numbered row by row: side by side, and one above the other."""
    index = np.arange(rows * columns).reshape(rows, columns)
    sides = (index[:, :-1], index[:, 1:]), (index[:-1], index[1:])
    return np.concatenate([np.stack([a.ravel(), b.ravel()], axis=1) for a, b in sides])
