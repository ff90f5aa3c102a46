"""Interrupted and killed runs leave whole frames in OUT.partial and nothing else."""

import os
import signal
import subprocess
import sys
import time

import pytest

import mdlens

PATIENCE = 60.0


@pytest.fixture
def long_run(write_dump, melting_frames, tiny_model, tmp_path):
    """Start a run of many frames and return it when some of them are in the partial file."""
    source = write_dump(melting_frames * 250)

    def start(name):
        command = [sys.executable, "-c", "from mdlens.cli import main; main()", "classify", str(source)]
        options = [
            "--model",
            str(tiny_model),
            "-o",
            name,
            "--json",
            "out.json",
            "--report",
            "out.html",
            "-t",
            "2",
        ]
        run = subprocess.Popen([*command, *options], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        partial, end = tmp_path / f"{name}.partial", time.monotonic() + PATIENCE
        while not (partial.exists() and partial.stat().st_size > 100_000):
            assert run.poll() is None, run.communicate()[1]
            assert time.monotonic() < end, "the run does not begin to write"
            time.sleep(0.01)
        return run

    return start


@pytest.mark.parametrize("name", ["out.dump", "out.xyz"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_whole_frames_stay(long_run, name, number, tmp_path):
    run = long_run(name)
    os.kill(run.pid, number)
    error = run.communicate(timeout=PATIENCE)[1]
    assert {path.name for path in tmp_path.iterdir()} == {"input.dump", f"{name}.partial"}
    if number == signal.SIGINT:
        assert run.returncode == 130
        assert error.count("\n") == 1
        assert f"{name}.partial" in error
    else:
        assert run.returncode == -signal.SIGKILL
    kept = tmp_path / name
    (tmp_path / f"{name}.partial").rename(kept)
    frames = list(mdlens.read(kept))
    assert 0 < len(frames) < 1000
    assert all(len(atoms) == 256 and "confidence" in atoms.arrays for atoms in frames)
    if number == signal.SIGINT:
        assert f"{len(frames)} whole frames" in error
