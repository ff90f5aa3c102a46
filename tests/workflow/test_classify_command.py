"""`mdlens classify` on good input."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms

import mdlens
from mdlens.inference import load_model

CLASSES = ["fcc", "hcp", "bcc", "disordered", "unknown"]


@pytest.fixture
def trajectory(write_dump, melting_frames):
    return write_dump(melting_frames)


@pytest.fixture
def expected(trajectory, tiny_model):
    return list(mdlens.classify(mdlens.read(trajectory), load_model(tiny_model)))


def test_the_table(mdlens_command, trajectory, expected):
    outcome = mdlens_command(trajectory)
    assert outcome.code == 0
    assert outcome.err == ""
    lines = outcome.out.splitlines()
    assert lines[1].split() == [
        "frame",
        "timestep",
        "atoms",
        *(c for c in CLASSES if c in lines[1]),
        "confidence",
    ]
    rows = [line.split() for line in lines[3:7]]
    assert [row[:3] for row in rows] == [[str(k), str(100 * k), "256"] for k in range(4)]
    assert rows[0][3] == f"{expected[0].fractions()['fcc']:.1%}"


def test_records(mdlens_command, trajectory, expected, tmp_path):
    assert mdlens_command(trajectory, "--json", "out.json").code == 0
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["model"] == {"name": "linear", "version": "0.1"}
    assert document["file"] == str(trajectory)
    assert document["averaged"] is False
    assert len(document["frames"]) == 4
    for k, (record, result) in enumerate(zip(document["frames"], expected, strict=True)):
        assert list(record) == ["frame", "timestep", "n_atoms", "counts", "fractions", "mean_confidence"]
        assert record["frame"] == k
        assert record["timestep"] == 100 * k
        assert record["n_atoms"] == 256
        assert record["counts"] == result.counts()
        assert list(record["fractions"]) == CLASSES
        assert sum(record["fractions"].values()) == pytest.approx(1)
        assert record["mean_confidence"] == pytest.approx(float(result.confidence.mean()), abs=1e-6)


def test_averaging_is_said_everywhere(mdlens_command, trajectory, tiny_model, tmp_path):
    outputs = ("-o", "o.dump", "--json", "o.json", "--report", "o.html")
    outcome = mdlens_command(trajectory, "--average", *outputs)
    assert outcome.code == 0
    assert "averaged over 12 neighbours" in outcome.out
    assert json.loads((tmp_path / "o.json").read_text())["averaged"] is True
    assert "mean over itself and its 12 nearest" in (tmp_path / "o.html").read_text()
    results = mdlens.classify(mdlens.read(trajectory), tiny_model, average=True)
    for atoms, result in zip(mdlens.read(tmp_path / "o.dump"), results, strict=True):
        np.testing.assert_array_equal(atoms.arrays["structure"], result.labels)
        np.testing.assert_allclose(atoms.arrays["confidence"], result.confidence, atol=5.1e-5)


@pytest.mark.parametrize(
    "name", ["out.dump", "out.lammpstrj", "out.dump.gz", "out.dump.zst", "out.xyz", "out.extxyz"]
)
def test_labelled_files_read_back(mdlens_command, trajectory, expected, name, tmp_path):
    assert mdlens_command(trajectory, "-o", name).code == 0
    frames = list(mdlens.read(tmp_path / name))
    assert len(frames) == 4
    for atoms, result in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(atoms.arrays["structure"], result.labels)
        np.testing.assert_array_equal(atoms.arrays["structure_name"], result.names)
        np.testing.assert_allclose(atoms.arrays["confidence"], result.confidence, atol=5.1e-5)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([trajectory.name, name])


def name_in_ovito(particles, atom):
    """Return an atom's class name: a word in extended XYZ, a named type in a dump (no words there)."""
    if "structure_name" in particles:
        return particles["structure_name"][atom]
    kinds = particles["Structure Type"]
    return kinds.type_by_id(int(kinds[atom])).name


@pytest.mark.parametrize("name", ["out.dump", "out.xyz"])
def test_ovito_reads_the_labels(mdlens_command, trajectory, expected, name, tmp_path):
    import_file = pytest.importorskip("ovito.io").import_file
    assert mdlens_command(trajectory, "-o", name).code == 0
    pipeline = import_file(str(tmp_path / name))
    assert pipeline.num_frames == 4
    for k, result in enumerate(expected):
        particles = pipeline.compute(k).particles
        order = range(len(result))
        if "Particle Identifier" in particles:
            order = np.argsort(particles["Particle Identifier"])
        np.testing.assert_array_equal(np.asarray(particles["structure"])[order], result.labels)
        np.testing.assert_allclose(np.asarray(particles["confidence"])[order], result.confidence, atol=5.1e-5)
        names = [name_in_ovito(particles, int(atom)) for atom in order]
        assert names == result.names.tolist()


def test_some_frames_keep_their_numbers(mdlens_command, trajectory, tmp_path):
    for frames, numbers in (("1:", [1, 2, 3]), ("-1", [3]), ("::2", [0, 2]), ("2", [2]), ("-2:", [2, 3])):
        assert mdlens_command(trajectory, "--json", "out.json", "--frames", frames).code == 0
        records = json.loads((tmp_path / "out.json").read_text())["frames"]
        assert [record["frame"] for record in records] == numbers
        assert [record["timestep"] for record in records] == [100 * k for k in numbers]


