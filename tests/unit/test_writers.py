"""Writers: what is read back, what other programs see, and what an interruption leaves."""

import os
import signal
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import ase.build
import ase.io
import numpy as np
import pytest
import zstandard
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import assume, given
from hypothesis import strategies as st

from mdlens.errors import FormatError, InputError
from mdlens.io import open_writer, read
from mdlens.io.output_columns import Words

DUMPS = Path(__file__).parent.parent / "data" / "lammps"
CASES = sorted(path.name.removesuffix(".dump") for path in DUMPS.glob("*.dump") if ".ref" not in path.name)
SUFFIXES = [".dump", ".lammpstrj", ".dump.gz", ".dump.zst"]


def save(path, *frames, like=None):
    write_all(open_writer(path, like=like), *frames)
    return path


def write_all(writer, *frames):
    with writer:
        for atoms in frames:
            writer.write(atoms)


def assert_same_frame(atoms, other):
    np.testing.assert_array_equal(atoms.positions, other.positions)
    np.testing.assert_array_equal(atoms.cell.array, other.cell.array)
    np.testing.assert_array_equal(atoms.get_celldisp().reshape(3), other.get_celldisp().reshape(3))
    assert atoms.pbc.tolist() == other.pbc.tolist()
    assert atoms.info == other.info
    assert set(atoms.arrays) == set(other.arrays)
    for name, array in atoms.arrays.items():
        np.testing.assert_array_equal(array, other.arrays[name], err_msg=name)
        assert array.dtype.kind == other.arrays[name].dtype.kind


def classified(atoms, seed=0):
    rng = np.random.default_rng(seed)
    atoms = atoms.copy()
    labels = rng.integers(0, 4, len(atoms)).astype(np.int32)
    atoms.arrays["confidence"] = rng.random(len(atoms)).astype(np.float32)
    atoms.arrays["structure"] = labels
    atoms.arrays["structure_name"] = np.array(["unknown", "fcc", "hcp", "cubic_diamond"])[labels]
    return atoms


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", CASES)
def test_dumps_of_lammps_are_written_back_to_the_same_values(tmp_path, name, suffix):
    source = DUMPS / f"{name}.dump"
    frames = list(read(source))
    path = save(tmp_path / f"out{suffix}", *frames, like=source)
    for atoms, other in zip(frames, read(path), strict=True):
        assert_same_frame(atoms, other)


@pytest.mark.parametrize("name", CASES)
def test_the_text_has_the_same_items_columns_and_numbers(tmp_path, name):
    source = DUMPS / f"{name}.dump"
    path = save(tmp_path / "out.dump", *read(source))
    for line, other in zip(source.read_text().splitlines(), path.read_text().splitlines(), strict=True):
        if line.startswith("ITEM"):
            assert line.split() == other.split()
            continue
        for word, written in zip(line.split(), other.split(), strict=True):
            assert word == written or float(word) == float(written)


@pytest.mark.parametrize("name", CASES)
def test_a_classification_is_appended(tmp_path, name):
    source = DUMPS / f"{name}.dump"
    frames = [classified(atoms) for atoms in read(source)]
    path = save(tmp_path / "out.dump", *frames, like=source)
    before = next(line for line in source.read_text().splitlines() if line.startswith("ITEM: ATOMS"))
    lines = path.read_text().splitlines()
    assert f"{before} structure StructureType confidence" in lines
    assert len(lines[-1].split()[-1].split(".")[1]) <= 4
    for atoms, other in zip(frames, read(path), strict=True):
        np.testing.assert_array_equal(atoms.arrays["structure"], other.arrays["structure"])
        np.testing.assert_array_equal(atoms.arrays["structure_name"], other.arrays["structure_name"])
        np.testing.assert_allclose(atoms.arrays["confidence"], other.arrays["confidence"], atol=5.1e-5)
        np.testing.assert_array_equal(atoms.positions, other.positions)
    again = save(tmp_path / "again.dump", *(classified(atoms, seed=1) for atoms in read(path)))
    assert read(again)[0].info["lammps_columns"] == read(path)[0].info["lammps_columns"]
    np.testing.assert_array_equal(
        read(again)[0].arrays["structure"], classified(frames[0], seed=1).arrays["structure"]
    )


