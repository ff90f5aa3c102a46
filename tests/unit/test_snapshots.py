"""The data set of labelled snapshots and its file."""

import io
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mdlens.errors import FormatError, InputError
from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset


def snapshot(name: str, atoms: int = 5, **changes: object) -> LabelledSnapshot:
    rng = np.random.default_rng(atoms)
    values: dict[str, object] = {
        "positions": rng.random((atoms, 3), np.float32) * 9,
        "cell": np.diag([9.0, 9.0, 9.5]),
        "pbc": np.array([True, True, False]),
        "labels": (np.arange(atoms) % 3 - 1).astype(np.int8),
        "system": "Cu fcc",
        "snapshot": name,
        "group": "run 1",
        "temperature": 300.0,
    }
    return LabelledSnapshot(**(values | changes))  # type: ignore[arg-type]


def dataset() -> SnapshotDataset:
    numbers = np.array([29, 40, 29, 40], np.int16)
    return SnapshotDataset(
        classes=("fcc", "liquid"),
        snapshots=(snapshot("a"), snapshot("b", 0), snapshot("c", 4, numbers=numbers, temperature=np.nan)),
        provenance={"potential": "Cu_u3.eam", "seeds": [1, 2]},
    )


def test_a_data_set_survives_its_file(tmp_path: Path) -> None:
    file = tmp_path / "data.npz"
    dataset().save(file)
    loaded = SnapshotDataset.load(file)
    assert (loaded.classes, loaded.provenance) == (dataset().classes, dataset().provenance)
    for one, two in zip(loaded.snapshots, dataset().snapshots, strict=True):
        for name in ("positions", "cell", "pbc", "labels"):
            assert getattr(one, name).dtype == getattr(two, name).dtype
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        assert (one.system, one.snapshot, one.group) == (two.system, two.snapshot, two.group)
        np.testing.assert_equal(one.temperature, two.temperature)
    np.testing.assert_array_equal(loaded.snapshots[2].numbers, [29, 40, 29, 40])
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]


def test_class_counts_leave_out_ignored_atoms() -> None:
    np.testing.assert_array_equal(dataset().class_counts(), [[2, 1], [0, 0], [1, 1]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": np.zeros((5, 2), np.float32)}, r"positions must have the shape \(5, 3\)"),
        ({"cell": np.zeros(3)}, "cell must have"),
        ({"pbc": np.array(True)}, "pbc must have"),
        ({"labels": np.zeros(4, np.int8)}, "labels must have"),
        ({"labels": np.full(5, -3, np.int8)}, "labels must have -2, -1 or class indices"),
        ({"numbers": np.zeros(3, np.int16)}, "numbers must have"),
        ({"cell": np.full((3, 3), np.nan)}, "finite"),
        ({"positions": np.full((5, 3), np.inf, np.float32)}, "finite"),
    ],
)
def test_wrong_snapshots_are_refused_by_name(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=f"'bad': .*{message}"):
        snapshot("bad", **changes)


def test_wrong_data_sets_are_refused() -> None:
    with pytest.raises(InputError, match="at least one"):
        SnapshotDataset(classes=("a",), snapshots=())
    with pytest.raises(InputError, match="'a' twice"):
        SnapshotDataset(classes=("a", "b"), snapshots=(snapshot("a"), snapshot("a")))
    with pytest.raises(InputError, match="below the number of classes, 1"):
        SnapshotDataset(classes=("a",), snapshots=(snapshot("a"),))


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, ("executed",)  # pragma: no cover


def damage(tmp_path: Path, **changes: object) -> Path:
    """Write a data set with some arrays replaced, or left out if None."""
    file = tmp_path / "data.npz"
    dataset().save(file)
    with np.load(file) as archive:
        arrays = dict(archive)
    arrays |= {name: value for name, value in changes.items() if value is not None}
    np.savez(file, **{name: value for name, value in arrays.items() if changes.get(name, 0) is not None})
    return file


def table(**changes: object) -> np.ndarray:
    values = {
        "format": 1,
        "classes": ["fcc", "liquid"],
        "systems": ["s"] * 3,
        "snapshots": ["a", "b", "c"],
        "groups": ["g"] * 3,
        "provenance": {},
    }
    return np.frombuffer(json.dumps(values | changes).encode(), np.uint8)


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": None},
        {"offsets": np.array([0, 5, 5, 8])},
        {"offsets": np.array([0, 5, 4, 9])},
        {"offsets": np.array([9])},
        {"table": np.frombuffer(b"{", np.uint8)},
        {"table": np.frombuffer(b"[" * 100_000, np.uint8)},
        {"table": table(format=2)},
        {"table": table(systems=["s"])},
        {"table": table(classes=[])},
        {"table": table(provenance=3, snapshots=["a", "a", "b"])},
        {"positions": np.full((9, 3), np.nan, np.float32)},
        {"cells": np.zeros((3, 2))},
        {"cells": np.zeros((1, 3, 3))},
        {"labels": np.full(9, 100, np.int8)},
    ],
)
def test_damaged_files_are_format_errors(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(FormatError, match=r"data\.npz: .*write it again"):
        SnapshotDataset.load(damage(tmp_path, **changes))


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    file = tmp_path / "evil.npz"
    np.savez(file, positions=np.array([Evil()], dtype=object))
    with pytest.raises(FormatError):
        SnapshotDataset.load(file)
    file.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(FormatError):
        SnapshotDataset.load(file)
    assert not Path("executed").exists()


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04cut"])
def test_other_files_are_format_errors(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "data.npz"
    file.write_bytes(content)
    with pytest.raises(FormatError):
        SnapshotDataset.load(file)
    with pytest.raises(FormatError, match="No such file"):
        SnapshotDataset.load(tmp_path / "absent.npz")


def test_a_truncated_file_is_a_format_error(tmp_path: Path) -> None:
    file = tmp_path / "data.npz"
    dataset().save(file)
    content = file.read_bytes()
    for length in range(10, len(content) - 1, 97):
        file.write_bytes(io.BytesIO(content).read(length))
        with pytest.raises(FormatError):
            SnapshotDataset.load(file)


def test_snapshots_can_be_changed_by_copy() -> None:
    assert replace(snapshot("a"), system="x").system == "x"
