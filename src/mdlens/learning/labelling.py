"""Labels for trajectories that nobody has labelled atom by atom."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.random import Generator
from numpy.typing import NDArray

from mdlens.errors import InputError
from mdlens.io import parse_frames, read
from mdlens.learning.label_settings import OTHER, SHELLS, LabelsConfig
from mdlens.learning.ptm import NUMBERS, match_templates
from mdlens.learning.snapshots import IGNORED
from mdlens.neighbors import find_nearest
from mdlens.simulation.inherent import inherent_structure

Labels = NDArray[np.int8]

ALWAYS_SOUGHT = ("fcc", "hcp", "bcc")
"""Templates that are matched even if no class has them, so that their atoms are not forced into others."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledFrame:
    """A frame with labels.

    Args:
        number: Its number in the file, counted from 0.
        atoms: Positions to train on.
        labels: Index into `LabelsConfig.names`, or `IGNORED` (atoms,).
    """

    number: int
    atoms: Atoms
    labels: Labels


def label_frames(
    file: Path,
    settings: LabelsConfig,
    *,
    frames: str | None = None,
    elements: Sequence[str] = (),
    prepare: Callable[[Atoms], Atoms] = lambda atoms: atoms,
) -> Iterator[LabelledFrame]:
    """Label the frames of a trajectory; those in which no atom gets a label are left out.

    Args:
        file: The trajectory.
        settings: Where labels come from.
        frames: Which frames to look at; None for all.
        elements: Order of the elements in the potential, if frames are minimised.
        prepare: What is done to each frame first, e.g. naming its species.

    Raises:
        InputError: If a range holds no frame, two classes claim one frame, or a frame cannot be minimised.
        MissingExtraError: If an extra is needed that is not installed.
    """
    count = len(read(file))
    claims = {name: _frames_of(name, settings, count, file) for name in settings.names}
    _check_claims(claims, settings, file)
    chosen = _numbers(frames, count)
    for number, raw in _read_frames(
        file, [n for n in chosen if any(n in claim for claim in claims.values())]
    ):
        atoms = prepare(raw)
        relaxed = _minimised(atoms, settings, elements, f"{file}, frame {number}")
        allowed = np.array([number in claims[name] for name in settings.names])
        labels = frame_labels(relaxed, settings, allowed)
        if (labels >= 0).any():
            kept = relaxed if settings.positions == "inherent_structure" else atoms
            yield LabelledFrame(number=number, atoms=kept, labels=labels)


def frame_labels(atoms: Atoms, settings: LabelsConfig, allowed: NDArray[np.bool_]) -> Labels:
    """Label the atoms of one frame.

    Args:
        atoms: The frame, minimised where the settings say so.
        settings: Where labels come from.
        allowed: Whether each of `LabelsConfig.names` may be given in this frame (classes,).

    Returns:
        Index into `LabelsConfig.names`, `IGNORED` for atoms in between (atoms,).
    """
    if settings.from_ == "frames":
        return np.full(len(atoms), int(np.argmax(allowed)), np.int8)
    structures, rmsd = match_templates(atoms, {*ALWAYS_SOUGHT, *settings.classes})
    structures = np.where((rmsd <= settings.cutoff) | (settings.cutoff == 0.0), structures, NUMBERS[OTHER])
    table = np.full(len(NUMBERS), IGNORED, np.int8)
    for structure, name in settings.classes.items():
        index = settings.names.index(name)
        table[NUMBERS[structure]] = index if allowed[index] else IGNORED
    labels = table[structures]
    if settings.whole_shell:
        labels[~shell_agrees(atoms, structures)] = IGNORED
    return np.asarray(labels, np.int8)


def shell_agrees(atoms: Atoms, structures: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell whether all of an atom's first shell is of its own structure (atoms,).

    The first shell is as many of the nearest atoms as the structure has there (`SHELLS`).

    Args:
        atoms: The frame.
        structures: OVITO's number of each atom's structure (atoms,).
    """
    sizes = np.zeros(len(NUMBERS), np.int64)
    for name, number in NUMBERS.items():
        sizes[number] = SHELLS[name]
    nearest = find_nearest(atoms.positions, atoms.cell.array, atoms.pbc, int(sizes.max()), threads=1).index
    same = (structures[nearest] == structures[:, None]) & (nearest >= 0)
    beyond = np.arange(nearest.shape[1]) >= sizes[structures][:, None]
    return np.asarray((same | beyond).all(axis=1))


def balanced_subset(labels: Labels, count: int, rng: Generator) -> Labels:
    """Ignore all but ``count`` labelled atoms, the classes that occur as equal in number as they can be.

    Args:
        labels: Class of each atom, or below 0 (atoms,).
        count: How many keep their label; what a small class leaves goes to the others.
        rng: Source of randomness.
    """
    kept = np.where(labels < 0, labels, IGNORED).astype(np.int8)
    classes, numbers = np.unique(labels[labels >= 0], return_counts=True)
    left = count
    for place, label in enumerate(classes[np.argsort(numbers, kind="stable")]):
        atoms = rng.permutation(np.flatnonzero(labels == label))[: left // (len(classes) - place)]
        kept[atoms] = label
        left -= len(atoms)
    return kept


def _frames_of(name: str, settings: LabelsConfig, count: int, file: Path) -> set[int]:
    """Give the frames in which a class may be given."""
    texts = [part.frames for part in settings.ranges if part.class_ == name]
    if not texts:
        return set(range(count))
    for text in texts:
        if not _numbers(text, count):
            raise InputError(f"{file}: the frames '{text}' of class {name!r} are none of its {count} frames")
    return {number for text in texts for number in _numbers(text, count)}


def _check_claims(claims: dict[str, set[int]], settings: LabelsConfig, file: Path) -> None:
    owner: dict[int, str] = {}
    for name, claim in claims.items() if settings.from_ == "frames" else ():
        for number in sorted(claim):
            if owner.setdefault(number, name) != name:
                raise InputError(f"{file}: frame {number} is in ranges of {owner[number]!r} and of {name!r}")


def _numbers(frames: str | None, count: int) -> Sequence[int]:
    """Numbers of the frames meant by a text, of so many."""
    selected = slice(None) if frames is None else parse_frames(frames)
    if isinstance(selected, slice):
        return range(count)[selected]
    return range(count)[selected : selected + 1 or None]


def _read_frames(file: Path, numbers: Sequence[int]) -> Iterator[tuple[int, Atoms]]:
    """Read frames by their numbers, those that follow each other in one pass."""
    ordered = sorted(numbers)
    for _, run in groupby(enumerate(ordered), key=lambda pair: pair[1] - pair[0]):
        part = [number for _, number in run]
        yield from zip(part, read(file, slice(part[0], part[-1] + 1)), strict=True)


def _minimised(atoms: Atoms, settings: LabelsConfig, elements: Sequence[str], where: str) -> Atoms:
    if not settings.minimises:
        return atoms
    try:
        return inherent_structure(atoms, settings.potential or "", elements)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
