"""`mdlens transition`: files of a run in, temperatures out."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from mdlens.cli import app
from mdlens.errors import MdlensError

T = np.linspace(300, 1300, 51)


@pytest.fixture
def files(tmp_path):
    """A crystal that melts at 900 K, as the commands write it."""
    thermo = tmp_path / "thermo.csv"
    energy = 1e-4 * T + np.where(T > 900, 0.1, 0.0)
    rows = [f"{100 * k},{t:.3f},{t:.3f},{e:.6f},12.0" for k, (t, e) in enumerate(zip(T, energy, strict=True))]
    head = "timestep,target_temperature,temperature,potential_energy_per_atom,volume_per_atom"
    thermo.write_text("\n".join([head, *rows]) + "\n")
    fractions = tmp_path / "run.json"
    frames = [
        {"frame": k, "timestep": 100 * k, "fractions": {"fcc": float(t < 900), "liquid": float(t >= 900)}}
        for k, t in enumerate(T)
    ]
    fractions.write_text(json.dumps({"frames": frames}))
    return fractions, thermo


def run(*arguments):
    return CliRunner().invoke(app, ["transition", *map(str, arguments)])


def test_melting_from_two_files(files, tmp_path):
    result = run(*files, "--json", tmp_path / "found.json")
    assert result.exit_code == 0, result.output
    assert "melting of fcc, 51 frames" in result.output
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["by_energy"]["temperature"] == pytest.approx(900, abs=20)
    assert found["by_class"]["temperature"] == pytest.approx(890, abs=20)
    assert found["by_class"]["low"] <= 900 <= found["by_class"]["high"] + 20


def test_a_range_of_temperatures(files):
    assert "16 frames" in run(*files, "--between", "300:600").output
    result = run(*files, "--between", "300:350")
    assert "8 frames or more" in str(result.exception)


def test_wrong_requests(files):
    fractions, thermo = files
    for arguments, message in (
        ((fractions, thermo, "--kind", "boiling"), "kind must be"),
        ((fractions, thermo, "--class", "hcp"), "none of the classes"),
        ((fractions, thermo, "--between", "cold"), "LOW:HIGH"),
        ((fractions, fractions), "line 1: no column"),
        ((thermo, thermo), "not what `mdlens classify"),
        ((fractions.with_name("no.json"), thermo), "cannot be read"),
    ):
        error = run(*arguments).exception
        assert isinstance(error, MdlensError)
        assert message in str(error)


def test_damaged_rows_are_named(files):
    fractions, thermo = files
    lines = thermo.read_text().splitlines()
    for row, message in (
        ("200,oops", "line 4"),
        ("200,500,500,nan,12", "line 4: a number that is not finite"),
    ):
        thermo.write_text("\n".join([*lines[:3], row, *lines[4:]]))
        assert message in str(run(fractions, thermo).exception)


def test_files_of_two_runs(files):
    fractions, thermo = files
    document = json.loads(fractions.read_text())
    for frame in document["frames"]:
        frame["timestep"] += 7
    fractions.write_text(json.dumps(document))
    assert "files of one run" in str(run(fractions, thermo).exception)
