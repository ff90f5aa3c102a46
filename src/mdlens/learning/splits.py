"""Splits into training, validation and test parts that cannot leak."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from mdlens.errors import InputError
from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset

UNITS: dict[str, Callable[[LabelledSnapshot], str]] = {
    "snapshot": lambda snapshot: snapshot.snapshot,
    "group": lambda snapshot: snapshot.group,
    "system": lambda snapshot: snapshot.system,
}
"""What may be kept together; atoms are never split, because atoms of one snapshot see each other."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Indices of the snapshots of each part."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def split_dataset(
    dataset: SnapshotDataset,
    *,
    by: str = "group",
    validation: float = 0.15,
    test: float = 0.15,
    test_systems: Iterable[str] = (),
    seed: int = 0,
) -> Split:
    """Split by snapshot, group or system, so that every class is in every part.

    The units of each class are shuffled and dealt out on their own. A class with fewer units than parts is
    refused.

    Args:
        dataset: The snapshots.
        by: What stays together: "snapshot", "group" or "system".
        validation: Share of the units for validation, above 0.
        test: Share of the units for the test; 0 if `test_systems` is all there is.
        test_systems: Systems that go to the test as a whole.
        seed: Seed of the shuffle.

    Raises:
        InputError: If a share is out of range, a system is unknown, or a class would be missing in a part.
    """
    _check_arguments(dataset, by, validation, test, tuple(test_systems))
    held = set(test_systems)
    parts: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    parts["test"] += [i for i, snapshot in enumerate(dataset.snapshots) if snapshot.system in held]
    rng = np.random.default_rng(seed)
    for units in _units_by_class(dataset, by, held):
        shuffled = [units[index] for index in rng.permutation(len(units))]
        for part, members in _deal(shuffled, validation, test).items():
            parts[part] += [index for unit in members for index in unit]
    split = Split(**{part: tuple(sorted(indices)) for part, indices in parts.items()})
    check_split(dataset, split, by=by)
    return split


def check_split(dataset: SnapshotDataset, split: Split, *, by: str = "group") -> None:
    """Refuse a split that leaks or that leaves a class out of training or validation.

    Raises:
        InputError: If a snapshot, or what is kept together by `by`, is in two parts; or a class is missing.
    """
    owner: dict[str, str] = {}
    for part in ("train", "validation", "test"):
        for index in getattr(split, part):
            unit = UNITS[by](dataset.snapshots[index])
            if owner.setdefault(unit, part) != part:
                raise InputError(f"the split leaks: {by} {unit!r} is in {owner[unit]} and in {part}")
    counts = dataset.class_counts()
    for part in ("train", "validation"):
        for name, number in zip(dataset.classes, counts[list(getattr(split, part))].sum(axis=0), strict=True):
            if number == 0:
                raise InputError(
                    f"class {name!r} has no atom in the {part} part: give it more {by}s, "
                    "or split by another unit"
                )


def _check_arguments(
    dataset: SnapshotDataset, by: str, validation: float, test: float, test_systems: tuple[str, ...]
) -> None:
    if by not in UNITS:
        raise InputError(f"split.by must be one of {', '.join(UNITS)}, got {by!r}")
    if not 0.0 < validation < 1.0 or not 0.0 <= test < 1.0 or validation + test >= 1.0:
        raise InputError(
            "split.validation must be above 0, split.test 0 or more, and both below 1 together, "
            f"got {validation:g} and {test:g}"
        )
    systems = {snapshot.system for snapshot in dataset.snapshots}
    for system in test_systems:
        if system not in systems:
            raise InputError(
                f"split.test_systems: no system {system!r} in the data; there are {sorted(systems)}"
            )


def _units_by_class(dataset: SnapshotDataset, by: str, held: set[str]) -> list[list[list[int]]]:
    """Collect the snapshots of each unit, and the units by the class that most of their atoms have."""
    units: dict[str, list[int]] = defaultdict(list)
    for index, snapshot in enumerate(dataset.snapshots):
        if snapshot.system not in held:
            units[UNITS[by](snapshot)].append(index)
    counts = dataset.class_counts()
    classes: dict[int, list[list[int]]] = defaultdict(list)
    for indices in units.values():
        classes[int(counts[indices].sum(axis=0).argmax())].append(indices)
    return [classes[key] for key in sorted(classes)]


def _deal(units: list[list[int]], validation: float, test: float) -> dict[str, list[list[int]]]:
    to_validate = _share(len(units), validation)
    to_test = _share(len(units) - to_validate, test / (1.0 - validation))
    return {
        "validation": units[:to_validate],
        "test": units[to_validate : to_validate + to_test],
        "train": units[to_validate + to_test :],
    }


def _share(units: int, share: float) -> int:
    """Round to whole units: at least one where the share is above 0, and never all."""
    return min(max(round(units * share), 1), units - 1) if share > 0.0 and units > 1 else 0
