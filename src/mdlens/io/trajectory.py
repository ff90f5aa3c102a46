"""Trajectories: frames read only when they are asked for."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, overload

from ase import Atoms

from mdlens.errors import InputError
from mdlens.io.dump_reader import DumpSource, FramePlace


class FrameSource(Protocol):
    """A file whose frames can be visited in order."""

    path: Path

    def count(self) -> int:
        """Return the number of frames."""
        ...

    def frames(self, start: int, stop: int | None, step: int) -> Iterator[Atoms]:
        """Yield the frames of a range with a positive step, one in memory at a time."""
        ...


class Trajectory:
    """Frames of a file as `ase.Atoms`; iterating holds one frame in memory.

    ``len()`` passes over the file once, parsing only headers where the format allows it; ``trajectory[i]``
    reads one frame, ``trajectory[a:b:c]`` gives another Trajectory and reads nothing until it is used.
    """

    def __init__(self, source: FrameSource, frames: slice | int = slice(None)) -> None:
        self._source = source
        self._frame = None if isinstance(frames, slice) else int(frames)
        self._slices: tuple[slice, ...] = (frames if isinstance(frames, slice) else _one(int(frames)),)
        if any(s.step == 0 for s in self._slices):
            raise InputError("the step of a slice of frames must not be 0")

    @property
    def path(self) -> Path:
        """The file the frames come from."""
        return self._source.path

    def __iter__(self) -> Iterator[Atoms]:
        found = False
        for atoms in self._visit():
            found = True
            yield atoms
        if not found and self._frame is not None:
            count = self._source.count()
            raise InputError(f"{self.path}: frame {self._frame} was asked for, but there are {count} frames")

    def places(self) -> Iterator[FramePlace] | None:
        """Tell where the frames are, for another process to read; None where only this one can."""
        forward = _compose(self._slices)
        if forward is None or self._frame is not None or not isinstance(self._source, DumpSource):
            return None
        return self._source.places(*forward)

    def numbered(self) -> Iterator[tuple[int, Atoms]]:
        """Yield each frame with its number in the file, counted from 0."""
        forward = _compose(self._slices)
        numbers = iter(self._indices()) if forward is None else itertools.count(forward[0], forward[2])
        return zip(numbers, self, strict=False)

    def __len__(self) -> int:
        return len(self._indices())

    @overload
    def __getitem__(self, key: int) -> Atoms: ...
    @overload
    def __getitem__(self, key: slice) -> "Trajectory": ...
    def __getitem__(self, key: int | slice) -> "Atoms | Trajectory":
        if isinstance(key, slice):
            part = Trajectory(self._source, key)
            part._slices = (*self._slices, key)
            return part
        key = int(key)
        first = next(iter(self[_one(key)]), None)
        if first is None:
            raise IndexError(f"{self.path}: frame {key} was asked for, but there are {len(self)} frames")
        return first

    def __repr__(self) -> str:
        parts = "".join(f"[{_text(part)}]" for part in self._slices if part != slice(None))
        return f"Trajectory({str(self.path)!r}){parts}"

    def _indices(self) -> range:
        indices = range(self._source.count())
        for part in self._slices:
            indices = indices[part]
        return indices

    def _visit(self) -> Iterator[Atoms]:
        forward = _compose(self._slices)
        if forward is not None:
            yield from self._source.frames(*forward)
            return
        indices = self._indices()
        if len(indices) and indices.step > 0:
            yield from self._source.frames(indices.start, indices[-1] + 1, indices.step)
            return
        for index in indices:
            yield from self._source.frames(index, index + 1, 1)


def _one(frame: int) -> slice:
    return slice(frame, frame + 1 or None)


def _text(part: slice) -> str:
    ends = ["" if value is None else str(value) for value in (part.start, part.stop)]
    return ":".join(ends if part.step is None else [*ends, str(part.step)])


def _compose(slices: tuple[slice, ...]) -> tuple[int, int | None, int] | None:
    """Return start, stop and step of slices of slices when they can be told without the number of frames."""
    first, stride = 0, 1
    end: int | None = None
    for part in slices:
        start, stop, step = part.start or 0, part.stop, 1 if part.step is None else part.step
        if start < 0 or step < 1 or (stop is not None and stop < 0):
            return None
        if stop is not None:
            end = first + stride * stop if end is None else min(end, first + stride * stop)
        first, stride = first + stride * start, stride * step
    return first, end, stride


def parse_frames(text: str) -> slice | int:
    """Return the frames meant by ``"5"``, ``"-1"``, ``"10:"`` or ``"0:100:5"``, counted as Python does.

    Raises:
        InputError: If the text is none of these.
    """
    parts = text.strip().split(":")
    numeric = all(re.fullmatch(r"\s*([+-]?[0-9]{1,18})?\s*", part) for part in parts)
    if len(parts) > 3 or not numeric or not text.strip():
        raise InputError(f"frames must be a number or a slice such as '0:100:5', '-1' or '10:', got {text!r}")
    numbers = [int(part) if part.strip() else None for part in parts]
    if len(numbers) == 1:
        return numbers[0] if numbers[0] is not None else slice(None)
    return slice(*numbers)
