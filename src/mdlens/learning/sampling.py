"""Balanced draws of maps from labelled snapshots, made on the fly."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.random import Generator

from mdlens.descriptors import MapSource, NeighborsMapSettings
from mdlens.errors import InputError
from mdlens.learning.augment import Augmentation, Disturbance, disturb, nearest_neighbor_distance
from mdlens.learning.snapshots import OUTSIDE, LabelledSnapshot, SnapshotDataset
from mdlens.types import Float32Array, IntArray

ATOMS_PER_DRAW = 100
"""Maps taken from one disturbed copy of a snapshot."""

_PATIENCE = 20
"""A class that gives fewer than one map per this many copies is refused."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MapSample:
    """Maps with their classes, in no particular order.

    Args:
        maps: (samples, channels, size, size).
        labels: Class of each, or `OUTSIDE` (samples,).
        snapshots: Index in the data set of the snapshot of each (samples,).
    """

    maps: Float32Array
    labels: IntArray
    snapshots: IntArray

    def __len__(self) -> int:
        return len(self.labels)


class MapSampler:
    """Draws maps such that within a class its systems, and all vacancy levels, are equally frequent.

    Args:
        dataset: The snapshots.
        indices: Which of them to draw from: one part of a split.
        descriptor: How the maps are made.
        shares: Relative number of maps of each class; empty gives all classes the same.
        outside_share: The same for atoms outside all classes (`OUTSIDE`); 0 draws none of them.
        threads: Threads for the maps; 0 takes every processor.

    Raises:
        InputError: If there is no labelled atom in those snapshots, or the shares do not fit the classes.
    """

    def __init__(
        self,
        dataset: SnapshotDataset,
        indices: Sequence[int],
        descriptor: NeighborsMapSettings,
        *,
        shares: Sequence[float] = (),
        outside_share: float = 0.0,
        threads: int = 1,
    ) -> None:
        self._dataset = dataset
        self._descriptor = descriptor
        self._threads = threads
        self._spacings: dict[int, float] = {}
        self._systems = _systems_of_classes(dataset, indices, outside=outside_share > 0)
        self._shares = _checked_shares(shares, dataset.classes) | {OUTSIDE: outside_share}
        if not self._systems:
            raise InputError("there is no labelled atom to draw maps from")

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes that occur."""
        return tuple(label for label in self._systems if label != OUTSIDE)

    def draw(self, count: int, disturbances: Augmentation | Disturbance, rng: Generator) -> MapSample:
        """Draw maps of randomly chosen atoms of disturbed snapshots.

        Args:
            count: How many; the classes that occur get their shares of them.
            disturbances: What is done to a snapshot before its maps are made.
            rng: Source of randomness; the same state gives the same maps.

        Raises:
            InputError: If a class has too few atoms left after the disturbance.
        """
        size = self._descriptor.size
        maps = np.empty((count, len(self._descriptor.channels), size, size), np.float32)
        labels = np.empty(count, np.int64)
        snapshots = np.empty(count, np.int64)
        for label, start, stop in self._rows(count):
            labels[start:stop] = label
            self._fill(maps[start:stop], snapshots[start:stop], label, disturbances, rng)
        return MapSample(maps=maps, labels=labels, snapshots=snapshots)

    def _rows(self, count: int) -> Iterator[tuple[int, int, int]]:
        """Give each class that occurs its rows of a sample: class, first, one past the last."""
        shares = np.array([self._shares[label] for label in self._systems])
        edges = np.concatenate([[0.0], np.cumsum(shares / shares.sum())])
        rows = (count * edges).round().astype(np.int64).tolist()
        return zip(self._systems, rows[:-1], rows[1:], strict=True)

    def _fill(
        self,
        maps: Float32Array,
        snapshots: IntArray,
        label: int,
        disturbances: Augmentation | Disturbance,
        rng: Generator,
    ) -> None:
        """Fill the rows of one class, a disturbed copy of a snapshot at a time."""
        done, copies = 0, 0
        rounds = zip(_visits(self._systems[label], rng), disturbances.draws(rng), strict=False)
        for index, disturbance in rounds:
            if done >= len(maps):
                return
            if copies > _PATIENCE * (1 + done):
                name = "outside" if label == OUTSIDE else self._dataset.classes[label]
                raise InputError(f"class {name!r}: hardly any of its atoms is left after {disturbance}")
            copy = self._disturbed(index, disturbance, rng)
            chosen = np.flatnonzero(copy.labels == label)
            chosen = rng.permutation(chosen)[: min(ATOMS_PER_DRAW, len(maps) - done)]
            rows = slice(done, done + len(chosen))
            maps[rows] = self._maps(copy, np.sort(chosen))
            snapshots[rows] = index
            done, copies = done + len(chosen), copies + 1

    def _disturbed(self, index: int, disturbance: Disturbance, rng: Generator) -> LabelledSnapshot:
        snapshot = self._dataset.snapshots[index]
        if index not in self._spacings:
            self._spacings[index] = nearest_neighbor_distance(snapshot)
        return disturb(snapshot, disturbance, rng, spacing=self._spacings[index])

    def _maps(self, snapshot: LabelledSnapshot, indices: IntArray) -> Float32Array:
        source = MapSource(to_atoms(snapshot), self._descriptor, threads=self._threads)
        return np.asarray(source.maps(indices), np.float32)


def to_atoms(snapshot: LabelledSnapshot) -> Atoms:
    """Give the snapshot as `ase.Atoms`; without species every atom is an "X"."""
    numbers = np.zeros(len(snapshot), np.int64) if snapshot.numbers is None else snapshot.numbers
    positions = snapshot.positions.astype(np.float64)
    return Atoms(numbers=numbers, positions=positions, cell=snapshot.cell, pbc=snapshot.pbc)


def _checked_shares(shares: Sequence[float], classes: tuple[str, ...]) -> dict[int, float]:
    if shares and len(shares) != len(classes):
        raise InputError(
            f"class_shares must hold a number for each of {', '.join(classes)}; got {len(shares)}"
        )
    return dict(enumerate(shares or [1.0] * len(classes)))


def _systems_of_classes(
    dataset: SnapshotDataset, indices: Sequence[int], *, outside: bool
) -> dict[int, list[list[int]]]:
    """For each class that occurs, the snapshots that hold it, a list for each system."""
    present = {index: set(np.unique(dataset.snapshots[index].labels).tolist()) for index in indices}
    found: dict[int, list[list[int]]] = {}
    for label in (*range(len(dataset.classes)), *([OUTSIDE] if outside else [])):
        systems: dict[str, list[int]] = defaultdict(list)
        for index in indices:
            if label in present[index]:
                systems[dataset.snapshots[index].system].append(index)
        if systems:
            found[label] = [systems[name] for name in sorted(systems)]
    return found


def _visits(systems: list[list[int]], rng: Generator) -> Iterator[int]:
    """Visit the systems in shuffled rounds, for ever; within a system its snapshots in shuffled rounds."""
    rounds = [_shuffled_rounds(len(snapshots), rng) for snapshots in systems]
    for system in _shuffled_rounds(len(systems), rng):
        yield systems[system][next(rounds[system])]


def _shuffled_rounds(count: int, rng: Generator) -> Iterator[int]:
    while True:
        yield from map(int, rng.permutation(count))
