"""Simulate the trajectories of the study: `generate.py OUT/ [--seconds CPU]`; run again to go on.

`generate.py OUT/ --pack FILE.npz` puts those made so far into one file.

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
from protocols import COUNTS, order, recipe
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


def pack(folder: Path, file: Path) -> None:
    """Put the trajectories of a folder into one file, stacked by protocol."""
    table: dict[str, np.ndarray] = {}
    for protocol in COUNTS:
        files = sorted(folder.glob(f"{protocol}_*.npz"))
        opened = [dict(np.load(f, allow_pickle=False)) for f in files]
        for name in opened[0] if opened else ():
            table[f"{protocol}.{name}"] = np.stack([d[name] for d in opened])
        if opened:
            table[f"{protocol}.name"] = np.array([f.stem for f in files])
    np.savez_compressed(file, **table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="CPU time after which to stop")
    parser.add_argument("--pack", type=Path, metavar="FILE", help="make nothing, pack what is there")
    arguments = parser.parse_args()
    if arguments.pack:
        pack(arguments.out, arguments.pack)
        return
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
