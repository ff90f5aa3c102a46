"""A trajectory classified by one Dask worker and by two, each a process of one thread.

The trajectory is a noised fcc crystal, warmer from frame to frame, in a LAMMPS dump that the workers read
(with `--files`, this process).
Before any time is taken, both clusters have to give the labels that this process gives alone.
Calls alternate; medians of wall time. `client_cpu_seconds` is processor time of this process, which holds the
scheduler too: with two workers on two cores it is taken from theirs.

    python benchmarks/cluster.py [--frames 200] [--cells 12] [--repeats 3] [--files] [--model default]

`--files` times `mdlens classify FILE -o OUT` instead of the labels alone, and compares whole files.
`--kill` times nothing: it kills one of two workers in the middle and checks that no frame is lost.
"""

import argparse
import hashlib
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

import dask
import numpy as np
from distributed import Client, LocalCluster
from harness import emit, measure, noised_fcc

import mdlens
from mdlens.inference import StructureModel, load_model
from mdlens.workflows.crystal_files import Job, classify_files

NOISE = (0.02, 0.12)

Fingerprint = list[str]


def main() -> None:
    options = parse_options()
    model = load_model(options.model)
    with tempfile.TemporaryDirectory() as folder:
        dump = write_trajectory(Path(folder) / "warming.dump", options.frames, options.cells)
        (kill if options.kill else compare_clusters)(dump, model, options)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument(
        "--cells", type=int, default=12, help="cubic cells along an edge; 12 make 6,912 atoms"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--files", action="store_true", help="from file to file")
    parser.add_argument("--kill", action="store_true", help="kill a worker in the middle; time nothing")
    parser.add_argument("--model", default="default")
    return parser.parse_args()


def write_trajectory(path: Path, frames: int, cells: int) -> Path:
    with mdlens.open_writer(path) as writer:
        for number, noise in enumerate(np.linspace(*NOISE, frames)):
            atoms = noised_fcc(cells, float(noise), seed=number)
            atoms.info["timestep"] = 1000 * number
            writer.write(atoms)
    return path


@contextmanager
def workers(count: int) -> Iterator[Client]:
    """Start worker processes of one thread each, without Dask's sampling profiler, and wait for them."""
    with (
        dask.config.set({"distributed.worker.profile.enabled": False}),
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(count, timeout=60)
        yield client


def labels(dump: Path, model: StructureModel, client: Client | None) -> Iterator[str]:
    """Yield a fingerprint of the labels and confidences of every frame, in order."""
    for result in mdlens.classify(mdlens.read(dump), model, threads=1, embeddings=False, client=client):
        yield hashlib.sha256(result.labels.tobytes() + result.confidence.tobytes()).hexdigest()


def file_to_file(dump: Path, model: StructureModel, client: Client | None) -> Iterator[str]:
    """Write the labelled trajectory; yield a fingerprint of the file."""
    job = Job(source=dump, output=dump.with_name("labelled.dump"))
    for _ in classify_files([job], model, threads=1, client=client):
        yield hashlib.sha256(job.outputs[0].read_bytes()).hexdigest()


def compare_clusters(dump: Path, model: StructureModel, options: argparse.Namespace) -> None:
    work = file_to_file if options.files else labels
    with ExitStack() as stack:
        clients = {"no cluster": None} | {
            f"{count} worker{'s'[: count - 1]}": stack.enter_context(workers(count)) for count in (1, 2)
        }
        contestants = {name: runner(work, dump, model, client) for name, client in clients.items()}
        expected = contestants["no cluster"]()
        for name, run in contestants.items():
            if run() != expected:
                sys.exit(f"{name}: the labels differ from those of this process alone")
        medians = measure(contestants, options.repeats)
    for name, median in medians.items():
        emit(
            {
                "benchmark": "cluster",
                "contestant": name,
                "what": "file to file" if options.files else "labels",
                "frames": options.frames,
                "atoms_per_frame": 4 * options.cells**3,
                "repeats": options.repeats,
                "median_seconds": round(median.wall, 3),
                "client_cpu_seconds": round(median.cpu, 3),
                "times_one_worker": round(medians["1 worker"].wall / median.wall, 3),
                "model": options.model,
                "distributed": version("distributed"),
            }
        )


def runner(
    work: Callable[..., Iterator[str]], dump: Path, model: StructureModel, client: Client | None
) -> Callable[[], Fingerprint]:
    return lambda: list(work(dump, model, client))


def kill(dump: Path, model: StructureModel, options: argparse.Namespace) -> None:
    """Kill a worker when a quarter of the frames is done; the others must come out as if nothing happened."""
    expected = list(labels(dump, model, None))
    with workers(2) as client:
        victim = next(iter(client.run(os.getpid).values()))
        found = []
        for fingerprint in labels(dump, model, client):
            found.append(fingerprint)
            if len(found) == options.frames // 4:
                os.kill(victim, signal.SIGKILL)
    if found != expected:
        sys.exit(f"{len(found)} frames came back of {len(expected)}, or some differ")
    emit({"benchmark": "cluster, a worker killed", "frames": len(found), "lost_or_changed": 0})


if __name__ == "__main__":
    main()
