"""Snapshots of two structures that no model was taught, A15 and omega, from molecular dynamics.

    python studies/crystal/few_shot_data.py          # -> few_shot.npz, about two minutes on one core

Each structure in two elements with two potentials, heated step by step in independent runs; both structures
are metastable there. A snapshot is kept only if its inherent structure is the crystal it started from.
Nothing of it takes part in the training of a shipped model. Positions are rounded to 1/1024 Angstrom.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.spacegroup import crystal
from rich.progress import track

from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from mdlens.neighbors import find_nearest
from mdlens.simulation.engine import Engine, engine
from mdlens.simulation.potentials import load_potential

DATA = Path(__file__).parent / "few_shot.npz"
STRUCTURES = ("A15", "omega")
GRID = 1024.0
EQUILIBRATION = 2.4  # ps at each temperature
INTERVAL = 1.0  # ps between the snapshots of the run that teaches
LARGEST_SHIFT = 0.1  # of an atom of the inherent structure from its site, in nearest-neighbour distances


@dataclass(frozen=True, kw_only=True)
class Series:
    """One structure of one element.

    Attributes:
        structure: One of `STRUCTURES`.
        element: Chemical symbol.
        potential: Name for `mdlens.simulation`.
        edges: Where the relaxation of the conventional cell starts, Angstrom: a for A15; a and c for omega.
        repeats: Copies of the orthogonal cell.
        temperatures: Of the tested runs, K.
        teach_at: Temperature of the run that teaches, K; None for an element that is only tested.
    """

    structure: str
    element: str
    potential: str
    edges: tuple[float, ...]
    repeats: tuple[int, int, int]
    temperatures: tuple[float, ...]
    teach_at: float | None = None
    runs: int = 3
    snapshots: int = 10
    timestep: float = 0.002

    @property
    def name(self) -> str:
        return f"{self.structure} {self.element}"


SERIES = (
    Series(
        structure="A15",
        element="W",
        potential="W_zhou.eam.alloy",
        edges=(5.05,),
        repeats=(4, 4, 4),
        temperatures=(300, 1000, 2000, 3000),
        teach_at=1000,
    ),
    Series(
        structure="A15",
        element="Ta",
        potential="CuTa.eam.alloy",
        edges=(5.28,),
        repeats=(4, 4, 4),
        temperatures=(300, 1000, 2000),
    ),
    Series(
        structure="omega",
        element="Zr",
        potential="Zr_mm.eam.fs",
        edges=(5.05, 3.15),
        repeats=(4, 2, 6),
        temperatures=(100, 200, 300),
        teach_at=200,
    ),
    Series(
        structure="omega",
        element="Ti",
        potential="Ti.meam.spline",
        edges=(4.60, 2.82),
        repeats=(4, 2, 6),
        temperatures=(100, 300, 500),
    ),
)


def unit_cell(structure: str, element: str, edges: tuple[float, ...]) -> Atoms:
    """The perfect crystal as an orthogonal cell: A15 has 8 atoms, omega 6.

    Source: Strukturbericht A15 (Cr3Si, Pm-3n: 2a and 6c) with one species; omega of Ti (P6/mmm: 1a and 2d),
    Sikka, Vohra and Chidambaram, Prog. Mater. Sci. 27, 245 (1982).
    """
    if structure == "A15":
        sites = [(0, 0, 0), (0.25, 0, 0.5)]
        made = crystal([element] * 2, sites, spacegroup=223, cellpar=[edges[0]] * 3 + [90] * 3)
        return Atoms(made.numbers, positions=made.positions, cell=made.cell, pbc=True)
    a, c = edges
    hexagonal = np.array([(0, 0, 0), (1 / 3, 2 / 3, 0.5), (2 / 3, 1 / 3, 0.5)])
    vectors = np.array([(a, 0, 0), (-a / 2, a * 3**0.5 / 2, 0), (0, 0, c)])
    positions = np.concatenate([hexagonal @ vectors, hexagonal @ vectors + vectors[0] + vectors[1]])
    cell = (a, a * 3**0.5, c)
    return Atoms([element] * 6, positions=positions % cell, cell=cell, pbc=True)


def perfect(series: Series) -> Atoms:
    """The block that a run starts from."""
    return unit_cell(series.structure, series.element, series.edges).repeat(series.repeats)


def run(series: Series, number: int) -> Iterator[LabelledSnapshot]:
    """One independent run: number 0 teaches, the others are tested, one snapshot at each temperature."""
    start = perfect(series)
    temperatures = (series.teach_at,) if number == 0 else series.temperatures
    step = series.timestep
    with engine(start, load_potential(series.potential, (series.element,))) as lmp:
        lmp.run("fix relax all box/relax aniso 0 vmax 0.002", "minimize 1e-10 1e-4 500 5000", "unfix relax")
        lmp.run(f"timestep {step}", "reset_timestep 0")
        seed = 1 + 97 * number
        lmp.run(f"velocity all create {2 * temperatures[0]} {seed} mom yes rot no dist gaussian")
        for temperature in temperatures:
            damping = f"{100 * step} aniso 0 0 {1000 * step}"
            lmp.run(f"fix motion all npt temp {temperature} {temperature} {damping}")
            lmp.run(f"run {round(EQUILIBRATION / step)}")
            for k in range(series.snapshots if number == 0 else 1):
                lmp.run(f"run {round(INTERVAL / step)}")
                yield snapshot(series, lmp, start, number, temperature, k)
            lmp.run("unfix motion")


def snapshot(
    series: Series, lmp: Engine, start: Atoms, number: int, temperature: float, k: int
) -> LabelledSnapshot:
    """The present state, if its inherent structure is still the crystal."""
    frame = lmp.snapshot()
    shift = _shifts(lmp.minimised(frame), start)
    lmp.restore(frame)
    if shift.max() > LARGEST_SHIFT:
        raise RuntimeError(f"{series.name} at {temperature} K gave way: an atom moved by {shift.max():.2f}")
    name = f"{series.name} {temperature:g} K"
    return LabelledSnapshot(
        positions=(np.round(frame.positions * GRID) / GRID).astype(np.float32),
        cell=np.asarray(frame.cell.array),
        pbc=np.ones(3, bool),
        labels=np.full(len(frame), STRUCTURES.index(series.structure), np.int8),
        system=name,
        snapshot=f"{name} run {number} snapshot {k}",
        group=f"run {number}",
        temperature=float(frame.info["temperature"]),
        numbers=frame.numbers.astype(np.int16),
        displacement=float(np.sqrt((_shifts(frame, start) ** 2).mean() / 3.0)),
    )


def _shifts(frame: Atoms, start: Atoms) -> np.ndarray:
    """Distance of every atom from its site, in nearest-neighbour distances."""
    edges = frame.cell.lengths()
    sites = start.get_scaled_positions() * edges
    moved = frame.positions - sites
    moved -= np.round(moved / edges) * edges
    spacing = find_nearest(sites, np.diag(edges), np.ones(3, bool), 1).distance.min()
    return np.linalg.norm(moved - np.median(moved, axis=0), axis=1) / spacing


def main() -> None:
    runs = [(s, n) for s in SERIES for n in range(s.teach_at is None, s.runs + 1)]
    snapshots = [made for series, number in track(runs) for made in run(series, number)]
    provenance = {
        "generator": "studies/crystal/few_shot_data.py",
        "potentials": {series.name: series.potential for series in SERIES},
        "teaches": {series.name: f"{series.teach_at:g} K" for series in SERIES if series.teach_at},
    }
    SnapshotDataset(classes=STRUCTURES, snapshots=tuple(snapshots), provenance=provenance).save(DATA)
    print(f"{DATA}: {len(snapshots)} snapshots, {DATA.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
