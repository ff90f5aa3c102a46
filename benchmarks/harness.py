"""What every benchmark shares: alternated timing, the machine, JSON lines, a noised crystal to measure on."""

import gc
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import ase
import ase.build
import numpy as np


@dataclass(frozen=True)
class Medians:
    """Median seconds of one contestant: on the wall clock, and of processor time over all its threads."""

    wall: float
    cpu: float


def measure(contestants: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, Medians]:
    """Call the contestants in turn ``repeats`` times, after one uncounted call each.

    Processor time is the one to read on a machine that others use at the same time.
    """
    for run in contestants.values():
        run()
    wall: dict[str, list[float]] = {name: [] for name in contestants}
    cpu: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, run in contestants.items():
            gc.collect()
            start, cpu_start = time.perf_counter(), time.process_time()
            run()
            wall[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - cpu_start)
    return {
        name: Medians(statistics.median(wall[name]), statistics.median(cpu[name])) for name in contestants
    }


def compare(contestants: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median wall seconds of each contestant, as `measure` takes them."""
    return {name: medians.wall for name, medians in measure(contestants, repeats).items()}


def machine() -> dict[str, object]:
    """The processor, how many cores this process may use, how busy they are, and the versions that matter."""
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.system(),
        "python": platform.python_version(),
        "mdlens": version("mdlens"),
        "numpy": version("numpy"),
    }


def emit(record: Mapping[str, object]) -> None:
    """Print a record as one JSON line, with the machine it was measured on."""
    sys.stdout.write(json.dumps({**record, "machine": machine()}) + "\n")
    sys.stdout.flush()


def noised_fcc(n_cells: int, noise: float = 0.05, seed: int = 0, lattice_constant: float = 4.05) -> ase.Atoms:
    """Build ``4 n_cells^3`` fcc atoms (Al, lattice constant in A) displaced by Gaussian noise.

    ``noise`` is the standard deviation per component, as a fraction of the nearest-neighbour distance.
    """
    atoms = ase.build.bulk("Al", "fcc", a=lattice_constant, cubic=True).repeat(n_cells)
    sigma = noise * lattice_constant / np.sqrt(2.0)
    atoms.positions += np.random.default_rng(seed).normal(0.0, sigma, atoms.positions.shape)
    return atoms


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
