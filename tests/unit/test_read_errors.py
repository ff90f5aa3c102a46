"""Every wrong input gives one error that names file, line and remedy, and none costs memory without bound."""

import gzip
import os
import re
import struct
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from mdlens.errors import FormatError, InputError
from mdlens.io import read

FRAME = """ITEM: TIMESTEP
7
ITEM: NUMBER OF ATOMS
3
ITEM: BOX BOUNDS pp pp pp
0 4
0 4
0 4
ITEM: ATOMS id type x y z
1 1 0.5 1 2
2 1 1.5 1 2
3 2 2.5 1 2
"""
TRICLINIC = FRAME.replace("BOUNDS pp pp pp\n0 4\n0 4\n0 4", "BOUNDS xy xz yz pp pp pp\n0 4 1\n0 4 0\n0 4 0")
GENERAL = FRAME.replace(
    "BOUNDS pp pp pp\n0 4\n0 4\n0 4", "BOUNDS abc origin pp pp pp\n4 0 0 0\n0 4 0 0\n0 1 4 0"
)


def write(tmp_path, contents, name="bad.dump"):
    path = tmp_path / name
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    return path


def frames_and_error(path):
    frames = []

    def collect():
        for atoms in read(path):  # extend() would ask for the length first
            frames.append(atoms)

    with pytest.raises((FormatError, InputError)) as caught:
        collect()
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert message.isprintable()
    return frames, message


def replaced(*pairs, frame=FRAME):
    for old, new in pairs:
        assert old in frame
        frame = frame.replace(old, new)
    return frame


