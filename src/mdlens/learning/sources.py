"""Labelled snapshots from the files that a configuration lists."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from mdlens.errors import InputError
from mdlens.io import read
from mdlens.learning.config import DataConfig
from mdlens.learning.label_settings import LabelsConfig
from mdlens.learning.labelling import balanced_subset, label_frames
from mdlens.learning.snapshots import IGNORED, OUTSIDE, LabelledSnapshot, SnapshotDataset


def load_data(
    entries: Sequence[DataConfig],
    classes: Sequence[str],
    folder: Path,
    *,
    labels: LabelsConfig | None = None,
    seed: int = 0,
) -> SnapshotDataset:
    """Read all files of a configuration into one data set.

    Args:
        entries: The `[[data]]` tables.
        classes: Order of the classes; empty takes them in the order in which they come.
        folder: What relative paths are relative to.
        labels: Where the labels of trajectories come from that say nothing about it themselves.
        seed: Of the draw of ``atoms_per_snapshot``.

    Raises:
        InputError: If a label is not among the classes, no atom of a file gets a label, or a frame has no
            atoms of a known element where asked.
        FormatError: If a file is damaged.
        MissingExtraError: If labelling needs an extra that is not installed.
    """
    names = list(classes)
    snapshots: list[LabelledSnapshot] = []
    provenance = []
    for entry in entries:
        found, origin = _load_entry(entry, folder, labels, names, closed=bool(classes))
        if entry.atoms_per_snapshot:
            found = [_thinned(snapshot, entry.atoms_per_snapshot, seed) for snapshot in found]
        if "labels_from" in origin:
            origin["labelled_atoms"] = _count(found, names)
        snapshots += found
        provenance.append({"file": Path(entry.file).name, "snapshots": len(found), **origin})
    return SnapshotDataset(classes=tuple(names), snapshots=tuple(snapshots), provenance={"files": provenance})


def _load_entry(
    entry: DataConfig, folder: Path, shared: LabelsConfig | None, names: list[str], *, closed: bool
) -> tuple[list[LabelledSnapshot], dict[str, Any]]:
    """Give the snapshots of one `[[data]]` table and what to remember of them."""
    file = folder / entry.file
    if file.suffix == ".npz":
        dataset = SnapshotDataset.load(file)
        numbers = _class_numbers(dataset.classes, names, closed, entry.file)
        return list(_relabelled(dataset, numbers)), dict(dataset.provenance)
    if entry.label:
        label = _class_numbers([entry.label], names, closed, entry.file)[0]
        return list(_from_trajectory(file, entry, label)), {"label": entry.label}
    labels = entry.labels or shared
    if labels is None:
        raise InputError(f"{entry.file} is a trajectory: give its label, or say where labels come from")
    if labels.potential and (folder / labels.potential).is_file():
        labels = replace(labels, potential=str(folder / labels.potential))
    numbers = _class_numbers(labels.names, names, closed, entry.file)
    found = list(_without_annotator(file, entry, labels, numbers))
    if not found:
        raise InputError(f"{entry.file}: no atom gets a label from {labels.from_!r}; look at its ranges")
    return found, {"labels_from": labels.from_}


def _count(snapshots: Sequence[LabelledSnapshot], names: Sequence[str]) -> dict[str, int]:
    """Count the labelled atoms of each class that occurs."""
    labels = np.concatenate([snapshot.labels for snapshot in snapshots])
    return {name: n for k, name in enumerate(names) if (n := int(np.count_nonzero(labels == k)))}


def _class_numbers(found: Sequence[str], names: list[str], closed: bool, file: str) -> list[int]:
    """Give the number of each class found, adding new ones to the names unless they are closed."""
    for name in found:
        if name not in names:
            if closed:
                raise InputError(f"{file}: class {name!r} is not among model.classes: {', '.join(names)}")
            names.append(name)
    return [names.index(name) for name in found]


def _relabelled(dataset: SnapshotDataset, numbers: Sequence[int]) -> Iterator[LabelledSnapshot]:
    table = np.array([*numbers, OUTSIDE, IGNORED], np.int8)  # the last two serve the labels -2 and -1
    for snapshot in dataset.snapshots:
        yield replace(snapshot, labels=table[snapshot.labels])


def _from_trajectory(file: Path, entry: DataConfig, label: int) -> Iterator[LabelledSnapshot]:
    for number, atoms in enumerate(read(file, entry.frames)):
        name = f"{entry.file}[{entry.frames or ':'}]#{number}"
        labels = np.full(len(atoms), label, np.int8)
        yield _snapshot(atoms, labels, _numbers(atoms, entry), entry, name)


def _without_annotator(
    file: Path, entry: DataConfig, settings: LabelsConfig, numbers: Sequence[int]
) -> Iterator[LabelledSnapshot]:
    """Label a trajectory as the settings say, class k of theirs being ``numbers[k]``."""
    table = np.array([*numbers, IGNORED], np.int8)  # the last one serves the label -1
    frames = label_frames(
        file,
        settings,
        frames=entry.frames,
        elements=entry.elements,
        prepare=partial(_with_elements, entry=entry),
    )
    for frame in frames:
        species = np.asarray(frame.atoms.numbers, np.int16)
        name = f"{entry.file}[{frame.number}]"
        yield _snapshot(frame.atoms, table[frame.labels], species, entry, name)


def _snapshot(
    atoms: Atoms, labels: NDArray[np.int8], species: NDArray[np.int16], entry: DataConfig, name: str
) -> LabelledSnapshot:
    return LabelledSnapshot(
        positions=atoms.positions.astype(np.float32),
        cell=np.asarray(atoms.cell.array, np.float64),
        pbc=np.asarray(atoms.pbc, np.bool_),
        labels=labels,
        numbers=species,
        system=entry.system or Path(entry.file).name,
        snapshot=name,
        group=entry.group or name,
    )


def _with_elements(atoms: Atoms, entry: DataConfig) -> Atoms:
    named = atoms.copy()
    named.numbers = _numbers(atoms, entry)
    return named


def _thinned(snapshot: LabelledSnapshot, count: int, seed: int) -> LabelledSnapshot:
    """Keep the labels of so many atoms; the draw depends on seed and snapshot, not on what else is read."""
    rng = np.random.default_rng((seed, zlib.crc32(snapshot.snapshot.encode())))
    return replace(snapshot, labels=balanced_subset(snapshot.labels, count, rng))


def _numbers(atoms: Atoms, entry: DataConfig) -> NDArray[np.int16]:
    if not entry.elements:
        return np.asarray(atoms.numbers, np.int16)
    if "type" not in atoms.arrays:
        raise InputError(
            f"{entry.file}: elements are given but the file has no column 'type': leave them out"
        )
    table = [atomic_numbers.get(element, -1) for element in entry.elements]
    if -1 in table:
        raise InputError(f"{entry.file}: {entry.elements[table.index(-1)]!r} is no chemical element")
    types = atoms.arrays["type"].astype(np.int64)
    if len(types) and not 1 <= types.min() <= types.max() <= len(table):
        raise InputError(f"{entry.file}: elements must name types 1 to {types.max()}, got {len(table)} names")
    return np.asarray(np.array(table)[types - 1], np.int16)
