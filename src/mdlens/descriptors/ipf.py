"""Inverse-pole-figure colours of orientations, as EBSD maps have them.

Colours of m-3m come from a table of orix's TSL key (`studies/tribology/color_table.py`), which needs no orix
and no time; those of other point groups come from orix itself (extra `ovito`).
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mdlens.descriptors.orientations import crystal_directions
from mdlens.errors import InputError, MissingExtraError
from mdlens.types import FloatArray

CUBIC_GROUP = "m-3m"

AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
"""Viewing directions by name."""


def ipf_colors(q: ArrayLike, direction: ArrayLike, *, point_group: str = "m-3m") -> NDArray[np.uint8]:
    """Colour orientations by the crystal direction along a laboratory direction, TSL key, RGB (N, 3).

    Args:
        q: Orientations (N, 4), scalar first, crystal to laboratory.
        direction: Laboratory direction (3,).
        point_group: Point group of the crystal, any that orix knows.

    Raises:
        InputError: If the point group is unknown.
        MissingExtraError: If the point group is not m-3m and the ``ovito`` extra is not installed.

    Source: Nolze and Hielscher, J. Appl. Cryst. 49, 1786 (2016), as orix implements it.
    """
    directions = crystal_directions(np.atleast_2d(np.asarray(q, np.float64)), direction)
    return (
        cubic_colors(directions) if point_group == CUBIC_GROUP else direction_colors(directions, point_group)
    )


def cubic_colors(directions: FloatArray) -> NDArray[np.uint8]:
    """Colour crystal directions (N, 3) of m-3m by the table, linear between its nodes, RGB (N, 3)."""
    table = _table()
    a, b, c = np.sort(np.abs(directions), axis=1).T
    last = len(table) - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        s, r = last * np.nan_to_num(b / c), last * np.nan_to_num(a / b)
    i, j = (np.minimum(x.astype(np.int64), last - 1) for x in (s, r))
    u, v = (s - i)[:, None], (r - j)[:, None]
    mixed = (1 - u) * ((1 - v) * table[i, j] + v * table[i, j + 1])
    mixed += u * ((1 - v) * table[i + 1, j] + v * table[i + 1, j + 1])
    colors: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return colors


@cache
def _table() -> FloatArray:
    with np.load(Path(__file__).with_name("ipf_m3m.npz"), allow_pickle=False) as saved:
        return np.asarray(saved["colors"], np.float64)


def direction_colors(directions: FloatArray, point_group: str) -> NDArray[np.uint8]:
    """Colour crystal directions (N, 3) by orix's TSL key, RGB (N, 3)."""
    if len(directions) == 0:
        return np.zeros((0, 3), np.uint8)
    key, vector = _key(point_group)
    with np.errstate(all="ignore"):
        colors = key.direction2color(vector(directions))
    levels: NDArray[np.uint8] = np.rint(255 * np.nan_to_num(colors)).clip(0, 255).astype(np.uint8)
    return levels


def color_key(size: int = 240) -> NDArray[np.uint8]:
    """The standard triangle of m-3m in its colours, RGB (rows, columns, 3), white outside.

    Stereographic projection: [001] at the lower left, [011] at the lower right, [111] on top.
    """
    right, up = 2**0.5 - 1, (3**0.5 - 1) / 2  # projections of [011] along x, and of [111] along both
    columns, rows = size, int(np.ceil(size * up / right))
    x = (np.arange(columns) + 0.5) / columns * right
    y = (rows - 0.5 - np.arange(rows)) / columns * right
    x, y = (part.ravel() for part in np.meshgrid(x, y))
    square = x**2 + y**2
    directions = np.stack([2 * x, 2 * y, 1 - square], axis=1) / (1 + square)[:, None]
    inside = (y <= x) & (directions[:, 0] <= directions[:, 2])
    image = np.full((rows * columns, 3), 255, np.uint8)
    image[inside] = cubic_colors(directions[inside])
    return image.reshape(rows, columns, 3)


def draw_color_key(file: Path, *, point_group: str = CUBIC_GROUP) -> None:
    """Draw the colour key with its crystal directions as a PNG (matplotlib, of the extra `ovito`)."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "ovito") from error
    if point_group != CUBIC_GROUP:
        key, _ = _key(point_group)
        figure: Any = key.plot(return_figure=True)
    else:
        figure = Figure(figsize=(3, 2.6))
        axes = figure.add_axes((0.08, 0.12, 0.84, 0.8))
        axes.imshow(color_key())
        axes.axis("off")
        for text, x, y in (("[001]", 0.0, -0.02), ("[011]", 1.0, -0.02), ("[111]", 0.88, 1.0)):
            axes.text(x, y, text, transform=axes.transAxes, ha="center", va="bottom" if y > 0.5 else "top")
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(str(file))


def point_group_rotations(point_group: str) -> FloatArray:
    """Proper rotations of a point group, (operations, 4)."""
    group = _point_group(point_group).proper_subgroup
    return np.asarray(group.data, np.float64).reshape(-1, 4)


@cache
def _key(point_group: str) -> tuple[Any, Any]:
    group = _point_group(point_group)
    from orix.plot import DirectionColorKeyTSL
    from orix.vector import Vector3d

    return DirectionColorKeyTSL(group), Vector3d


def _point_group(name: str) -> Any:
    try:
        from orix.quaternion import symmetry
    except ImportError as error:
        raise MissingExtraError("orix", "ovito") from error
    known = {group.name: group for group in symmetry._groups}
    if name not in known:
        raise InputError(f"point group must be one of {', '.join(known)}, got {name!r:.40}")
    return known[name]