@pytest.mark.parametrize("suffix", [".dump", ".dump.gz", ".dump.zst", ".xyz", ".extxyz.gz"])
@pytest.mark.parametrize("name", CASES)
def test_ovito_reads_what_was_written(tmp_path, name, suffix):
    import_file = pytest.importorskip("ovito.io").import_file
    if name == "labels" and "xyz" not in suffix:
        pytest.skip("OVITO takes no `typelabel` column, neither from LAMMPS")
    frames = [classified(atoms) for atoms in read(DUMPS / f"{name}.dump")]
    path = save(tmp_path / f"out{suffix}", *frames)
    pipeline = import_file(str(path))
    assert pipeline.source.num_frames == len(frames)
    for index, atoms in enumerate(frames):
        data = pipeline.compute(index)
        matrix = np.asarray(data.cell[...])
        np.testing.assert_allclose(matrix[:, :3].T, atoms.cell.array, rtol=0, atol=1e-12)
        np.testing.assert_allclose(matrix[:, 3], atoms.get_celldisp().reshape(3), rtol=0, atol=1e-12)
        assert tuple(data.cell.pbc) == tuple(atoms.pbc)
        np.testing.assert_allclose(data.particles.positions[...], atoms.positions, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(data.particles["structure"][...], atoms.arrays["structure"])
        if "xyz" not in suffix:
            kinds = data.particles["Structure Type"]
            names = [kinds.type_by_id(kind).name for kind in kinds[...]]
            assert names == atoms.arrays["structure_name"].tolist()
        np.testing.assert_allclose(data.particles["confidence"][...], atoms.arrays["confidence"], atol=5.1e-5)


@pytest.mark.parametrize("name", CASES)
def test_ase_reads_what_was_written(tmp_path, name):
    frames = [classified(atoms) for atoms in read(DUMPS / f"{name}.dump")]
    others = ase.io.read(save(tmp_path / "out.xyz", *frames), index=":", format="extxyz")
    for atoms, other in zip(frames, others, strict=True):
        np.testing.assert_array_equal(atoms.positions, other.positions)
        np.testing.assert_array_equal(atoms.cell.array, other.cell.array)
        np.testing.assert_array_equal(atoms.pbc, other.pbc)
        np.testing.assert_array_equal(atoms.numbers, other.numbers)
        np.testing.assert_array_equal(atoms.arrays["structure"], other.arrays["structure"])
        assert other.info["timestep"] == atoms.info["timestep"]


@pytest.mark.parametrize("name", CASES)
def test_extended_xyz_comes_back_with_origin_and_columns(tmp_path, name):
    frames = list(read(DUMPS / f"{name}.dump"))
    for atoms, other in zip(frames, read(save(tmp_path / "out.xyz", *frames)), strict=True):
        np.testing.assert_array_equal(atoms.positions, other.positions)
        np.testing.assert_array_equal(atoms.get_celldisp().reshape(3), other.get_celldisp().reshape(3))
        np.testing.assert_array_equal(atoms.arrays["id"], other.arrays["id"])


reals = st.floats(allow_nan=False, allow_infinity=False, width=64).filter(lambda x: abs(x) < 1e150)
lengths = st.floats(1e-3, 1e6)
tilts = st.one_of(st.just(0.0), st.floats(-1e6, 1e6))


@st.composite
def frames(draw):
    n = draw(st.integers(0, 5))
    cell = np.diag([draw(lengths) for _ in range(3)])
    if draw(st.booleans()):
        cell[1, 0], cell[2, 0], cell[2, 1] = draw(tilts), draw(tilts), draw(tilts)
    if draw(st.booleans()):
        cell = cell[:, [1, 2, 0]]  # no longer the form LAMMPS calls restricted
    shape = cell / np.maximum(np.linalg.norm(cell, axis=1, keepdims=True), 1e-300)
    assume(abs(np.linalg.det(shape)) > 1e-9)  # tilts a million times the height leave no volume
    atoms = Atoms(
        numbers=draw(st.lists(st.integers(1, 118), min_size=n, max_size=n)),
        positions=np.array(draw(st.lists(st.tuples(reals, reals, reals), min_size=n, max_size=n))).reshape(
            n, 3
        ),
        cell=cell,
        pbc=draw(st.tuples(st.booleans(), st.booleans(), st.booleans())),
    )
    atoms.info["timestep"] = draw(st.integers(0, 2**31 - 1))
    atoms.arrays["c_real"] = np.array(
        draw(st.lists(st.floats(width=64), min_size=n, max_size=n)), dtype=float
    )
    atoms.arrays["i_whole"] = np.array(
        draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=n, max_size=n)), dtype=int
    )
    word = st.text(st.characters(min_codepoint=0x21, exclude_categories=["C", "Z"]), min_size=1, max_size=9)
    words = draw(st.lists(word.map("w".__add__), min_size=n, max_size=n))
    atoms.arrays["v_word"] = np.array(words, dtype=str if n else "U1")
    return atoms


