"""The check that positions, cell and periodicity describe a system that can be searched."""

from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike

from mdlens.errors import InputError
from mdlens.types import BoolArray, FloatArray

_LARGEST_COORDINATE = 1e100  # its square must still be a number
_MOST_CELLS_AWAY = 1e8  # periodic shifts are 32-bit integers
_SMALLEST_VOLUME = 1e-10  # of the cell over the product of its edges


def validate_system(
    positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return the system as contiguous arrays, or say what is wrong with it.

    Args:
        positions: Cartesian positions, (N, 3), finite; need not lie inside the cell.
        cell: Cell vectors as rows, (3, 3); one that is not periodic may be zero.
        pbc: Which cell vectors are periodic, (3,), or one value for all.

    Returns:
        ``positions`` float64 (N, 3), ``cell`` float64 (3, 3), ``pbc`` bool (3,), C-contiguous.

    Raises:
        InputError: If a shape is wrong, a number is not finite, or periodic cell vectors span no volume.
    """
    checked_positions = _as_floats(positions, "positions")
    if checked_positions.size == 0 and checked_positions.ndim < 2:
        checked_positions = checked_positions.reshape(0, 3)
    if checked_positions.ndim != 2 or checked_positions.shape[1] != 3:
        raise InputError(f"positions must be (N, 3), got {checked_positions.shape}")
    checked_cell = _as_floats(cell, "cell")
    if checked_cell.shape != (3, 3):
        raise InputError(f"cell must be (3, 3) with the cell vectors as rows, got {checked_cell.shape}")
    checked_pbc = np.ascontiguousarray(pbc, dtype=np.bool_)
    if checked_pbc.size == 1:
        checked_pbc = np.repeat(checked_pbc.reshape(1), 3)
    if checked_pbc.shape != (3,):
        raise InputError(f"pbc must be three booleans, got shape {checked_pbc.shape}")
    extent = np.abs(checked_positions).max(axis=0, initial=0.0)
    if not (extent <= _LARGEST_COORDINATE).all():
        _refuse_bad_positions(checked_positions)
    _refuse_bad_cell(extent, checked_cell, checked_pbc)
    return checked_positions, checked_cell, checked_pbc


def _as_floats(values: ArrayLike, name: str) -> FloatArray:
    try:
        return np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be numbers: {error}") from error


def _refuse_bad_positions(positions: FloatArray) -> NoReturn:
    bad = ~(np.abs(positions) <= _LARGEST_COORDINATE).all(axis=1)
    atom = int(np.argmax(bad))
    raise InputError(
        f"positions must be finite numbers, got {positions[atom].tolist()} for atom {atom}"
        f" ({int(bad.sum())} such atoms); remove them or repair the file"
    )


def _refuse_bad_cell(extent: FloatArray, cell: FloatArray, pbc: BoolArray) -> None:
    periodic = cell[pbc]
    if len(periodic) == 0:
        return
    if not np.isfinite(periodic).all():
        raise InputError(f"periodic cell vectors must be finite, got {periodic.tolist()}")
    lengths = np.linalg.norm(periodic, axis=1)
    if not (lengths > 0.0).all():
        raise InputError(
            f"a periodic cell vector must not be zero, got {periodic.tolist()};"
            " give the cell, or set pbc to False there"
        )
    # The product of the singular values of unit vectors is their volume, also for one or two of them.
    if np.linalg.svd(periodic / lengths[:, None], compute_uv=False).prod() < _SMALLEST_VOLUME:
        raise InputError(f"periodic cell vectors must span a volume, got {periodic.tolist()}")
    # A bound on |positions @ inverse|; the product itself would wake the threads of BLAS for every frame.
    if (extent @ np.abs(np.linalg.pinv(periodic))).max() > _MOST_CELLS_AWAY:
        raise InputError(
            f"positions must lie within {_MOST_CELLS_AWAY:.0e} cells of the cell {periodic.tolist()};"
            " wrap them into it first"
        )
