"""The dump reader against LAMMPS' own files, ASE, OVITO and a slow twin."""

import gzip
from pathlib import Path

import ase.io
import numpy as np
import pytest
import zstandard
from ase.io.lammpsrun import read_lammps_dump_text
from hypothesis import given
from hypothesis import strategies as st

from mdlens.errors import InputError
from mdlens.io import parse_frames, read

DUMPS = Path(__file__).parent.parent / "data" / "lammps"
CASES = sorted(path.name.removesuffix(".dump") for path in DUMPS.glob("*.dump") if ".ref" not in path.name)
UNWRAPPED = {"unwrapped", "scaled_unwrapped"}
OTHERS_READ = [name for name in CASES if name != "labels"]  # neither ASE nor OVITO takes a `typelabel` column

SMALL = """ITEM: TIMESTEP
{step}
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp ff ps
0 4
-1 4
1 7
ITEM: ATOMS id type x y z
1 1 {step} 1.25 2
2 2 3 1e-3 -4
"""


def small(frames: int) -> str:
    return "".join(SMALL.format(step=10 * k) for k in range(frames))


@pytest.fixture
def five(tmp_path):
    path = tmp_path / "five.dump"
    path.write_text(small(5))
    return path


def test_cases_are_there():
    assert len(CASES) == 11


@pytest.mark.parametrize("name", CASES)
def test_positions_and_cells_are_those_lammps_wrote_in_the_reference_form(name):
    frames, references = read(DUMPS / f"{name}.dump"), read(DUMPS / f"{name}.ref.dump")
    assert len(frames) == len(references) >= 2
    for atoms, reference in zip(frames, references, strict=True):
        np.testing.assert_allclose(atoms.cell.array, reference.cell.array, rtol=0, atol=1e-12)
        np.testing.assert_allclose(atoms.get_celldisp(), reference.get_celldisp(), rtol=0, atol=1e-12)
        shift = np.linalg.solve(atoms.cell.array.T, (atoms.positions - reference.positions).T)
        np.testing.assert_allclose(shift, np.rint(shift), atol=2e-9)
        if name in UNWRAPPED:
            np.testing.assert_array_equal(np.rint(shift), 0)
        assert atoms.info["timestep"] == reference.info["timestep"]
        assert atoms.pbc.tolist() == reference.pbc.tolist()


@pytest.mark.parametrize("name", OTHERS_READ)
def test_agrees_with_ase(name):
    with (DUMPS / f"{name}.dump").open() as file:
        references = read_lammps_dump_text(file, index=slice(None), order=False)
    for atoms, reference in zip(read(DUMPS / f"{name}.dump"), references, strict=True):
        np.testing.assert_allclose(atoms.cell.array, reference.cell.array, rtol=0, atol=1e-12)
        origin = atoms.get_celldisp().reshape(3)
        np.testing.assert_allclose(origin, reference.get_celldisp().reshape(3), atol=1e-12)
        # ASE leaves the origin out of positions made from scaled coordinates
        base = origin if "scaled" in name else np.zeros(3)
        np.testing.assert_allclose(atoms.positions - base, reference.positions, rtol=0, atol=1e-12)
        assert atoms.pbc.tolist() == reference.pbc.tolist()
        np.testing.assert_array_equal(atoms.arrays["type"], reference.arrays["type"])


@pytest.mark.parametrize("name", OTHERS_READ)
def test_agrees_with_ovito(name):
    import_file = pytest.importorskip("ovito.io").import_file
    pipeline = import_file(str(DUMPS / f"{name}.dump"))
    trajectory = read(DUMPS / f"{name}.dump")
    assert len(trajectory) == pipeline.source.num_frames
    for frame, atoms in enumerate(trajectory):
        data = pipeline.compute(frame)
        matrix = np.asarray(data.cell[...])
        np.testing.assert_allclose(atoms.cell.array, matrix[:, :3].T, rtol=0, atol=1e-12)
        np.testing.assert_allclose(atoms.get_celldisp().reshape(3), matrix[:, 3], rtol=0, atol=1e-12)
        assert tuple(atoms.pbc) == tuple(data.cell.pbc)
        np.testing.assert_allclose(atoms.positions, data.particles.positions[...], rtol=0, atol=1e-12)
        np.testing.assert_array_equal(atoms.arrays["id"], data.particles.identifiers[...])


