"""mdlens train network and mdlens network rollout on tiny lattices."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins.compression import compress_slowly, lattice_network

from mdlens.elastic import read_trajectories, write_networks, write_trajectories
from mdlens.errors import InputError
from mdlens.learning import network_fit
from mdlens.learning.network_data import draw_window
from mdlens.models import Window
from mdlens.workflows.elastic import train_network

CONFIG = """
[model]
variant = "{variant}"
width = 16
law_width = 8

[[data]]
file = "runs"

[split]
validation = 0.2
test = 0.2

[fit]
epochs = {epochs}
steps_per_epoch = 15
batch_size = 2
learning_rate = 0.05
final_rate = 0.01
unroll = [1, 3]
validation_windows = 2
validation_steps = 5
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    (folder / "runs").mkdir()
    for seed in range(5):
        run = compress_slowly(lattice_network(3, seed), 16, dt=0.1)
        write_trajectories(folder / "runs" / f"{seed}.npz", [run])
    write_networks(folder / "rest.npz", [lattice_network(3, 0)])
    return folder


def config(folder: Path, variant: str = "bonds", epochs: int = 8) -> Path:
    file = folder / f"{variant}{epochs}.toml"
    file.write_text(CONFIG.format(variant=variant, epochs=epochs), encoding="utf-8")
    return file


def run(arguments: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    from mdlens.cli import main

    monkeypatch.setattr("sys.argv", ["mdlens", *map(str, arguments)])
    main()


def test_train_and_roll_out(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    with pytest.raises(SystemExit) as stop:
        run(["train", "network", config(work), "--out", out, "--quiet"], monkeypatch)
    assert stop.value.code in (0, None)
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["scores"]["simulator"]["15"]["mse_relative"] < 0.3
    assert metrics["scores"]["frozen"]["15"]["mse_relative"] == pytest.approx(1.0)
    assert "R2 of nu" in capsys.readouterr().out
    assert len((out / "log.csv").read_text(encoding="utf-8").splitlines()) == 9

    made, page = tmp_path / "made.npz", tmp_path / "made.html"
    arguments = ["network", "rollout", out, work / "runs" / "0.npz", "--out", made]
    with pytest.raises(SystemExit) as stop:
        run([*arguments, "--frames", 20, "--report", page], monkeypatch)
    assert stop.value.code in (0, None)
    (predicted,) = read_trajectories(made)
    assert predicted.n_frames == 20
    text = page.read_text(encoding="utf-8")
    assert "lattice0" in text
    assert "://" not in text


def test_a_network_at_rest_is_rolled_out(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, made = tmp_path / "run", tmp_path / "made.npz"
    train_network(config(work, epochs=1), out)
    arguments = ["network", "rollout", out, work / "rest.npz", "--out", made, "--frames", 8]
    with pytest.raises(SystemExit) as stop:
        run(arguments, monkeypatch)
    assert stop.value.code in (0, None)
    (predicted,) = read_trajectories(made)
    assert predicted.n_frames == 8
    assert np.all(np.diff(predicted.strain) < 0)


def test_an_interrupted_run_goes_on_to_the_same_weights(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_network(config(work, "paper", 4), tmp_path / "whole")
    draws = iter(range(1, 1000))

    def interrupted(*arguments: Any) -> Window:
        if next(draws) == 40:  # in the third epoch
            raise KeyboardInterrupt
        return draw_window(*arguments)

    monkeypatch.setattr(network_fit, "draw_window", interrupted)
    with pytest.raises(KeyboardInterrupt, match="run the same command again"):
        train_network(config(work, "paper", 4), tmp_path / "cut")
    assert not (tmp_path / "cut" / "model.safetensors").exists()
    resumed = train_network(config(work, "paper", 4), tmp_path / "cut")
    assert next(draws) < 40 + 62
    for name, values in whole.simulator.state_dict().items():
        np.testing.assert_array_equal(resumed.simulator.state_dict()[name].numpy(), values.numpy())


def test_another_configuration_is_refused(work: Path, tmp_path: Path) -> None:
    train_network(config(work, "linear", 1), tmp_path / "run")
    with pytest.raises(InputError, match="another configuration"):
        train_network(config(work, "linear", 2), tmp_path / "run")


def test_unknown_keys_and_lost_data_are_named(work: Path, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[[data]]\nfile = 'nowhere'\n[fit]\nepoch = 3\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"fit\.epoch"):
        train_network(file, tmp_path / "run")
