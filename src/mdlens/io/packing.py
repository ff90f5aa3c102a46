"""Packed output that is a whole file after every frame.

Programs that read only the first member of a concatenated file (OVITO does) must see every frame, so frames
go into one member; the few bytes that end it are written after each frame and overwritten by the next.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

import zstandard

GZIP_LEVEL: Final = 4
ZSTD_LEVEL: Final = 3
GZIP_HEADER: Final = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
DEFLATE_END: Final = b"\x03\x00"
ZSTD_END: Final = b"\x01\x00\x00"


class Packer(Protocol):
    """Turns the text of successive frames into the bytes of one file."""

    def pack(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield a frame's bytes, to be appended to those of the frames before."""
        ...

    def ending(self) -> bytes:
        """Return what must follow the last frame."""
        ...


class PlainPacker:
    """Leaves the text as it is."""

    def pack(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the pieces."""
        yield from pieces

    def ending(self) -> bytes:
        """Return nothing."""
        return b""


class GzipPacker:
    """One gzip member; every frame ends at a byte.

    Source: RFC 1951 (an empty last block is ``03 00``) and RFC 1952 (checksum and size end the member).
    """

    def __init__(self) -> None:
        self._checksum = 0
        self._size = 0

    def pack(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the deflated pieces, flushed to a whole byte."""
        deflate = zlib.compressobj(GZIP_LEVEL, wbits=-15)
        if not self._size:
            yield GZIP_HEADER
        for piece in pieces:
            self._checksum = zlib.crc32(piece, self._checksum)
            self._size += len(piece)
            yield deflate.compress(piece)
        yield deflate.flush(zlib.Z_SYNC_FLUSH)

    def ending(self) -> bytes:
        """Return an empty last block, the checksum and the size."""
        return DEFLATE_END + struct.pack("<II", self._checksum, self._size & 0xFFFFFFFF)


class ZstdPacker:
    """One Zstandard frame without checksum; every frame of atoms ends at a block.

    Source: RFC 8878 (an empty last raw block is ``01 00 00``).
    """

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(
            level=ZSTD_LEVEL, write_checksum=False, write_content_size=False
        ).compressobj()

    def pack(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the compressed pieces, flushed to a whole block."""
        for piece in pieces:
            yield self._compressor.compress(piece)
        yield self._compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def ending(self) -> bytes:
        """Return an empty last block."""
        return ZSTD_END


def packer_for(suffix: str) -> Packer:
    """Return the packer of a file suffix: ``.gz``, ``.zst``, or none of them."""
    if suffix == ".gz":
        return GzipPacker()
    return ZstdPacker() if suffix == ".zst" else PlainPacker()
