"""Join the parts that `generate.py` wrote into the data set that is committed.

    python studies/structure_model/pack.py PARTS/ [--keep]

Writes `train.npz` beside this script. Positions are rounded to 1/1024 Angstrom, far below any
thermal displacement, so that they compress well. A group is one hold of one system: two snapshots, 5 ps.
With `--keep`, systems without a part stay as they are in `train.npz`.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms
from generate import CLASSES, crystalline_share, recipe
from systems import MELTING, TRAIN, System

from mdlens.learning.snapshots import OUTSIDE, LabelledSnapshot, SnapshotDataset
from mdlens.neighbors import find_nearest
from mdlens.simulation.bulk import start_structure
from mdlens.simulation.lattices import build_lattice

# Largest displacement from the sites, per component and in nearest-neighbour distances: a crystal that is
# displaced further is about to melt (Lindemann), at whatever temperature its potential does that.
LARGEST_DISPLACEMENT = {
    "fcc": 0.102,
    "hcp": 0.102,
    "bcc": 0.122,
    "sc": 0.13,
    "cubic_diamond": 0.105,
    "hexagonal_diamond": 0.105,
}
COLDEST_LIQUID = 0.95  # below, a metal's melt is full of crystal-like atoms, and no label is right for them
# Of snapshots that any model gets right few are enough, so that the others are drawn more often. Left out are
# crystals that are displaced less than this and not colder than this, and liquids between these temperatures.
EASY_DISPLACEMENT, COLDEST, EASY_LIQUID = 0.06, 0.1, (1.2, 1.4)
IDEAL_COPIES = 8  # lattice constants of the ideal lattices, so that every part of a split has some
GLASS = 0.3  # colder than this it is a glass
CRYSTAL_IN_GLASS = 0.1  # a glass with more than this share of crystalline atoms (PTM, RMSD 0.1) is left out
RANDOM_CRYSTALS = 400
GRID = 1024.0  # positions are multiples of 1/GRID Angstrom


def part_name(system: System) -> str:
    return f"{system.name.replace(' ', '_')}.npz"


def displacement(positions: np.ndarray, cell: np.ndarray, start: Atoms) -> float:
    """Root mean square displacement from the lattice sites, per component, in nearest-neighbour distances."""
    sites = start.get_scaled_positions() * cell
    spacing = find_nearest(sites, np.diag(cell.astype(float)), np.ones(3, bool), 1).distance.min()
    shift = positions - sites
    shift -= np.round(shift / cell) * cell
    shift -= np.median(shift, axis=0)
    stayed = np.linalg.norm(shift, axis=1) < 0.5 * spacing
    return float(np.sqrt((shift[stayed] ** 2).mean()) / spacing)


def is_clear_cut(system: System, temperature: float, frame: Atoms, moved: float) -> bool:
    """Whether every atom of a snapshot belongs to its class beyond doubt."""
    if system.structure != "disordered":
        return moved <= LARGEST_DISPLACEMENT[system.structure]
    compound = f"{system.potential} {''.join(system.elements)}"
    relative = temperature / MELTING[compound if compound in MELTING else system.potential]
    return relative >= COLDEST_LIQUID or (relative < GLASS and crystalline_share(frame) < CRYSTAL_IN_GLASS)


def is_easy(snapshot: LabelledSnapshot) -> bool:
    """Whether a simulated snapshot teaches little that a colder or hotter one of its system does not."""
    relative = float(snapshot.group.split()[-2])
    if snapshot.displacement == 0:
        return EASY_LIQUID[0] < relative < EASY_LIQUID[1]
    return snapshot.displacement < EASY_DISPLACEMENT and relative > COLDEST


def ideal_snapshots() -> list[LabelledSnapshot]:
    """The perfect lattices, and atoms placed at random: what no simulation gives."""
    snapshots = []
    rng = np.random.default_rng(0)
    for k in range(IDEAL_COPIES):
        for label, name in enumerate(CLASSES[:-1]):
            atoms = build_lattice(name, ["X"], 2.5 + 0.5 * k, atoms_at_least=1000)
            snapshots.append(_plain(f"ideal {name}", k, atoms.positions, atoms.cell.lengths(), label))
        placed = rng.random((1000, 3)) * 30.0
        snapshots.append(_plain("random", k, placed, np.full(3, 30.0), len(CLASSES) - 1))
    return snapshots


def _plain(system: str, k: int, positions: np.ndarray, lengths: np.ndarray, label: int) -> LabelledSnapshot:
    return LabelledSnapshot(
        positions=positions.astype(np.float32),
        cell=np.diag(lengths),
        pbc=np.ones(3, bool),
        labels=np.full(len(positions), label, np.int8),
        system=system,
        snapshot=f"{system} {k}",
        group=f"{system} {k}",
        numbers=np.zeros(len(positions), np.int16),
    )


def random_crystals() -> Iterator[LabelledSnapshot]:
    """Yield crystals of a few atoms in a random cell, outside all classes; a cell PTM knows is left out."""
    rng = np.random.default_rng(1)
    kept = 0
    while kept < RANDOM_CRYSTALS:
        atoms = random_crystal(rng)
        if crystalline_share(atoms) > 0:
            continue
        lengths = atoms.cell.lengths()
        yield _plain(f"random crystal {kept % 20}", kept, atoms.positions, lengths, OUTSIDE)
        kept += 1


def random_crystal(rng: np.random.Generator) -> Atoms:
    """Place 2 to 10 atoms one by one, each where it is farthest from the others among some random places."""
    count = int(rng.integers(2, 11))
    cell = np.exp(rng.uniform(-0.5, 0.5, 3))
    cell *= (count / cell.prod()) ** (1 / 3)
    placed = rng.random((1, 3)) * cell
    while len(placed) < count:
        candidates = rng.random((60, 3)) * cell
        apart = candidates[:, None] - placed
        apart -= np.round(apart / cell) * cell
        placed = np.vstack([placed, candidates[np.linalg.norm(apart, axis=2).min(axis=1).argmax()]])
    unit = Atoms("X" * count, positions=placed * 3.0, cell=cell * 3.0, pbc=True)
    repeats = np.maximum(np.ceil(15.0 / (cell * 3.0)), 1).astype(int)
    return unit.repeat(tuple(repeats.tolist()))


def snapshots_of(system: System, parts: Path) -> list[LabelledSnapshot]:
    with np.load(parts / part_name(system), allow_pickle=False) as saved:
        table = json.loads(str(saved["table"]))
        positions, cells, labels = saved["positions"], saved["cells"], saved["labels"]
    start = start_structure(recipe(system))
    numbers, melted = start.numbers.astype(np.int16), system.structure == "disordered"
    snapshots = []
    for k, target in enumerate(table["target_temperature"]):
        frame = Atoms(numbers, positions=positions[k], cell=cells[k], pbc=True)
        moved = 0.0 if melted else displacement(positions[k], cells[k], start)
        if not is_clear_cut(system, target, frame, moved):
            continue
        relative = f"{target / system.melting:.2f} Tm"
        snapshots.append(
            LabelledSnapshot(
                positions=(np.round(positions[k] * GRID) / GRID).astype(np.float32),
                cell=np.diag(cells[k].astype(float)),
                pbc=np.ones(3, bool),
                labels=labels[k],
                system=system.name,
                snapshot=f"{system.name} {relative} {k}",
                group=f"{system.name} {relative}",
                temperature=table["temperature"][k],
                numbers=numbers,
                displacement=moved,
            )
        )
    return snapshots


def pack(systems: tuple[System, ...], parts: Path, out: Path, *, keep: bool) -> None:
    before = SnapshotDataset.load(out).snapshots if keep else ()
    snapshots = []
    for system in systems:
        if keep and not (parts / part_name(system)).exists():
            snapshots += [s for s in before if s.system == system.name]
        else:
            snapshots += snapshots_of(system, parts)
    snapshots = [s for s in snapshots if not is_easy(s)]
    snapshots += ideal_snapshots()
    snapshots += random_crystals()
    provenance = {
        "generator": "studies/structure_model/generate.py",
        "potentials": {s.name: s.potential for s in systems},
        "melting_K": {s.name: s.melting for s in systems},
        "label": "inherent structure by PTM (crystals), prepared phase (disordered)",
    }
    SnapshotDataset(classes=CLASSES, snapshots=tuple(snapshots), provenance=provenance).save(out)
    atoms = sum(len(s) for s in snapshots)
    print(f"{out}: {len(snapshots)} snapshots, {atoms} atoms, {out.stat().st_size / 1e6:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", type=Path)
    parser.add_argument(
        "--keep", action="store_true", help="keep what train.npz has of systems without a part"
    )
    arguments = parser.parse_args()
    pack(TRAIN, arguments.parts, Path(__file__).with_name("train.npz"), keep=arguments.keep)


if __name__ == "__main__":
    main()
