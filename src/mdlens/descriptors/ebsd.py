"""What orientation microscopy reads off a section: boundaries, twins, faults and rotations, as shares of it.

Everything here follows from the orientations that a tomograph shows, now and at the start; what an atom is
(fault, twin boundary) and how it moves are not used, so these measures may be shown to a classifier of
deformation patterns.
"""

from dataclasses import dataclass

import numpy as np

from mdlens.descriptors.orientations import connected, grain_ids, misorientation, twin_deviation
from mdlens.descriptors.tomograph import Tomograph
from mdlens.errors import InputError
from mdlens.types import BoolArray, FloatArray, IntArray

SHARES = (
    "unindexed", "empty", "turned_5_30", "turned_8_30", "turned_far", "twinned",
    "sigma3", "high_angle", "low_angle", "fault_like", "twin_boundary_like",
)  # fmt: skip
"""Kinds of pixels, each measured as a share of the whole section and of every band of depth."""

REGIONS = ("twinned_regions", "largest_twinned", "turned_regions", "largest_turned", "grain_area")
"""Measures of connected pixels, as shares of the section."""

STARTED = ("unindexed", "empty", "sigma3", "high_angle", "low_angle", "fault_like", "twin_boundary_like")
"""Kinds of pixels that are measured at the start as well."""

BANDS = 4
"""Bands of depth, from the top."""

MEASURES = (
    *SHARES,
    *(f"{name}_{band}" for name in SHARES for band in range(1, BANDS + 1)),
    *REGIONS,
    *(f"{name}_start" for name in (*STARTED, "grain_area")),
)
"""Names of the measures in their order."""

_HALF = 4.0  # Angstrom from a pixel to the two that are compared across it: a fault is 4 thick
_TWIN = 6.0  # degrees from 60 about <111>
_SAME, _HIGH, _LOW = 6.0, 8.0, 3.0  # degrees
_REGION = 64.0  # square Angstrom of the smallest region that counts
_GRAIN = 5.0  # degrees from pixel to pixel within a grain


@dataclass(frozen=True)
class OrientationImage:
    """The orientations that a section shows.

    Attributes:
        q: Quaternions (rows, columns, 4), scalar first, crystal to laboratory.
        indexed: Which pixels have one (rows, columns).
        inside: Which pixels show matter (rows, columns).
    """

    q: FloatArray
    indexed: BoolArray
    inside: BoolArray

    def __post_init__(self) -> None:
        shape = self.indexed.shape
        if len(shape) != 2 or self.q.shape != (*shape, 4) or self.inside.shape != shape:
            raise InputError(
                f"an orientation image needs q (rows, columns, 4) and two masks (rows, columns), "
                f"got {self.q.shape}, {shape} and {self.inside.shape}"
            )


def orientation_image(section: Tomograph, q: FloatArray, crystalline: BoolArray) -> OrientationImage:
    """Orientations of all atoms (N, 4), and which are crystalline (N,), as a section shows them."""
    return OrientationImage(section.layer(q, 0.0), section.layer(crystalline, False), section.inside)


def ebsd_measures(now: OrientationImage, start: OrientationImage, pixel: float) -> FloatArray:
    """Measure a section against the same place at the start.

    Mirror images measure the same.

    Args:
        now: The section, of cubic crystals.
        start: The same pixels before the deformation.
        pixel: Edge of a pixel, Angstrom.

    Returns:
        In the order of `MEASURES`.

    Raises:
        InputError: If the images have different shapes or the pixel is not positive.
    """
    if now.indexed.shape != start.indexed.shape or not pixel > 0:
        raise InputError(
            f"two images of one shape and a positive pixel are needed, "
            f"got {now.indexed.shape}, {start.indexed.shape} and {pixel}"
        )
    kinds = _kinds(now, pixel) | _changes(now, start)
    started = _kinds(start, pixel)
    values = [kinds[name].mean() for name in SHARES]
    for name in SHARES:
        values += [band.mean() if band.size else 0.0 for band in np.array_split(kinds[name], BANDS)]
    for name in ("twinned", "turned_5_30"):
        areas = _areas(kinds[name])
        values += [areas[areas * pixel**2 >= _REGION].sum() / now.indexed.size]
        values += [areas.max(initial=0) / now.indexed.size]
    values += [_grain_area(now)]
    values += [started[name].mean() for name in STARTED] + [_grain_area(start)]
    measures: FloatArray = np.array(values, np.float64)
    return measures


def _kinds(image: OrientationImage, pixel: float) -> dict[str, BoolArray]:
    """Pixels by what stands on both sides of them, side by side or one above the other."""
    half = max(1, round(_HALF / pixel))
    unindexed = image.inside & ~image.indexed
    found = {"unindexed": unindexed, "empty": ~image.inside}
    twin, high, low, same = (np.zeros(unindexed.shape, np.bool_) for _ in range(4))
    for axis in (0, 1):
        length = unindexed.shape[axis]
        if length <= 2 * half:
            continue
        before, middle, after = (
            (slice(None),) * axis + (slice(at, length - 2 * half + at),) for at in (0, half, 2 * half)
        )
        both = image.indexed[before] & image.indexed[after]
        angle, deviation = _compared(image.q[before], image.q[after], both)
        twin[middle] |= deviation <= _TWIN
        high[middle] |= (angle > _HIGH) & (deviation > _TWIN)
        low[middle] |= (angle > _LOW) & (angle <= _HIGH)
        same[middle] |= angle < _SAME
    return found | {
        "sigma3": twin, "high_angle": high, "low_angle": low,
        "fault_like": unindexed & same, "twin_boundary_like": unindexed & twin,
    }  # fmt: skip


def _changes(now: OrientationImage, start: OrientationImage) -> dict[str, BoolArray]:
    """Pixels by how the crystal there is turned against the start."""
    angle, deviation = _compared(now.q, start.q, now.indexed & start.indexed)
    return {
        "turned_5_30": (angle >= 5.0) & (angle <= 30.0),
        "turned_8_30": (angle >= 8.0) & (angle <= 30.0),
        "turned_far": angle > 30.0,
        "twinned": deviation <= _TWIN,
    }


def _compared(a: FloatArray, b: FloatArray, both: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Misorientation and deviation from a twin, degrees; NaN where a pixel has no orientation."""
    angle, deviation = np.full(both.shape, np.nan), np.full(both.shape, np.nan)
    angle[both] = misorientation(a[both], b[both])
    deviation[both] = twin_deviation(a[both], b[both])
    return angle, deviation


def _areas(pixels: BoolArray) -> IntArray:
    """Sizes of the connected regions, in pixels."""
    members = pixels.ravel()
    i, j = _neighbors(pixels.shape)
    joined = members[i] & members[j]
    region = connected(members.size, i[joined], j[joined], members)
    return np.bincount(region[region >= 0])


def _grain_area(image: OrientationImage) -> float:
    """Area of the grain that an average indexed pixel is in, as a share of the section."""
    pairs = np.stack(_neighbors(image.indexed.shape), axis=1)
    grains = grain_ids(pairs, image.q.reshape(-1, 4), image.indexed.ravel(), degrees=_GRAIN)
    counts = np.bincount(grains[grains >= 0]).astype(float)
    return float((counts**2).sum() / counts.sum() / grains.size) if counts.sum() else 0.0


def _neighbors(shape: tuple[int, ...]) -> tuple[IntArray, IntArray]:
    """Pixels side by side and one above the other."""
    index = np.arange(shape[0] * shape[1]).reshape(shape)
    first = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    return first, np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
