"""What reading a damaged or hostile file of arrays (.npz) ends in."""

import lzma
import struct
import tokenize
import zipfile
import zlib

DAMAGE: tuple[type[Exception], ...] = (
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""Errors that end as one `mdlens.errors.FormatError`: of numpy, of zip archives and of JSON beside arrays."""
