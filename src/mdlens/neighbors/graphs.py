"""Neighbour graphs with both directions of every bond, and windows cut from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mdlens.errors import InputError
from mdlens.neighbors.search import find_nearest, find_pairs
from mdlens.neighbors.system import validate_system
from mdlens.types import BoolArray, FloatArray, Int32Array, IntArray

_FLAT = 1e-6


@dataclass(frozen=True, slots=True)
class Graph:
    """Atoms and the bonds between them; a bond appears once in each direction, sorted by ``(i, j, shift)``.

    Attributes:
        nodes: Index of each node in the system the graph was made of, int64 (n,).
        i: Node a bond starts at, counted within ``nodes``, int64 (E,).
        j: Node it ends at, int64 (E,).
        vector: From i to j, through the boundary where that is meant, float64 (E, 3).
        reverse: The same bond from j to i, as an index into the bonds, int64 (E,).
    """

    nodes: IntArray
    i: IntArray
    j: IntArray
    vector: FloatArray
    reverse: IntArray

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def distance(self) -> FloatArray:
        """Length of every bond, (E,)."""
        lengths: FloatArray = np.linalg.norm(self.vector, axis=1)
        return lengths

    def part(self, nodes: ArrayLike) -> "Graph":
        """Keep some nodes, given by their index within the graph, and the bonds that have both ends there."""
        chosen = np.asarray(nodes, dtype=np.int64)
        place = np.full(len(self), -1)
        place[chosen] = np.arange(len(chosen))
        kept = (place[self.i] >= 0) & (place[self.j] >= 0)
        renumbered = np.cumsum(kept) - 1
        i, j = place[self.i[kept]], place[self.j[kept]]
        order = np.lexsort((j, i))
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        reverse = rank[renumbered[self.reverse[kept]]][order]
        return Graph(self.nodes[chosen], i[order], j[order], self.vector[kept][order], reverse)


def dimensions(positions: ArrayLike) -> int:
    """Tell a system in the plane (2: every z is the same) from one in space (3)."""
    z = np.asarray(positions, dtype=float)[:, 2]
    return 2 if np.ptp(z) <= _FLAT * max(float(np.abs(z).max()), 1.0) else 3


def planar(positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return the system as `validate_system` does; in the plane without a period along z.

    Files of two-dimensional systems often give a thin periodic box, in which every atom would be the nearest
    neighbour of its own images.
    """
    checked, box, periodic = validate_system(positions, cell, pbc)
    if len(checked) and dimensions(checked) == 2:
        periodic = periodic & np.array([True, True, False])
    return checked, box, periodic


def nearest_graph(positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike, k: int) -> Graph:
    """Bond every atom with its ``k`` nearest neighbours; a bond exists if one of its ends asks for it.

    Any length unit. Works in the plane and in space, see `planar`. An atom's own images count where the cell
    is small.

    Args:
        positions: Cartesian positions, (N, 3).
        cell: Cell vectors as rows, (3, 3).
        pbc: Which cell vectors are periodic, (3,), or one value for all.
        k: Neighbours per atom.

    Raises:
        InputError: If there are too few atoms to have k neighbours, or the system is refused.
    """
    system = planar(positions, cell, pbc)
    if k < 1:
        raise InputError(f"k must be 1 or more, got {k}")
    if len(system[0]) <= k:
        raise InputError(f"{len(system[0])} particles are too few for k = {k} neighbours: give more than {k}")
    nearest = find_nearest(*system, k, threads=1)
    i = np.repeat(np.arange(len(nearest)), k)
    j, shift = nearest.index.reshape(-1), nearest.shift.reshape(-1, 3)
    both = (np.concatenate([i, j]), np.concatenate([j, i]), np.concatenate([shift, -shift]))
    order, first = _sorted_rows(*both)
    kept = order[first]
    vectors = nearest.vector.reshape(-1, 3)
    vector = np.concatenate([vectors, -vectors])[kept]
    return _closed(len(nearest), both[0][kept], both[1][kept], both[2][kept], vector)


def cutoff_graph(positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike, cutoff: float) -> Graph:
    """Bond all atoms closer than ``cutoff`` (exclusive); otherwise as `nearest_graph`."""
    system = planar(positions, cell, pbc)
    pairs = find_pairs(*system, cutoff, threads=1)
    order, _ = _sorted_rows(pairs.i, pairs.j, pairs.shift)
    return _closed(len(system[0]), pairs.i[order], pairs.j[order], pairs.shift[order], pairs.vector[order])