def test_several_files_into_a_folder(mdlens_command, write_dump, melting_frames, tmp_path):
    sources = [write_dump(melting_frames[:1], name) for name in ("a.dump", "b.lammpstrj")]
    ase.io.write(tmp_path / "POSCAR", melting_frames[0], format="vasp")
    (tmp_path / "made").mkdir()
    outcome = mdlens_command(
        *sources, "POSCAR", "-o", "made", "--json", "made/", "--report", "made/page_{stem}.html"
    )
    assert outcome.code == 0
    made = {path.name for path in (tmp_path / "made").iterdir()}
    assert made == {
        "a.dump", "b.lammpstrj", "POSCAR.xyz", "a.json", "b.json", "POSCAR.json",
        "page_a.html", "page_b.html", "page_POSCAR.html",
    }  # fmt: skip
    assert "a.dump" in outcome.out


def test_an_extended_xyz_keeps_its_columns(mdlens_command, melting_frames, tmp_path):
    atoms = melting_frames[0]
    atoms.set_array("epsilon", np.linspace(0, 1, len(atoms)))
    ase.io.write(tmp_path / "in.xyz", atoms, format="extxyz")
    assert mdlens_command("in.xyz", "-o", "out.xyz").code == 0
    back = ase.io.read(tmp_path / "out.xyz", format="extxyz")
    np.testing.assert_allclose(back.arrays["epsilon"], atoms.arrays["epsilon"], atol=1e-8)
    assert "structure" in back.arrays


def test_a_frame_without_atoms_is_refused_and_what_came_before_kept(
    mdlens_command, write_dump, melting_frames, tmp_path
):
    empty = Atoms(cell=melting_frames[0].cell, pbc=True)
    source = write_dump([melting_frames[0], empty, melting_frames[1]])
    outcome = mdlens_command(source, "-o", "out.dump", "--json", "out.json", "--report", "out.html")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "frame 1" in outcome.err
    assert "no atoms to classify" in outcome.err
    assert "--frames" in outcome.err
    assert [path.name for path in sorted(tmp_path.glob("out*"))] == ["out.dump.partial"]
    assert mdlens_command(source, "-o", "out.dump", "--frames", "::2").code == 0
    assert [len(atoms) for atoms in mdlens.read(tmp_path / "out.dump")] == [256, 256]


def test_many_frames_are_printed_thinned(mdlens_command, write_dump, melting_frames):
    outcome = mdlens_command(write_dump(melting_frames[:1] * 60))
    rows = [line for line in outcome.out.splitlines() if line.split()[1:2] and line.split()[0].isdigit()]
    assert len(rows) == 24
    assert rows[0].split()[0] == "0"
    assert rows[-1].split()[0] == "59"
    assert "24 of 60 frames shown" in outcome.out


def test_a_packed_input(mdlens_command, trajectory, tmp_path):
    (tmp_path / "in.dump.gz").write_bytes(gzip.compress(trajectory.read_bytes()))
    assert mdlens_command("in.dump.gz", "-o", "out.dump").code == 0
    assert mdlens_command(trajectory, "-o", "plain.dump").code == 0
    assert (tmp_path / "out.dump").read_bytes() == (tmp_path / "plain.dump").read_bytes()


def test_an_existing_output_is_replaced(mdlens_command, trajectory, tmp_path):
    (tmp_path / "out.dump").write_text("old")
    (tmp_path / "out.dump.partial").write_text("older")
    assert mdlens_command(trajectory, "-o", "out.dump").code == 0
    assert (tmp_path / "out.dump").read_text().startswith("ITEM: TIMESTEP")
    assert not (tmp_path / "out.dump.partial").exists()


def test_a_hostile_file_name(mdlens_command, trajectory, tmp_path):
    name = "<img src=x onerror=alert(1)>[bold]\x1b[31m\nx.dump"
    trajectory.rename(tmp_path / name)
    outcome = mdlens_command(name, name.replace("x.dump", "gone.dump"))
    assert outcome.code == 2
    assert "\x1b" not in outcome.err
    assert outcome.err.count("\n") == 1
    outcome = mdlens_command(name, "-o", f"{name}.xyz", "--report", "page.html", "--json", "out.json")
    assert outcome.code == 0
    assert "\x1b" not in outcome.out
    page = (tmp_path / "page.html").read_text()
    assert "<img src=x" not in page
    assert json.loads((tmp_path / "out.json").read_text())["file"] == name


def run(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from mdlens.cli import main; main()", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(command, text=True, timeout=60, check=False, **pipes)


def test_version_and_help():
    assert run("--version").stdout == f"mdlens {mdlens.__version__}\n"
    assert "mdlens classify melt.dump -o labelled.dump" in run("classify", "--help").stdout


def test_a_reader_that_leaves_does_not_stop_the_work(trajectory, tiny_model, tmp_path):
    read_end, write_end = os.pipe()
    os.close(read_end)
    words = ["classify", trajectory, "--model", tiny_model, "-o", tmp_path / "out.dump"]
    done = run(*words, stdout=write_end, stderr=subprocess.PIPE)
    os.close(write_end)
    assert done.returncode == 0
    assert done.stderr == ""
    assert (tmp_path / "out.dump").exists()


def test_the_installed_command(trajectory, tiny_model):
    command = Path(sys.executable).with_name("mdlens")
    if not command.exists():
        pytest.skip("the package is not installed with its command")
    done = subprocess.run(
        [command, "classify", trajectory, "--model", tiny_model, "--threads", "1"],
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "disordered" in done.stdout


def test_parallel_vectors_of_a_cell_that_is_not_periodic(mdlens_command, tmp_path):
    lattice = 'Lattice="9 0 0 18 0 0 0 0 9" Properties=species:S:1:pos:R:3 pbc="F F F"'
    (tmp_path / "flat.xyz").write_text(f"2\n{lattice}\nCu 0 0 0\nCu 2 0 0\n")
    outcome = mdlens_command("flat.xyz", "--report", "flat.html")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "flat.html").exists()
