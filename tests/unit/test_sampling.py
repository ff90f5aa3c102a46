"""Balanced, seeded draws of maps."""

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk

from mdlens.descriptors import NeighborsMapSettings, neighbors_map
from mdlens.errors import InputError
from mdlens.learning.augment import Augmentation, Disturbance
from mdlens.learning.sampling import MapSampler, to_atoms
from mdlens.learning.snapshots import OUTSIDE, LabelledSnapshot, SnapshotDataset

SETTINGS = NeighborsMapSettings(size=8, candidates=15)


def snapshot(label: int, system: str, name: str, atoms: int, numbers: bool = False) -> LabelledSnapshot:
    rng = np.random.default_rng([label + 1, atoms])
    return LabelledSnapshot(
        positions=(rng.random((atoms, 3)) * 12).astype(np.float32),
        cell=np.eye(3) * 12,
        pbc=np.array([True] * 3),
        labels=np.full(atoms, label, np.int8),
        numbers=np.full(atoms, 29, np.int16) if numbers else None,
        system=system,
        snapshot=name,
        group=name,
    )


@pytest.fixture
def dataset() -> SnapshotDataset:
    """Class 0 has one system of three snapshots, class 1 two systems, one of them with two snapshots."""
    snapshots = [snapshot(0, "a", f"a{k}", 150 + k) for k in range(3)]
    snapshots += [snapshot(1, "b", "b0", 200), snapshot(1, "c", "c0", 90), snapshot(1, "c", "c1", 91)]
    return SnapshotDataset(classes=("x", "y", "never"), snapshots=tuple(snapshots))


def test_classes_and_then_systems_are_balanced(dataset: SnapshotDataset) -> None:
    sampler = MapSampler(dataset, range(6), SETTINGS)
    assert sampler.classes == (0, 1)
    sample = sampler.draw(8192, Augmentation(vacancies=(0.0, 0.3)), np.random.default_rng(0))
    assert sample.maps.shape == (8192, 1, 8, 8)
    np.testing.assert_array_equal(np.bincount(sample.labels), [4096, 4096])
    for index, share in ((0, 1 / 3), (1, 1 / 3), (2, 1 / 3)):
        assert np.mean(sample.snapshots[sample.labels == 0] == index) == pytest.approx(share, abs=0.06)
    for index, share in ((3, 1 / 2), (4, 1 / 4), (5, 1 / 4)):
        assert np.mean(sample.snapshots[sample.labels == 1] == index) == pytest.approx(share, abs=0.08)


def test_classes_get_their_shares(dataset: SnapshotDataset) -> None:
    sampler = MapSampler(dataset, range(6), SETTINGS, shares=(3.0, 1.0, 100.0))
    sample = sampler.draw(400, Disturbance(), np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(sample.labels), [300, 100])
    with pytest.raises(InputError, match="a number for each of x, y, never; got 1"):
        MapSampler(dataset, range(6), SETTINGS, shares=(1.0,))


def test_atoms_outside_all_classes_are_drawn_on_request(dataset: SnapshotDataset) -> None:
    strange = replace(snapshot(0, "d", "d0", 100), labels=np.full(100, OUTSIDE, np.int8))
    data = replace(dataset, snapshots=(*dataset.snapshots, strange))
    sampler = MapSampler(data, range(7), SETTINGS, outside_share=0.5)
    sample = sampler.draw(500, Disturbance(), np.random.default_rng(0))
    assert sampler.classes == (0, 1)
    assert {label: int((sample.labels == label).sum()) for label in (0, 1, OUTSIDE)} == {
        0: 200,
        1: 200,
        OUTSIDE: 100,
    }
    assert (
        OUTSIDE
        not in MapSampler(data, range(7), SETTINGS).draw(90, Disturbance(), np.random.default_rng(0)).labels
    )


def test_only_the_given_snapshots_are_drawn_from(dataset: SnapshotDataset) -> None:
    sample = MapSampler(dataset, [1, 4], SETTINGS).draw(300, Disturbance(), np.random.default_rng(0))
    assert set(sample.snapshots) == {1, 4}


def test_maps_of_an_undisturbed_snapshot_are_its_maps(dataset: SnapshotDataset) -> None:
    sample = MapSampler(dataset, [0], SETTINGS).draw(500, Disturbance(), np.random.default_rng(0))
    expected = neighbors_map(to_atoms(dataset.snapshots[0]), SETTINGS, threads=1)
    known = {row.tobytes() for row in expected}
    assert all(row.tobytes() in known for row in sample.maps)


def test_the_same_seed_gives_the_same_maps(dataset: SnapshotDataset) -> None:
    sampler = MapSampler(dataset, range(6), SETTINGS)
    one, two, other = (sampler.draw(200, Augmentation(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.maps, two.maps)
    assert not np.array_equal(one.maps, other.maps)


def test_ignored_atoms_are_neighbours_but_never_drawn(dataset: SnapshotDataset) -> None:
    mixed = snapshot(0, "m", "m0", 300)
    mixed.labels[10:] = -1
    data = SnapshotDataset(classes=("x",), snapshots=(mixed,))
    sample = MapSampler(data, [0], SETTINGS).draw(100, Disturbance(), np.random.default_rng(0))
    allowed = neighbors_map(to_atoms(mixed), SETTINGS, indices=np.arange(10), threads=1)
    known = {row.tobytes() for row in allowed}
    assert all(row.tobytes() in known for row in sample.maps)


def test_species_reach_the_channels() -> None:
    settings = NeighborsMapSettings(size=8, candidates=15, channels=(None, {"Cu": 3.0}))
    data = SnapshotDataset(classes=("x",), snapshots=(snapshot(0, "s", "s0", 100, numbers=True),))
    sample = MapSampler(data, [0], settings).draw(20, Disturbance(), np.random.default_rng(0))
    np.testing.assert_allclose(sample.maps[:, 1], 9 * sample.maps[:, 0], rtol=1e-5)


def test_snapshots_without_labels_are_refused() -> None:
    data = SnapshotDataset(classes=("x",), snapshots=(snapshot(-1, "s", "s0", 10),))
    with pytest.raises(InputError, match="no labelled atom"):
        MapSampler(data, [0], SETTINGS)


def test_a_class_that_the_disturbance_removes_is_refused() -> None:
    data = SnapshotDataset(classes=("x",), snapshots=(snapshot(0, "s", "s0", 1),))
    with pytest.raises(InputError, match=r"class 'x': hardly any"):
        MapSampler(data, [0], SETTINGS).draw(5000, Disturbance(vacancies=0.95), np.random.default_rng(0))


def test_to_atoms_keeps_cell_and_species() -> None:
    atoms = bulk("Cu", cubic=True)
    made = to_atoms(
        LabelledSnapshot(
            positions=atoms.positions.astype(np.float32),
            cell=atoms.cell.array,
            pbc=np.array([True, False, True]),
            labels=np.zeros(4, np.int8),
            numbers=atoms.numbers.astype(np.int16),
            system="",
            snapshot="",
            group="",
        )
    )
    assert made.get_chemical_symbols() == ["Cu"] * 4
    np.testing.assert_array_equal(made.pbc, [True, False, True])
