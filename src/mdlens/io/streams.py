"""Bytes of plain, gzip and Zstandard files, read in pieces and handed out line by line."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import zstandard

from mdlens import _core
from mdlens.errors import FormatError, InputError, MdlensError

CHUNK: Final = 1 << 20
BITE: Final = 1 << 16  # of unpacked bytes: at most so many before a damaged place are lost
ZSTD_INPUT: Final = 1 << 8  # small bites: four bytes of a hostile file may stand for 128 KiB
LONGEST_LINE: Final = 1 << 20
GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
COMPRESSED_SUFFIXES: Final = {".gz": GZIP_MAGIC, ".zst": ZSTD_MAGIC}


class ByteStream(Protocol):
    """What the readers need of an open file."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""
        ...


class ZstdStream:
    """Unpack the concatenated frames of a Zstandard file and notice when the last one is cut."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False
        self._pending = b""

    def read(self, _size: int, /) -> bytes:
        """Return at least one byte unless the file has ended, however many are asked for."""
        while packed := self._pending or self._raw.read(ZSTD_INPUT):
            piece = self._frame.decompress(packed)
            self._pending, self._begun = b"", True
            if self._frame.eof:
                self._pending, self._begun = self._frame.unused_data, False
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            if piece:
                return piece
        if self._begun:
            raise EOFError("the last Zstandard frame is cut")
        return b""


class GzipStream:
    """Unpack a gzip file in pieces of what one read of the file gives."""

    def __init__(self, raw: BinaryIO) -> None:
        self._unpacked = gzip.GzipFile(fileobj=raw)

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""
        return self._unpacked.read1(size)


class CheckedStream:
    """A stream whose failures name file, place and remedy, and come after all that can be read."""

    def __init__(self, stream: ByteStream, path: Path) -> None:
        self._stream = stream
        self._path = path
        self._given = 0
        self._failure: MdlensError | None = None

    def read(self, size: int, /) -> bytes:
        """Return up to about `size` bytes, none at the end."""
        pieces: list[bytes] = []
        have = 0
        while have < size and self._failure is None:
            try:
                piece = self._stream.read(min(size - have, BITE))
            except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError, OSError) as error:
                self._failure = self._explained(error, self._given + have)
                self._failure.__cause__ = error
                break
            if not piece:
                break
            pieces.append(piece)
            have += len(piece)
        if self._failure is not None and not have:
            raise self._failure
        self._given += have
        return b"".join(pieces)

    def _explained(self, error: Exception, place: int) -> MdlensError:
        where = f"{self._path}, after {place:,} unpacked bytes"
        if isinstance(error, EOFError):
            return FormatError(f"{where}: the compressed data end too early; copy or compress the file again")
        if isinstance(error, gzip.BadGzipFile | zlib.error | zstandard.ZstdError):
            problem = f"the compressed data are damaged ({error})"
            return FormatError(f"{where}: {problem}; copy or compress the file again")
        return InputError(f"{self._path}: cannot be read: {getattr(error, 'strerror', None) or error}")


def check_readable(path: Path) -> None:
    """Refuse a path that is not a readable file.

    Raises:
        InputError: If it does not exist, is a directory, or may not be read.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a directory; name a file")
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the path") from error
    except PermissionError as error:
        raise InputError(f"{path}: may not be read; check its permissions (`ls -l`)") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be opened: {error}") from error


@contextmanager
def open_bytes(path: Path, offset: int = 0) -> Iterator[ByteStream]:
    """Open a file for reading its unpacked bytes; compression is told by the first bytes, not by the name.

    Args:
        path: A plain, gzip or Zstandard file (concatenated members too).
        offset: Where to begin, in unpacked bytes; must be 0 for compressed files.

    Raises:
        InputError: If the file cannot be opened.
        FormatError: If the name ends with .gz or .zst and the contents are something else.
    """
    check_readable(path)
    with path.open("rb") as raw:
        magic = raw.read(4)
        raw.seek(offset)
        expected = COMPRESSED_SUFFIXES.get(path.suffix.lower())
        if expected is not None and magic and not magic.startswith(expected):
            raise FormatError(
                f"{path}: the name ends with {path.suffix} but the contents are not packed so; rename it"
            )
        if magic.startswith(GZIP_MAGIC):
            yield CheckedStream(GzipStream(raw), path)
        elif magic.startswith(ZSTD_MAGIC):
            yield CheckedStream(ZstdStream(raw), path)
        else:
            yield CheckedStream(raw, path)