def test_columns_keep_their_lammps_names_and_kinds():
    atoms = read(DUMPS / "wrapped.dump")[0]
    assert atoms.info["lammps_columns"] == "id type element x y z vx vy vz ix iy iz"
    assert atoms.info["lammps_units"] == "metal"
    assert atoms.info["time"] == 0.0
    assert {name: str(atoms.arrays[name].dtype) for name in ("id", "type", "vx", "ix")} == {
        "id": "int64", "type": "int32", "vx": "float64", "ix": "int64",
    }  # fmt: skip
    assert atoms.get_chemical_symbols()[:3] == ["Cu", "Cu", "Zr"]
    assert "element" not in atoms.arrays


@pytest.mark.parametrize(("largest", "kind"), [(2**31 - 1, "int32"), (2**31, "int64")])
def test_types_take_32_bits_unless_they_are_larger(tmp_path, largest, kind):
    path = tmp_path / "types.dump"
    path.write_text(small(1).replace("\n2 2 3", f"\n2 {largest} 3"))
    types = read(path)[0].arrays["type"]
    assert (types.tolist(), str(types.dtype)) == ([1, largest], kind)


def test_units_hold_for_later_frames_and_time_is_read():
    frames = list(read(DUMPS / "wrapped.dump"))
    assert [atoms.info["lammps_units"] for atoms in frames] == ["metal"] * 3
    assert [atoms.info["time"] for atoms in frames] == pytest.approx([0.0, 0.2, 0.4])
    trajectory = read(DUMPS / "wrapped.dump")
    len(trajectory)
    assert trajectory[2].info["lammps_units"] == "metal"


def test_type_labels_give_species():
    atoms = read(DUMPS / "labels.dump")[0]
    assert set(atoms.get_chemical_symbols()) == {"Cu", "Zr"}
    assert set(atoms.arrays["typelabel"]) == {"Cu", "Zr"}


def test_without_elements_symbols_are_x(five):
    atoms = read(five)[0]
    assert atoms.get_chemical_symbols() == ["X", "X"]
    assert atoms.arrays["type"].tolist() == [1, 2]


def test_elements_that_are_no_symbols_are_kept(tmp_path):
    path = tmp_path / "beads.dump"
    path.write_text(
        small(1).replace("id type", "id element").replace("1 1 0", "1 Fe 0").replace("2 2 3", "2 Fe2+ 3")
    )
    atoms = read(path)[0]
    assert atoms.arrays["element"].tolist() == ["Fe", "Fe2+"]
    assert atoms.get_chemical_symbols() == ["Fe", "X"]


def test_atom_numbers_may_change_and_be_zero(tmp_path):
    assert [len(atoms) for atoms in read(DUMPS / "vanishing.dump")] == [32, 32, 29]
    path = tmp_path / "empty_frame.dump"
    none = small(1).split("1 1 0")[0].replace("ATOMS\n2", "ATOMS\n0")
    path.write_text(none + small(1) + none)
    assert [len(atoms) for atoms in read(path)] == [0, 2, 0]
    assert len(read(path)) == 3


def test_old_files_without_boundaries_are_periodic(tmp_path):
    path = tmp_path / "old.dump"
    path.write_text(small(1).replace(" pp ff ps", ""))
    assert read(path)[0].pbc.all()
    path.write_text(
        small(1)
        .replace(" pp ff ps", "")
        .replace("0 4", "0 5 1")
        .replace("-1 4", "-1 4 0")
        .replace("1 7", "1 7 0")
    )
    assert read(path)[0].cell.array.tolist() == [[4, 0, 0], [1, 5, 0], [0, 0, 6]]


