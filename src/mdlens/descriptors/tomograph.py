"""Computational tomographs: cross sections of a configuration on a pixel grid.

A `Tomograph` says which atom each pixel shows; colours, grains, misorientation and every other per-atom value
follow by indexing. Rows run downwards, so the first row of a section across y or x is the top of the sample.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mdlens.descriptors.ipf import AXES, ipf_colors
from mdlens.descriptors.orientations import CUBIC, misorientation
from mdlens.errors import InputError
from mdlens.types import BoolArray, FloatArray, Int32Array

PLANES = {"x": (1, 2), "y": (0, 2), "z": (0, 1)}
"""Coordinates to the right and upwards in a section across each axis."""

EMPTY, DEFECT = (0, 0, 0), (70, 70, 70)
"""Colours of pixels without matter, and of atoms without an orientation."""


@dataclass(frozen=True)
class Tomograph:
    """A section.

    Attributes:
        atom: Index of the atom each pixel shows, -1 where there is none, (rows, columns).
        axis: Which axis it cuts across: "x", "y" or "z".
        position: Where.
        pixel: Edge of a pixel.
        low: Lower left corner in the plane's coordinates.
    """

    atom: Int32Array
    axis: str
    position: float
    pixel: float
    low: tuple[float, float]

    @property
    def inside(self) -> BoolArray:
        """Pixels that show an atom."""
        return np.asarray(self.atom >= 0)

    def layer(self, values: NDArray[Any], empty: Any) -> NDArray[Any]:
        """Per-atom values (N, ...) as an image, (rows, columns, ...)."""
        image = values[np.maximum(self.atom, 0)]
        image[~self.inside] = empty
        return image

    def heights(self) -> FloatArray:
        """Upward coordinate of each row, (rows,)."""
        rows = self.atom.shape[0]
        heights: FloatArray = self.low[1] + (rows - 0.5 - np.arange(rows)) * self.pixel
        return heights


def cut(
    positions: FloatArray,
    *,
    axis: str,
    position: float,
    pixel: float,
    low: tuple[float, float],
    high: tuple[float, float],
    reach: float,
) -> Tomograph:
    """Cut a section: every pixel shows the atom nearest to its centre.

    Args:
        positions: (N, 3), any length unit.
        axis: Which axis is cut across.
        position: Coordinate of the plane along it.
        pixel: Edge of a pixel.
        low: Smallest coordinates of the image to the right and upwards.
        high: Largest ones.
        reach: Farther atoms are not shown; more than the radius of the largest hole in the crystal.

    Raises:
        InputError: If the axis is unknown or a length is not positive.
    """
    if axis not in PLANES:
        raise InputError(f"axis must be x, y or z, got {axis!r:.20}")
    if not (pixel > 0 and reach > 0 and high[0] > low[0] and high[1] > low[1]):
        raise InputError(f"pixel, reach and extent must be positive, got {pixel}, {reach}, {low}, {high}")
    from scipy.spatial import cKDTree

    across, (right, up) = "xyz".index(axis), PLANES[axis]
    near = np.flatnonzero(np.abs(positions[:, across] - position) <= reach)
    columns, rows = (max(1, int(np.ceil((b - a) / pixel - 1e-9))) for a, b in zip(low, high, strict=True))
    atom = np.full((rows, columns), -1, np.int32)
    if len(near):
        grid = np.empty((rows, columns, 3))
        grid[..., across] = position
        grid[..., right] = low[0] + (np.arange(columns) + 0.5) * pixel
        grid[..., up] = (low[1] + (rows - 0.5 - np.arange(rows)) * pixel)[:, None]
        # The balanced tree costs more to build than it saves on so even a cloud.
        tree = cKDTree(positions[near], balanced_tree=False, compact_nodes=False)
        distance, nearest = tree.query(grid.reshape(-1, 3), distance_upper_bound=reach)
        found = np.isfinite(distance)
        flat = atom.reshape(-1)
        flat[found] = near[nearest[found]]
    return Tomograph(atom, axis, position, pixel, low)


def near_sections(positions: FloatArray, axis: str, places: ArrayLike, reach: float) -> BoolArray:
    """Which atoms any of the sections may show, (N,): only they need an orientation."""
    along = positions[:, "xyz".index(axis)]
    near = np.zeros(len(positions), np.bool_)
    for place in np.atleast_1d(np.asarray(places, np.float64)):
        near |= np.abs(along - place) <= reach
    return near


def ipf_image(
    section: Tomograph,
    q: FloatArray,
    crystalline: BoolArray,
    *,
    direction: str | ArrayLike = "y",
    point_group: str = "m-3m",
) -> NDArray[np.uint8]:
    """Colour a section by orientation, RGB (rows, columns, 3).

    Args:
        section: Which atoms are seen.
        q: Orientations of all atoms (N, 4), scalar first, crystal to laboratory.
        crystalline: Which atoms have one (N,); the others are grey.
        direction: Laboratory direction of the inverse pole figure: a name, or a vector (3,).
        point_group: Symmetry of the crystal.
    """
    lab = AXES[direction] if isinstance(direction, str) and direction in AXES else direction
    seen = np.unique(section.atom[section.inside])
    colored = seen[crystalline[seen]]
    table = np.full((len(q), 3), DEFECT, np.uint8)
    table[colored] = ipf_colors(q[colored], lab, point_group=point_group)
    return section.layer(table, EMPTY)


def ipf_stack(section: Tomograph, q: FloatArray, crystalline: BoolArray) -> NDArray[np.uint8]:
    """Colour a section along x, y and z, (rows, columns, 9): no rotation is invisible in all three."""
    return np.concatenate([ipf_image(section, q, crystalline, direction=name) for name in AXES], axis=2)


def difference(
    section: Tomograph,
    q: FloatArray,
    crystalline: BoolArray,
    start: Tomograph,
    start_q: FloatArray,
    start_crystalline: BoolArray,
    symmetry: FloatArray = CUBIC,
) -> FloatArray:
    """Differential tomograph: misorientation of each pixel against the start, degrees; NaN where undefined.

    Raises:
        InputError: If the sections have different shapes.

    Source: differential tomographs as in arXiv 2512.05818.
    """
    if section.atom.shape != start.atom.shape:
        raise InputError(f"sections must have one shape, got {section.atom.shape} and {start.atom.shape}")
    both = (
        section.inside
        & start.inside
        & crystalline[np.maximum(section.atom, 0)]
        & start_crystalline[np.maximum(start.atom, 0)]
    )
    image = np.full(section.atom.shape, np.nan)
    image[both] = misorientation(q[section.atom[both]], start_q[start.atom[both]], symmetry)
    return image


def depth_mean(image: FloatArray) -> FloatArray:
    """Mean of each row without NaN (rows,): one column of a depth-time map."""
    known = np.isfinite(image)
    counts = known.sum(axis=1)
    sums = np.where(known, image, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        mean: FloatArray = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return mean