def is_compressed(path: Path) -> bool:
    """Tell whether a file begins as gzip or Zstandard data do."""
    with path.open("rb") as raw:
        return raw.read(4).startswith((GZIP_MAGIC, ZSTD_MAGIC))


class LineSource:
    """A cursor over the lines of a stream; only the piece in hand is in memory.

    Attributes:
        line: How many lines lie behind the cursor; the next line has number ``line + 1``.
        offset: How many bytes lie behind the cursor.
        unfinished: Whether the line read last was the end of the file without a newline.
    """

    def __init__(self, stream: ByteStream, path: Path, *, offset: int = 0, line: int = 0) -> None:
        self.path = path
        self.line = line
        self.offset = offset
        self.unfinished = False
        self._stream = stream
        self._data = b""
        self._at = 0
        self._ended = False

    def error(self, problem: str, *, line: int | None = None) -> FormatError:
        """Return a FormatError that names this file and a line (the last one read unless given)."""
        plain = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in problem)
        return FormatError(f"{self.path}, line {self.line if line is None else line}: {plain}")

    def readline(self) -> bytes | None:
        """Return the next line without its end, or None at the end of the file."""
        end = self._data.find(b"\n", self._at)
        while end < 0 and not self._ended:
            scanned = len(self._data) - self._at
            self._refill()
            end = self._data.find(b"\n", scanned)
        if end < 0:
            end = len(self._data)
            if end == self._at:
                return None
            self.unfinished = True
        text = self._data[self._at : end]
        self._advance(min(end + 1, len(self._data)) - self._at, 1)
        return text.removesuffix(b"\r")

    def next_words(self) -> bytes | None:
        """Return the next line that is not blank, stripped, or None at the end of the file."""
        while (text := self.readline()) is not None:
            if stripped := text.strip():
                return stripped
        return None

    def skip(self, lines: int, pieces: list[bytes] | None = None) -> int:
        """Pass over up to `lines` lines, appending their text to `pieces`, and return how many there were."""
        left = lines
        while left > 0:
            used, seen = _core.skip_lines(self._data, self._at, left, self._ended)
            if pieces is not None:
                pieces.append(self._data[self._at : self._at + used])
            self._advance(used, seen)
            left -= seen
            if left > 0 and not self._refill():
                break
        return lines - left

    def feed(self, table: _core.TableReader) -> None:
        """Give lines to a table until it is complete, faulty, or the file ends."""
        while not table.complete:
            rows = table.rows
            used = table.feed(self._data, self._at, self._ended)
            self._advance(used, table.rows - rows)
            if table.complete or table.issue.fault is not _core.Fault.none or not self._refill():
                return

    @property
    def in_last_line(self) -> bool:
        """Whether the cursor stands in a last line that has no end."""
        return self._ended and self._data.find(b"\n", self._at) < 0

    def _advance(self, size: int, lines: int) -> None:
        self._at += size
        self.offset += size
        self.line += lines

    def _refill(self) -> bool:
        """Drop what was used and append the next piece; return False when nothing can follow any more."""
        if self._ended:
            return False
        rest = self._data[self._at :]
        if len(rest) > LONGEST_LINE and b"\n" not in rest:
            problem = (
                f"a line longer than {LONGEST_LINE >> 20} MiB; this is no text file of atoms: name another"
            )
            raise self.error(problem, line=self.line + 1)
        piece = self._stream.read(CHUNK)
        self._ended = not piece
        self._data = rest + piece
        self._at = 0
        return True
