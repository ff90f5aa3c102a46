"""Wrong input: one line that names the file and a remedy, exit 2, nothing half-written."""

import gzip
import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

import mdlens

OUTPUTS = ("-o", "out.dump", "--json", "out.json", "--report", "out.html")


@pytest.fixture
def refuse(mdlens_command, tmp_path):
    """Run, expect exit 2 and one line, and return it; `kept` whole frames stay in out.dump.partial."""

    def check(*words, kept=0, **options):
        before = {path.name for path in tmp_path.iterdir()}
        outcome = mdlens_command(*words, **options)
        assert outcome.code == 2
        assert outcome.out == ""
        assert outcome.err.count("\n") == 1, outcome.err
        assert outcome.err.startswith("mdlens: ")
        left = {path.name for path in tmp_path.iterdir()} - before
        assert left == ({"out.dump.partial"} if kept else set())
        if kept:
            assert f"{kept} whole frame" in outcome.err
            assert "out.dump.partial" in outcome.err
            copy = tmp_path / "kept.dump"
            (tmp_path / "out.dump.partial").rename(copy)
            assert len(mdlens.read(copy)) == kept
            assert all("structure" in atoms.arrays for atoms in mdlens.read(copy))
        return outcome.err

    return check


def test_a_truncated_dump_keeps_the_frames_before(refuse, write_dump, melting_frames):
    source = write_dump(melting_frames, cut=200)
    error = refuse(source, *OUTPUTS, kept=3)
    assert "input.dump" in error
    assert "line" in error


def test_a_dump_truncated_in_its_first_frame(refuse, write_dump, melting_frames):
    source = write_dump(melting_frames[:1], cut=200)
    assert "no frame was written" in refuse(source, *OUTPUTS)


def test_a_coordinate_that_is_no_number(refuse, write_dump, melting_frames):
    melting_frames[2].positions[17, 1] = np.nan
    error = refuse(write_dump(melting_frames), *OUTPUTS, kept=2)
    assert "nan" in error.lower()
    assert "line" in error


def test_a_missing_column(refuse, write_dump, melting_frames):
    source = write_dump(melting_frames[:1])
    source.write_text(source.read_text().replace("x y z", "x y q"))
    assert "z" in refuse(source, *OUTPUTS)


def test_a_periodic_cell_without_volume(refuse, write_dump, melting_frames):
    source = write_dump(melting_frames[:1])
    lines = source.read_text().splitlines(keepends=True)
    lines[6] = "0 0\n"
    source.write_text("".join(lines))
    error = refuse(source, *OUTPUTS)
    assert "input.dump" in error
    assert "volume" in error


def dump_of(count, rows):
    box = "ITEM: BOX BOUNDS pp pp pp\n0 1\n0 1\n0 1\n"
    head = f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{count}\n{box}ITEM: ATOMS id x y z\n"
    return (head + rows).encode()


CONTENTS = {
    "empty.dump": b"",
    "blank.dump": b"\n\n\n",
    "picture.dump": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "text.dump": b"Dear reader, this is a letter.\n",
    "table.csv": b"a,b\n1,2\n",
    "program.py": b"print('hello')\n",
    "nothing.xyz": b"",
    "broken.dump.gz": b"this is not gzip",
    "cut.dump.gz": gzip.compress(b"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n5\n" * 9)[:-12],
    "huge.dump": dump_of("99999999999999", "1 0 0 0\n"),
    "negative.dump": dump_of("-1", ""),
    "uncountable.dump": dump_of("many", "1 0 0 0\n"),
    "noname": b"\x00\x01\x02\x03",
}


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_of_another_kind(refuse, name, tmp_path):
    (tmp_path / name).write_bytes(CONTENTS[name])
    assert name in refuse(name, *OUTPUTS)


def test_files_that_cannot_be_read(refuse, tmp_path):
    assert "gone.dump" in refuse("gone.dump", *OUTPUTS)
    (tmp_path / "folder.dump").mkdir()
    assert "folder.dump" in refuse("folder.dump", *OUTPUTS)


@pytest.mark.parametrize("option", ["-o", "--json", "--report"])
def test_outputs_that_cannot_be_written(refuse, write_dump, melting_frames, tmp_path, option):
    source = write_dump(melting_frames[:1])
    (tmp_path / "taken.dump").mkdir()
    (tmp_path / "file").write_text("")
    for target in ("missing/out.dump", "file/out.dump", "/dev/null", "/proc/out.dump"):
        assert target.split("/")[-1] in refuse(source, option, target)
    assert "input" in refuse(source, option, source)