@given(atoms=frames())
def test_any_frame_comes_back_from_a_dump(tmp_path_factory, atoms):
    path = save(tmp_path_factory.getbasetemp() / "any.dump", atoms)
    other = read(path)[0]
    np.testing.assert_array_equal(other.positions, atoms.positions)
    np.testing.assert_array_equal(other.numbers, atoms.numbers)
    # LAMMPS' bounds of a tilted box cannot hold every cell to the last bit
    np.testing.assert_allclose(
        other.cell.array, atoms.cell.array, rtol=0, atol=1e-15 * np.abs(atoms.cell.array).sum()
    )
    assert other.pbc.tolist() == atoms.pbc.tolist()
    assert other.info["timestep"] == atoms.info["timestep"]
    for name in ("c_real", "i_whole", "v_word"):
        if len(atoms):
            np.testing.assert_array_equal(other.arrays[name], atoms.arrays[name], err_msg=name)
    assert_same_frame(other, read(save(tmp_path_factory.getbasetemp() / "second.dump", other))[0])


@given(atoms=frames(), origin=st.tuples(reals, reals, reals).filter(lambda o: max(map(abs, o)) < 1e6))
def test_a_second_pass_through_a_dump_changes_nothing(tmp_path_factory, atoms, origin):
    atoms.set_celldisp(np.array(origin))
    first = save(tmp_path_factory.getbasetemp() / "first.dump", atoms)
    once = read(first)[0]
    np.testing.assert_allclose(once.cell.array, atoms.cell.array, rtol=0, atol=1e-9)
    again = save(tmp_path_factory.getbasetemp() / "again.dump", once)
    assert_same_frame(once, read(again)[0])


@given(atoms=frames())
def test_any_frame_comes_back_from_extended_xyz(tmp_path_factory, atoms):
    if not len(atoms):
        return
    path = save(tmp_path_factory.getbasetemp() / "any.xyz", atoms)
    other = read(path)[0]
    np.testing.assert_array_equal(other.positions, atoms.positions)
    np.testing.assert_array_equal(other.numbers, atoms.numbers)
    np.testing.assert_array_equal(other.cell.array, atoms.cell.array)
    np.testing.assert_array_equal(other.arrays["c_real"], atoms.arrays["c_real"])
    np.testing.assert_array_equal(other.arrays["v_word"], atoms.arrays["v_word"])


def test_scaled_coordinates_follow_moved_atoms(tmp_path):
    atoms = read(DUMPS / "triclinic_scaled.dump")[1]
    atoms.positions += 0.25
    other = read(save(tmp_path / "out.dump", atoms))[0]
    np.testing.assert_allclose(other.positions, atoms.positions, atol=1e-12)
    assert other.info["lammps_columns"] == atoms.info["lammps_columns"]


