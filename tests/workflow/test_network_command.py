"""`mdlens network generate|compress|poisson`: what they write, that they go on, and what they refuse."""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mdlens.cli import main
from mdlens.elastic import read_networks, read_trajectory_folder, write_network_data
from mdlens.errors import InputError
from mdlens.simulation import compression
from mdlens.workflows import elastic_data
from mdlens.workflows.elastic_data import NetworkSetRecipe, generate_networks, spread_order


@dataclass(frozen=True)
class Outcome:
    """What a command left on the terminal."""

    code: int
    out: str
    err: str


SMALL = ("--bases", "2", "--nodes", "36", "--per-base", "3", "--nu", "0:0.6")
BRIEF = ("--fast", "--strain", "-0.001")


@pytest.fixture
def network(monkeypatch, capfd, tmp_path):
    """Run ``mdlens network`` in this process, in `tmp_path`; an exception that gets out fails."""

    def run(*words):
        capfd.readouterr()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["mdlens", "network", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        return Outcome(int(stop.value.code or 0), *capfd.readouterr())

    return run


@pytest.fixture(scope="module")
def some_networks(tmp_path_factory):
    path = tmp_path_factory.mktemp("networks") / "n.npz"
    generate_networks(NetworkSetRecipe(bases=2, nodes=36, per_base=3, lowest=0.0), path)
    return path


@pytest.fixture
def networks(some_networks, tmp_path):
    shutil.copy(some_networks, tmp_path)
    return read_networks(some_networks)


def test_networks_are_generated(network, some_networks, tmp_path):
    outcome = network("generate", "n.npz", *SMALL)
    assert outcome.code == 0
    assert "networks of 2 packings" in outcome.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["n.npz"]
    names = [n.name for n in read_networks(tmp_path / "n.npz")]
    assert names == [n.name for n in read_networks(some_networks)]


@pytest.fixture
def refuse(network):
    def check(*words):
        outcome = network(*words)
        assert outcome.code == 2
        assert outcome.err.count("\n") == 1, outcome.err
        assert outcome.err.startswith("mdlens: ")
        return outcome.err

    return check


def test_networks_are_made_compressed_and_measured(network, networks, tmp_path):
    assert 3 <= len(networks) <= 6
    assert len({n.base for n in networks}) == 2
    assert network("compress", "n.npz", "-o", "runs", *BRIEF).code == 0
    runs = list(read_trajectory_folder(tmp_path / "runs"))
    assert {run.network.name for run in runs} == {n.name for n in networks}
    assert len({run.seed for run in runs}) == len(runs)
    assert all(abs(run.linear_nu) < 1 for run in runs)
    files = sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "runs").glob("*.npz"))
    outcome = network("poisson", "n.npz", *files)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert len(lines) == 1 + 2 * len(networks)
    last = lines[-1].split()
    assert float(last[4]) == pytest.approx(runs[-1].linear_nu, abs=1e-4)
    assert float(last[-3]) == pytest.approx(runs[-1].strain[-1], abs=1e-4)


def test_lammps_data_is_compressed(network, networks, tmp_path):
    write_network_data(tmp_path / "one.data", networks[0])
    assert network("compress", "one.data", "-o", "runs", *BRIEF).code == 0
    (run,) = read_trajectory_folder(tmp_path / "runs")
    np.testing.assert_array_equal(run.network.bonds, networks[0].bonds)


def test_compression_goes_on(network, networks, tmp_path):
    words = ("compress", "n.npz", "-o", "runs", *BRIEF)
    assert network(*words, "--limit", "2").code == 0
    first = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("*.npz")}
    assert len(first) == 2
    assert network(*words).code == 0
    assert len(list((tmp_path / "runs").glob("*.npz"))) == len(networks)
    assert all(path.stat().st_mtime_ns == when for path, when in first.items())


def test_a_trajectory_does_not_depend_on_interruptions(network, networks, tmp_path):
    words = ("compress", "n.npz", *BRIEF, "-o")
    network(*words, "runs", "--limit", "1")
    network(*words, "runs", "--limit", "2")
    network(*words, "again", "--limit", "2")
    for path in (tmp_path / "runs").glob("*.npz"):
        with np.load(path) as one, np.load(tmp_path / "again" / path.name) as other:
            np.testing.assert_array_equal(one["frame_positions"], other["frame_positions"])