def test_an_output_of_unknown_kind(refuse, write_dump, melting_frames):
    assert ".dump" in refuse(write_dump(melting_frames[:1]), "-o", "out.docx")


def test_two_inputs_for_one_output(refuse, write_dump, melting_frames):
    sources = [write_dump(melting_frames[:1], name) for name in ("a.dump", "b.dump")]
    for option, target in (("-o", "out.dump"), ("--json", "out.json"), ("--report", "out.html")):
        assert "{stem}" in refuse(*sources, option, target)


def test_the_second_input_is_checked_before_the_first_is_classified(
    refuse, write_dump, melting_frames, tmp_path
):
    good = write_dump(melting_frames[:1])
    (tmp_path / "bad.dump").write_text("nonsense")
    (tmp_path / "made").mkdir()
    assert "bad.dump" in refuse(good, "bad.dump", "-o", "made/")
    assert not list((tmp_path / "made").iterdir())


@pytest.mark.parametrize("frames", ["first", "1:2:3:4", "::0", "1.5", ""])
def test_frames_that_make_no_sense(refuse, write_dump, melting_frames, frames):
    assert "frames" in refuse(write_dump(melting_frames[:1]), *OUTPUTS, "--frames", frames)


@pytest.mark.parametrize("frames", ["7", "9:", "-9"])
def test_frames_that_are_not_there(refuse, write_dump, melting_frames, frames):
    assert "input.dump" in refuse(write_dump(melting_frames), *OUTPUTS, "--frames", frames)


def damaged(path: Path, good: bytes) -> dict[str, bytes]:
    """Return contents of model files that must not be run."""
    hostile = onnx.load_from_string(good)
    hostile.graph.initializer[0].ClearField("raw_data")
    hostile.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    hostile.graph.initializer[0].external_data.add(key="location", value="../../../etc/passwd")
    strange = onnx.load_from_string(good)
    strange.graph.node[0].domain = "com.example"
    strange.opset_import.append(helper.make_opsetid("com.example", 1))
    bare = onnx.load_from_string(good)
    del bare.metadata_props[:]
    other = onnx.load_from_string(good)
    other.metadata_props[0].value = other.metadata_props[0].value.replace('"structure"', '"weather"')
    return {
        "empty": b"",
        "truncated": good[: len(good) // 2],
        "text": b"a letter",
        "pickle": pickle.dumps({"weights": [1, 2, 3]}),
        "external data": hostile.SerializeToString(),
        "foreign operators": strange.SerializeToString(),
        "no metadata": bare.SerializeToString(),
        "another kind": other.SerializeToString(),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "empty",
        "truncated",
        "text",
        "pickle",
        "external data",
        "foreign operators",
        "no metadata",
        "another kind",
    ],
)
def test_damaged_and_hostile_models(refuse, write_dump, melting_frames, tiny_model, tmp_path, kind):
    source = write_dump(melting_frames[:1])
    model = tmp_path / "model.onnx"
    model.write_bytes(damaged(model, tiny_model.read_bytes())[kind])
    assert "model.onnx" in refuse(source, *OUTPUTS, model=model)


def test_a_model_that_is_not_there(refuse, write_dump, melting_frames):
    source = write_dump(melting_frames[:1])
    assert "nothing" in refuse(source, *OUTPUTS, model="nothing")


@pytest.mark.parametrize(
    "words", [(), ("in.dump", "--threads", "-1"), ("in.dump", "--colour"), ("in.dump", "-o")]
)
def test_wrong_usage(mdlens_command, words):
    outcome = mdlens_command(*words)
    assert outcome.code == 2
    assert "Traceback" not in outcome.err


def test_a_name_too_long_for_the_system(refuse, write_dump, melting_frames):
    source = write_dump(melting_frames[:1])
    assert "too long" in refuse(source, "--json", "a" * 300)
    assert "too long" in refuse(source, model="a" * 5000)


def test_the_partial_name_of_an_output_is_an_input(refuse, write_dump, melting_frames):
    source = write_dump(melting_frames[:1], name="in.dump.partial")
    assert "one of the inputs" in refuse(source, "--json", source.with_suffix(""))
