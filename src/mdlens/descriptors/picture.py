"""Two-dimensional configurations as images."""

import numpy as np
from numpy.typing import ArrayLike

from mdlens.errors import InputError
from mdlens.types import Float32Array, FloatArray, IntArray

WHITE = (255, 255, 255)
COLORS = ((255, 165, 0), (0, 0, 255), (0, 128, 0), (128, 0, 128))
"""Dots of the species, in their order: orange and blue as published, then green and purple."""


def dot_picture(
    places: ArrayLike, species: ArrayLike, *, size: int = 250, radius: float | None = None
) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """Draw particles of a square window as discs on white; later species lie on top.

    Args:
        places: Coordinates within the window, from 0 to 1, (N, 2); x to the right, y upwards.
        species: Species of each particle, 0, 1, ..., (N,).
        size: Rows and columns.
        radius: Of a disc, in widths of the window; a fourth of the mean spacing if None.

    Returns:
        The image, (size, size, 3) uint8.

    Raises:
        InputError: If the shapes disagree or there are more species than colours.

    Source: arXiv 1909.04648, 250 x 250 pixels, orange and blue; the radius is ours.
    """
    checked, kinds = _checked(places, species)
    if kinds.max(initial=0) >= len(COLORS):
        raise InputError(f"pictures have colours for {len(COLORS)} species, got {int(kinds.max()) + 1}")
    image = np.full((size, size, 3), WHITE, dtype=np.uint8)
    reach = (0.25 / np.sqrt(max(len(checked), 1)) if radius is None else radius) * size
    m = int(np.ceil(reach)) + 1
    around = np.indices((2 * m + 1, 2 * m + 1)).reshape(2, -1).T - m
    for kind in range(int(kinds.max(initial=-1)) + 1):
        centers = checked[kinds == kind] * size - 0.5
        pixels = np.floor(centers)[:, None, :] + around
        close = ((pixels - centers[:, None, :]) ** 2).sum(axis=-1) <= reach**2
        inside = ((pixels >= 0) & (pixels < size)).all(axis=-1)
        columns, rows = pixels[close & inside].astype(np.int64).T
        image[size - 1 - rows, columns] = COLORS[kind]
    return image


def density_picture(
    places: ArrayLike,
    species: ArrayLike,
    count: int,
    *,
    edges: tuple[float, float],
    pixel: float,
    width: float,
    periodic: bool = True,
) -> Float32Array:
    """Draw particles as Gaussians, one channel for each species.

    A particle adds ``exp(-d^2 / (2 width^2))`` at distance d, to its nearest image where periodic. The pixels
    divide the edges evenly and are at most ``pixel`` large, so the resolution is the same in boxes of any
    size; shifting a periodic system by a pixel shifts the image.

    Args:
        places: Coordinates within the box or window, from 0 to 1, (N, 2).
        species: Species of each particle, 0 ... count - 1, (N,).
        count: Number of species.
        edges: Edges of the box or window, any length unit.
        pixel: Largest edge of a pixel, same unit.
        width: Standard deviation of the Gaussians, same unit.
        periodic: Whether the images wrap around.

    Returns:
        The image, (count, columns along x, rows along y) float32.

    Raises:
        InputError: If a length is not positive, the shapes disagree or a species is out of range.
    """
    checked, kinds = _checked(places, species)
    if not (pixel > 0.0 and width > 0.0 and min(edges) > 0.0):
        raise InputError(f"pixel, width and edges must be positive, got {pixel}, {width} and {edges}")
    if kinds.max(initial=-1) >= count:
        raise InputError(f"species must be below {count}, got {int(kinds.max())}")
    along = [_profiles(checked[:, a], edges[a], pixel, width, periodic=periodic) for a in (0, 1)]
    channels = [along[0][kinds == kind].T @ along[1][kinds == kind] for kind in range(count)]
    return np.stack(channels).astype(np.float32)


def _profiles(places: FloatArray, edge: float, pixel: float, width: float, *, periodic: bool) -> FloatArray:
    """Gaussians along one axis, (N, pixels); their products over the axes are those in the plane."""
    n = max(int(np.ceil(edge / pixel)), 1)
    distance = (np.arange(n) + 0.5) / n - places[:, None]
    if periodic:
        distance -= np.round(distance)
    profiles: FloatArray = np.exp(-0.5 * (distance * edge / width) ** 2)
    return profiles


def _checked(places: ArrayLike, species: ArrayLike) -> tuple[FloatArray, IntArray]:
    checked = np.asarray(places, dtype=np.float64)
    kinds = np.asarray(species, dtype=np.int64)
    if checked.ndim != 2 or checked.shape[1] != 2 or kinds.shape != checked.shape[:1]:
        raise InputError(
            f"pictures need places (N, 2) and species (N,), got {checked.shape} and {kinds.shape}"
        )
    return checked, kinds
