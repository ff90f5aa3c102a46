"""Training and use of amorphous models: files in, probabilities out, wrong input in one line."""

import json
import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms

import mdlens
from mdlens.cli import app
from mdlens.errors import InputError, ModelError
from mdlens.io import open_writer
from mdlens.learning.config import read_table
from mdlens.learning.configurations import Configuration
from mdlens.learning.window_fit import AmorphousConfig, GroupSplit, WindowFit, WindowModel, Windows
from mdlens.workflows.amorphous import AmorphousModel, load_amorphous_model, make_network
from mdlens.workflows.amorphous_files import classify_configurations
from mdlens.workflows.train_amorphous import split_groups

CONFIG = """
[model]
network = "{network}"
width = 16
depth = 2
[windows]
particles = 20
k = 3
pixels = 16
count = 6
[split]
validation = 0.25
test = 0.25
[fit]
epochs = 5
windows_per_epoch = 128
batch_size = 16
validation_windows = 32
learning_rate = 0.01
"""
ENTRY = '[[data]]\nfile = "{name}.dump"\nlabel = "{label}"\nframes = "{frames}"\n'


def frame(noise, seed, n=6, space=False):
    """A square or cubic lattice, disturbed: two species."""
    rng = np.random.default_rng(seed)
    grid = np.indices((n, n, n if space else 1)).reshape(3, -1).T.astype(float)
    grid[:, : 3 if space else 2] += rng.normal(0, noise, (len(grid), 3 if space else 2))
    atoms = Atoms("X" * len(grid), positions=grid, cell=[n, n, n if space else 1.0], pbc=[True, True, space])
    atoms.arrays["type"] = rng.integers(1, 3, len(grid))
    atoms.arrays["id"] = np.arange(1, len(grid) + 1)
    atoms.info["timestep"] = seed
    return atoms


@pytest.fixture(scope="module", params=["mpnn", "cnn"])
def run(request, tmp_path_factory):
    """A trained model: trajectories whose first frame is disturbed much and whose last one little."""
    folder = tmp_path_factory.mktemp(request.param)
    text = CONFIG.format(network=request.param)
    for number in range(8):
        with open_writer(folder / f"run{number}.dump") as writer:
            writer.write(frame(0.25, 2 * number))
            writer.write(frame(0.03, 2 * number + 1))
        for label, frames in (("liquid", "0"), ("glass", "-1")):
            text += ENTRY.format(name=f"run{number}", label=label, frames=frames)
    (folder / "config.toml").write_text(text)
    out = folder / "out"
    app(
        ["train", "amorphous", str(folder / "config.toml"), "--out", str(out), "--quiet"],
        standalone_mode=False,
    )
    return folder


def test_learns_a_simple_difference(run):
    scores = json.loads((run / "out" / "metrics.json").read_text())["scores"]["test"]
    assert scores["auc_configuration"]["value"] == 1.0
    assert scores["groups"] == 2
    assert (run / "out" / "log.csv").read_text().count("\n") == 6


def test_classify_command(run, capsys):
    files = [str(run / f"run{i}.dump") for i in (0, 1)]
    page, records = run / "page_{stem}.html", run / "records.json"
    command = ["amorphous", "classify", *files, "--model", str(run / "out")]
    app([*command, "--json", str(records), "--report", str(page)], standalone_mode=False)
    told = json.loads(records.read_text())
    assert [f["label"] for file in told["files"] for f in file["frames"]] == ["liquid", "glass"] * 2
    for file in told["files"]:
        for row in file["frames"]:
            assert 0.0 <= row["low"] <= row["high"] <= 1.0
    found = list(classify_configurations([run / "run2.dump"], load_amorphous_model(run / "out"), count=True))
    assert [row.frame for row in found[0][1]] == [0, 1]
    assert "P(glass)" in capsys.readouterr().out
    text = (run / "page_run1.html").read_text()
    assert "1 of 2 configurations liquid, 1 glass" in text
    assert "http://" not in text.split("<script>")[0]


def test_model_files_are_read_again(run, tmp_path):
    model = mdlens.amorphous.load_model(run / "out")
    again = tmp_path / "again.safetensors"
    model.save(again)
    atoms = frame(0.1, 99)
    first, second = (m.classify(atoms).probability for m in (model, load_amorphous_model(again)))
    assert first == second
    again.write_bytes(again.read_bytes()[:-20])
    with pytest.raises(ModelError, match=r"again\.safetensors"):
        load_amorphous_model(again)


