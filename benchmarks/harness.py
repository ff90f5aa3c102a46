"""What every benchmark shares: alternated timing, the machine, JSON lines, a noised crystal to measure on."""

import gc
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import ase
import ase.build
import numpy as np


def compare(contestants: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median wall seconds of each contestant, called in turn ``repeats`` times after one uncounted call."""
    for run in contestants.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, run in contestants.items():
            gc.collect()
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


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
