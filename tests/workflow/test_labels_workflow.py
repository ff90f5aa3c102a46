"""From a trajectory without labels to labelled files, with a model of the user's own."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write

import mdlens
from mdlens.cli import main
from mdlens.errors import InputError, MissingExtraError
from mdlens.inference import StructureModel
from mdlens.workflows import train_crystal as workflow
from mdlens.workflows.train_crystal import train_crystal

CONFIG = """
[model]
name = "two"
NETWORK
[descriptor]
size = SIZE
candidates = 31
CHANNELS
[[data]]
file = "melting.xyz"
atoms_per_snapshot = 60
[labels]
from = "frames"
ranges = [{class = "crystal", frames = "0:6"}, {class = "liquid", frames = "-6:"}]
[augmentation]
vacancies = [0.0, 0.1]
gaussian = 0.05
displaced = 0.33
[fit]
epochs = 2
maps_per_epoch = 1024
pool = 512
batch_size = 64
learning_rate = 0.01
validation_maps = 256
class_weights = [1, 2]
[calibration]
test_maps = 128
"""


def config(network: str = "width = 8", *, size: int = 16, channels: str = "") -> str:
    return CONFIG.replace("NETWORK", network).replace("SIZE", str(size)).replace("CHANNELS", channels)


def frame(disordered: bool, seed: int) -> Atoms:
    """Give a shaken crystal of two elements, or one shaken until no lattice is left."""
    atoms = bulk("NaCl", "rocksalt", a=5.2, cubic=True) * (3, 3, 3)
    atoms.symbols = np.where(atoms.symbols == "Na", "Cu", "Zr")
    sigma = 1.2 if disordered else 0.08
    atoms.positions += np.random.default_rng(seed).normal(0.0, sigma, atoms.positions.shape)
    return atoms


@pytest.fixture(scope="module", autouse=True)
def few_maps() -> Iterator[None]:
    """Measure what a real run measures on thousands of maps on few."""
    with pytest.MonkeyPatch.context() as patch:
        for name, number in {"_MEASURED_MAPS": 512, "_TAUGHT": 512, "_EXEMPLARS_DRAWN": 1}.items():
            patch.setattr(workflow, name, number)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold a trajectory: six frames of a crystal, two in between, six of a liquid."""
    folder = tmp_path_factory.mktemp("labels")
    write(folder / "melting.xyz", [frame(k >= 7, k) for k in range(14)], format="extxyz")
    write(folder / "other.xyz", [frame(disordered, 100) for disordered in (False, True)], format="extxyz")
    (folder / "train.toml").write_text(config())
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> StructureModel:
    return train_crystal(folder / "train.toml", folder / "run")


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["mdlens", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


def test_two_classes_are_learnt_from_ranges_of_frames(trained: StructureModel) -> None:
    assert (trained.classes, trained.ids) == (("crystal", "liquid"), (1, 2))
    training = trained.metadata.training
    (data,) = training["data"]["files"]
    assert data == {
        "file": "melting.xyz",
        "snapshots": 12,
        "labels_from": "frames",
        "labelled_atoms": {"crystal": 360, "liquid": 360},
    }
    assert training["fit"]["class_weights"] == [1.0, 2.0]
    assert training["augmentation"]["displaced"] == 0.33
    metrics = json.loads((trained.file.parent / "metrics.json").read_text())
    assert metrics["config"]["labels"]["ranges"][0]["frames"] == "0:6"


def test_a_run_folder_classifies_from_python(folder: Path, trained: StructureModel) -> None:
    crystal, liquid = (mdlens.classify(atoms, folder / "run") for atoms in mdlens.read(folder / "other.xyz"))
    assert crystal.fractions()["crystal"] > 0.9
    assert liquid.fractions()["liquid"] > 0.8
    assert set(liquid.labels.tolist()) <= {0, 1, 2}
    again = mdlens.classify(frame(False, 100), str(folder / "run") + "/")
    np.testing.assert_array_equal(again.labels, crystal.labels)


def test_a_run_folder_classifies_from_the_command_line(
    folder: Path, trained: StructureModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labelled, counts, page = (folder / name for name in ("labelled.dump", "counts.json", "page.html"))
    outputs = ("-o", str(labelled), "--json", str(counts), "--report", str(page))
    arguments = (str(folder / "other.xyz"), "--model", str(folder / "run"), *outputs)
    assert command(monkeypatch, "classify", *arguments) == 0
    table = capsys.readouterr().out
    assert "crystal" in table
    assert "liquid" in table
    first, second = mdlens.read(labelled)
    assert np.mean(first.arrays["structure"] == 1) > 0.9
    assert np.mean(second.arrays["structure"] == 2) > 0.8
    assert set(json.loads(counts.read_text())["frames"][0]["counts"]) == {"crystal", "liquid", "unknown"}
    assert "liquid" in page.read_text()
    assert command(monkeypatch, "models", str(folder / "run")) == 0
    assert "crystal (1), liquid (2)" in " ".join(capsys.readouterr().out.split())


def taught_two_channels(folder: Path, network: str) -> Path:
    """Train, unless an earlier test has; tests may be dealt to several processes."""
    name = "published" if "published" in network else "compact"
    if (folder / name).exists():
        return folder / name
    text = config(network, size=32, channels="channels = [false, {Cu = 1.0, Zr = 2.0}]")
    text = text.replace("candidates = 31", "candidates = 33").replace(
        "maps_per_epoch = 1024", "maps_per_epoch = 256"
    )
    (folder / f"{name}.toml").write_text(text.replace("epochs = 2", "epochs = 1"))
    train_crystal(folder / f"{name}.toml", folder / name)
    return folder / name


@pytest.mark.parametrize("network", ['network = "published"', "width = 8"], ids=["published", "compact"])
def test_two_channels_tell_the_elements_apart(folder: Path, network: str) -> None:
    run = taught_two_channels(folder, network)
    result = mdlens.classify(frame(False, 100), run)
    assert result.probabilities.shape == (216, 2)
    assert len(mdlens.load_model(run).settings.channels) == 2
    swapped = frame(False, 100)
    swapped.symbols = np.where(swapped.symbols == "Cu", "Zr", "Cu")
    other = mdlens.classify(swapped, run)
    assert np.abs(other.probabilities - result.probabilities).max() > 1e-4


def test_a_species_that_the_model_does_not_know_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ag has no weight in the second channel."""
    run = taught_two_channels(folder, "width = 8")
    atoms = frame(False, 100)
    atoms.symbols[3] = "Ag"
    write(folder / "silver.xyz", atoms)
    arguments = (str(folder / "silver.xyz"), "--model", str(run))
    assert command(monkeypatch, "classify", *arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Ag has no weight" in error


def test_a_folder_without_a_model_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "classify", str(folder / "other.xyz"), "--model", str(folder)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "without model.onnx" in error


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[1, 2]", "[1, 1, 2]", r"fit\.class_weights must hold a number for each of crystal, liquid, got 3"),
        ('"-6:"', '"5:"', r"frame 5 is in ranges of 'crystal' and of 'liquid'"),
        ('"-6:"', '"14:"', r"melting\.xyz: the frames '14:' of class 'liquid' are none of its 14 frames"),
        ('name = "two"', 'name = "two"\nclasses = ["liquid"]', r"'crystal' is not among model\.classes"),
    ],
)
def test_labels_that_make_no_sense_stop_a_run(folder: Path, old: str, new: str, message: str) -> None:
    (folder / "wrong.toml").write_text(config().replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        train_crystal(folder / "wrong.toml", folder / "wrong")
    assert not (folder / "wrong").exists()


def test_a_missing_extra_stops_a_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ovito.data", None)
    labels = 'from = "ptm"\nclasses = {sc = "crystal", other = "liquid"}'
    (folder / "ptm.toml").write_text(config().replace('from = "frames"', labels))
    with pytest.raises(MissingExtraError, match="ovito"):
        train_crystal(folder / "ptm.toml", folder / "ptm")
    assert not (folder / "ptm").exists()
