"""Simulate the trajectories of the study: `generate.py OUT/ [--seconds CPU]`; run again to go on.

One file per trajectory, written when whole. Positions are 16-bit fractions of the box: the rounding, 1.4e-4
for 400 particles, is a hundredth of the displacements that heat causes at T = 0.05, and takes a quarter of
the room of float64.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path

import numpy as np
from protocols import order, recipe
from rich.progress import Progress

from mdlens.simulation.glass2d import Glass2DRecipe, simulate_glass2d, types_of

LEVELS = 1 << 16


def packed(positions: np.ndarray, box: float) -> np.ndarray:
    """Positions inside the box as 16-bit fractions of it."""
    return (np.floor(positions / box * LEVELS).astype(np.int64) % LEVELS).astype(np.uint16)


def make(task: Glass2DRecipe, file: Path) -> None:
    began = time.process_time()
    records = list(simulate_glass2d(task))
    partial = file.with_name(file.name + ".partial")
    with partial.open("wb") as stream:
        np.savez_compressed(
            stream,
            recipe=json.dumps(dataclasses.asdict(task)),
            box=task.box,
            types=types_of(task).astype(np.uint8),
            step=np.array([r.step for r in records]),
            temperature=np.array([r.temperature for r in records]),
            energy=np.array([r.energy for r in records]),
            inherent_energy=np.array([r.inherent_energy for r in records]),
            thermal=packed(np.array([r.positions for r in records]), task.box),
            inherent=packed(np.array([r.inherent for r in records]), task.box),
            cpu_seconds=time.process_time() - began,
        )
    partial.replace(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="CPU time after which to stop")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    tasks = order()
    with Progress() as bar:
        shown = bar.add_task("trajectories", total=len(tasks))
        for protocol, index in tasks:
            file = arguments.out / f"{protocol}_{index:03d}.npz"
            if not file.exists():
                if time.process_time() > arguments.seconds:
                    break
                make(recipe(protocol, index), file)
            bar.update(shown, advance=1, description=file.stem)


if __name__ == "__main__":
    main()
