"""What orientation microscopy reads off a section: boundaries, twins, faults and rotations, as shares of it.

Everything here follows from two images, the orientations that a section shows now and those it showed at the
start. A pixel is indexed where the atom it shows is fcc; which other atoms are faults or twin boundaries, and
how atoms move, is not used. The measures ask of places what labels of deformation patterns ask of atoms, by
the same angles, so they are the labels' own criteria as far as one section can tell.
"""

from dataclasses import dataclass

import numpy as np

from mdlens.descriptors.deformation import GRAIN_ANGLE, ROTATION, TWIN_ANGLE
from mdlens.descriptors.orientations import (
    connected,
    grain_ids,
    grid_bonds,
    mean_grain,
    misorientation,
    twin_deviation,
)
from mdlens.descriptors.tomograph import Tomograph
from mdlens.errors import InputError
from mdlens.types import BoolArray, FloatArray, IntArray

KINDS = ("unindexed", "sigma3", "high_angle", "low_angle", "fault_like", "twin_boundary_like")
"""Pixels by their surroundings at one moment: without an orientation; before a boundary in its row or column
that is a twin's (within 8 degrees of 60 about <111>), above 15 degrees or above 5; without an orientation and
between equal crystals, or between twins, up to 8 Angstrom apart."""

CHANGES = ("turned", "turned_far", "twinned")
"""Pixels by their crystal against that of the same place at the start: turned by 5 to 30 degrees, by more, or
into a twin's orientation (counted among those turned far as well)."""

REGIONS = ("twinned_regions", "largest_twinned", "turned_regions", "largest_turned")
"""Connected pixels that are twinned or turned: all regions above 64 square Angstrom, and the largest one."""

BANDS = 4
"""Bands of depth, from the top."""

MEASURES = (
    *KINDS,
    *CHANGES,
    *(f"{name}_{band}" for name in (*KINDS, *CHANGES) for band in range(1, BANDS + 1)),
    *REGIONS,
    "grain_area",
    *(f"{name}_start" for name in (*KINDS, "grain_area")),
)
"""Names of the measures in their order, each a share of the pixels that show matter: kinds, changes, the
same for each band; regions; area of the grain that an average pixel is in; kinds and area at the start."""

HIGH_ANGLE = 15.0
"""Degrees above which a boundary is of high angle."""

THICKEST = 8.0
"""Angstrom without an orientation that a boundary or a fault may be: 4 thick, and inclined."""

_REGION = 64.0  # square Angstrom of the smallest region that counts


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
        if self.indexed.dtype != bool or self.inside.dtype != bool or not self.inside.any():
            raise InputError("an orientation image needs two masks of bool, and matter in it")
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
    changes = _changes(now, start)
    found = [*_kinds(now, pixel).values(), *changes.values()]
    bands = np.array_split(np.flatnonzero(now.inside.any(axis=1)), BANDS)
    matter = now.inside.sum()
    values = [pixels.sum() / matter for pixels in found]
    values += [pixels[band].sum() / max(now.inside[band].sum(), 1) for pixels in found for band in bands]
    for name in ("twinned", "turned"):
        areas = _areas(changes[name])
        values += [areas[areas * pixel**2 >= _REGION].sum() / matter, areas.max(initial=0) / matter]
    values += [_grain_area(now)]
    values += [pixels.sum() / start.inside.sum() for pixels in _kinds(start, pixel).values()]
    values += [_grain_area(start)]
    measures: FloatArray = np.array(values, np.float64)
    return measures


