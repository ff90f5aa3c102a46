"""Seconds to classify one configuration of 1000 particles on one core, into speed.json: `speed.py`."""

import json
import platform
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from ase import Atoms

from mdlens.learning.window_fit import WindowModel, Windows
from mdlens.workflows.amorphous import AmorphousModel, make_network

N, REPEATS = 1000, 21


def main() -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    box = (N / 1.2) ** 0.5
    positions = np.column_stack([rng.random((N, 2)) * box, np.zeros(N)])
    atoms = Atoms("X" * N, positions=positions, cell=[box, box, 1.0], pbc=[True, True, False])
    atoms.arrays["type"] = rng.integers(1, 3, N)
    found = {"particles": N, "repeats": REPEATS, "processor": platform.processor() or platform.machine()}
    for name in ("mpnn", "cnn"):
        settings, windows = WindowModel(network=name), Windows()
        model = AmorphousModel(settings, windows, ("1", "2"), 2, 7.3, make_network(settings, windows, 2, 2))
        if model.classify(atoms).windows.shape != (windows.count,):
            raise SystemExit("a configuration was not classified as asked")
        seconds, processor = [], []
        for _ in range(REPEATS):
            began, busy = time.perf_counter(), time.process_time()
            model.classify(atoms)
            seconds.append(time.perf_counter() - began)
            processor.append(time.process_time() - busy)
        found[name] = {
            "median_seconds": statistics.median(seconds),
            "median_cpu": statistics.median(processor),
        }
    (Path(__file__).parent / "speed.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