WRONG = {
    "bad number": (replaced(("1.5 1 2", "1.5 abc 2")), 11, "column 'y' must hold numbers, got 'abc'"),
    "comma for point": (replaced(("1.5 1 2", "1,5 1 2")), 11, "column 'x' must hold numbers, got '1,5'"),
    "hexadecimal": (replaced(("1.5 1 2", "0x10 1 2")), 11, "got '0x10'"),
    "stars": (replaced(("1.5 1 2", "****** 1 2")), 11, "column 'x' must hold numbers"),
    "two signs": (replaced(("1.5 1 2", "+-1 1 2")), 11, "got '+-1'"),
    "nan": (replaced(("1.5 1 2", "nan 1 2")), 11, "coordinate 'x' is 'nan', not a finite number"),
    "minus nan": (replaced(("1.5 1 2", "1 1 -nan")), 11, "coordinate 'z' is '-nan'"),
    "inf": (replaced(("1.5 1 2", "1.5 inf 2")), 11, "coordinate 'y' is 'inf'"),
    "overflow": (replaced(("1.5 1 2", "1e999 1 2")), 11, "coordinate 'x' is '1e999'"),
    "fraction as id": (
        replaced(("2 1 1.5", "2.5 1 1.5")),
        11,
        "column 'id' must hold integers of 64 bits, got '2.5'",
    ),
    "huge id": (replaced(("2 1 1.5", "99999999999999999999 1 1.5")), 11, "must hold integers"),
    "nul": (replaced(("1.5 1 2", "1.5\0 1 2")), 11, "got '1.5\\x00'"),
    "few columns": (replaced(("2 1 1.5 1 2", "2 1 1.5 1")), 11, "expected 5 columns (id type x y z), got 4"),
    "many columns": (
        replaced(("2 1 1.5 1 2", "2 1 1.5 1 2 9")),
        11,
        "expected 5 columns (id type x y z), got 6",
    ),
    "blank row": (replaced(("2 1 1.5 1 2", "")), 11, "expected 5 columns (id type x y z), got 0"),
    "fewer atoms": (
        replaced(("ATOMS\n3", "ATOMS\n4")) + FRAME,
        13,
        "declares 4 atoms but the next item comes after 3",
    ),
    "more atoms": (
        replaced(("ATOMS\n3", "ATOMS\n2")),
        12,
        "got '3 2 2.5 1 2'; does the frame before hold more",
    ),
    "cut between rows": (replaced(("3 2 2.5 1 2\n", "")), 11, "declares 3 atoms but the file ends after 2"),
    "cut inside the last row": (FRAME[:-7], 12, "the last line is cut"),
    "cut inside the last number": (FRAME.replace(" 2\n", " 2.25 \n")[:-3], 12, "the last line is cut"),
    "cut inside the header": (FRAME[:67], 5, "file ends inside the header that begins in line 1"),
    "negative count": (replaced(("ATOMS\n3", "ATOMS\n-3")), 4, "it cannot be negative"),
    "fraction as count": (replaced(("ATOMS\n3", "ATOMS\n3.5")), 4, "the number of atoms must be one integer"),
    "count beyond 64 bits": (
        replaced(("ATOMS\n3", "ATOMS\n" + "9" * 19)),
        4,
        "must be one integer of 64 bits",
    ),
    "underscore in a count": (replaced(("ATOMS\n3", "ATOMS\n1_0")), 4, "must be one integer"),
    "word as timestep": (replaced(("STEP\n7", "STEP\nseven")), 2, "the timestep must be one integer"),
    "no coordinates": (replaced(("x y z", "vx vy vz")), 9, "no complete coordinates among the columns"),
    "two coordinates": (replaced(("x y z", "x y q")), 9, "no complete coordinates"),
    "mixed forms": (
        replaced(("x y z", "x y zs")),
        9,
        "dump all three of one form: x y z, xu yu zu, xs ys zs",
    ),
    "no columns": (replaced((" id type x y z", "")), 9, "no complete coordinates"),
    "column twice": (replaced(("id type x", "id id x")), 9, "column 'id' comes 2 times"),
    "reserved column": (replaced(("id type x", "id numbers x")), 9, "may not be called 'numbers'"),
    "no box": (replaced(("ITEM: BOX BOUNDS pp pp pp\n0 4\n0 4\n0 4\n", "")), 5, "has no 'ITEM: BOX BOUNDS'"),
    "no count": (replaced(("ITEM: NUMBER OF ATOMS\n3\n", "")), 7, "has no 'ITEM: NUMBER OF ATOMS'"),
    "no timestep": (replaced(("ITEM: TIMESTEP\n7\n", "")), 7, "has no 'ITEM: TIMESTEP'"),
    "flat box": (replaced(("0 4\n0 4\n0 4", "0 4\n4 4\n0 4")), 8, "zero volume"),
    "box inside out": (replaced(("0 4\n0 4\n0 4", "0 4\n4 0\n0 4")), 8, "inside out"),
    "box nan": (
        replaced(("0 4\n0 4\n0 4", "0 4\n0 nan\n0 4")),
        8,
        "the box must be made of finite numbers, got 'nan'",
    ),
    "box word": (
        replaced(("0 4\n0 4\n0 4", "0 4\n0 4\n0 four")),
        8,
        "the box must be made of finite numbers",
    ),
    "box too wide": (replaced(("0 4\n0 4\n0 4", "-1e308 1e308\n0 4\n0 4")), 8, "the box overflows"),
    "box row short": (
        replaced(("0 4\n0 4\n0 4", "0 4\n0\n0 4")),
        7,
        "a row of this box must hold 2 numbers, got 1",
    ),
    "box row long": (replaced(("0 4\n0 4\n0 4", "0 4 1\n0 4 1\n0 4 1")), 6, "must hold 2 numbers, got 3"),
    "boundary letters": (replaced(("pp pp pp", "pp pp xx")), 5, "three pairs of the letters p, f, s, m"),
    "two boundaries": (replaced(("pp pp pp", "pp pp")), 5, "three pairs of the letters"),
    "triclinic short": (replaced(("0 4 1\n", "0 4\n"), frame=TRICLINIC), 6, "must hold 3 numbers, got 2"),
    "general flat": (replaced(("0 1 4 0", "0 1 0 0"), frame=GENERAL), 8, "zero volume"),
    "general short": (replaced(("0 1 4 0", "0 1 4"), frame=GENERAL), 8, "must hold 4 numbers, got 3"),
    "local dump": (
        replaced(("NUMBER OF ATOMS", "NUMBER OF ENTRIES")),
        3,
        "a dump of style local holds no atoms",
    ),
    "unknown item": (replaced(("NUMBER OF ATOMS", "NUMBER OF BEADS")), 3, "is no item of a dump of atoms"),
    "time word": (
        replaced(("ITEM: TIMESTEP", "ITEM: TIME\nnoon\nITEM: TIMESTEP")),
        2,
        "the time must be made of finite",
    ),
    "frame begun twice": (
        FRAME.split("ITEM: BOX")[0] + FRAME,
        5,
        "'ITEM: TIMESTEP' comes twice in one header",
    ),
    "text after": (FRAME + "Loop time of 3 s\n", 13, "expected 'ITEM: TIMESTEP'"),
    "scaled overflow": (replaced(("x y z", "xs ys zs"), ("2 1 1.5", "2 1 1e308")), 12, "overflow"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_frames_name_the_line_and_leave_the_frames_before(tmp_path, name):
    contents, line, problem = WRONG[name]
    frames, message = frames_and_error(write(tmp_path, contents))
    assert f"bad.dump, line {line}: " in message
    assert problem in message
    before = FRAME + FRAME
    good, shifted = frames_and_error(write(tmp_path, before + contents))
    assert f"line {line + before.count(chr(10))}: " in shifted
    assert len(good) == len(frames) + 2


REMEDIES = (
    "correct",
    "restore",
    "remove",
    "write",
    "copy",
    "name",
    "dump",
    "give",
    "does the frame",
    "rename",
    "must",
)


@pytest.mark.parametrize("name", WRONG)
def test_every_message_says_what_to_do(tmp_path, name):
    _, message = frames_and_error(write(tmp_path, WRONG[name][0]))
    assert any(word in message.split(": ", 1)[1] for word in REMEDIES)


def test_a_cut_frame_says_how_to_keep_the_others(tmp_path):
    for size in (3, 14, 50, 100):
        _, message = frames_and_error(write(tmp_path, FRAME + FRAME[:-size]))
        assert "`head -n 12`" in message


def test_a_cut_frame_passed_over_is_noticed(tmp_path):
    path = write(tmp_path, FRAME + FRAME.split("2 1 1.5")[0])
    with pytest.raises(FormatError, match="declares 3 atoms but the file ends after 1"):
        len(read(path))


MEASURE = """
import re, sys
from pathlib import Path
from mdlens.errors import FormatError
from mdlens.io import read
def peak():
    return int(re.search("VmHWM:[^0-9]*([0-9]+)", Path("/proc/self/status").read_text())[1]) // 1024
before = peak()
for path in sys.argv[1:]:
    try:
        for atoms in read(path):
            pass
    except FormatError as error:
        print(error)
print(peak() - before)
"""


def errors_and_megabytes(*paths):
    """Read files in a fresh process; return its error messages and by how many MB its peak memory grew."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, paths)], capture_output=True, text=True, check=True
    )
    *errors, megabytes = done.stdout.splitlines()
    assert len(errors) == len(paths)
    return errors, int(megabytes)


def test_a_huge_count_allocates_nothing(tmp_path):
    counts = [10**18, 2**63 - 1, 10**10]
    paths = [write(tmp_path, FRAME.replace("ATOMS\n3", f"ATOMS\n{n}"), f"{n}.dump") for n in counts]
    errors, megabytes = errors_and_megabytes(*paths)
    for count, error in zip(counts, errors, strict=True):
        assert f"declares {count} atoms but the file ends after 3" in error
    assert megabytes < 30


def test_a_line_without_end_is_given_up_early(tmp_path):
    paths = []
    for number, begin in enumerate(["", FRAME, FRAME.split("1 1 0.5")[0], "ITEM: TIMESTEP\n", "ITEM: "]):
        for filling in (b"1 ", b"\0"):
            size = (100 if begin == FRAME else 6) * (1 << 20)
            path = tmp_path / f"{number}{filling[0]}.dump"
            path.write_bytes(begin.encode() + filling * (size // len(filling)))
            paths.append(path)
    errors, megabytes = errors_and_megabytes(*paths)
    assert sum("a line longer than 1 MiB" in error for error in errors) == 8
    assert megabytes < 50


@pytest.mark.parametrize(
    ("contents", "problem"),
    [
        (b"", "the file is empty"),
        (b"\n \n\n", "blank lines only"),
        (FRAME.encode("utf-16"), "UTF-16"),
        (FRAME.encode("utf-16-be"), "begins with 'ITEM: TIMESTEP'"),
        (b"\x7fELF\x02\x01\x01" + bytes(200), "begins with 'ITEM: TIMESTEP'"),
        (struct.pack("<qi", -10, 1) + b"DUMPCUSTOM" + bytes(100), "binary"),
        (struct.pack("<q", -8) + b"DUMPATOM" + bytes(100), "binary LAMMPS dump"),
        (b"3\ncomment\nCu 0 0 0\n", "begins with 'ITEM: TIMESTEP'"),
        (b"PK\x03\x04" + bytes(100), "begins with 'ITEM: TIMESTEP'"),
    ],
    ids=["empty", "blank", "utf-16", "utf-16 without mark", "elf", "binary", "binary atom", "xyz", "zip"],
)
def test_files_of_another_kind(tmp_path, contents, problem):
    _, message = frames_and_error(write(tmp_path, contents))
    assert problem in message


def test_unknown_names_and_contents(tmp_path):
    for name in ("notes", "notes.txt", "notes.qqq", "postgres.zzz"):
        _, message = frames_and_error(write(tmp_path, "dear diary\n", name))
        assert "neither contents nor name say what it is" in message


PACKERS = {".gz": gzip.compress, ".zst": zstandard.compress}


@pytest.mark.parametrize("suffix", PACKERS)
def test_damaged_packed_files(tmp_path, suffix):
    rng = np.random.default_rng(1)
    table = "".join(f"{i} 1 {x} {y} {z}\n" for i, (x, y, z) in enumerate(rng.random((400, 3))))
    whole = PACKERS[suffix](
        (FRAME + FRAME.replace("ATOMS\n3", "ATOMS\n400").split("1 1 0.5")[0] + table).encode()
    )
    for share in (0.1, 0.5, 0.9, 0.999):
        frames_and_error(write(tmp_path, whole[: int(share * len(whole))], f"cut.dump{suffix}"))
    _, message = frames_and_error(write(tmp_path, whole[:-1], f"cut.dump{suffix}"))
    assert "copy or compress the file again" in message
    middle = len(whole) // 2
    damaged = whole[:middle] + bytes(b ^ 0xFF for b in whole[middle : middle + 8]) + whole[middle + 8 :]
    frames_and_error(write(tmp_path, damaged, f"damaged.dump{suffix}"))
    frames_and_error(write(tmp_path, whole + b"garbage", f"longer.dump{suffix}"))


@pytest.mark.parametrize("suffix", PACKERS)
def test_frames_before_a_damaged_place_are_given(tmp_path, suffix):
    rng = np.random.default_rng(1)
    head = FRAME.replace("ATOMS\n3", "ATOMS\n4000").split("1 1 0.5")[0]
    rows = [
        f"{i % 4000} 1 {x:.15f} {y:.15f} {z:.15f}\n" for i, (x, y, z) in enumerate(rng.random((32000, 3)))
    ]
    frames = [head + "".join(rows[i : i + 4000]) for i in range(0, 32000, 4000)]
    whole = PACKERS[suffix]("".join(frames).encode())
    half = len(whole) // 2
    given, message = frames_and_error(write(tmp_path, whole[:half], f"half.dump{suffix}"))
    place = re.search(r"after ([0-9,]+) unpacked bytes: the compressed data end too early", message)
    assert place is not None
    assert len(given) == int(place[1].replace(",", "")) // len(frames[0])
    assert len(given) in (2, 3, 4)
    damaged = whole[:half] + b"\xff" * 64 + whole[half + 64 :]
    given, _ = frames_and_error(write(tmp_path, damaged, f"damaged.dump{suffix}"))
    assert len(given) >= 2


@pytest.mark.parametrize("suffix", PACKERS)
def test_files_that_are_not_packed_as_named(tmp_path, suffix):
    _, message = frames_and_error(write(tmp_path, FRAME, f"plain.dump{suffix}"))
    assert f"ends with {suffix}" in message
    assert "rename it" in message
    frames_and_error(write(tmp_path, b"", f"empty.dump{suffix}"))


def test_a_small_file_that_unpacks_to_much_costs_no_memory(tmp_path):
    content = b"ITEM: TIMESTEP\n" + b" " * (1 << 28)
    paths = [write(tmp_path, pack(content), f"bomb.dump{suffix}") for suffix, pack in PACKERS.items()]
    errors, megabytes = errors_and_megabytes(*paths)
    assert all("a line longer than 1 MiB" in error for error in errors)
    assert megabytes < 100


def test_paths_that_are_no_files(tmp_path):
    with pytest.raises(InputError, match="is a directory"):
        read(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "missing.dump")
    with pytest.raises(InputError, match="cannot be opened"):
        read("nul\0byte")
    with pytest.raises(InputError):
        read(tmp_path / ("long" * 100))


@pytest.mark.skipif(os.geteuid() == 0, reason="the super-user may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = write(tmp_path, FRAME)
    path.chmod(0)
    with pytest.raises(InputError, match="may not be read"):
        read(path)


def test_the_refusal_to_read_becomes_an_error_for_every_user(tmp_path, monkeypatch):
    path = write(tmp_path, FRAME)

    def refuse(*_args, **_keywords):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(InputError, match="may not be read"):
        read(path)


@given(data=st.data())
def test_mutated_bytes_give_frames_or_a_format_error(tmp_path_factory, data):
    base = data.draw(st.sampled_from([FRAME + TRICLINIC, GENERAL + FRAME]))
    contents = bytearray(base.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(contents) - 1))
        change = data.draw(st.sampled_from(["replace", "delete", "insert", "repeat", "cut"]))
        if change == "replace":
            contents[at] = data.draw(st.integers(0, 255))
        elif change == "delete":
            del contents[at : at + data.draw(st.integers(1, 30))]
        elif change == "insert":
            contents[at:at] = data.draw(
                st.one_of(st.binary(max_size=8), st.sampled_from([b"\n", b" ", b"-", b"nan", b"1e9"]))
            )
        elif change == "repeat":
            contents[at:at] = contents[max(0, at - 40) : at]
        else:
            del contents[at:]
        if not contents:
            break
    path = tmp_path_factory.getbasetemp() / "mutated.dump"
    path.write_bytes(bytes(contents))
    with suppress(FormatError):
        for atoms in read(path):
            assert np.isfinite(atoms.positions).all()
            assert np.isfinite(atoms.cell.array).all()
            assert all(len(array) == len(atoms) for array in atoms.arrays.values())