def _kinds(image: OrientationImage, pixel: float) -> dict[str, FloatArray]:
    """How much of each pixel is of a kind, in the order of `KINDS`; rows and columns are a half each."""
    unindexed = image.inside & ~image.indexed
    kinds = {name: np.zeros(unindexed.shape) for name in KINDS} | {"unindexed": unindexed.astype(float)}
    least = np.full(unindexed.shape, THICKEST / pixel)  # pixels without an orientation in a row or column
    for axis in (0, 1):
        views = {name: np.moveaxis(pixels, axis, 1) for name, pixels in kinds.items()}
        q, indexed = np.moveaxis(image.q, axis, 1), np.moveaxis(image.indexed, axis, 1)
        inside, thin = np.moveaxis(image.inside, axis, 1), np.moveaxis(least, axis, 1)
        before, after = ends_around(indexed, inside)
        both = (before >= 0) & (after >= 0) & (after - before - 1 <= thin)
        rows = np.nonzero(both)[0]
        angle, deviation = np.full(both.shape, np.nan), np.full(both.shape, np.nan)
        pair = q[rows, before[both]], q[rows, after[both]]
        angle[both], deviation[both] = misorientation(*pair), twin_deviation(*pair)
        twin, same = deviation <= TWIN_ANGLE, angle <= GRAIN_ANGLE
        views["sigma3"] += 0.5 * (indexed & twin)
        views["high_angle"] += 0.5 * (indexed & (angle > HIGH_ANGLE) & ~twin)
        views["low_angle"] += 0.5 * (indexed & (angle > GRAIN_ANGLE) & (angle <= HIGH_ANGLE))
        # The shorter way across decides what stands on both sides.
        for name, here in (("fault_like", same), ("twin_boundary_like", twin)):
            views[name][both & ~indexed] = here[both & ~indexed]
        thin[both & ~indexed] = (after - before - 1)[both & ~indexed]
    return kinds


def ends_around(indexed: BoolArray, inside: BoolArray) -> tuple[IntArray, IntArray]:
    """Columns of the pixels with an orientation on both sides of each pixel, -1 for none.

    A pixel that has one itself is compared with the next; matter must go through.
    """
    columns = np.broadcast_to(np.arange(indexed.shape[1]), indexed.shape)
    last = np.where(indexed | ~inside, columns, -1)
    before = np.maximum.accumulate(last, axis=1)
    next_one = np.where(indexed | ~inside, columns, indexed.shape[1])
    after = np.minimum.accumulate(next_one[:, ::-1], axis=1)[:, ::-1]
    after = np.where(
        indexed, np.append(after[:, 1:], np.full((len(after), 1), indexed.shape[1]), axis=1), after
    )
    row = np.arange(len(indexed))[:, None]
    known = np.append(indexed, np.zeros((len(indexed), 1), np.bool_), axis=1)
    return np.where(known[row, before], before, -1), np.where(known[row, after], after, -1)


def _changes(now: OrientationImage, start: OrientationImage) -> dict[str, BoolArray]:
    """Pixels by how the crystal there is turned against the start, in the order of `CHANGES`."""
    both = now.indexed & start.indexed
    angle, deviation = np.full(both.shape, np.nan), np.full(both.shape, np.nan)
    angle[both] = misorientation(now.q[both], start.q[both])
    deviation[both] = twin_deviation(now.q[both], start.q[both])
    return {
        "turned": (angle >= ROTATION[0]) & (angle <= ROTATION[1]),
        "turned_far": angle > ROTATION[1],
        "twinned": deviation <= TWIN_ANGLE,
    }


def _areas(pixels: BoolArray) -> IntArray:
    """Sizes of the connected regions, in pixels."""
    members = pixels.ravel()
    i, j = grid_bonds(*pixels.shape).T
    joined = members[i] & members[j]
    region = connected(members.size, i[joined], j[joined], members)
    return np.bincount(region[region >= 0])


def _grain_area(image: OrientationImage) -> float:
    """Area of the grain that an average indexed pixel is in, as a share of all matter."""
    bonds = grid_bonds(*image.indexed.shape)
    grains = grain_ids(bonds, image.q.reshape(-1, 4), image.indexed.ravel(), degrees=GRAIN_ANGLE)
    return float(mean_grain(grains) / image.inside.sum())