HARMLESS = {
    "crlf": lambda text: text.replace("\n", "\r\n"),
    "blank end": lambda text: text + "\n\n  \n",
    "blank start": lambda text: "\n\n" + text,
    "no final newline": lambda text: text.removesuffix("\n"),
    "tabs": lambda text: text.replace(" ", "\t"),
    "trailing blanks": lambda text: text.replace("\n1 1", " \n1 1").replace("-4\n", "-4 \n"),
    "blank between": lambda text: text.replace("ITEM: TIMESTEP", "\nITEM: TIMESTEP"),
    "plus": lambda text: text.replace("1.25", "+1.25"),
    "crlf and no final newline": lambda text: text.replace("\n", " \r\n").removesuffix("\r\n"),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_harmless_variations(tmp_path, five, change):
    path = tmp_path / "varied.dump"
    path.write_bytes(change(small(5)).encode())
    for atoms, reference in zip(read(path), read(five), strict=True):
        np.testing.assert_array_equal(atoms.positions, reference.positions)
        assert atoms.info["timestep"] == reference.info["timestep"]
    assert len(read(path)) == 5


@pytest.mark.parametrize("suffix", [".gz", ".zst", ""])
def test_compressed_files_of_several_members(tmp_path, suffix):
    pack = gzip.compress if suffix != ".zst" else zstandard.compress
    path = tmp_path / f"packed.dump{suffix}"
    path.write_bytes(pack(small(3).encode()) + pack(b"") + pack(small(2).encode()))
    trajectory = read(path)
    assert [atoms.info["timestep"] for atoms in trajectory] == [0, 10, 20, 0, 10]
    assert len(trajectory) == 5
    assert trajectory[-2].info["timestep"] == 0


def steps(trajectory):
    return [atoms.info["timestep"] // 10 for atoms in trajectory]


@pytest.fixture(scope="module")
def seven(tmp_path_factory):
    path = tmp_path_factory.mktemp("dumps") / "seven.dump"
    path.write_text(small(7))
    return path


@given(slices=st.lists(st.slices(7), min_size=1, max_size=3))
def test_slices_are_those_of_a_list(seven, slices):
    expected, trajectory = list(range(7)), read(seven)
    for part in slices:
        expected, trajectory = expected[part], trajectory[part]
    assert steps(trajectory) == expected
    assert len(trajectory) == len(expected)


@pytest.mark.parametrize(("text", "expected"), [
    ("0:5:2", [0, 2, 4]), ("-1", [4]), ("3:", [3, 4]), (":2", [0, 1]), ("2", [2]), ("::-2", [4, 2, 0]),
    (":", [0, 1, 2, 3, 4]), ("-2:", [3, 4]), (" 1 : 3 ", [1, 2]),
])  # fmt: skip
def test_frames_as_text(five, text, expected):
    assert steps(read(five, text)) == expected
    assert steps(read(five, parse_frames(text))) == expected


@pytest.mark.parametrize("text", ["", "a", "1:2:3:4", "1.5", "1 2", "::0", "0x1", "9" * 30])
def test_frames_that_make_no_sense(five, text):
    with pytest.raises(InputError):
        list(read(five, text))


def test_a_frame_that_is_not_there(five):
    with pytest.raises(InputError, match="frame 5 was asked for, but there are 5 frames"):
        list(read(five, "5"))
    with pytest.raises(IndexError):
        read(five)[5]
    with pytest.raises(IndexError):
        read(five)[-6]
    assert steps([read(five)[-5], read(five)[4]]) == [0, 4]


def test_frames_behind_those_asked_for_are_not_touched(tmp_path):
    path = tmp_path / "later.dump"
    path.write_text(small(3) + "garbage\n")
    assert steps(read(path, "0:3")) == [0, 1, 2]
    assert read(path)[1].info["timestep"] == 10


def test_rows_of_frames_passed_over_are_not_parsed(tmp_path):
    path = tmp_path / "skipped.dump"
    path.write_text(small(3).replace("1 1 10", "1 1 x"))
    assert steps(read(path, "::2")) == [0, 2]
    assert len(read(path)) == 3


def test_a_known_frame_is_read_from_its_place(five):
    trajectory = read(five)
    assert len(trajectory) == 5
    text = five.read_text()
    five.write_text("#" * text.index("ITEM: TIMESTEP\n40") + text[text.index("ITEM: TIMESTEP\n40") :])
    assert trajectory[4].info["timestep"] == 40


def number_text():
    reals = st.floats(allow_nan=False, allow_infinity=False).map(lambda value: (repr(value), value))
    short = st.floats(-1e6, 1e6).map(lambda value: (f"{value:g}", float(f"{value:g}")))
    return st.one_of(
        reals, short, st.integers(-(10**15), 10**15).map(lambda value: (str(value), float(value)))
    )


@given(
    rows=st.lists(st.tuples(number_text(), number_text(), number_text()), max_size=9),
    blank=st.sampled_from([" ", "\t"]),
)
def test_numbers_are_those_python_reads(tmp_path_factory, rows, blank):
    path = tmp_path_factory.getbasetemp() / "numbers.dump"
    table = "".join(blank.join(text for text, _ in row) + "\n" for row in rows)
    path.write_text(
        small(1).split("1 1 0")[0].replace("id type ", "").replace("ATOMS\n2", f"ATOMS\n{len(rows)}") + table
    )
    expected = np.array([[value for _, value in row] for row in rows]).reshape(-1, 3)
    np.testing.assert_array_equal(read(path)[0].positions, expected)


def test_a_column_of_unknown_name_turns_real_when_it_must(tmp_path):
    path = tmp_path / "turning.dump"
    head = small(1).split("1 1 0")[0].replace("id type", "c_a c_b").replace("ATOMS\n2", "ATOMS\n3")
    path.write_text(head + "1 1 0 0 0\n2 a 0 0 0\n2.5 7 0 0 0\n")
    with pytest.raises(ValueError, match=r"line 11: column 'c_b' held numbers"):
        read(path)[0]
    path.write_text(head + "1 a 0 0 0\n-2 b 0 0 0\nnan 7 0 0 0\n")
    atoms = read(path)[0]
    np.testing.assert_array_equal(atoms.arrays["c_a"], [1.0, -2.0, np.nan])
    assert atoms.arrays["c_b"].tolist() == ["a", "b", "7"]


def test_many_rows_pass_through_all_pieces_of_the_buffer(tmp_path, monkeypatch):
    monkeypatch.setattr("mdlens.io.streams.CHUNK", 97)
    rng = np.random.default_rng(5)
    values = rng.normal(size=(300, 3))
    path = tmp_path / "pieces.dump"
    head = small(1).split("1 1 0")[0].replace("id type ", "").replace("ATOMS\n2", "ATOMS\n300")
    table = "".join(f"{x!r} {y!r} {z!r}\n" for x, y, z in values.tolist())
    path.write_text((head + table) * 2)
    for atoms in read(path):
        np.testing.assert_array_equal(atoms.positions, values)
    assert len(read(path)) == 2


def test_reads_the_same_as_ase_iread_of_a_written_dump(tmp_path):
    path = tmp_path / "one.xyz"
    ase.io.write(path, read(DUMPS / "wrapped.dump")[0])
    np.testing.assert_allclose(read(path)[0].positions, read(DUMPS / "wrapped.dump")[0].positions, atol=1e-8)


def test_a_frame_number_may_be_a_numpy_integer():
    [atoms] = read(DUMPS / "vanishing.dump", np.int64(0))
    assert atoms.info["timestep"] == read(DUMPS / "vanishing.dump")[0].info["timestep"]
