"""Labelled snapshots from the files that a configuration lists."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from mdlens.errors import InputError
from mdlens.io import read
from mdlens.learning.config import DataConfig
from mdlens.learning.snapshots import IGNORED, OUTSIDE, LabelledSnapshot, SnapshotDataset


def load_data(entries: Sequence[DataConfig], classes: Sequence[str], folder: Path) -> SnapshotDataset:
    """Read all files of a configuration into one data set.

    Args:
        entries: The `[[data]]` tables.
        classes: Order of the classes; empty takes them in the order in which they come.
        folder: What relative paths are relative to.

    Raises:
        InputError: If a label is not among the classes, or a frame has no atoms of a known element where
            asked.
        FormatError: If a file is damaged.
    """
    names = list(classes)
    snapshots: list[LabelledSnapshot] = []
    provenance = []
    for entry in entries:
        file = folder / entry.file
        if file.suffix == ".npz":
            dataset = SnapshotDataset.load(file)
            snapshots += _relabelled(
                dataset, _class_numbers(dataset.classes, names, bool(classes), entry.file)
            )
            provenance.append({"file": file.name, "snapshots": len(dataset), **dataset.provenance})
        else:
            label = _class_numbers([entry.label or ""], names, bool(classes), entry.file)[0]
            frames = list(_from_trajectory(file, entry, label))
            snapshots += frames
            provenance.append({"file": file.name, "snapshots": len(frames), "label": entry.label})
    return SnapshotDataset(classes=tuple(names), snapshots=tuple(snapshots), provenance={"files": provenance})


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
        yield LabelledSnapshot(
            positions=atoms.positions.astype(np.float32),
            cell=np.asarray(atoms.cell.array, np.float64),
            pbc=np.asarray(atoms.pbc, np.bool_),
            labels=np.full(len(atoms), label, np.int8),
            numbers=_numbers(atoms, entry),
            system=entry.system or file.name,
            snapshot=name,
            group=entry.group or name,
        )


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
