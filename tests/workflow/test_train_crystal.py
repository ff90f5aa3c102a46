"""Training from a configuration file to a model file, whole, interrupted and wrong."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.io import write

from mdlens.cli import main
from mdlens.errors import FormatError, InputError
from mdlens.inference import StructureModel, load_model
from mdlens.inference.structure_model import read_graph
from mdlens.learning import fit
from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from mdlens.workflows.crystal import classify
from mdlens.workflows.train_crystal import add_distance, train_crystal

CONFIG = """
[model]
name = "three"
width = 8
dropout = 0.1
[descriptor]
size = 16
candidates = 31
[[data]]
file = "data.npz"
[augmentation]
vacancies = [0.0, 0.1]
gaussian = 0.05
[fit]
epochs = 3
maps_per_epoch = 1536
pool = 1024
batch_size = 64
learning_rate = 0.01
validation_maps = 512
[calibration]
test_maps = 256
"""


def lattice(name: str) -> Atoms:
    return bulk({"fcc": "Cu", "bcc": "Fe"}.get(name, "Cu"), "bcc" if name == "bcc" else "fcc", cubic=True) * (
        4,
        4,
        4,
    )


def frame(name: str, seed: int) -> Atoms:
    """Give a shaken crystal, or for "disordered" atoms shaken until no lattice is left."""
    atoms = lattice(name)
    sigma = 1.2 if name == "disordered" else 0.08
    atoms.positions += np.random.default_rng(seed).normal(0.0, sigma, atoms.positions.shape)
    return atoms


def snapshot(label: int, name: str, seed: int) -> LabelledSnapshot:
    atoms = frame(name, seed)
    return LabelledSnapshot(
        positions=atoms.positions.astype(np.float32),
        cell=atoms.cell.array,
        pbc=atoms.pbc,
        labels=np.full(len(atoms), label, np.int8),
        system=f"{name} system",
        snapshot=f"{name} {seed}",
        group=f"{name} {seed}",
    )


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["mdlens", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    names = ("fcc", "bcc", "disordered")
    snapshots = [snapshot(label, name, seed) for label, name in enumerate(names) for seed in range(4)]
    SnapshotDataset(classes=names, snapshots=tuple(snapshots), provenance={"seeds": 4}).save(
        folder / "data.npz"
    )
    (folder / "train.toml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> StructureModel:
    return train_crystal(folder / "train.toml", folder / "whole")


def test_the_run_folder_is_complete(trained: StructureModel) -> None:
    run = trained.file.parent
    names = {path.name for path in run.iterdir()}
    assert names == {"best.ckpt", "last.ckpt", "config.toml", "log.csv", "metrics.json", "model.onnx"}
    assert (run / "config.toml").read_text() == CONFIG
    lines = (run / "log.csv").read_text().splitlines()
    assert lines[0] == "epoch,train_loss,val_loss,val_accuracy,learning_rate"
    assert [line.split(",")[0] for line in lines[1:]] == ["0", "1", "2"]


def test_the_model_describes_itself(trained: StructureModel) -> None:
    assert (trained.name, trained.classes, trained.ids) == ("three", ("fcc", "bcc", "disordered"), (1, 3, 9))
    assert trained.settings.size == 16
    assert 0.0 < trained.threshold < 1.0
    training = trained.metadata.training
    assert training["data"]["files"][0]["seeds"] == 4
    assert training["systems"]["train"] == ["bcc system", "disordered system", "fcc system"]
    assert training["snapshots"] == {"train": 6, "validation": 3, "test": 3}
    assert set(trained.metadata.scores) >= {"as simulated", "50 % of the atoms missing"}


def test_the_model_measures_distance(trained: StructureModel) -> None:
    assert trained.distance_limit is not None
    assert trained.metadata.distance_error_rate == 0.005
    known = classify(frame("bcc", 9), trained)
    assert known.distance is not None
    assert (known.distance > np.float32(trained.distance_limit)).mean() < 0.05
    row = Atoms("H200", positions=np.arange(200)[:, None] * [1.0, 0.0, 0.0], cell=[200, 50, 50], pbc=True)
    assert (classify(row, trained).labels == 0).all()


def test_distance_is_added_to_a_model_without(folder: Path, trained: StructureModel, tmp_path: Path) -> None:
    file = tmp_path / "again.onnx"
    file.write_bytes(trained.file.read_bytes())
    again = add_distance(folder / "train.toml", file)
    assert again.metadata == trained.metadata
    np.testing.assert_array_equal(
        classify(frame("fcc", 9), again).distance, classify(frame("fcc", 9), trained).distance
    )
    with pytest.raises(InputError, match="other classes or maps"):
        add_distance(folder / "train.toml", Path(str(load_model().file)))


def test_the_metrics_add_up(trained: StructureModel) -> None:
    metrics = json.loads((trained.file.parent / "metrics.json").read_text())
    scores = metrics["held_out"]["as simulated"]
    confusion = np.array(scores["confusion"])
    assert confusion.sum() == scores["maps"] == 256
    assert np.trace(confusion) / 256 == pytest.approx(scores["accuracy"]["value"])
    assert (
        scores["accuracy"]["wilson_low"] <= scores["accuracy"]["value"] <= scores["accuracy"]["wilson_high"]
    )
    assert scores["accuracy"]["value"] > 0.9
    validation = metrics["calibration"]["validation"]
    assert validation["negative_log_likelihood"] <= validation["negative_log_likelihood_before"]
    assert metrics["config"]["fit"]["seed"] == 0


def test_the_model_holds_exemplars_of_every_class(trained: StructureModel) -> None:
    exemplars = read_graph(trained)[1]
    assert exemplars is not None
    assert sum(exemplars.counts) == len(exemplars.embeddings) == 3 * 256
    assert min(exemplars.counts) > 128


def test_the_model_classifies_a_crystal_it_never_saw(trained: StructureModel) -> None:
    for name in ("fcc", "bcc"):
        result = classify(frame(name, seed=99), trained, threads=1)
        assert result.fractions()[name] > 0.9


def test_the_last_checkpoint_is_the_newest_epoch(trained: StructureModel) -> None:
    folder = trained.file.parent
    epochs = len((folder / "log.csv").read_text().splitlines()) - 1
    assert torch.load(folder / "last.ckpt", weights_only=True)["epoch"] == epochs - 1


def test_an_interrupted_run_continues_to_the_same_model(
    folder: Path,
    trained: StructureModel,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Interrupted in the last epoch from the command line, continued from Python."""
    run = folder / "interrupted"
    draw = fit.MapStream.__iter__

    def interrupted(stream: fit.MapStream) -> object:
        for number, batch in enumerate(draw(stream)):
            if stream._epoch == 2 and number == 5:
                raise KeyboardInterrupt
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(fit.MapStream, "__iter__", interrupted)
        arguments = (str(folder / "train.toml"), "--out", str(run), "--threads", "1", "--quiet")
        assert command(monkeypatch, "train", "crystal", *arguments) == 130
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "run the same command again to continue" in error
    assert not (run / "model.onnx").exists()
    train_crystal(folder / "train.toml", run)
    for name in ("model.onnx", "log.csv", "metrics.json"):
        assert (run / name).read_bytes() == (trained.file.parent / name).read_bytes(), name