def test_generation_goes_on(tmp_path, monkeypatch):
    recipe = NetworkSetRecipe(bases=3, nodes=36, per_base=2, lowest=0.0)
    whole = generate_networks(recipe, tmp_path / "whole.npz")
    made = []
    original = elastic_data.pruned_networks

    def counted(recipe, base):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(base)
        return original(recipe, base)

    monkeypatch.setattr(elastic_data, "pruned_networks", counted)
    with pytest.raises(KeyboardInterrupt):
        generate_networks(recipe, tmp_path / "n.npz")
    assert not (tmp_path / "n.npz").exists()
    made.clear()
    again = generate_networks(recipe, tmp_path / "n.npz")
    assert made == [2]
    assert not (tmp_path / "n.npz.parts").exists()
    assert [n.name for n in again] == [n.name for n in whole]
    for one, other in zip(again, whole, strict=True):
        np.testing.assert_array_equal(one.bonds, other.bonds)
        np.testing.assert_array_equal(one.positions, other.positions)


def test_other_settings_need_another_place(refuse, network, networks, tmp_path):
    assert "n.npz is there already" in refuse("generate", "n.npz", *SMALL)
    network("compress", "n.npz", "-o", "runs", "--limit", "1", *BRIEF)
    err = refuse("compress", "n.npz", "-o", "runs", "--fast", "--strain", "-0.002")
    assert "belongs to another recipe" in err
    (tmp_path / "m.npz.parts").mkdir()
    (tmp_path / "m.npz.parts" / "recipe.json").write_text("{}")
    assert "belongs to another recipe" in refuse("generate", "m.npz", *SMALL)


def test_an_interrupted_compression_leaves_whole_files(networks, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    recipe = compression.fast_recipe(strain=-0.001)
    monkeypatch.setattr(elastic_data, "write_trajectories", stop)
    with pytest.raises(KeyboardInterrupt):
        elastic_data.compress_networks(networks, recipe, tmp_path / "runs")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["recipe.json"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("poisson", "none.npz"), "none.npz"),
        (("poisson", "none.data"), "none.data"),
        (("generate", "n.txt"), "written to .npz files"),
        (("generate", "n.npz", "--nu", "0.3"), "--nu takes LOW:HIGH"),
        (("generate", "n.npz", "--nu", "0.3:-0.3"), "between -1 and 1"),
        (("generate", "n.npz", "--bases", "0"), "at least 1 base network"),
        (("generate", "n.npz", "--nodes", "8"), "16 nodes"),
        (("generate", "n.npz", "--tolerance", "0"), "must be positive"),
        (("generate", "n.npz", "--seed", "-1"), "seed must be 0 or more"),
    ],
)
def test_wrong_words(refuse, tmp_path, words, message):
    assert message in refuse(*words)
    assert not list(tmp_path.iterdir())


def test_damaged_and_double_files(refuse, networks, tmp_path):
    (tmp_path / "bad.npz").write_bytes((tmp_path / "n.npz").read_bytes()[:500])
    assert "bad.npz" in refuse("poisson", "bad.npz")
    shutil.copy(tmp_path / "n.npz", tmp_path / "m.npz")
    assert "two networks are named" in refuse("compress", "n.npz", "m.npz", "-o", "runs", *BRIEF)
    assert not (tmp_path / "runs").exists()


def test_any_prefix_is_spread_over_base_networks():
    bases = [f"b{k // 4}" for k in range(40)]
    order = spread_order(bases, seed=3)
    assert sorted(order) == list(range(40))
    for turn in range(4):
        assert len({bases[k] for k in order[10 * turn : 10 * turn + 10]}) == 10
    assert order != spread_order(bases, seed=4)
    assert order == spread_order(bases, seed=3)


def test_what_a_folder_is_of(network, networks, tmp_path):
    network("compress", "n.npz", "-o", "runs", "--limit", "1", *BRIEF)
    settings = json.loads((tmp_path / "runs" / "recipe.json").read_text())["compression"]
    assert settings["strain"] == -0.001
    assert settings["timestep"] == 0.25
    with pytest.raises(InputError, match="belongs to another"):
        elastic_data.claim_folder(Path(tmp_path / "runs"), {"other": 1})
