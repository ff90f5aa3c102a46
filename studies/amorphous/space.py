"""A second system, in space: copper-zirconium, liquid at 1200 K or glass at 250 K: `space.py RUNS/ WORK/`.

RUNS/ holds the small runs of studies/vitrification_cuzr (three of 2000 atoms). The five frames nearest to
each temperature are taken as they are and minimised at fixed cell; one run is for learning, one chooses the
epoch, one is judged. Everything goes through the commands a user has. Results are in space.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from mdlens.io import open_writer, read
from mdlens.neighbors import find_nearest
from mdlens.simulation.engine import engine
from mdlens.simulation.potentials import load_potential
from mdlens.workflows.train_amorphous import train_amorphous

NAMES = ("cuzr_small_11", "cuzr_small_12", "cuzr_small_13")
FRAMES = 5
TEMPERATURES = {"liquid": 1200.0, "glass": 250.0}
SETTINGS = """
[model]
name = "cuzr"
[windows]
particles = 100
k = 8
[split]
validation = 0.34
test = 0.34
[fit]
epochs = 6
windows_per_epoch = 512
batch_size = 32
validation_windows = 128
"""
ENTRY = '[[data]]\nfile = "{file}"\nlabel = "{label}"\ngroup = "{group}"\n'


def chosen_frames(run: Path) -> dict[str, list[int]]:
    """Numbers of the frames nearest to the temperatures."""
    rows = (run / "thermo.csv").read_text().splitlines()[1:]
    targets = np.array([float(row.split(",")[1]) for row in rows])
    nearest = {label: np.argsort(np.abs(targets - t), kind="stable") for label, t in TEMPERATURES.items()}
    return {label: sorted(order[:FRAMES].tolist()) for label, order in nearest.items()}


def prepare(run: Path, work: Path) -> None:
    """Write the chosen frames of a run, thermal and minimised."""
    for label, numbers in chosen_frames(run).items():
        files = {kind: work / f"{run.name}_{label}_{kind}.dump" for kind in ("thermal", "inherent")}
        if all(file.exists() for file in files.values()):
            continue
        frames = [read(run / "trajectory.dump", frames=number)[0] for number in numbers]
        potential = load_potential("CuZr_mm.eam.fs", ("Cu", "Zr"))
        with open_writer(files["thermal"]) as hot, open_writer(files["inherent"]) as cold:
            for atoms in frames:
                atoms.positions -= atoms.get_celldisp().ravel()
                atoms.set_celldisp(np.zeros(3))
                hot.write(bare(atoms))
                atoms.arrays["velocities"] = np.zeros((len(atoms), 3))
                with engine(atoms, potential) as quencher:
                    cold.write(bare(quencher.minimised(atoms)))


def bare(atoms):
    """Only what a dump needs."""
    frame = atoms.copy()
    for name in set(frame.arrays) - {"numbers", "positions"}:
        del frame.arrays[name]
    symbols = frame.get_chemical_symbols()
    frame.arrays["id"] = np.arange(1, len(frame) + 1)
    frame.arrays["type"] = np.array([1 if s == "Cu" else 2 for s in symbols])
    return frame


def shortest(file: Path) -> list[float]:
    """Smallest neighbour distance of each frame, in units of the mean distance to the nearest."""
    found = []
    for atoms in read(file):
        distance = find_nearest(atoms.positions, atoms.cell[:], atoms.pbc, 1, threads=1).distance
        found.append(round(float(distance.min() / distance.mean()), 4))
    return found


def separation(found: dict[str, list[list[float]]]) -> list[float]:
    """AUC by which the smallest distance alone tells glass from liquid in each run (above 0.5: larger)."""
    pairs = zip(found["liquid"], found["glass"], strict=True)
    return [
        float(np.mean([(g > low) + 0.5 * (g == low) for g in glass for low in liquid]))
        for liquid, glass in pairs
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path)
    parser.add_argument("work", type=Path)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    results = {}
    for name in NAMES:
        prepare(arguments.runs / name, arguments.work)
    for kind in ("thermal", "inherent"):
        text = SETTINGS
        for name in NAMES:
            for label in TEMPERATURES:
                text += ENTRY.format(file=f"{name}_{label}_{kind}.dump", label=label, group=name)
        config = arguments.work / f"{kind}.toml"
        config.write_text(text)
        model = train_amorphous(config, arguments.work / kind)
        smallest = {
            label: [shortest(arguments.work / f"{n}_{label}_{kind}.dump") for n in NAMES]
            for label in TEMPERATURES
        }
        results[kind] = {
            "scores": model.scores,
            "smallest distance": smallest,
            "auc of the smallest distance by run": separation(smallest),
        }
    (Path(__file__).parent / "space.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
