"""Deformed microstructures drawn on a grid: cheap windows with known patterns, for tests and pre-training.

No mechanics: Voronoi grains on square pixels, changed as a pattern changes them. Results on them are no
results on molecular dynamics.
"""

from dataclasses import dataclass

import numpy as np

from mdlens.descriptors.deformation import FAULT, MATRIX, OTHER, PATTERNS, TWIN_BOUNDARY, AtomState
from mdlens.descriptors.orientations import about, from_matrices, grid_bonds, multiply, rotate
from mdlens.errors import InputError
from mdlens.simulation.polycrystals import COLUMN_AXES
from mdlens.types import BoolArray, FloatArray, IntArray

PIXEL = 1.25
"""Edge of a pixel, Angstrom."""

SPEED = 2.0
"""Sliding speed of the drawn windows, Angstrom/ps."""

_AXES = from_matrices(COLUMN_AXES)[0]
_NORMALS = np.array([[1.0, -1.0, 1.0], [-1.0, 1.0, 1.0]])  # {111} planes that hold the column axis
_NOISE = 1.5  # degrees


@dataclass(frozen=True)
class SyntheticWindow:
    """A drawn window.

    Attributes:
        start, now: Its pixels as atoms, row by row from the top.
        pattern: What was drawn; what the scores say may differ.
        size: Rows and columns.
    """

    start: AtomState
    now: AtomState
    pattern: str
    size: int


@dataclass
class _Canvas:
    """Grain numbers, orientations of grains, and what is drawn over them."""

    grains: IntArray
    q: FloatArray
    kind: IntArray
    field: FloatArray
    velocity: FloatArray


def synthetic_window(
    pattern: str, *, seed: int, strength: float = 1.0, size: int = 64, grain_seed: int | None = None
) -> SyntheticWindow:
    """Draw a window that shows a pattern.

    Args:
        pattern: One of `mdlens.descriptors.deformation.PATTERNS`.
        seed: Of everything random.
        strength: 1 draws it well above its threshold; less draws less of it.
        size: Rows and columns.
        grain_seed: Of the grains of the start alone, so that windows can share a polycrystal.

    Raises:
        InputError: If the pattern is unknown or the window too small.
    """
    if pattern not in PATTERNS:
        raise InputError(f"pattern must be one of {', '.join(PATTERNS)}, got {pattern!r:.40}")
    if size < 24:
        raise InputError(f"size must be 24 or more, got {size}")
    rng = np.random.default_rng(seed)
    grains = rng if grain_seed is None else np.random.default_rng(grain_seed)
    # Only where there are many grains can they grow into each other.
    count = int(grains.integers(9, 14) if pattern == "coarsening" else grains.integers(4, 9))
    canvas = _begin(grains, size, count)
    start = _state(rng, canvas)
    _shear(rng, canvas, depth=rng.uniform(0.0, 1.2))
    _DRAW[pattern](rng, canvas, strength)
    return SyntheticWindow(start, _state(rng, canvas), pattern, size)


def _begin(rng: np.random.Generator, size: int, grains: int) -> _Canvas:
    numbers = _voronoi(rng, size, grains)
    q = multiply(about((0, 1, 0), rng.uniform(0, 180, grains)), _AXES)
    return _Canvas(numbers, q, _boundaries(numbers), q[numbers], np.zeros((size, size)))


def _voronoi(rng: np.random.Generator, size: int, count: int) -> IntArray:
    """Cells of random centres, periodic to the right."""
    centres = rng.uniform(0, size, (count, 2))
    rows, columns = np.indices((size, size)) + 0.5
    across = columns[..., None] - centres[:, 1]
    across -= np.round(across / size) * size
    nearest: IntArray = ((rows[..., None] - centres[:, 0]) ** 2 + across**2).argmin(axis=-1)
    return nearest


def _boundaries(numbers: IntArray) -> IntArray:
    """Matrix, with the disorder between grains two pixels wide."""
    kind = np.full(numbers.shape, MATRIX, np.int64)
    across, along = numbers[:, 1:] != numbers[:, :-1], numbers[1:] != numbers[:-1]
    kind[:, 1:][across] = OTHER
    kind[:, :-1][across] = OTHER
    kind[1:][along] = OTHER
    kind[:-1][along] = OTHER
    return kind


def _state(rng: np.random.Generator, canvas: _Canvas) -> AtomState:
    size = len(canvas.grains)
    half = (size + 1) // 2
    small = about(rng.normal(size=(half * half, 3)), np.abs(rng.normal(0, _NOISE, half * half)))
    # An atom covers about two by two pixels.
    noise = small.reshape(half, half, 4).repeat(2, axis=0).repeat(2, axis=1)[:size, :size]
    heights = (size - 0.5 - np.arange(size)) * PIXEL
    return AtomState(
        kind=canvas.kind.ravel().astype(np.int8),
        q=multiply(canvas.field, noise).reshape(-1, 4),
        pairs=grid_bonds(size, size),
        height=np.repeat(heights, size),
        velocity=(canvas.velocity + rng.normal(0, 0.02, canvas.velocity.shape)).ravel(),
    )


def _elastic(rng: np.random.Generator, canvas: _Canvas, strength: float) -> None:
    canvas.field = multiply(about((0, 1, 0), rng.uniform(-2, 2)), canvas.field)