def test_frames_of_other_formats_get_columns(tmp_path):
    atoms = ase.build.bulk("NaCl", "rocksalt", a=5.6)
    atoms.calc = SinglePointCalculator(atoms, forces=[[1, 2, 3], [4, 5, 6.5]], energy=-3.0)
    atoms.arrays["tensor"] = np.arange(12.0).reshape(2, 3, 2)
    atoms.arrays["flag"] = np.array([True, False])
    path = save(tmp_path / "out.dump", atoms, ase.build.bulk("Cl", "fcc", a=4.0))
    lines = path.read_text().splitlines()
    columns = "id type element x y z " + " ".join(f"tensor[{k}]" for k in range(1, 7)) + " flag fx fy fz"
    assert lines[8] == f"ITEM: ATOMS {columns}"
    assert lines[4] == "ITEM: BOX BOUNDS abc origin pp pp pp"
    assert lines[9] == "1 1 Na 0 0 0 0 1 2 3 4 5 1 1 2 3"
    first, second = read(path)
    assert first.get_chemical_symbols() == ["Na", "Cl"]
    assert second.arrays["type"].tolist() == [2]
    assert (first.info["timestep"], second.info["timestep"]) == (0, 1)
    xyz = ase.io.read(save(tmp_path / "out.xyz", atoms))
    assert xyz.get_potential_energy() == -3.0
    np.testing.assert_array_equal(xyz.get_forces(), atoms.get_forces())
    np.testing.assert_array_equal(xyz.arrays["flag"], atoms.arrays["flag"])


def test_a_molecule_gets_a_box_around_it(tmp_path):
    water = ase.build.molecule("H2O")
    other = read(save(tmp_path / "out.dump", water))[0]
    np.testing.assert_array_equal(other.positions, water.positions)
    assert not other.pbc.any()
    inside = other.cell.scaled_positions(other.positions - other.get_celldisp().reshape(3))
    assert ((inside > 0) & (inside < 1)).all()
    slab = ase.build.fcc111("Al", (2, 2, 3))
    other = read(save(tmp_path / "slab.dump", slab))[0]
    np.testing.assert_allclose(other.cell.array[:2], slab.cell.array[:2], atol=1e-12)
    assert other.pbc.tolist() == [True, True, False]
    empty = read(save(tmp_path / "empty.dump", Atoms()))[0]
    assert len(empty) == 0


def test_words_with_blanks_stay_one_column(tmp_path):
    atoms = Atoms("H2", positions=[[0, 0, 0], [0, 0, 1]], cell=[4, 4, 4])
    atoms.arrays["structure_name"] = np.array(["my own class", ""])
    atoms.arrays["a b"] = np.array([1, 2])
    assert read(save(tmp_path / "out.dump", atoms))[0].arrays["structure_name"].tolist() == [
        "my_own_class",
        "_",
    ]
    other = read(save(tmp_path / "out.xyz", atoms))[0]
    assert other.arrays["structure_name"].tolist() == ["my_own_class", "_"]
    assert other.arrays["a_b"].tolist() == [1, 2]


def test_boundary_letters_follow_a_changed_periodicity(tmp_path):
    atoms = read(DUMPS / "shrink.dump")[0]
    atoms.pbc = [True, True, False]
    assert "ITEM: BOX BOUNDS pp pp ss\n" in save(tmp_path / "out.dump", atoms).read_text()


def test_packed_files_are_one_member_as_some_programs_need(tmp_path):
    frames = list(read(DUMPS / "scaled.dump"))
    plain = save(tmp_path / "out.dump", *frames).read_bytes()
    inflate = zlib.decompressobj(wbits=31)
    assert inflate.decompress(save(tmp_path / "out.dump.gz", *frames).read_bytes()) == plain
    assert inflate.eof
    assert not inflate.unused_data
    unpack = zstandard.ZstdDecompressor().decompressobj()
    assert unpack.decompress(save(tmp_path / "out.dump.zst", *frames).read_bytes()) == plain
    assert unpack.eof
    assert not unpack.unused_data


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_packed_file_is_whole_after_every_frame(tmp_path, suffix):
    with open_writer(tmp_path / f"out.dump{suffix}") as writer:
        for count in range(1, 4):
            writer.write(frame())
            copy = tmp_path / f"copy.dump{suffix}"
            copy.write_bytes(writer.partial.read_bytes())
            assert len(list(read(copy))) == count


def test_like_gives_the_columns_to_frames_that_do_not_know_theirs(tmp_path):
    atoms = read(DUMPS / "unwrapped.dump")[0]
    del atoms.info["lammps_columns"]
    path = save(tmp_path / "out.dump", atoms, like=DUMPS / "unwrapped.dump")
    assert "ITEM: ATOMS type id zu yu xu\n" in path.read_text()


def frame(shift=0.0):
    return Atoms("Cu2", positions=[[0, 0, shift], [1, 1, 1]], cell=[3, 3, 3], pbc=True)