def test_a_finished_run_is_not_trained_again(folder: Path, trained: StructureModel) -> None:
    before = (trained.file.read_bytes(), (trained.file.parent / "last.ckpt").stat().st_mtime_ns)
    train_crystal(folder / "train.toml", trained.file.parent)
    assert (trained.file.read_bytes(), (trained.file.parent / "last.ckpt").stat().st_mtime_ns) == before


def test_a_folder_of_another_run_is_left_alone(folder: Path, trained: StructureModel) -> None:
    other = folder / "other.toml"
    other.write_text(CONFIG.replace("epochs = 3", "epochs = 4"))
    with pytest.raises(InputError, match=r"holds a run of another configuration .*give another --out"):
        train_crystal(other, trained.file.parent)


def test_trajectories_with_labels_are_data_too(folder: Path) -> None:
    for name in ("fcc", "bcc"):
        write(folder / f"{name}.xyz", [frame(name, seed) for seed in range(6)], format="extxyz")
    entries = "".join(f"[[data]]\nfile = '{n}.xyz'\nlabel = '{n}'\nframes = '0:4'\n" for n in ("fcc", "bcc"))
    config = CONFIG.replace('[[data]]\nfile = "data.npz"\n', entries).replace("epochs = 3", "epochs = 1")
    (folder / "files.toml").write_text(config)
    model = train_crystal(folder / "files.toml", folder / "files")
    assert model.classes == ("fcc", "bcc")
    assert [entry["snapshots"] for entry in model.metadata.training["data"]["files"]] == [4, 4]


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("data.npz", "absent.npz", FormatError, "absent.npz: cannot be read"),
        ("data.npz", "train.toml.npz", FormatError, "train.toml.npz"),
        ("[fit]", "[split]\nby = 'system'\n[fit]", InputError, "has no atom in the validation part"),
        ("[fit]", "[split]\nby = 'atom'\n[fit]", InputError, "split.by must be one of"),
        ('name = "three"', 'name = "three"\nclasses = ["fcc"]', InputError, "not among model.classes"),
        ('name = "three"', 'name = "three"\nids = [1]', InputError, "model.ids"),
        ('name = "three"', 'name = "my model"', InputError, "'name' must be one word"),
        ('name = "three"', 'name = "three"\nids = [1, 1, 2]', InputError, "'ids' must be distinct"),
    ],
)
def test_wrong_data_is_refused_before_anything_is_written(
    folder: Path, old: str, new: str, error: type[Exception], message: str
) -> None:
    (folder / "train.toml.npz").write_text("no zip")
    (folder / "wrong.toml").write_text(CONFIG.replace(old, new, 1))
    with pytest.raises(error, match=message):
        train_crystal(folder / "wrong.toml", folder / "wrong")
    assert not (folder / "wrong").exists()


