"""Formats read through ASE: streamed where ASE can, errors turned into ours."""

import gzip

import ase.build
import ase.io
import numpy as np
import pytest
import zstandard
from ase import Atoms
from ase.io.lammpsdata import write_lammps_data
from hypothesis import given
from hypothesis import strategies as st

from mdlens.errors import FormatError
from mdlens.io import read


def crystal(seed=0, repeat=2):
    atoms = ase.build.bulk("NaCl", "rocksalt", a=5.6, cubic=True).repeat((repeat, 1, 1))
    atoms.positions += 0.4 + np.random.default_rng(seed).normal(0, 0.05, atoms.positions.shape)
    return atoms


FILES = [
    "a.xyz",
    "a.extxyz",
    "POSCAR",
    "CONTCAR.relaxed",
    "a.cif",
    "a.vasp",
    "a.pdb",
    "a.traj",
    "a.json",
    "a.xsf",
]


@pytest.mark.parametrize("name", FILES)
def test_what_ase_writes_is_read(tmp_path, name):
    atoms = crystal()
    ase.io.write(tmp_path / name, atoms, format="vasp" if "CAR" in name else None)
    other = read(tmp_path / name)[0]
    assert sorted(other.get_chemical_symbols()) == sorted(atoms.get_chemical_symbols())
    np.testing.assert_allclose(np.sort(other.positions.ravel()), np.sort(atoms.positions.ravel()), atol=2e-3)
    np.testing.assert_allclose(other.cell.lengths(), atoms.cell.lengths(), atol=2e-3)
    assert len(read(tmp_path / name)) == 1


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("name", ["a.xyz", "POSCAR", "a.cif", "a.traj"])
def test_packed_files(tmp_path, name, suffix):
    ase.io.write(tmp_path / name, crystal(), format="vasp" if name == "POSCAR" else None)
    pack = gzip.compress if suffix == ".gz" else zstandard.compress
    path = tmp_path / (name + suffix)
    path.write_bytes(pack((tmp_path / name).read_bytes()))
    np.testing.assert_array_equal(read(path)[0].positions, read(tmp_path / name)[0].positions)


@pytest.mark.parametrize("name", ["a.xyz", "a.traj", "a.pdb"])
def test_trajectories_are_sliced(tmp_path, name):
    frames = [crystal(seed) for seed in range(5)]
    ase.io.write(tmp_path / name, frames)
    trajectory = read(tmp_path / name)
    assert len(trajectory) == 5
    for part in (slice(None), slice(1, 4, 2), slice(-2, None), slice(None, None, -2), slice(3, 99)):
        selected = list(read(tmp_path / name, part))
        assert len(selected) == len(trajectory[part]) == len(frames[part])
        for atoms, other in zip(selected, frames[part], strict=True):
            np.testing.assert_allclose(atoms.positions, other.positions, atol=2e-3)
    np.testing.assert_allclose(trajectory[-1].positions, frames[-1].positions, atol=2e-3)


@pytest.mark.parametrize("hint", [True, False])
@pytest.mark.parametrize("style", ["atomic", "charge", "full"])
def test_lammps_data_files(tmp_path, style, hint):
    path = tmp_path / "system.lmp"
    atoms = crystal()
    atoms.set_initial_charges(np.linspace(-1, 1, len(atoms)))
    write_lammps_data(path, atoms, atom_style=style, masses=True)
    text = path.read_text()
    assert f"Atoms # {style}" in text
    path.write_text(text if hint else text.replace(f"Atoms # {style}", "Atoms"))
    other = read(path)[0]
    assert sorted(other.get_chemical_symbols()) == sorted(atoms.get_chemical_symbols())
    np.testing.assert_allclose(other.positions, atoms.positions, atol=1e-6)
    assert other.pbc.all()


def test_lammps_data_keeps_the_order_of_the_file(tmp_path):
    path = tmp_path / "shuffled.data"
    path.write_text(
        "\n\n3 atoms\n1 atom types\n0 4 xlo xhi\n0 4 ylo yhi\n0 4 zlo zhi\n\nMasses\n\n1 63.546\n\nAtoms\n\n"
        "3 1 0 0 3\n1 1 0 0 1\n2 1 0 0 2\n"
    )
    atoms = read(path)[0]
    assert atoms.arrays["id"].tolist() == [3, 1, 2]
    assert atoms.positions[:, 2].tolist() == [3, 1, 2]
    assert atoms.get_chemical_symbols() == ["Cu"] * 3


def test_names_with_an_at_sign_and_postgres_are_files(tmp_path):
    for name in ("run@300K.cif", "postgres.cif"):
        ase.io.write(tmp_path / "plain.cif", crystal())
        (tmp_path / "plain.cif").rename(tmp_path / name)
        assert len(read(tmp_path / name)[0]) == 16


