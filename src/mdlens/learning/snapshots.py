"""Labelled snapshots and the file that holds many of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdlens.errors import FormatError, InputError
from mdlens.io.damage import DAMAGE
from mdlens.io.whole_file import write_arrays
from mdlens.types import BoolArray, Float32Array, FloatArray

FORMAT = 1
IGNORED = -1
"""Label of an atom that is there for its neighbours but is not learnt from."""

OUTSIDE = -2
"""Label of an atom of none of the classes, of a surface or a foreign crystal: learnt as undecided."""

_ARRAYS = (
    "positions",
    "labels",
    "numbers",
    "offsets",
    "cells",
    "pbc",
    "temperatures",
    "displacements",
    "table",
)

_REMEDY = "write it again with SnapshotDataset.save"


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledSnapshot:
    """One configuration with a label for each atom. Any length unit, the same throughout.

    Args:
        positions: Cartesian positions (atoms, 3).
        cell: Cell vectors as rows (3, 3).
        pbc: Which cell vectors are periodic (3,).
        labels: Index of each atom's class, `IGNORED` (-1) or `OUTSIDE` (-2) (atoms,).
        system: What was simulated, e.g. "Cu fcc".
        snapshot: Name of this configuration, unique in a data set.
        group: Snapshots of one group are correlated and never split, e.g. one trajectory.
        temperature: Temperature in K, NaN if it has none.
        numbers: Atomic numbers (atoms,); None if the species do not matter.
        displacement: Root mean square displacement of the atoms from their sites, per component and in
            nearest-neighbour distances; 0 where there are no sites or it is not known.

    Raises:
        InputError: If shapes disagree, a number is not finite, or a label is out of range.
    """

    positions: Float32Array
    cell: FloatArray
    pbc: BoolArray
    labels: NDArray[np.int8]
    system: str
    snapshot: str
    group: str
    temperature: float = float("nan")
    numbers: NDArray[np.int16] | None = None
    displacement: float = 0.0

    def __post_init__(self) -> None:
        atoms = len(self.positions)
        shapes = {"positions": (atoms, 3), "cell": (3, 3), "pbc": (3,), "labels": (atoms,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise self._error(name, f"the shape {shape}", str(getattr(self, name).shape))
        if self.numbers is not None and self.numbers.shape != (atoms,):
            raise self._error("numbers", f"the shape {(atoms,)}", str(self.numbers.shape))
        if not (np.isfinite(self.positions).all() and np.isfinite(self.cell).all()):
            raise self._error("positions and cell", "finite numbers", "NaN or infinity")
        if not 0.0 <= self.displacement < np.inf:
            raise self._error("displacement", "a finite number, 0 or more", str(self.displacement))
        if atoms and self.labels.min() < OUTSIDE:
            raise self._error("labels", "-2, -1 or class indices", str(self.labels.min()))

    def __len__(self) -> int:
        return len(self.positions)

    def _error(self, name: str, expected: str, got: str) -> InputError:
        return InputError(f"snapshot {self.snapshot!r}: {name} must have {expected}, got {got}")


@dataclass(frozen=True, kw_only=True, eq=False)
class SnapshotDataset:
    """Labelled snapshots with the names of their classes.

    Args:
        classes: Names of the classes; a label is an index into them.
        snapshots: The snapshots; their names are distinct.
        provenance: Where they come from (free JSON): potentials, recipes, seeds.

    Raises:
        InputError: If there is nothing in it, a label has no class, or two snapshots share a name.
    """

    classes: tuple[str, ...]
    snapshots: tuple[LabelledSnapshot, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.snapshots or not self.classes:
            raise InputError("a data set needs at least one class and one snapshot")
        names = [snapshot.snapshot for snapshot in self.snapshots]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"snapshot names must be distinct, got {twice!r} twice")
        for snapshot in self.snapshots:
            if len(snapshot) and snapshot.labels.max() >= len(self.classes):
                raise InputError(
                    f"snapshot {snapshot.snapshot!r}: labels must be below the number of classes, "
                    f"{len(self.classes)}, got {snapshot.labels.max()}"
                )

    def __len__(self) -> int:
        return len(self.snapshots)

    def class_counts(self) -> NDArray[np.int64]:
        """Count the labelled atoms of each snapshot and class, (snapshots, classes)."""
        size = len(self.classes)
        return np.array(
            [np.bincount(s.labels[s.labels >= 0], minlength=size) for s in self.snapshots], np.int64
        )

    def save(self, file: Path) -> None:
        """Write a compressed .npz file, whole or not at all: arrays laid end to end and a JSON table."""
        write_arrays(file, self._arrays())

    @classmethod
    def load(cls, file: Path) -> "SnapshotDataset":
        """Read a file written by `save`; nothing in it is executed.

        Raises:
            FormatError: If the file is damaged or is something else.
        """
        try:
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in _ARRAYS}
            return _unpack(arrays)
        except OSError as error:
            raise FormatError(f"{file}: cannot be read: {error.strerror or error}; {_REMEDY}") from error
        except DAMAGE as error:
            raise FormatError(f"{file}: is no data set of labelled snapshots: {error}; {_REMEDY}") from error

    def _arrays(self) -> dict[str, NDArray[Any]]:
        snapshots = self.snapshots
        table = {
            "format": FORMAT,
            "classes": list(self.classes),
            "systems": [s.system for s in snapshots],
            "snapshots": [s.snapshot for s in snapshots],
            "groups": [s.group for s in snapshots],
            "provenance": dict(self.provenance),
        }
        return {
            "positions": np.concatenate([s.positions for s in snapshots]).astype(np.float32),
            "labels": np.concatenate([s.labels for s in snapshots]).astype(np.int8),
            "numbers": np.concatenate([_numbers(s) for s in snapshots]),
            "offsets": np.cumsum([0, *map(len, snapshots)], dtype=np.int64),
            "cells": np.array([s.cell for s in snapshots], np.float64),
            "pbc": np.array([s.pbc for s in snapshots], np.bool_),
            "temperatures": np.array([s.temperature for s in snapshots], np.float64),
            "displacements": np.array([s.displacement for s in snapshots], np.float64),
            "table": np.frombuffer(json.dumps(table, allow_nan=False).encode(), np.uint8),
        }


def _numbers(snapshot: LabelledSnapshot) -> NDArray[np.int16]:
    if snapshot.numbers is None:
        return np.zeros(len(snapshot), np.int16)
    return snapshot.numbers.astype(np.int16)


def _unpack(arrays: dict[str, NDArray[Any]]) -> SnapshotDataset:
    table = json.loads(arrays["table"].tobytes())
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise InputError(f"its table must have the format {FORMAT}")
    offsets = arrays["offsets"]
    count = len(offsets) - 1
    if any(len(table[key]) != count for key in ("systems", "snapshots", "groups")):
        raise InputError("its table and its arrays differ in length")
    if (
        count < 1
        or offsets[0] != 0
        or offsets[-1] != len(arrays["positions"])
        or (np.diff(offsets) < 0).any()
    ):
        raise InputError("its offsets do not fit its positions")
    snapshots = tuple(_unpack_one(arrays, table, row) for row in range(count))
    return SnapshotDataset(
        classes=tuple(table["classes"]), snapshots=snapshots, provenance=table["provenance"]
    )


def _unpack_one(arrays: dict[str, NDArray[Any]], table: dict[str, Any], row: int) -> LabelledSnapshot:
    part = slice(arrays["offsets"][row], arrays["offsets"][row + 1])
    return LabelledSnapshot(
        positions=arrays["positions"][part].astype(np.float32, copy=False),
        cell=arrays["cells"][row].astype(np.float64),
        pbc=arrays["pbc"][row].astype(np.bool_),
        labels=arrays["labels"][part].astype(np.int8, copy=False),
        numbers=arrays["numbers"][part].astype(np.int16, copy=False),
        temperature=float(arrays["temperatures"][row]),
        displacement=float(arrays["displacements"][row]),
        system=str(table["systems"][row]),
        snapshot=str(table["snapshots"][row]),
        group=str(table["groups"][row]),
    )
