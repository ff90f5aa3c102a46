"""From file to file: `mdlens classify in.dump -o out.dump` against OVITO's module doing the same job.

Both run as programs of their own, start-up included, in turn; medians of wall and processor time, and the
peak memory the system saw. OVITO's script imports the dump, applies polyhedral template matching as it comes
(fcc, hcp, bcc; RMSD 0.1) and exports id, type, coordinates, structure and RMSD; mdlens writes id, type,
coordinates, structure, its name, confidence and distance. Before any figure is printed the outputs are
compared: the same atoms in the same order, and the same structure wherever mdlens is at least 0.9 sure and
OVITO knows the atom.

    python benchmarks/file_to_file.py [--atoms 1000000] [--threads 1] [--packing .gz] [--velocities]
    python benchmarks/file_to_file.py --scaling       # 100,000 and 10,000,000 atoms in one frame
    python benchmarks/file_to_file.py --frames 2000   # 100 and 2,000 frames of 4,000 atoms
"""

import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import zstandard
from harness import emit, noised_fcc

import mdlens

SURE = 0.9
LEAST_AGREEMENT = 0.99
FRAME_ATOMS = 4_000
FEW_FRAMES = 100
SMALL, LARGE = 100_000, 10_000_000

# A small program starts the contestants: a child's peak begins with that of the program that starts it.
LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
wall = time.perf_counter() - start
print(json.dumps([status, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""
OURS = "from mdlens.cli import main; main()"
OVITO = """
import sys
from ovito.io import export_file, import_file
from ovito.modifiers import PolyhedralTemplateMatchingModifier
pipeline = import_file(sys.argv[1])
pipeline.modifiers.append(PolyhedralTemplateMatchingModifier(output_rmsd=True))
columns = ["Particle Identifier", "Particle Type", "Position.X", "Position.Y", "Position.Z"]
if sys.argv[3:]:
    columns += ["Velocity.X", "Velocity.Y", "Velocity.Z"]
export_file(pipeline, sys.argv[2], "lammps/dump", columns=[*columns, "Structure Type", "RMSD"])
"""


@dataclass(frozen=True)
class Cost:
    """Seconds on the wall clock and of the processors, and the peak of resident memory in MB."""

    wall: float
    cpu: float
    peak: float


def run(code: str, *words: object) -> Cost:
    """Run a Python program and return its cost."""
    command = [sys.executable, "-I", "-S", "-c", LAUNCHER, sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    status, wall, cpu, peak = json.loads(done.stdout)
    if status:
        sys.exit(f"a contestant failed: {done.stderr}")
    return Cost(wall, cpu, peak)


def median(costs: list[Cost]) -> Cost:
    """Return the medians, one by one."""
    return Cost(*(statistics.median(getattr(c, name) for c in costs) for name in ("wall", "cpu", "peak")))


def classify(source: Path, target: Path, threads: int) -> Cost:
    """Run mdlens as from the command line."""
    return run(OURS, "classify", source, "-o", target, "--threads", threads)


def write_dump(path: Path, atoms: int, frames: int = 1, *, velocities: bool = False) -> int:
    """Write frames of a noised crystal, reals as `%.10g`; return the atoms of a frame."""
    crystal = noised_fcc(max(2, round((atoms / 4) ** (1 / 3))))
    count = len(crystal)
    table = [np.arange(1, count + 1), np.ones(count), *crystal.positions.T]
    if velocities:
        table += [*np.random.default_rng(1).normal(0, 3, (3, count))]
    rows = np.column_stack(table)
    names = "id type x y z" + (" vx vy vz" if velocities else "")
    bounds = "".join(f"0 {length!r}\n" for length in crystal.cell.lengths().tolist())
    form = "%d %d " + " ".join(["%.10g"] * (rows.shape[1] - 2)) + " "
    with path.open("w") as file:
        for frame in range(frames):
            file.write(f"ITEM: TIMESTEP\n{frame}\nITEM: NUMBER OF ATOMS\n{count}\n")
            file.write(f"ITEM: BOX BOUNDS pp pp pp\n{bounds}ITEM: ATOMS {names}\n")
            np.savetxt(file, rows, fmt=form)
    return count


def packed(path: Path, packing: str) -> Path:
    """Return the file, packed if asked for."""
    if not packing:
        return path
    target = path.with_name(path.name + packing)
    with path.open("rb") as plain:
        if packing == ".gz":
            with gzip.open(target, "wb", compresslevel=4) as file:
                shutil.copyfileobj(plain, file)
        else:
            with target.open("wb") as file:
                zstandard.ZstdCompressor().copy_stream(plain, file)
    return target


def check(source: Path, ours: Path, theirs: Path) -> float:
    """Compare the two outputs; return the share of equal structures among atoms both are sure of."""
    atoms, mine, other = (mdlens.read(path)[0] for path in (source, ours, theirs))
    for result in (mine, other):
        np.testing.assert_array_equal(result.arrays["id"], atoms.arrays["id"])
        np.testing.assert_allclose(result.positions, atoms.positions, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(mine.positions, atoms.positions)
    known = other.arrays.get("StructureType", other.arrays.get("structure_type"))
    if known is None:
        sys.exit(f"OVITO's output has no structures: {sorted(other.arrays)}")
    sure = (mine.arrays["confidence"] >= SURE) & (mine.arrays["structure"] != 0) & (known != 0)
    share = float(np.mean(mine.arrays["structure"][sure] == known[sure]))
    if sure.mean() < SURE or share < LEAST_AGREEMENT:
        sys.exit(f"the two agree on {share:.4f} of the {sure.mean():.4f} of the atoms they are sure of")
    return share


def against_ovito(options: argparse.Namespace, folder: Path) -> None:
    """Print the medians of both contestants and their ratios."""
    plain = folder / "in.dump"
    count = write_dump(plain, options.atoms, velocities=options.velocities)
    source = packed(plain, options.packing)
    ours = folder / f"mdlens.dump{options.packing}"
    theirs = folder / ("ovito.dump.gz" if options.packing == ".gz" else "ovito.dump")  # it writes no .zst
    os.environ["OVITO_THREAD_COUNT"] = str(options.threads)
    extra = ["velocities"] if options.velocities else []
    costs: dict[str, list[Cost]] = {"mdlens": [], "ovito": []}
    for _ in range(options.repeats):
        costs["mdlens"].append(classify(source, ours, options.threads))
        costs["ovito"].append(run(OVITO, source, theirs, *extra))
    share = check(source, ours, theirs)
    medians = {name: median(values) for name, values in costs.items()}
    mine, other = medians["mdlens"], medians["ovito"]
    emit(
        {
            "benchmark": "file_to_file",
            "atoms": count,
            "threads": options.threads,
            "packing": options.packing,
            "velocities": options.velocities,
            "repeats": options.repeats,
            "agreement_where_sure": round(share, 5),
            "wall_seconds": {name: round(cost.wall, 2) for name, cost in medians.items()},
            "cpu_seconds": {name: round(cost.cpu, 2) for name, cost in medians.items()},
            "peak_mb": {name: round(cost.peak) for name, cost in medians.items()},
            "times_faster_wall": round(other.wall / mine.wall, 2),
            "times_less_cpu": round(other.cpu / mine.cpu, 2),
            "peak_over_ovito": round(mine.peak / other.peak, 2),
            "ovito": version("ovito"),
        }
    )


def scaling(options: argparse.Namespace, folder: Path) -> None:
    """Print the cost per atom of a small and a large frame, start-up (that of 500 atoms) taken off both.

    All three are run in turn; the small one takes half a second, so it is run oftener.
    """
    sizes = {"tiny": 500, "small": options.small, "large": options.large}
    counts = {name: write_dump(folder / f"{name}.dump", atoms) for name, atoms in sizes.items()}
    costs: dict[str, list[Cost]] = {name: [] for name in sizes}
    for name in ("tiny", "small", "tiny", "small", "large", "small", "tiny") * options.repeats:
        costs[name].append(classify(folder / f"{name}.dump", folder / "out.dump", options.threads))
        if len(costs[name]) == 1 and len(mdlens.read(folder / "out.dump")[0]) != counts[name]:
            sys.exit("atoms are missing in the output")
    middle = {name: median(each) for name, each in costs.items()}
    start = middle["tiny"]
    per_atom = {name: (middle[name].cpu - start.cpu) / counts[name] for name in ("small", "large")}
    for name, spent in per_atom.items():
        cost = middle[name]
        emit(
            {
                "benchmark": "file_to_file_scaling",
                "atoms": counts[name],
                "threads": options.threads,
                "repeats": len(costs[name]),
                "wall_us_per_atom": round(1e6 * (cost.wall - start.wall) / counts[name], 2),
                "cpu_us_per_atom": round(1e6 * spent, 2),
                "peak_mb": round(cost.peak),
                "peak_bytes_per_atom": round((cost.peak - start.peak) * 2**20 / counts[name]),
                "cost_over_small": round(spent / per_atom["small"], 3),
            }
        )


def many_frames(options: argparse.Namespace, folder: Path) -> None:
    """Print the peaks of a short and a long trajectory of equal frames."""
    for frames in (FEW_FRAMES, options.frames):
        source, target = folder / "in.dump", folder / "out.dump"
        count = write_dump(source, FRAME_ATOMS, frames)
        cost = classify(source, target, options.threads)
        if len(mdlens.read(target)) != frames:
            sys.exit("frames are missing in the output")
        emit(
            {
                "benchmark": "file_to_file_frames",
                "frames": frames,
                "atoms_per_frame": count,
                "threads": options.threads,
                "wall_seconds": round(cost.wall, 2),
                "cpu_us_per_atom": round(1e6 * cost.cpu / count / frames, 2),
                "peak_mb": round(cost.peak, 1),
            }
        )


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--atoms", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--packing", choices=["", ".gz", ".zst"], default="")
    parser.add_argument("--velocities", action="store_true", help="three more columns in and out")
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--small", type=int, default=SMALL, help="atoms of the small frame of --scaling")
    parser.add_argument("--large", type=int, default=LARGE, help="atoms of the large frame of --scaling")
    parser.add_argument("--frames", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the files go; a temporary folder if not given")
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    job = scaling if options.scaling else many_frames if options.frames else against_ovito
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        job(options, Path(folder))


if __name__ == "__main__":
    main()