def test_the_command_line_trains(
    folder: Path, trained: StructureModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (str(folder / "train.toml"), "--out", str(trained.file.parent), "--threads", "1", "--quiet")
    assert command(monkeypatch, "train", "crystal", *arguments) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "model.onnx" in output
    assert "as simulated" in output


def test_the_command_line_reports_a_wrong_configuration_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "typo.toml").write_text(CONFIG.replace("epochs", "epoch"))
    assert (
        command(monkeypatch, "train", "crystal", str(folder / "typo.toml"), "--out", str(folder / "typo"))
        == 2
    )
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "unknown key 'fit.epoch'" in captured.err
    assert not (folder / "typo").exists()


def test_models_describes_a_file(
    trained: StructureModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "models", str(trained.file)) == 0
    output = " ".join(capsys.readouterr().out.split())
    for text in ("three 1", "fcc (1), bcc (3), disordered (9)", "as simulated", "fcc system"):
        assert text in output
    assert command(monkeypatch, "models", "--json", str(trained.file)) == 0
    described = json.loads(capsys.readouterr().out)[0]
    assert described["classes"] == ["fcc", "bcc", "disordered"]
    assert described["file"] == str(trained.file)


def test_models_lists_what_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "models", "--json") == 0
    for described in json.loads(capsys.readouterr().out):
        assert load_model(described["model"]).metadata.name == described["name"]


def test_models_refuses_a_file_of_another_kind(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "models", str(folder / "train.toml")) == 2
    assert "not an ONNX model" in capsys.readouterr().err