def test_wrong_input_gets_one_clear_line(run, tmp_path):
    model = load_amorphous_model(run / "out")
    with pytest.raises(InputError, match=r"is in space \(3D\), but the model is for .* in the plane"):
        model.classify(frame(0.1, 1, n=4, space=True))
    strange = frame(0.1, 1)
    strange.arrays["type"][3] = 7
    with pytest.raises(InputError, match="species 7 is unknown to the model, which knows 1, 2"):
        model.classify(strange)
    if model.settings.network == "mpnn":
        with pytest.raises(InputError, match="3 particles are too few: the model bonds each with 3 others"):
            model.classify(frame(0.1, 1)[:3])
    with open_writer(tmp_path / "space.dump") as writer:
        writer.write(frame(0.1, 1, n=4, space=True))
    command = ["amorphous", "classify", str(tmp_path / "space.dump"), "--model", str(run / "out")]
    with pytest.raises(InputError, match=r"space\.dump, frame 0: the configuration is in space"):
        app(command, standalone_mode=False)


def test_attention_of_a_configuration(run):
    model = load_amorphous_model(run / "out")
    if model.settings.network == "cnn":
        with pytest.raises(InputError, match="this model is 'cnn'"):
            model.attention(frame(0.1, 1))
        return
    graph, weights = model.attention(frame(0.1, 1))
    assert weights.shape == graph.distance.shape
    assert weights.sum() == pytest.approx(1.0, abs=1e-5)
    assert weights.min() >= 0.0


def test_a_run_is_not_mixed_with_another(run, tmp_path):
    other = tmp_path / "other.toml"
    text = (run / "config.toml").read_text().replace('file = "', f'file = "{run}/')
    other.write_text(text.replace("epochs = 5", "epochs = 6"))
    with pytest.raises(InputError, match="another configuration"):
        app(["amorphous", "train", str(other), "--out", str(run / "out"), "--quiet"], standalone_mode=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("epochs = 5", "epoch = 5"), "unknown key 'fit.epoch'"),
        (('label = "glass"', 'label = "solid"'), "data must have both classes"),
        (('network = "mpnn"', 'network = "gnn"'), "network must be one of"),
        (("k = 3", "k = 30"), "particles must be more than k"),
        (("epochs = 5", "epochs ="), "is not TOML"),
    ],
)
def test_wrong_configurations_are_refused(tmp_path, change, message):
    text = CONFIG.format(network="mpnn")
    for label in ("liquid", "glass"):
        text += ENTRY.format(name="a", label=label, frames="0")
    (tmp_path / "c.toml").write_text(text.replace(*change))
    with pytest.raises(InputError, match=message):
        app(["amorphous", "train", str(tmp_path / "c.toml"), "--out", str(tmp_path)], standalone_mode=False)


def test_pictures_are_for_the_plane():
    settings = replace(WindowModel(), network="cnn")
    with pytest.raises(InputError, match="in the plane"):
        make_network(settings, Windows(), 2, 3)


@pytest.mark.parametrize("name", ["mpnn", "mpnn_paper"])
def test_graphs_work_in_space(name):
    settings = replace(WindowModel(), network=name, width=8, depth=2)
    windows = Windows(particles=30, k=4)
    torch.manual_seed(0)
    network = make_network(settings, windows, 2, 3)
    model = AmorphousModel(settings, windows, ("1", "2"), 3, 0.0, network)
    found = model.classify(frame(0.1, 0, n=5, space=True), windows=4)
    assert found.windows.shape == (4,)
    assert found.low <= found.high


def configurations(groups):
    zeros = np.zeros((1, 3))
    return [
        Configuration(zeros, np.eye(3), np.ones(3, bool), np.zeros(1, int), label, name)
        for name, labels in groups.items()
        for label in labels
    ]


def test_groups_are_never_split():
    made = configurations({f"g{i}": [0, 1] for i in range(10)} | {f"h{i}": [0] for i in range(5)})
    parts = split_groups(made, 0.2, 0.2, seed=1)
    owners = {}
    for part, members in parts.items():
        for c in members:
            assert owners.setdefault(c.group, part) == part
    assert all({c.label for c in members} == {0, 1} for members in parts.values())


def test_too_few_groups_are_refused():
    with pytest.raises(InputError, match="would lack a class"):
        split_groups(configurations({"a": [0], "b": [1]}), 0.2, 0.2, seed=0)


def test_the_page_names_every_key_and_its_default():
    page = (Path(__file__).parents[2] / "docs" / "amorphous.md").read_text()
    text = re.search(r"```toml\n(.*?)```", page, re.S)[1]
    config = read_table(AmorphousConfig, tomllib.loads(text), "")
    assert [entry.label for entry in config.data] == ["liquid", "glass"]
    for table, kind in (
        ("model", WindowModel),
        ("windows", Windows),
        ("split", GroupSplit),
        ("fit", WindowFit),
    ):
        part = page.split(f"### `[{table}]`")[1].split("##")[0]
        told = dict(re.findall(r"^\| `(\w+)` \| `(.*?)` \|", part, re.M))
        assert told == {
            f.name: json.dumps(list(f.default) if isinstance(f.default, tuple) else f.default)
            for f in fields(kind)
        }