XYZ = '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"\nCu 0 0 0\nCu 1 2 3\n'

WRONG_XYZ = {
    "cut": (XYZ + XYZ.rsplit("Cu", 1)[0], "line 5 declares 2 atoms but the file ends after 1"),
    "huge count": (XYZ.replace("2\n", "1000000000000000000\n", 1), "declares 1000000000000000000 atoms"),
    "negative count": (
        XYZ.replace("2\n", "-2\n", 1),
        "expected the number of atoms of the next frame, got '-2'",
    ),
    "too many atoms": (XYZ.replace("2\n", "1\n", 1), "line 4: expected the number of atoms"),
    "bad number": (
        XYZ.replace("1 2 3", "1 x 3"),
        "frame beginning in line 1: ASE cannot read it as extended XYZ",
    ),
    "no symbol": (XYZ.replace("Cu 1", "Qq 1"), "ASE cannot read it"),
    "few columns": (XYZ.replace("1 2 3", "1 2"), "ASE cannot read it"),
    "nan": (XYZ.replace("1 2 3", "1 nan 3"), "the position of atom 1 .* is not finite"),
    "flat": (XYZ.replace("0 0 4", "0 0 0"), "the periodic cell has zero volume"),
    "infinite cell": (XYZ.replace("0 0 4", "0 0 inf"), "the cell holds numbers that are not finite"),
    "bad properties": (XYZ.replace("pos:R:3", "pos:Q:3"), "ASE cannot read it"),
    "no frames": ("\n", "blank lines only"),
}


@pytest.mark.parametrize("name", WRONG_XYZ)
def test_wrong_extended_xyz(tmp_path, name):
    contents, problem = WRONG_XYZ[name]
    path = tmp_path / "bad.xyz"
    path.write_text(contents)
    with pytest.raises(FormatError, match=problem) as caught:
        list(read(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_frames_of_extended_xyz_before_a_cut_are_given(tmp_path):
    path = tmp_path / "cut.xyz"
    path.write_text(XYZ + XYZ[:-30])
    frames = iter(read(path))
    assert len(next(frames)) == 2
    with pytest.raises(FormatError, match="the frame that begins in line 5"):
        next(frames)


def test_extended_xyz_variations(tmp_path):
    path = tmp_path / "varied.xyz"
    reference = np.array([[0, 0, 0], [1, 2, 3]])
    for text in (XYZ.replace("\n", "\r\n"), XYZ.removesuffix("\n"), XYZ + "\n \n", "\n" + XYZ + "\n" + XYZ):
        path.write_bytes(text.encode())
        np.testing.assert_array_equal(read(path)[0].positions, reference)
    path.write_text("2\n\nCu 0 0 0\nCu 1 2 3\n" * 2)
    assert [atoms.pbc.any() for atoms in read(path)] == [False, False]
    path.write_text("1\nwith vectors\nH 0 0 0\nVEC1 4 0 0\nVEC2 0 4 0\nVEC3 0 0 4\n" * 2)
    assert [atoms.cell.lengths().tolist() for atoms in read(path)] == [[4, 4, 4]] * 2
    path.write_text("0\nnothing\n" + XYZ)
    assert [len(atoms) for atoms in read(path)] == [0, 2]


NAMES = ["POSCAR", "a.cif", "a.pdb", "a.json", "a.traj", "a.xsf", "a.gen", "a.nc", "a.lmp", "a.db"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "contents", [b"complete nonsense\n", b"\x00\x01\x02\x03" * 30, b"7\n"], ids=["text", "bytes", "7"]
)
def test_nonsense_is_a_format_error(tmp_path, name, contents):
    path = tmp_path / name
    path.write_bytes(contents)
    with pytest.raises(FormatError) as caught:
        list(read(path))
    assert str(path) in str(caught.value)


def test_python_files_are_not_run(tmp_path):
    path = tmp_path / "evil.py"
    path.write_text(f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n")
    with pytest.raises(FormatError):
        list(read(path))
    assert not (tmp_path / "ran").exists()


@given(data=st.data())
def test_mutated_extended_xyz_gives_frames_or_a_format_error(tmp_path_factory, data):
    contents = bytearray((XYZ + XYZ).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        contents[data.draw(st.integers(0, len(contents) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "mutated.xyz"
    path.write_bytes(bytes(contents))
    try:
        frames = list(read(path))
    except FormatError:
        return
    for atoms in frames:
        assert isinstance(atoms, Atoms)
        assert np.isfinite(atoms.positions).all()


def test_a_file_in_which_ase_finds_nothing(tmp_path):
    path = tmp_path / "bad.cif"
    path.write_text("data_x\n_cell_length_a nonsense\n")
    with pytest.raises(FormatError, match="no atoms found as cif"):
        list(read(path))
