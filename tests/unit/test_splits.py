"""Splits cannot leak."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdlens.errors import InputError
from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from mdlens.learning.splits import UNITS, Split, check_split, split_dataset


def dataset(groups: list[tuple[int, str, str]]) -> SnapshotDataset:
    """Build snapshots of two atoms from (class, system, group)."""
    snapshots = tuple(
        LabelledSnapshot(
            positions=np.zeros((2, 3), np.float32),
            cell=np.eye(3),
            pbc=np.array([True] * 3),
            labels=np.full(2, label, np.int8),
            system=system,
            snapshot=f"snapshot {number}",
            group=group,
        )
        for number, (label, system, group) in enumerate(groups)
    )
    return SnapshotDataset(classes=("a", "b"), snapshots=snapshots)


TWENTY = [(label, f"system {label}{g % 5}", f"group {label} {g}") for label in (0, 1) for g in range(10)] * 3


@pytest.mark.parametrize("by", UNITS)
@pytest.mark.parametrize("seed", range(5))
def test_no_unit_is_in_two_parts_and_no_snapshot_is_lost(by: str, seed: int) -> None:
    data = dataset(TWENTY)
    split = split_dataset(data, by=by, seed=seed)
    parts = [split.train, split.validation, split.test]
    assert sorted(index for part in parts for index in part) == list(range(len(data)))
    units = [{UNITS[by](data.snapshots[index]) for index in part} for part in parts]
    assert not units[0] & units[1]
    assert not units[0] & units[2]
    assert not units[1] & units[2]
    for part in parts:
        assert {int(data.snapshots[index].labels[0]) for index in part} == {0, 1}


@settings(deadline=None, max_examples=60)
@given(
    groups=st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from("xyz"), st.sampled_from("pqrstu")),
        min_size=1,
        max_size=30,
    ),
    by=st.sampled_from(sorted(UNITS)),
    seed=st.integers(0, 10),
)
def test_any_split_is_sound_or_refused(groups: list[tuple[int, str, str]], by: str, seed: int) -> None:
    data = dataset(groups)
    try:
        split = split_dataset(data, by=by, seed=seed)
    except InputError:
        return
    owners: dict[str, set[str]] = {}
    for part in ("train", "validation", "test"):
        for index in getattr(split, part):
            owners.setdefault(UNITS[by](data.snapshots[index]), set()).add(part)
    assert all(len(parts) == 1 for parts in owners.values())
    assert sum(len(getattr(split, part)) for part in ("train", "validation", "test")) == len(data)


def test_the_seed_decides() -> None:
    data = dataset(TWENTY)
    assert split_dataset(data, seed=1) == split_dataset(data, seed=1)
    assert split_dataset(data, seed=1) != split_dataset(data, seed=2)


def test_whole_systems_can_be_held_out() -> None:
    data = dataset(TWENTY)
    split = split_dataset(data, test=0.0, test_systems=["system 03", "system 14"])
    assert {data.snapshots[index].system for index in split.test} == {"system 03", "system 14"}
    assert not {data.snapshots[i].system for i in split.train + split.validation} & {"system 03", "system 14"}


def test_a_leak_is_refused() -> None:
    data = dataset(TWENTY)
    with pytest.raises(InputError, match=r"leaks: group 'group 0 0' is in train and in test"):
        check_split(data, Split(train=(0, 10), validation=(1, 11), test=(20,)))
    check_split(data, Split(train=(0, 10), validation=(1, 11), test=(20,)), by="snapshot")


def test_a_class_that_would_be_missing_is_refused() -> None:
    data = dataset([(0, "s", "g0"), (0, "s", "g1"), (0, "s", "g2"), (1, "s", "h0")])
    with pytest.raises(InputError, match=r"class 'b' has no atom in the validation part"):
        split_dataset(data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "atom"}, "one of snapshot, group, system"),
        ({"validation": 0.0}, "above 0"),
        ({"validation": 0.6, "test": 0.4}, "below 1 together"),
        ({"test_systems": ["Unobtainium"]}, "no system 'Unobtainium'"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_dataset(dataset(TWENTY), **options)  # type: ignore[arg-type]
