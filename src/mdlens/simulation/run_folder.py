"""The folder of a run: whose it is, and what an interrupted run had written."""

import dataclasses
import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ase import Atoms

from mdlens.errors import InputError
from mdlens.io import read


class FolderBusyError(InputError):
    """Another process is at the run of a folder."""


@contextmanager
def held_folder(folder: Path, recipe: Any) -> Iterator[None]:
    """Hold the folder of a run: claim it, keep other processes out, and release it if the recipe is refused.

    Two processes that write the same files would spoil both. The lock is on the recipe's file and goes with
    the process, however it ends.

    Args:
        folder: Of the run; made when missing.
        recipe: A dataclass with everything that determines the run.

    Raises:
        FolderBusyError: If another process is at it.
        InputError: If the folder cannot be used, or holds a run of another recipe.
    """
    made = not folder.exists()
    claim_folder(folder, recipe)
    with (folder / "recipe.json").open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderBusyError(
                f"{folder}: another process is at this run: wait for it, or choose another folder"
            ) from error
        except OSError as error:
            raise InputError(
                f"{folder}: cannot be locked: {error.strerror}; choose a folder on another file system"
            ) from error
        try:
            yield
        except InputError:
            release_folder(folder, remove=made)
            raise


def release_folder(folder: Path, *, remove: bool) -> None:
    """Leave no trace of a recipe that was refused before anything was computed."""
    begun = ("checkpoint.npz", "trajectory.dump", "trajectory.dump.partial")  # the last: by another process
    if any((folder / name).exists() for name in begun):
        return
    for name in ("recipe.json", "thermo.csv"):
        (folder / name).unlink(missing_ok=True)
    if remove and not any(folder.iterdir()):
        folder.rmdir()


def claim_folder(folder: Path, recipe: Any) -> None:
    """Make the folder of a run, or check that it holds a run of this very recipe."""
    path = folder / "recipe.json"
    text = json.dumps(dataclasses.asdict(recipe), indent=2) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise InputError(
                f"{path} belongs to another recipe: choose another folder, or remove this one to start over"
            )
        if not path.exists():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder}: cannot hold the run: {error.strerror}; choose another folder") from error


def set_aside(folder: Path, recorded: int, header: str) -> Iterator[Atoms]:
    """Frames an interrupted run had recorded; its thermo.csv is cut back to the same number of rows."""
    partial, aside, thermo = (
        folder / "trajectory.dump.partial",
        folder / "trajectory.interrupted.dump",
        folder / "thermo.csv",
    )
    if recorded and partial.exists() and not aside.exists():
        partial.rename(aside)
    rows = (
        thermo.read_text(encoding="utf-8").splitlines(keepends=True)[1 : 1 + recorded]
        if thermo.exists()
        else []
    )
    thermo.write_text(header + "".join(rows), encoding="utf-8")
    return _frames_of(aside, recorded)


def _frames_of(aside: Path, recorded: int) -> Iterator[Atoms]:
    if recorded:
        yield from read(aside, frames=slice(0, recorded))
    aside.unlink(missing_ok=True)
