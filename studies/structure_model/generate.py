"""Simulate every system of `systems.py` and label each atom by its inherent structure.

    python studies/structure_model/generate.py PARTS/ [--only NAME]

One .npz per system, skipped when it is already there, so an interrupted run goes on where it stopped.
`pack.py` joins them. A crystal's schedule climbs until its inherent structure is no longer the crystal; what
was recorded on the way melting is dropped. An atom keeps the class only where PTM of the minimised copy
agrees; others get -1 (defects made by the heat) and take no part.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms
from systems import TRAIN, System

from mdlens.learning.ptm import match_templates
from mdlens.simulation.bulk import BulkRecipe, Stage, simulate_bulk

CLASSES = ("fcc", "hcp", "bcc", "sc", "cubic_diamond", "hexagonal_diamond", "disordered")
PTM_ID = {"fcc": 1, "hcp": 2, "bcc": 3, "sc": 5, "cubic_diamond": 6, "hexagonal_diamond": 7}
CRYSTAL_LADDER = (0.05, 0.3, 0.5, 0.7, 0.85, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
LIQUID_LADDER = (1.5, 1.25, 1.1, 1.0, 0.9, 0.8)
CLOSE_LADDER = (1.1, 1.05, 1.0, 0.95)
PTM_RMSD = 0.1  # for the crystallinity of liquids; crystals are compared without a cutoff
KEPT_CRYSTALLINE = 0.9  # a snapshot with less of its class in the inherent structure is dropped
KEPT_DISORDERED = 0.3  # a liquid with more crystal than this in the inherent structure is dropped
HOLD_STEPS = 2500


def stages(system: System) -> tuple[Stage, ...]:
    t = system.melting

    def hold(x: float, snapshots: int = 2) -> Stage:
        return Stage(start=x * t, stop=x * t, steps=HOLD_STEPS, snapshots=snapshots)

    if system.structure != "disordered":
        return tuple(hold(x) for x in CRYSTAL_LADDER)
    ladder = CLOSE_LADDER if system.close else LIQUID_LADDER
    superheat = 1.6 if system.close else 2.0  # at zero pressure the softest melts boil
    melt = Stage(start=superheat * t, stop=superheat * t, steps=5000)
    cool = Stage(start=superheat * t, stop=ladder[0] * t, steps=1000)
    schedule = (melt, cool, *(hold(x, 4 if system.close else 2) for x in ladder))
    if system.glass:
        schedule += (Stage(start=ladder[-1] * t, stop=0.15 * t, steps=6000), hold(0.15))
    return schedule


def recipe(system: System) -> BulkRecipe:
    return BulkRecipe(
        lattice=system.lattice,
        elements=system.elements,
        lattice_constant=system.lattice_constant,
        potential=system.potential,
        stages=stages(system),
        atoms_at_least=system.atoms,
        timestep=system.timestep,
        coupling="iso" if system.structure == "disordered" else "aniso",
        seed=1 + sum(map(ord, system.name)),
    )


def ptm(atoms: Atoms, rmsd_cutoff: float) -> np.ndarray:
    """OVITO's structure numbers of polyhedral template matching; a cutoff of 0 means none."""
    found, rmsd = match_templates(atoms, PTM_ID)
    return np.where((rmsd <= rmsd_cutoff) | (rmsd_cutoff == 0.0), found, 0)


def crystalline_share(atoms: Atoms) -> float:
    """Share of the atoms that PTM (RMSD below 0.1) takes for one of the crystal classes."""
    return float(np.isin(ptm(atoms, PTM_RMSD), list(PTM_ID.values())).mean())


def labels_of(system: System, inherent: Atoms) -> np.ndarray | None:
    """Class index per atom (-1: ignore), or None when the snapshot is not the phase it should be."""
    if system.structure == "disordered":
        if crystalline_share(inherent) > KEPT_DISORDERED:
            return None
        return np.full(len(inherent), CLASSES.index("disordered"), np.int8)
    right = ptm(inherent, 0.0) == PTM_ID[system.structure]
    if right.mean() < KEPT_CRYSTALLINE:
        return None
    return np.where(right, CLASSES.index(system.structure), -1).astype(np.int8)


def labelled_snapshots(system: System) -> Iterator[tuple[Atoms, np.ndarray]]:
    dropped = 0
    for progress in simulate_bulk(recipe(system), inherent=True):
        if progress.inherent is None:
            continue
        snapshot, labels = progress.state, labels_of(system, progress.inherent)
        if labels is not None:
            yield snapshot, labels
            continue
        dropped += 1
        print(f"  dropped {system.name} at {snapshot.info['target_temperature']:.0f} K", flush=True)
        if system.structure != "disordered" and dropped == 2:
            return  # it has molten: hotter stages add nothing


def write_part(system: System, path: Path) -> None:
    frames = list(labelled_snapshots(system))
    table = {
        "system": system.name,
        "structure": system.structure,
        "potential": system.potential,
        "melting": system.melting,
        "target_temperature": [float(a.info["target_temperature"]) for a, _ in frames],
        "temperature": [float(a.info["temperature"]) for a, _ in frames],
    }
    partial = path.with_suffix(".partial.npz")
    np.savez_compressed(
        partial,
        table=json.dumps(table),
        positions=np.array([a.get_positions(wrap=True) for a, _ in frames], dtype=np.float32),
        cells=np.array([a.cell.lengths() for a, _ in frames]),
        labels=np.array([x for _, x in frames], dtype=np.int8),
    )
    partial.rename(path)
    kept = sorted({round(t / system.melting, 2) for t in table["target_temperature"]})
    print(f"{system.name}: {len(frames)} snapshots, T/Tm {kept}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", type=Path)
    parser.add_argument("--only", default="", help="systems whose name contains this")
    arguments = parser.parse_args()
    arguments.parts.mkdir(parents=True, exist_ok=True)
    systems = [s for s in TRAIN if arguments.only in s.name]
    for done, system in enumerate(systems, start=1):
        path = arguments.parts / f"{system.name.replace(' ', '_')}.npz"
        print(f"[{done}/{len(systems)}] {system.name}", flush=True)
        if not path.exists():
            write_part(system, path)


if __name__ == "__main__":
    main()