def _twins(rng: np.random.Generator, canvas: _Canvas, strength: float) -> None:
    for _ in range(max(1, round(strength * rng.integers(2, 5)))):
        grain, normal, along = _plane(rng, canvas)
        inside = (canvas.grains == grain) & (canvas.kind == MATRIX)
        width = rng.uniform(3.0, 8.0)
        middle = rng.choice(along[inside]) if inside.any() else 0.0
        lamella = inside & (np.abs(along - middle) < width)
        edge = inside & (np.abs(np.abs(along - middle) - width) < 1.0)
        canvas.field[lamella] = multiply(canvas.field[lamella], about(normal, 60.0))
        canvas.kind[edge] = TWIN_BOUNDARY


def _faults(rng: np.random.Generator, canvas: _Canvas, strength: float) -> None:
    for _ in range(max(1, round(strength * rng.integers(4, 9)))):
        grain, _normal, along = _plane(rng, canvas)
        inside = (canvas.grains == grain) & (canvas.kind == MATRIX)
        middle = rng.choice(along[inside]) if inside.any() else 0.0
        canvas.kind[inside & (np.abs(along - middle) < 1.6)] = FAULT


def _plane(rng: np.random.Generator, canvas: _Canvas) -> tuple[int, FloatArray, FloatArray]:
    """A grain, one of its {111} normals, and the coordinate of every pixel along that normal, in pixels."""
    sizes = np.bincount(canvas.grains.ravel(), minlength=len(canvas.q))
    grain = int(rng.choice(len(sizes), p=sizes / sizes.sum()))
    normal = _NORMALS[rng.integers(2)]
    right, _, up = rotate(canvas.q[grain], normal / 3**0.5)
    rows, columns = np.indices(canvas.grains.shape)
    return grain, normal, columns * right - rows * up


def _turn(rng: np.random.Generator, canvas: _Canvas, strength: float) -> None:
    size = len(canvas.grains)
    rows = np.indices(canvas.grains.shape)[0]
    reach = rng.uniform(0.5, 0.9) * size
    angle = strength * rng.uniform(14, 24) * np.clip(1.0 - 0.5 * rows / reach, 0.0, 1.0) * (rows < reach)
    axis = (0, 1, 0) if rng.random() < 0.7 else rng.normal(size=3)
    turn = about(axis, angle.ravel()).reshape(size, size, 4)
    canvas.field = multiply(turn, canvas.field)


def _refine(rng: np.random.Generator, canvas: _Canvas, strength: float) -> None:
    size = len(canvas.grains)
    fine = _voronoi(rng, size, int(rng.integers(60, 110)))
    q = multiply(about((0, 1, 0), rng.uniform(0, 180, fine.max() + 1)), _AXES)
    upper = np.indices(fine.shape)[0] < min(1.0, strength * rng.uniform(0.75, 0.95)) * size
    numbers = np.where(upper, fine + len(canvas.q), canvas.grains)
    canvas.field = np.where(upper[..., None], q[fine], canvas.field)
    canvas.kind = _boundaries(numbers)


def _coarsen(rng: np.random.Generator, canvas: _Canvas, strength: float) -> None:
    left = max(2, round(len(canvas.q) * (1 - strength * rng.uniform(0.6, 0.75))))
    keep: IntArray = np.argsort(-np.bincount(canvas.grains.ravel(), minlength=len(canvas.q)))[:left]
    grid = np.indices(canvas.grains.shape)
    rows, columns = grid[0], grid[1]
    centres = np.array([[rows[canvas.grains == g].mean(), columns[canvas.grains == g].mean()] for g in keep])
    distance = (rows[..., None] - centres[:, 0]) ** 2 + (columns[..., None] - centres[:, 1]) ** 2
    swallowed = ~np.isin(canvas.grains, keep)
    canvas.grains = np.where(swallowed, keep[distance.argmin(axis=-1)], canvas.grains)
    canvas.field = canvas.q[canvas.grains]
    canvas.kind = _boundaries(canvas.grains)


def _flow(rng: np.random.Generator, canvas: _Canvas, strength: float) -> None:
    depth = strength * rng.uniform(2.8, 4.5)
    _shear(rng, canvas, depth=depth)
    rows = np.indices(canvas.grains.shape)[0]
    sheared: BoolArray = rows * PIXEL / 10 < depth
    # Flow leaves disorder that thins out downwards.
    chance = 0.7 * np.clip(1.0 - rows * PIXEL / 10 / depth, 0.0, 1.0)
    canvas.kind[sheared & (rng.random(rows.shape) < chance)] = OTHER
    wander = about((0, 1, 0), (8 * chance * rng.normal(size=rows.shape)).ravel()).reshape(*rows.shape, 4)
    canvas.field = multiply(wander, canvas.field)


def _shear(rng: np.random.Generator, canvas: _Canvas, depth: float) -> None:
    """Velocity that falls to a tenth of the speed at a depth, nm."""
    rows = np.indices(canvas.grains.shape)[0]
    scale = max(depth, 0.1) / np.log(10.0)
    canvas.velocity = SPEED * np.exp(-(rows + 0.5) * PIXEL / 10 / scale)


_DRAW = {
    "elastic": _elastic,
    "twinning": _twins,
    "stacking_faults": _faults,
    "lattice_rotation": _turn,
    "refinement": _refine,
    "coarsening": _coarsen,
    "shear_layer": _flow,
}
