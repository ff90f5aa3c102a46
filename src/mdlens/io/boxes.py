"""LAMMPS boxes: the bounds in a dump to cell vectors and origin, and back."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mdlens.types import FloatArray

NUDGES = 8


@dataclass(frozen=True)
class DumpBox:
    """Cell vectors as rows, the corner they start from, and the two boundary letters of each direction."""

    cell: FloatArray
    origin: FloatArray
    boundary: tuple[str, str, str]

    @property
    def pbc(self) -> tuple[bool, bool, bool]:
        """Which directions are periodic."""
        x, y, z = ("p" in letters for letters in self.boundary)
        return x, y, z


def tilt_extent(xy: float, xz: float, yz: float) -> tuple[FloatArray, FloatArray]:
    """Return how far a tilted box reaches below its lower and above its upper corner.

    LAMMPS writes the bounding box: ``xlo_bound = xlo + min(0, xy, xz, xy + xz)``, ``xhi_bound = xhi +
    max(...)``; likewise y with yz.

    Source: LAMMPS documentation, Howto_triclinic.
    """
    below = np.array([min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0])
    above = np.array([max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0])
    return below, above


def restricted_box(bounds: FloatArray, boundary: tuple[str, str, str]) -> DumpBox:
    """Return the box of ``lo hi`` or ``lo hi tilt`` rows, shape (3, 2) or (3, 3); tilts are xy, xz, yz."""
    xy, xz, yz = (float(t) for t in bounds[:, 2]) if bounds.shape[1] == 3 else (0.0, 0.0, 0.0)
    below, above = tilt_extent(xy, xz, yz)
    with np.errstate(over="ignore", invalid="ignore"):  # the caller refuses what is not finite
        low = bounds[:, 0] - below
        lengths = (bounds[:, 1] - above) - low
    cell = np.array([[lengths[0], 0.0, 0.0], [xy, lengths[1], 0.0], [xz, yz, lengths[2]]])
    return DumpBox(cell, low, boundary)


def general_box(rows: FloatArray, boundary: tuple[str, str, str]) -> DumpBox:
    """Return the box of ``abc origin`` rows: a vector and one component of the origin each, shape (3, 4)."""
    return DumpBox(np.ascontiguousarray(rows[:, :3]), np.ascontiguousarray(rows[:, 3]), boundary)


def preimage(function: Callable[[float], float], guess: float, target: float) -> float:
    """Return a float near `guess` that increasing `function` maps to `target`, or `guess` if none does."""
    low = high = guess
    for _ in range(NUDGES):
        for candidate in (low, high):
            if function(candidate) == target:
                return candidate
        low, high = math.nextafter(low, -math.inf), math.nextafter(high, math.inf)
    return guess


def restricted_rows(cell: FloatArray, origin: FloatArray) -> list[list[float]]:
    """Return the ``lo hi`` or ``lo hi tilt`` rows that `restricted_box` turns into this cell and origin."""
    tilts = [float(cell[1, 0]), float(cell[2, 0]), float(cell[2, 1])]
    below, above = (extent.tolist() for extent in tilt_extent(*tilts))
    rows = []
    for axis in range(3):
        low, length = float(origin[axis]), float(cell[axis, axis])
        first = preimage(lambda b, axis=axis: b - below[axis], low + below[axis], low)  # type: ignore[misc]
        last = preimage(
            lambda b, axis=axis, low=low: (b - above[axis]) - low,  # type: ignore[misc]
            low + length + above[axis],
            length,
        )
        rows.append([first, last, tilts[axis]] if any(tilts) else [first, last])
    return rows


def is_restricted(cell: FloatArray) -> bool:
    """Tell whether a cell is lower triangular with a positive diagonal, as LAMMPS' restricted boxes are."""
    return bool((np.diag(cell) > 0).all() and cell[0, 1] == cell[0, 2] == cell[1, 2] == 0)
