"""A million atoms from file to file in less than two gigabytes."""

import resource
import subprocess
import sys

import numpy as np
import pytest
from ase.build import bulk

import mdlens

pytestmark = pytest.mark.slow

LIMIT = 2 * 2**30
PROGRAM = """
import resource, sys
from mdlens.cli import main
try:
    main()
finally:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, file=sys.stderr)
"""


@pytest.mark.parametrize("name", ["out.dump", "out.xyz"])
def test_a_million_atoms(tiny_model, tmp_path, name):
    atoms = bulk("Cu", "fcc", a=3.6, cubic=True).repeat(63)
    atoms.positions += np.random.default_rng(0).normal(0, 0.1, atoms.positions.shape)
    with mdlens.open_writer(tmp_path / "in.dump") as writer:
        writer.write(atoms)
    words = ["classify", tmp_path / "in.dump", "-o", tmp_path / name, "--report", tmp_path / "page.html"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, words), "--model", str(tiny_model)],
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    peak = int(done.stderr.split("peak")[1])
    assert peak < LIMIT, f"{peak / 2**30:.2f} GiB"
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < LIMIT
    assert len(mdlens.read(tmp_path / name)[0]) == len(atoms) == 1_000_188
