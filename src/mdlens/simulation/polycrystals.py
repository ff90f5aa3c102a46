"""Films of fcc grains for sliding contacts: columnar grains or random ones, and a rough counterbody.

Films are periodic along x and y and free along z. Lengths in Angstrom, cell vectors along the axes.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mdlens.errors import InputError
from mdlens.neighbors import find_pairs
from mdlens.types import FloatArray, IntArray

COLUMN_AXES = np.array([[0, 0, 1], [1, 1, 0], [-1, 1, 0]]) / np.array([[1.0], [2**0.5], [2**0.5]])
"""Crystal directions along x, y, z of a columnar grain that is not turned; rows are unit vectors."""

_CLOSEST = 0.75  # shortest distance left between grains, in nearest-neighbour distances
_GAP = 20.0  # empty length that keeps the two free surfaces apart in the neighbour search
_TRIALS = 2000  # draws of a centre before the wish for even distances is relaxed
_EVEN = 0.75  # first wish for the distance of centres, in mean spacings


@dataclass(frozen=True)
class Film:
    """A polycrystalline film.

    Attributes:
        atoms: Positions, cell; species is a placeholder. The array ``grain`` counts from 0.
        rotations: Orientation of each grain, crystal to laboratory, (grains, 3, 3).
    """

    atoms: Atoms
    rotations: FloatArray


def columnar_film(
    lattice_constant: float, *, length: float, depth: float, repeats: int, grains: int, seed: int
) -> Film:
    """Fill a film with columns of fcc that all have <110> along y and are turned about it at random.

    The columns are the Voronoi cells of centres in the xz plane, periodic along x. The width along y is
    ``repeats * a / sqrt(2)``, so that every grain closes on itself there.

    Args:
        lattice_constant: a.
        length: Along x.
        depth: Along z.
        repeats: Periods of <110> along y.
        grains: Number of grains.
        seed: Of centres, angles and shifts.

    Raises:
        InputError: If a number is out of range.
    """
    _check(lattice_constant, length, depth, grains)
    if repeats < 4:
        raise InputError(f"repeats must be 4 or more, got {repeats}: the potential needs the room")
    rng = np.random.default_rng(seed)
    width = repeats * lattice_constant / 2**0.5
    edges = np.array([length, width, depth])
    centres = even_centres(rng, grains, edges, flat=True)
    rotations = np.array([_about_y(angle) @ COLUMN_AXES for angle in rng.uniform(0, np.pi, grains)])
    return _fill(lattice_constant, edges, centres, rotations, rng, columns=True)


def random_film(
    lattice_constant: float, *, length: float, width: float, depth: float, grains: int, seed: int
) -> Film:
    """Fill a film with randomly turned fcc grains: the Voronoi cells of centres, periodic along x and y.

    Where the film is thinner along y than the grains are large, grains meet their own images.

    Args:
        lattice_constant: a.
        length: Along x.
        width: Along y.
        depth: Along z.
        grains: Number of grains.
        seed: Of centres and rotations.

    Raises:
        InputError: If a number is out of range.
    """
    _check(lattice_constant, length, depth, grains)
    rng = np.random.default_rng(seed)
    edges = np.array([length, width, depth])
    centres = even_centres(rng, grains, edges, flat=False)
    rotations = np.array([_random_rotation(rng) for _ in range(grains)])
    return _fill(lattice_constant, edges, centres, rotations, rng, columns=False)


def rough_body(
    length: float, width: float, *, spacing: float, amplitude: float, waves: int, thickness: float
) -> FloatArray:
    """Positions of a rigid body whose lower face is a cosine along x; its lowest point is at z = 0.

    The fcc lattice, with [001] along x and <110> along y and z, is stretched to fit the periodic lengths.

    Args:
        length: Along x.
        width: Along y.
        spacing: Lattice constant before it is stretched.
        amplitude: Height from the lowest to the highest point of the lower face.
        waves: Periods of the cosine along x.
        thickness: Of the body above the highest point of the lower face.

    Returns:
        Positions (atoms, 3).
    """
    step = spacing / 2**0.5
    counts = [
        max(1, round(length / spacing)),
        max(1, round(width / step)),
        int((amplitude + thickness) / step) + 1,
    ]
    cell = np.array([length / counts[0], width / counts[1], step])
    corners = np.indices(counts).reshape(3, -1).T
    places = (np.concatenate([corners, corners + 0.5])) * cell
    floor = 0.5 * amplitude * (1 - np.cos(2 * np.pi * waves * places[:, 0] / length))
    kept: FloatArray = places[(places[:, 2] >= floor) & (places[:, 2] <= amplitude + thickness)]
    kept[:, 2] -= kept[:, 2].min()
    return kept


def even_centres(rng: np.random.Generator, grains: int, edges: FloatArray, *, flat: bool) -> FloatArray:
    """Random centres in a film that are not too near each other, (grains, 3); ``flat`` ignores y."""
    space = np.delete(edges, 1) if flat else edges
    wish = _EVEN * float((np.prod(space) / grains) ** (1 / len(space)))
    centres: list[FloatArray] = []
    trials = 0
    while len(centres) < grains:
        place = rng.random(3) * edges
        trials += 1
        if trials % _TRIALS == 0:
            wish *= 0.9
        if all(_separation(place, other, edges, flat=flat) >= wish for other in centres):
            centres.append(place)
    return np.array(centres)


def _separation(a: FloatArray, b: FloatArray, edges: FloatArray, *, flat: bool) -> float:
    d = a - b
    d[:2] -= np.round(d[:2] / edges[:2]) * edges[:2]
    return float(np.hypot(d[0], d[2]) if flat else np.linalg.norm(d))


def _fill(
    a: float, edges: FloatArray, centres: FloatArray, rotations: FloatArray, rng: np.random.Generator, *,
    columns: bool,
) -> Film:  # fmt: skip
    """Cut each grain's lattice to its Voronoi cell and take out what overlaps."""
    shifts = np.array(list(product((-1, 0, 1), (0,) if columns else (-1, 0, 1), (0,))))
    images = (centres[None] + shifts[:, None] * edges).reshape(-1, 3)
    places, owners = [], []
    for number, (centre, rotation) in enumerate(zip(centres, rotations, strict=True)):
        points = (
            _column(a, edges, centre, rotation, rng) if columns else _lump(a, edges, centre, rotation, rng)
        )
        own = _nearest_owner(points, images, columns=columns) == len(centres) * (len(shifts) // 2) + number
        inside = own & (points[:, 2] >= 0) & (points[:, 2] < edges[2])
        places.append(points[inside])
        owners.append(np.full(int(inside.sum()), number))
    film = Atoms(
        f"X{sum(map(len, places))}", positions=np.concatenate(places), cell=edges, pbc=(True, True, False)
    )
    film.arrays["grain"] = np.concatenate(owners).astype(np.int64)
    film.positions[:, :2] %= edges[:2]
    return Film(film[_apart(film, _CLOSEST * a / 2**0.5)], rotations)


def _column(
    a: float, edges: FloatArray, centre: FloatArray, rotation: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Lattice points of a column around its centre, as far as its Voronoi cell can reach."""
    step = a / 2**0.5
    reach = float(np.hypot(0.5 * edges[0], edges[2]))
    n = (int(reach / a) + 2, round(edges[1] / step), int(reach / step) + 2)
    ranges = (np.arange(-n[0], n[0] + 1), np.arange(n[1]), np.arange(-n[2], n[2] + 1))
    corners = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    cell = np.array([a, step, step])
    local = (np.concatenate([corners, corners + 0.5]) + rng.random(3)) * cell
    # Rows of COLUMN_AXES are the crystal directions of `cell`: R = turn @ axes, so turn = R @ axes^T.
    turned: FloatArray = local @ (rotation @ COLUMN_AXES.T).T
    turned[:, [0, 2]] += centre[[0, 2]]
    return turned


def _lump(
    a: float, edges: FloatArray, centre: FloatArray, rotation: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Lattice points of a grain around its centre, as far as its Voronoi cell can reach."""
    reach = float(np.linalg.norm([0.5 * edges[0], 0.5 * edges[1], edges[2]]))
    n = int(reach / a) + 2
    corners = np.indices((2 * n, 2 * n, 2 * n)).reshape(3, -1).T - n
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    points = ((corners[None] + basis[:, None]).reshape(-1, 3) + rng.random(3)) * a
    points = points[(points**2).sum(axis=1) <= reach**2]
    moved: FloatArray = points @ rotation.T + centre
    inside: FloatArray = moved[(moved[:, 2] >= 0) & (moved[:, 2] < edges[2])]
    return inside


def _nearest_owner(points: FloatArray, images: FloatArray, *, columns: bool) -> IntArray:
    """Index of the image nearest to each point, (N,); columns are told apart in the xz plane alone."""
    axes = [0, 2] if columns else [0, 1, 2]
    best = np.full(len(points), np.inf)
    owner = np.zeros(len(points), np.int64)
    for number, image in enumerate(images):
        distance = ((points[:, axes] - image[axes]) ** 2).sum(axis=1)
        nearer = distance < best
        best[nearer] = distance[nearer]
        owner[nearer] = number
    return owner


def _apart(film: Atoms, distance: float) -> NDArray[np.int64]:
    """Indices left when the later one of every pair nearer than the distance goes."""
    cell = film.cell.array.copy()
    cell[2, 2] += _GAP
    pairs = find_pairs(film.positions, cell, True, distance)
    gone = np.zeros(len(film), np.bool_)
    for i, j in zip(pairs.i.tolist(), pairs.j.tolist(), strict=True):
        if i < j and not gone[i]:
            gone[j] = True
    return np.flatnonzero(~gone)


def _about_y(angle: float) -> FloatArray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def _random_rotation(rng: np.random.Generator) -> FloatArray:
    """Uniform rotation: the orthogonal factor of a Gaussian matrix, with its signs fixed."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return np.asarray(q if np.linalg.det(q) > 0 else -q, np.float64)


def _check(lattice_constant: float, length: float, depth: float, grains: int) -> None:
    if not (lattice_constant > 1.0 and length > 4 * lattice_constant and depth > 2 * lattice_constant):
        raise InputError(
            "a film needs a lattice constant above 1 Angstrom, a length over 4 and a depth over 2 of them, "
            f"got {lattice_constant}, {length} and {depth}"
        )
    if grains < 1:
        raise InputError(f"grains must be 1 or more, got {grains}")
