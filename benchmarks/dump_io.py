"""Read and write a dump of 1,000,000 atoms: mdlens against ASE and OVITO, equality first.

Run: python benchmarks/dump_io.py [--atoms 1000000] [--repeats 3]. Prints JSON lines; peak memory is that of
fresh processes (VmHWM of Linux).
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import ase.io
import numpy as np
from ase.io.lammpsrun import read_lammps_dump_text
from harness import emit, measure, noised_fcc

import mdlens

READERS = {
    "mdlens": "frame = mdlens.read(path)[0]",
    "ovito": "frame = import_file(path).compute(0)",
    "ase": "frame = ase.io.lammpsrun.read_lammps_dump_text(open(path), index=0, order=False)",
}
WRITERS = {
    name: f"""
frame = mdlens.read(path)[0]
before = peak()
with mdlens.open_writer(path + "{name}") as writer:
    writer.write(frame)
"""
    for name in (".dump", ".dump.gz", ".xyz")
}
PROLOGUE = """
import re
from pathlib import Path
import ase.io.lammpsrun
import mdlens.io
{imports}
def peak():
    return int(re.search("VmHWM:[^0-9]*([0-9]+)", Path("/proc/self/status").read_text())[1]) / 1024
path = {path!r}
before = peak()
"""


def make_dump(path: Path, atoms: int) -> None:
    """Write the dump with NumPy, with the ten digits that `dump_modify format float %.10g` gives."""
    frame = noised_fcc(round((atoms / 4) ** (1 / 3)))
    count = len(frame)
    velocities = np.random.default_rng(1).normal(0, 3, (count, 3))
    table = np.column_stack([np.arange(1, count + 1), np.ones(count), frame.positions, velocities])
    header = ["ITEM: TIMESTEP", "0", "ITEM: NUMBER OF ATOMS", str(count), "ITEM: BOX BOUNDS pp pp pp"]
    header += [f"0 {length!r}" for length in frame.cell.lengths().tolist()]
    with path.open("w") as file:
        file.write("\n".join([*header, "ITEM: ATOMS id type x y z vx vy vz\n"]))
        np.savetxt(file, table, fmt="%d %d " + " ".join(["%.10g"] * 6))


def peak_memory(code: str, path: Path) -> float:
    """Return by how many MB the peak of a fresh process grows while it runs the code after the imports."""
    imports = "from ovito.io import import_file" if "import_file" in code else ""
    script = PROLOGUE.format(imports=imports, path=str(path)) + code + "\nprint(peak() - before)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    return round(float(done.stdout), 1)


def check_readers(path: Path) -> None:
    """Assert that the three readers agree to the last bit."""
    from ovito.io import import_file

    frame = mdlens.read(path)[0]
    with path.open() as file:
        reference = read_lammps_dump_text(file, index=0, order=False)
    data = import_file(str(path)).compute(0)
    np.testing.assert_array_equal(frame.positions, reference.positions)
    np.testing.assert_array_equal(frame.positions, data.particles.positions[...])
    np.testing.assert_array_equal(frame.arrays["id"], data.particles.identifiers[...])
    velocities = np.column_stack([frame.arrays[name] for name in ("vx", "vy", "vz")])
    np.testing.assert_array_equal(velocities, data.particles["Velocity"][...])


def time_readers(path: Path, repeats: int) -> None:
    """Print the reading speeds and the peak memories."""
    from ovito.io import import_file

    def with_ase() -> object:
        with path.open() as file:
            return read_lammps_dump_text(file, index=0, order=False)

    medians = measure(
        {
            "mdlens": lambda: mdlens.read(path)[0],
            "ovito": lambda: import_file(str(path)).compute(0),
            "ase": with_ase,
        },
        repeats,
    )
    seconds = {name: median.wall for name, median in medians.items()}
    size = path.stat().st_size / 1e6
    emit(
        {
            "benchmark": "dump_read",
            "atoms": len(mdlens.read(path)[0]),
            "file_mb": round(size, 1),
            "seconds": {name: round(value, 3) for name, value in seconds.items()},
            "cpu_seconds": {name: round(median.cpu, 3) for name, median in medians.items()},
            "mb_per_s": {name: round(size / value, 1) for name, value in seconds.items()},
            "times_faster_than": {
                k: round(v / seconds["mdlens"], 2) for k, v in seconds.items() if k != "mdlens"
            },
            "extra_memory_mb": {name: peak_memory(code, path) for name, code in READERS.items()},
        }
    )


def time_writers(path: Path, repeats: int) -> None:
    """Print the writing speeds, as dump and extended XYZ, the latter against ASE."""
    frame = mdlens.read(path)[0]
    folder = path.parent

    def save(name: str) -> Path:
        with mdlens.open_writer(folder / name) as writer:
            writer.write(frame)
        return folder / name

    other = mdlens.read(save("out.dump"))[0]
    np.testing.assert_array_equal(other.positions, frame.positions)
    np.testing.assert_array_equal(ase.io.read(save("out.xyz")).positions, frame.positions)
    names = ("out.dump", "out.dump.gz", "out.dump.zst", "out.xyz")
    contestants = {name: lambda name=name: save(name) for name in names}
    contestants["ase out.xyz"] = lambda: ase.io.write(folder / "ase.xyz", frame, format="extxyz")
    medians = measure(contestants, repeats)
    seconds = {name: median.wall for name, median in medians.items()}
    sizes = {name: (folder / name.replace("ase out", "ase")).stat().st_size / 1e6 for name in seconds}
    emit(
        {
            "benchmark": "dump_write",
            "atoms": len(frame),
            "seconds": {name: round(value, 3) for name, value in seconds.items()},
            "cpu_seconds": {name: round(median.cpu, 3) for name, median in medians.items()},
            "mb_per_s": {name: round(sizes[name] / value, 1) for name, value in seconds.items()},
            "extra_memory_mb": {name: peak_memory(code, path) for name, code in WRITERS.items()},
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--atoms", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.dump"
        make_dump(path, arguments.atoms)
        check_readers(path)
        time_readers(path, arguments.repeats)
        time_writers(path, arguments.repeats)


if __name__ == "__main__":
    main()
