"""Simulate the acceptance set of `materials.py` and label each atom by its inherent structure.

    python studies/crystal/generate.py PARTS/ [--only NAME] [--pack]

One .npz per run in PARTS/, skipped when it is already there, so an interrupted run goes on where it stopped;
`--pack` simulates nothing. Either way the parts are then joined into `data/<material>.npz`.

Crystals climb a ladder of temperatures until their inherent structure is no longer the crystal: the limit of
metastability. A snapshot there, with less than 90 % of the class, is dropped and ends the run. An atom keeps
the class where PTM (RMSD below 0.1) of the minimised copy agrees; others (defects made by the heat) get -1
and take no part. Liquids are disordered by preparation, and checked: the median atom has left its site by
more than a neighbour distance, and the melt is whole: one at half again the volume of the crystal has
cavities.
"""

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from materials import MATERIALS, Material, liquid_name
from rich.progress import Progress
from rivals import CLASSES, OTHER, ptm, with_cutoff

from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from mdlens.neighbors import find_nearest
from mdlens.simulation.bulk import BulkRecipe, Stage, chunks, simulate_bulk, start_structure

DATA = Path(__file__).parent / "data"
RUNS = 3
SERIES = 3  # raised when the set is drawn anew because the last one has been looked at
APART = 2.0  # ps between snapshots of one temperature
HEAT_MAPS = ("Al", "Fe", "Zr", "Si")  # the materials of the distorted crystals
KEPT_CRYSTALLINE = 0.9
TORN = 1.5  # volume of a melt, in those of the crystal, from which it has cavities and is no bulk liquid
INHERENT_RMSD = 0.1
GRID = 1024.0  # positions are multiples of 1/GRID Angstrom, far below any thermal displacement


@dataclass(frozen=True)
class Run:
    """One trajectory: the first crystal run climbs the whole ladder, the others repeat two temperatures."""

    material: Material
    liquid: bool
    number: int

    @property
    def name(self) -> str:
        return liquid_name(self.material) if self.liquid else self.material.name

    @property
    def file_name(self) -> str:
        return f"{self.name}_{self.number}.npz"

    @property
    def brisk(self) -> bool:
        """Whether to spend less time between temperatures: on a ladder (small steps), or when slow."""
        return self.material.slow or (self.number == 1 and not self.liquid)

    @property
    def temperatures(self) -> tuple[float, ...]:
        """Temperatures in the order they are visited, in melting temperatures."""
        if self.liquid:
            return tuple(x for x in self.material.liquid_ladder if self.number == 1 or x < 1.1)
        return self.material.ladder if self.number == 1 else self.material.repeated


def runs() -> list[Run]:
    """All of them, what matters most first: the melting temperature of every material."""
    fast = [m for m in MATERIALS if not m.slow]
    slow = [m for m in MATERIALS if m.slow]
    order = [Run(m, liquid, 2) for m in fast + slow for liquid in (False, True)]
    order += [Run(m, False, 1) for m in sorted(fast, key=lambda m: m.name not in HEAT_MAPS)]
    order += [Run(m, liquid, 3) for m in fast for liquid in (False, True)]
    order += [Run(m, liquid, 3) for m in slow for liquid in (False, True)]
    order += [Run(m, True, 1) for m in fast]
    order += [Run(m, liquid, 1) for m in slow for liquid in (False, True)]
    return [r for r in order if r.temperatures]


def stages(run: Run) -> tuple[Stage, ...]:
    m = run.material

    def steps(time: float) -> int:
        return math.ceil(round(time / m.timestep, 6))

    made: list[Stage] = []
    before = run.temperatures[0] * m.melting
    if run.liquid:
        before = m.melt_at * m.melting
        made.append(Stage(start=before, stop=before, steps=steps(m.melt_for)))
    ramp, settle = (0.5, 1.0) if run.brisk else (1.0, APART)
    for x in run.temperatures:
        at, count = x * m.melting, 2 if x == 1.0 else m.snapshots
        made.append(Stage(start=before, stop=at, steps=steps(ramp)))
        made.append(Stage(start=at, stop=at, steps=steps(settle), snapshots=1, label=f"{x:.2f}"))
        if count > 1:
            more = count - 1
            made.append(Stage(start=at, stop=at, steps=more * steps(APART), snapshots=more, label=f"{x:.2f}"))
        before = at
    return tuple(made)


def recipe(run: Run) -> BulkRecipe:
    m = run.material
    return BulkRecipe(
        lattice=m.lattice,
        elements=m.elements,
        lattice_constant=m.lattice_constant,
        potential=m.potential,
        stages=stages(run),
        atoms_at_least=m.atoms,
        timestep=m.timestep,
        coupling="iso" if run.liquid else "aniso",
        seed=1000 * (RUNS * SERIES + run.number) + sum(map(ord, run.name)),
    )


def crystal_labels(material: Material, inherent: Atoms) -> np.ndarray | None:
    """Class index per atom (-1: a defect), or None when it is no longer the crystal."""
    right = with_cutoff(*ptm(inherent), INHERENT_RMSD) == CLASSES.index(material.structure)
    if right.mean() < KEPT_CRYSTALLINE:
        return None
    return np.where(right, CLASSES.index(material.structure), -1).astype(np.int8)