@pytest.mark.parametrize("suffix", [".dump", ".dump.gz", ".dump.zst", ".xyz", ".xyz.gz"])
def test_an_error_leaves_whole_frames_under_the_partial_name(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"out{suffix}"
    path.write_text("an older result")
    monkeypatch.setattr("mdlens.io.output_columns.BLOCK", 1)
    bad = frame()
    bad.arrays["zz"] = np.array([1 + 2j, 3j])
    writer = open_writer(path)
    with pytest.raises(InputError, match="zz"):
        write_all(writer, frame(0.25), frame(0.5), bad)
    assert path.read_text() == "an older result"
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, path.name + ".partial"]
    assert writer.remainder == f"2 whole frames kept in {path}.partial"
    recovered = writer.partial.rename(tmp_path / f"recovered{suffix}")
    assert [atoms.positions[0, 2] for atoms in read(recovered)] == [0.25, 0.5]


def test_an_error_before_the_first_frame_leaves_nothing(tmp_path):
    writer = open_writer(tmp_path / "out.dump")
    with pytest.raises(KeyboardInterrupt), writer:
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="no frame to write"), open_writer(tmp_path / "out.dump"):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_process_leaves_whole_frames_and_no_other_trace(tmp_path, kind):
    script = f"""
        import os, signal
        import numpy as np
        from ase import Atoms
        from mdlens.io import open_writer
        atoms = Atoms("Cu1000", positions=np.ones((1000, 3)), cell=[3, 3, 3])
        with open_writer({str(tmp_path / "out.dump")!r}) as writer:
            writer.write(atoms)
            writer.write(atoms)
            def array(rows):
                os.kill(os.getpid(), {int(kind)})
            import mdlens.io.output_columns as columns
            columns.native_block = lambda name, values: array(values)
            writer.write(atoms)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, check=False)
    assert done.returncode != 0
    assert [p.name for p in tmp_path.iterdir()] == ["out.dump.partial"]
    assert [len(atoms) for atoms in read(tmp_path / "out.dump.partial")] == [1000, 1000]


def test_a_partial_file_of_a_dead_process_is_replaced(tmp_path):
    (tmp_path / "out.dump.partial").write_text("left over " * 1000)
    save(tmp_path / "out.dump", frame())
    assert [p.name for p in tmp_path.iterdir()] == ["out.dump"]
    assert len(read(tmp_path / "out.dump")) == 1


def test_an_output_finished_while_it_was_being_opened_is_not_cut(tmp_path, monkeypatch):
    """The other writer renames its file and lets the lock go between our opening and our locking."""
    (tmp_path / "out.dump.partial").write_text("whole")
    finish = (tmp_path / "out.dump.partial").rename
    monkeypatch.setattr("mdlens.io.writer.fcntl.flock", lambda *_: finish(tmp_path / "out.dump"))
    with pytest.raises(InputError, match="another process has just finished writing it"):
        open_writer(tmp_path / "out.dump")
    assert (tmp_path / "out.dump").read_text() == "whole"


def test_two_writers_of_one_output_are_kept_apart(tmp_path):
    with open_writer(tmp_path / "out.dump") as writer:
        with pytest.raises(InputError, match="another process is writing it"):
            open_writer(tmp_path / "out.dump")
        writer.write(frame())
    assert len(read(tmp_path / "out.dump")) == 1


def test_outputs_that_cannot_be_written_are_refused_at_once(tmp_path):
    (tmp_path / "folder.dump").mkdir()
    os.mkfifo(tmp_path / "pipe.dump")
    (tmp_path / "file").write_text("")
    (tmp_path / "link.dump.partial").symlink_to(tmp_path / "file")
    wrong = {
        "missing/out.dump": "the folder .* does not exist; make it first",
        "file/out.dump": "does not exist",
        "folder.dump": "is a directory",
        "pipe.dump": "not an ordinary file",
        "link.dump": "cannot be written here",
        "out.pdb": "told by suffix; use one of",
        "out": "told by suffix",
        "out.gz": "told by suffix",
        "nul\0.dump": "cannot be",
        "x" * 300 + ".dump": "cannot be",
    }
    for name, problem in wrong.items():
        with pytest.raises(InputError, match=problem):
            open_writer(tmp_path / name)
    assert not list(tmp_path.glob("out*"))


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    def refuse(*_args, **_keywords):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(
        InputError, match="cannot be written here: Permission denied; choose another name or folder"
    ):
        open_writer(tmp_path / "out.dump")


def test_a_full_disk_is_an_error_with_whole_frames_kept(tmp_path, monkeypatch):
    def full(pieces, file):
        file.write(b"".join(pieces)[:40])
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="is not finished"), open_writer(tmp_path / "out.dump") as writer:  # noqa: PT012
        writer.write(frame())
        monkeypatch.setattr("mdlens.io.writer._put", full)
        for problem in ("No space left on device; make room", "this writer is closed"):
            with pytest.raises(InputError, match=problem):
                writer.write(frame())
    assert len(read(writer.partial)) == 1


def test_the_input_is_never_overwritten(tmp_path):
    source = save(tmp_path / "in.dump", frame())
    (tmp_path / "other.dump").hardlink_to(source)
    (tmp_path / "link.dump").symlink_to(source)
    before = source.read_bytes()
    for name in ("in.dump", "other.dump", "link.dump", "../" + tmp_path.name + "/in.dump"):
        with pytest.raises(InputError, match="would overwrite the input"):
            open_writer(tmp_path / name, like=source)
    partial = source.rename(tmp_path / "new.dump.partial")
    with pytest.raises(InputError, match="would overwrite the input"):
        open_writer(tmp_path / "new.dump", like=partial)
    assert partial.read_bytes() == before


def test_frames_that_cannot_be_written(tmp_path):
    flat = frame()
    flat.cell[2] = flat.cell[1]
    missing = frame()
    missing.cell[2] = 0
    infinite = frame()
    infinite.cell[0, 0] = np.inf
    for atoms, problem in ((flat, "zero volume"), (missing, "zero volume"), (infinite, "finite")):
        with pytest.raises(InputError, match=problem):
            save(tmp_path / "out.dump", atoms)
    with open_writer(tmp_path / "out.dump") as writer:
        writer.write(frame())
    with pytest.raises(InputError, match="closed"):
        writer.write(frame())


def test_a_partial_file_read_while_frames_are_missing_gives_the_whole_ones(tmp_path):
    path = save(tmp_path / "out.dump", frame(0.25), frame(0.5))
    path.write_bytes(path.read_bytes()[:-5])
    frames = iter(read(path))
    assert next(frames).positions[0, 2] == 0.25
    with pytest.raises(FormatError, match="cut"):
        next(frames)


@pytest.mark.parametrize("name", ["out.dump", "out.xyz"])
def test_the_text_does_not_depend_on_threads_or_on_how_words_are_held(tmp_path, monkeypatch, name):
    monkeypatch.setattr("mdlens.io.output_columns.BLOCK", 7)
    monkeypatch.setattr("mdlens.io.writer.HELD_IN_MEMORY", 100)
    atoms = read(DUMPS / "wrapped.dump")[0]
    places = np.random.default_rng(2).integers(0, 3, len(atoms)).astype(np.int16)
    table = np.array(["unknown", "fcc", "cubic diamond"])
    labels = {"structure": places.astype(np.int8), "structure_name": table[places]}
    texts = []
    for threads, words in ((1, labels["structure_name"]), (3, Words(places, table))):
        with open_writer(tmp_path / name, threads=threads) as writer:
            writer.write(atoms, {**labels, "structure_name": words})
            writer.write(atoms)
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1]
    assert texts[0].count("cubic_diamond") == (places == 2).sum()


def test_labels_replace_arrays_of_the_same_name(tmp_path):
    atoms = classified(frame())
    with open_writer(tmp_path / "out.dump") as writer:
        writer.write(atoms, {"structure": np.full(len(atoms), 7)})
    assert read(tmp_path / "out.dump")[0].arrays["structure"].tolist() == [7] * len(atoms)


def test_a_word_outside_its_table_is_refused(tmp_path):
    with pytest.raises(ValueError, match="outside its table"), open_writer(tmp_path / "out.dump") as writer:
        writer.write(frame(), {"word": Words(np.full(len(frame()), 2), np.array(["a", "b"]))})
