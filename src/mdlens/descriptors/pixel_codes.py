"""What each pixel of a section shows of its crystal, whatever way the polycrystal is turned: one byte.

Colours of orientation are other ones in every polycrystal, so what a network learns of them ends with the
polycrystals that it has seen. Whether a crystal goes on at the next pixel, meets another one or its twin, and
whether it has turned since the start, looks the same in all. As in `mdlens.descriptors.ebsd`, a pixel is
indexed where the atom it shows is fcc; which other atoms are faults, and how atoms move, is not used.
"""

import numpy as np
from numpy.typing import NDArray

from mdlens.descriptors.deformation import GRAIN_ANGLE, ROTATION, TWIN_ANGLE
from mdlens.descriptors.ebsd import HIGH_ANGLE, THICKEST, OrientationImage, ends_around
from mdlens.descriptors.orientations import misorientation, twin_deviation
from mdlens.errors import InputError
from mdlens.types import BoolArray, Float32Array, FloatArray

STEPS = ("same", "low_angle", "high_angle", "twin")
"""Classes of the step from crystal to crystal: up to 5 degrees, up to 15, more, or within 8 degrees of 60
about <111>. A pixel without an orientation has the step between its two sides, and "high_angle" where there
is nothing to compare; an indexed one is "same" there."""

CHANGES = ("same", "turned", "turned_far", "twin")
"""Classes against the same place at the start: up to 5 degrees or unknown, up to 30, more, or a twin's."""

NOW = (
    "matter", "indexed",
    *(f"{step}_{way}" for way in ("across", "down") for step in STEPS[1:]), *CHANGES[1:],
)  # fmt: skip
"""What a byte says, as numbers 0 or 1 in this order; the first class of a kind has all others at zero."""

OF_START = slice(1, 8)
"""Places in `NOW` of what a byte says of the start: matter is where it is, and has not changed."""


def pixel_codes(now: OrientationImage, start: OrientationImage | None, pixel: float) -> NDArray[np.uint8]:
    """Code the pixels of a section.

    The bits, from the lowest: matter, indexed, two for the step to the next pixel across, two for the one
    down (numbers in `STEPS`), two for the change (numbers in `CHANGES`).

    Args:
        now: The section, of cubic crystals.
        start: The same place before the deformation; none codes the start itself.
        pixel: Edge of a pixel, Angstrom.

    Returns:
        (rows, columns).

    Raises:
        InputError: If the images have different shapes or the pixel is not positive.
    """
    if (start is not None and start.indexed.shape != now.indexed.shape) or not pixel > 0:
        shapes = [image.indexed.shape for image in (now, start) if image is not None]
        raise InputError(f"images of one shape and a positive pixel are needed, got {shapes} and {pixel}")
    across = _steps(now.q, now.indexed, now.inside, pixel)
    down = _steps(now.q.swapaxes(0, 1), now.indexed.T, now.inside.T, pixel).T
    change = np.zeros(across.shape, np.uint8)
    if start is not None:
        both = now.indexed & start.indexed
        angle, twin = _compare(now.q[both], start.q[both])
        change[both] = np.select([twin, angle > ROTATION[1], angle > ROTATION[0]], [3, 2, 1], 0)
    bits = (now.inside, 0), (now.indexed, 1), (across, 2), (down, 4), (change, 6)
    codes: NDArray[np.uint8] = np.bitwise_or.reduce([part.astype(np.uint8) << bit for part, bit in bits])
    return codes


def mirrored_codes(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Codes of the same sections seen from behind, (..., rows, columns)."""
    matter, indexed, across = codes & 1, codes >> 1 & 1, codes >> 2 & 3
    # The step between two pixels stands at the left one of them, which is the other one from behind.
    columns = np.arange(codes.shape[-1])
    ends = np.maximum.accumulate(np.where((indexed == 1) | (matter == 0), columns, -1), axis=-1)
    before = np.concatenate([np.full_like(ends[..., :1], -1), ends[..., :-1]], axis=-1)
    known = (before >= 0) & (np.take_along_axis(indexed, np.maximum(before, 0), axis=-1) == 1)
    steps = np.where(known, np.take_along_axis(across, np.maximum(before, 0), axis=-1), 0)
    behind = np.where(indexed == 1, steps, across).astype(np.uint8)
    return np.ascontiguousarray((codes & ~np.uint8(3 << 2) | behind << 2)[..., ::-1])


def code_table() -> Float32Array:
    """The numbers that every byte stands for (256, 11), in the order of `NOW`."""
    byte = np.arange(256)
    columns = [byte & 1, byte >> 1 & 1]
    columns += [(byte >> bit & 3) == k for bit in (2, 4, 6) for k in (1, 2, 3)]
    return np.stack(columns, axis=1).astype(np.float32)


def _steps(q: FloatArray, indexed: BoolArray, inside: BoolArray, pixel: float) -> NDArray[np.uint8]:
    before, after = ends_around(indexed, inside)
    both = (before >= 0) & (after >= 0) & ((after - before - 1) * pixel <= THICKEST)
    rows = np.nonzero(both)[0]
    angle, twin = _compare(q[rows, before[both]], q[rows, after[both]])
    steps = np.where(inside & ~indexed, 2, 0).astype(np.uint8)
    steps[both] = np.select([twin, angle > HIGH_ANGLE, angle > GRAIN_ANGLE], [3, 2, 1], 0)
    return steps


def _compare(a: FloatArray, b: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Misorientation in degrees, and whether it is a twin's."""
    angle = misorientation(a, b)
    twin = np.zeros(len(angle), np.bool_)
    far = angle > 60.0 - TWIN_ANGLE - 1.0  # no other one can be a twin's
    twin[far] = twin_deviation(a[far], b[far]) <= TWIN_ANGLE
    return angle, twin
