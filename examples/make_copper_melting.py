"""Make examples/copper_melting.dump.gz: a copper crystal that melts from the liquid beside it.

    python examples/make_copper_melting.py examples/copper_melting.dump.gz

5,120 atoms, EAM of Mishin et al., Phys. Rev. B 63, 224106 (2001) (`Cu_mishin1.eam.alloy` of the LAMMPS
distribution, melting near 1325 K).
The upper half is molten while the lower is held still, then all is free at 1410 K and zero pressure for 48
ps. Needs the `simulate` extra.
"""

import gzip
import shutil
import sys
import tempfile
from pathlib import Path

from mdlens.simulation.engine import engine
from mdlens.simulation.lattices import build_lattice
from mdlens.simulation.potentials import load_potential

TEMPERATURE = 1410.0
FRAMES, STEPS_PER_FRAME = 13, 1000


def commands(middle: float, dump: Path) -> tuple[str, ...]:
    return (
        f"region upper block INF INF INF INF {middle} INF",
        "group upper region upper",
        "group lower subtract all upper",
        "timestep 0.002",
        f"velocity all create {2 * TEMPERATURE} 2026 mom yes rot no dist gaussian",
        f"fix motion all npt temp {TEMPERATURE} {TEMPERATURE} 0.2 aniso 0 0 2",
        "run 2000",
        "unfix motion",
        "velocity lower set 0 0 0",
        "fix motion upper nvt temp 2800 2800 0.2",
        "run 3000",
        "unfix motion",
        f"fix motion upper nvt temp 2800 {TEMPERATURE} 0.2",
        "run 1500",
        "unfix motion",
        f"velocity lower create {TEMPERATURE} 7 mom yes rot no dist gaussian",
        f"fix motion all npt temp {TEMPERATURE} {TEMPERATURE} 0.2 aniso 0 0 1",
        "run 2500",
        "reset_timestep 0",
        f'dump frames all custom {STEPS_PER_FRAME} "{dump}" id type element x y z',
        "dump_modify frames sort id element Cu format float %.3f",
        f"run {(FRAMES - 1) * STEPS_PER_FRAME}",
        "undump frames",
    )


def make(path: Path) -> None:
    atoms = build_lattice("fcc", ["Cu"], 3.615, repeats=(8, 8, 20))
    with (
        engine(atoms, load_potential("Cu_mishin1.eam.alloy", ["Cu"])) as lmp,
        tempfile.TemporaryDirectory() as scratch,
    ):
        dump = Path(scratch) / "melting.dump"
        lmp.run(*commands(atoms.cell.lengths()[2] / 2, dump))
        with dump.open("rb") as plain, gzip.GzipFile(path, "wb", compresslevel=9, mtime=0) as packed:
            shutil.copyfileobj(plain, packed)


if __name__ == "__main__":
    make(Path(sys.argv[1] if len(sys.argv) > 1 else "examples/copper_melting.dump.gz"))