def _sorted_rows(i: IntArray, j: IntArray, shift: Int32Array) -> tuple[IntArray, BoolArray]:
    """Order of rows by (i, j, shift), and in that order which are the first of their kind."""
    order = np.lexsort((shift[:, 2], shift[:, 1], shift[:, 0], j, i))
    table = np.column_stack([i, j, shift])[order]
    first = np.ones(len(table), dtype=np.bool_)
    first[1:] = (table[1:] != table[:-1]).any(axis=1)
    return order, first


def _closed(n: int, i: IntArray, j: IntArray, shift: Int32Array, vector: FloatArray) -> Graph:
    """Make a graph of sorted, distinct bonds of which every one is there in both directions."""
    mirrored, _ = _sorted_rows(j, i, -shift)
    reverse = np.empty(len(i), dtype=np.int64)
    reverse[mirrored] = np.arange(len(i))
    return Graph(np.arange(n), i, j, vector, reverse)


@dataclass(frozen=True, slots=True)
class WindowPlaces:
    """Coordinates in which windows with the shape of the cell are boxes.

    Attributes:
        places: From 0 to 1 along each axis, of the cell where periodic, else of the extent of the atoms;
            outside of it for atoms outside the cell. (N, 3).
        periodic: Along which axes windows wrap, (3,).
        extended: Along which axes there is anything to cut; not along z in the plane. (3,).
    """

    places: FloatArray
    periodic: BoolArray
    extended: BoolArray

    def draw(self, side: float, rng: np.random.Generator) -> IntArray:
        """Atoms in one random window with ``side`` times the edges of the system, ascending."""
        corner = rng.random(3)
        corner = np.where(self.periodic, corner, corner * (1.0 - side))
        return self.inside(corner, side)

    def inside(self, corner: ArrayLike, side: float) -> IntArray:
        """Atoms in the window that begins at a corner, ascending."""
        offset = self.places - np.asarray(corner)
        offset = np.where(self.periodic, offset % 1.0, offset)
        inside = (offset >= 0.0) & ((offset < side) | (side >= 1.0))
        return np.flatnonzero((inside | ~self.extended).all(axis=1))


def window_places(positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike) -> WindowPlaces:
    """Find where atoms lie in their box or, along axes that are not periodic, in their extent.

    Raises:
        InputError: If the system is refused.
    """
    atoms, box, periodic = planar(positions, cell, pbc)
    if not len(atoms):
        return WindowPlaces(atoms, periodic, periodic)
    full = np.where(periodic[:, None], box, 0.0)
    full[~periodic] = _normals(box[periodic])
    places = atoms @ np.linalg.inv(full)
    low, extent = places.min(axis=0), np.ptp(places, axis=0)
    extended = periodic | (extent > _FLAT * max(float(np.abs(atoms).max()), 1.0))
    scaled = (places - low) / np.where(extended, np.maximum(extent, 1e-300), 1.0)
    return WindowPlaces(np.where(periodic, places, scaled), periodic, extended)


def random_windows(
    positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike, *, side: float, count: int, seed: int
) -> list[IntArray]:
    """Choose the atoms in random windows with the shape of the cell, ``side`` times as large.

    A window lies anywhere, through periodic boundaries too; along an axis that is not periodic it lies within
    the extent of the atoms. In the plane it is a square of a square box.

    Args:
        positions: Cartesian positions, (N, 3).
        cell: Cell vectors as rows, (3, 3).
        pbc: Which cell vectors are periodic.
        side: Edge of a window as a share of that of the box, above 0 and at most 1.
        count: Number of windows.
        seed: Of their places.

    Returns:
        The indices of the atoms in each window, ascending.

    Raises:
        InputError: If ``side`` is out of range or the system is refused.
    """
    if not 0.0 < side <= 1.0:
        raise InputError(f"side must be above 0 and at most 1, got {side}")
    places = window_places(positions, cell, pbc)
    rng = np.random.default_rng(seed)
    return [places.draw(side, rng) for _ in range(count)]


def _normals(periodic: FloatArray) -> FloatArray:
    """Unit vectors orthogonal to the periodic ones, as few as are missing."""
    if not len(periodic):
        return np.eye(3)
    rows: FloatArray = np.linalg.svd(periodic)[2]
    return rows[len(periodic) :]