def liquid_labels(start: Atoms, snapshot: Atoms) -> np.ndarray | None:
    """The disordered class for all, or None when the median atom is near its site or the melt has torn."""
    if snapshot.get_volume() > TORN * start.get_volume():
        return None
    sites = start.get_scaled_positions() @ snapshot.cell
    spacing = find_nearest(sites, snapshot.cell.array, np.ones(3, bool), 1).distance.min()
    travelled = find_mic(snapshot.positions - sites, snapshot.cell, pbc=True)[1]
    return np.full(len(snapshot), OTHER, np.int8) if np.median(travelled) > spacing else None


def labelled(run: Run, progress: Progress) -> Iterator[tuple[Atoms, np.ndarray | None]]:
    """Yield the snapshots with their labels; the first one of another phase (labels None) is the last."""
    plan = recipe(run)
    start = start_structure(plan)
    bar = progress.add_task(f"{run.name} {run.number}", total=len(chunks(plan)))
    for step in simulate_bulk(plan, inherent=not run.liquid):
        progress.advance(bar)
        if not step.record:
            continue
        if run.liquid:
            labels = liquid_labels(start, step.state)
        else:
            labels = crystal_labels(run.material, step.inherent)
        yield step.state, labels
        if labels is None:
            break
    progress.remove_task(bar)


def write_part(run: Run, path: Path, progress: Progress) -> None:
    frames = list(labelled(run, progress))
    kept = [(a, labels) for a, labels in frames if labels is not None]
    gave_way = [a.info["label"] for a, labels in frames if labels is None]
    partial = path.with_suffix(".partial.npz")
    np.savez_compressed(
        partial,
        at=np.array([a.info["label"] for a, _ in kept]),
        gave_way=np.array(gave_way, dtype=str),
        temperature=np.array([a.info["temperature"] for a, _ in kept]),
        positions=np.array([a.get_positions(wrap=True) for a, _ in kept], dtype=np.float32),
        cells=np.array([a.cell.lengths() for a, _ in kept]),
        labels=np.array([x for _, x in kept], dtype=np.int8),
    )
    partial.rename(path)
    reached = f"{kept[-1][0].info['label']} Tm" if kept else "nothing"
    end = f", gave way at {gave_way[0]} Tm" if gave_way else ""
    progress.console.print(f"{run.name} run {run.number}: {len(kept)} snapshots, up to {reached}{end}")


def snapshots_of(run: Run, part: Path) -> list[LabelledSnapshot]:
    """The snapshots of one run; a group is one temperature of one run."""
    with np.load(part, allow_pickle=False) as saved:
        arrays = {name: saved[name] for name in saved.files}
    numbers = start_structure(recipe(run)).numbers.astype(np.int16)
    return [
        LabelledSnapshot(
            positions=(np.round(arrays["positions"][k] * GRID) / GRID).astype(np.float32),
            cell=np.diag(arrays["cells"][k].astype(float)),
            pbc=np.ones(3, bool),
            labels=arrays["labels"][k],
            system=run.name,
            snapshot=f"{run.name} {at} Tm run {run.number} snapshot {k}",
            group=f"{run.name} {at} Tm run {run.number}",
            temperature=float(arrays["temperature"][k]),
            numbers=numbers,
        )
        for k, at in enumerate(arrays["at"])
    ]


def gave_way(part: Path) -> str | None:
    """Temperature, in melting temperatures, at which the crystal was lost; None if it was not."""
    with np.load(part, allow_pickle=False) as saved:
        return str(saved["gave_way"][0]) if len(saved["gave_way"]) else None


def pack(material: Material, parts: Path) -> None:
    """Join the parts of one material that are there into the file that is committed."""
    there = [r for r in runs() if r.material == material and (parts / r.file_name).exists()]
    snapshots = [s for r in there for s in snapshots_of(r, parts / r.file_name)]
    if not snapshots:
        return
    provenance = {
        "generator": "studies/crystal/generate.py",
        "material": asdict(material),
        "gave_way": {f"{r.name} {r.number}": gave_way(parts / r.file_name) for r in there},
        "label": "inherent structure by PTM, RMSD 0.1 (crystals), prepared phase (liquids)",
    }
    DATA.mkdir(exist_ok=True)
    out = DATA / f"{material.name}.npz"
    SnapshotDataset(
        classes=CLASSES, snapshots=tuple(snapshots), provenance=json.loads(json.dumps(provenance))
    ).save(out)
    atoms = sum(map(len, snapshots))
    ignored = sum(int((s.labels < 0).sum()) for s in snapshots)
    size = out.stat().st_size / 1e6
    print(f"{out.name}: {len(snapshots)} snapshots, {atoms} atoms, {ignored} left out, {size:.2f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", type=Path)
    parser.add_argument("--only", default="", help="materials whose name contains this")
    parser.add_argument("--pack", action="store_true", help="join what is there, simulate nothing")
    arguments = parser.parse_args()
    arguments.parts.mkdir(parents=True, exist_ok=True)
    chosen = [r for r in runs() if arguments.only in r.material.name]
    with Progress() as progress:
        whole = progress.add_task("runs", total=len(chosen))
        for run in chosen:
            path = arguments.parts / run.file_name
            if not path.exists() and not arguments.pack:
                write_part(run, path, progress)
            progress.advance(whole)
    for material in MATERIALS:
        if arguments.only in material.name:
            pack(material, arguments.parts)


if __name__ == "__main__":
    main()
