"""How well images are reconstructed: PSNR, SSIM, and errors where it matters."""

import numpy as np

from mdlens.errors import InputError
from mdlens.types import BoolArray, Float32Array, FloatArray

_K1, _K2 = 0.01, 0.03


def psnr(images: Float32Array, drawn: Float32Array) -> FloatArray:
    """Peak signal-to-noise ratio ``10 log10(1 / MSE)`` of images with values from 0 to 1, dB (N,)."""
    _check(images, drawn)
    error = ((images.astype(np.float64) - drawn) ** 2).reshape(len(images), -1).mean(axis=1)
    ratio: FloatArray = 10.0 * np.log10(1.0 / np.maximum(error, 1e-12))
    return ratio


def ssim(images: Float32Array, drawn: Float32Array, *, window: int = 7) -> FloatArray:
    """Structural similarity of images (N, C, H, W) with values from 0 to 1, averaged over channels (N,).

    Means and covariances are those of square windows with equal weights.

    Source: Wang, Bovik, Sheikh and Simoncelli, IEEE Trans. Image Process. 13, 600 (2004), equation 13.
    """
    _check(images, drawn)
    x, y = images.astype(np.float64), drawn.astype(np.float64)
    mx, my = _mean(x, window), _mean(y, window)
    n = window * window
    unbiased = n / (n - 1)
    vx, vy = unbiased * (_mean(x * x, window) - mx**2), unbiased * (_mean(y * y, window) - my**2)
    cov = unbiased * (_mean(x * y, window) - mx * my)
    c1, c2 = _K1**2, _K2**2
    field = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    similarity: FloatArray = field.reshape(len(x), -1).mean(axis=1)
    return similarity


def error_at(images: Float32Array, drawn: Float32Array, where: BoolArray) -> float:
    """Root mean square error over the pixels of a mask (N, H, W); NaN where it is empty."""
    _check(images, drawn)
    squares = ((images.astype(np.float64) - drawn) ** 2).mean(axis=1)
    return float(np.sqrt(squares[where].mean())) if where.any() else float("nan")


def _mean(values: FloatArray, window: int) -> FloatArray:
    """Means over all windows that lie within the image, by sums of sums."""
    padded = np.pad(values, ((0, 0), (0, 0), (1, 0), (1, 0))).cumsum(axis=2).cumsum(axis=3)
    w = window
    total = padded[:, :, w:, w:] - padded[:, :, :-w, w:] - padded[:, :, w:, :-w] + padded[:, :, :-w, :-w]
    mean: FloatArray = total / (w * w)
    return mean


def _check(images: Float32Array, drawn: Float32Array) -> None:
    if images.shape != drawn.shape or images.ndim != 4:
        raise InputError(
            f"images must be two arrays (N, C, H, W) of one shape, got {images.shape}, {drawn.shape}"
        )
