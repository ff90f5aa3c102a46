"""Neighbors Maps as small PNG images, written without an image library."""

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from mdlens.types import Float32Array

# From white to deep blue in even steps, so that an empty entry is paper and a near neighbour is ink.
_STOPS = np.array([[255, 255, 255], [198, 219, 239], [107, 174, 214], [33, 113, 181], [8, 29, 88]], float)


def map_png(channels: Float32Array) -> bytes:
    """Draw a Neighbors Map (C, n, n) as a PNG, channels side by side; the largest entries are the darkest.

    Colours follow the square root of an entry, so that far neighbours stay visible, over the 99th percentile
    of its channel, so that one close pair does not wash out the rest.
    """
    top = np.array([np.percentile(c[c > 0], 99) if (c > 0).any() else 1.0 for c in channels])[:, None, None]
    shade = np.sqrt(np.clip(channels / top, 0.0, 1.0))
    wide = np.concatenate(list(shade), axis=1)
    rgb = np.stack([np.interp(wide, np.linspace(0, 1, len(_STOPS)), _STOPS[:, c]) for c in range(3)], axis=-1)
    return encode_png(np.rint(rgb).astype(np.uint8))


def encode_png(rgb: NDArray[np.uint8]) -> bytes:
    """Encode an image (height, width, 3) of bytes as a PNG file.

    Source: Portable Network Graphics, third edition, W3C (2025), sections 5, 9 and 10.
    """
    height, width, _ = rgb.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = np.concatenate([np.zeros((height, 1), np.uint8), rgb.reshape(height, -1)], axis=1)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def data_uri(png: bytes) -> str:
    """Return a PNG as a ``data:`` address that a page can hold."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
