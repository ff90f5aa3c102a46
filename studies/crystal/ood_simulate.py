"""Hold four crystals that no model was taught in LAMMPS, and keep snapshots of them in data/ood.npz.

    python studies/crystal/ood_simulate.py

Each is a structure that its potential keeps at the temperatures here: a snapshot with an atom farther than
half a neighbour distance from its site would be refused. Zero pressure, 5 ps of rest before the snapshot.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ood_structures import build, nearest_distance

from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from mdlens.simulation.engine import engine
from mdlens.simulation.potentials import load_potential

HERE = Path(__file__).parent
FILE = HERE / "data" / "ood.npz"
ATOMS = 500
STEPS = 2500
TIMESTEP = 0.002  # ps
FARTHEST = 0.5  # of the nearest-neighbour distance
SEEDS = (1, 2)
GRID = 1024.0  # positions are multiples of 1/GRID Angstrom


@dataclass(frozen=True)
class Held:
    """A structure, the element of each of its species, a potential, temperatures in K."""

    structure: str
    species: dict[str, str]
    potential: str
    temperatures: tuple[int, ...]
    stretch: float = 1.0


HELD = (
    Held("clathrate", {"Si": "Si"}, "Si.sw", (300, 900, 1400)),
    Held("bc8", {"Si": "Si"}, "Si.tersoff", (300, 600, 900)),
    Held("a15", {"Si": "W", "Cr": "W"}, "W_zhou.eam.alloy", (300, 900, 1500), 5.06 / 4.556),
    Held("laves_c15", {"Mg": "Zr", "Cu": "Cu"}, "CuZr_mm.eam.fs", (300, 700, 1000), 7.22 / 7.02),
)


def start(held: Held) -> Atoms:
    """The perfect crystal near its size under the potential."""
    atoms = build(held.structure, atoms_at_least=ATOMS)
    atoms.set_chemical_symbols([held.species[s] for s in atoms.get_chemical_symbols()])
    atoms.set_cell(atoms.cell * held.stretch, scale_atoms=True)
    return atoms


def hold(held: Held, temperature: int, seed: int) -> Atoms:
    """The crystal after 5 ps at a temperature."""
    atoms = start(held)
    potential = load_potential(held.potential, sorted(set(held.species.values())))
    with engine(atoms, potential) as system:
        system.run(
            f"timestep {TIMESTEP}",
            f"velocity all create {2 * temperature} {seed} mom yes rot no dist gaussian",
            f"fix hold all npt temp {temperature} {temperature} 0.1 aniso 0 0 0.5",
            f"run {STEPS}",
        )
        frame = system.snapshot()
    check(held, atoms, frame)
    return frame


def check(held: Held, ideal: Atoms, frame: Atoms) -> None:
    """Refuse a frame that is no longer the crystal it was."""
    shift = frame.get_scaled_positions() - ideal.get_scaled_positions()
    shift = (shift - np.round(shift)) * frame.cell.lengths()
    shift -= np.median(shift, axis=0)
    farthest = np.linalg.norm(shift, axis=1).max() / nearest_distance(ideal)
    print(f"{held.structure} {frame.info['temperature']:.0f} K: farthest {farthest:.2f}")
    if farthest > FARTHEST:
        raise ValueError(f"{held} gave way: an atom is {farthest:.2f} neighbour distances from its site")


def main() -> None:
    snapshots = []
    for held in HELD:
        for temperature in held.temperatures:
            for seed in SEEDS:
                frame = hold(held, temperature, seed)
                name = f"{held.structure} {temperature} K {seed}"
                snapshots.append(
                    LabelledSnapshot(
                        positions=(np.round(frame.positions * GRID) / GRID).astype(np.float32),
                        cell=frame.cell.array,
                        pbc=np.ones(3, bool),
                        labels=np.zeros(len(frame), np.int8),
                        system=held.structure,
                        snapshot=name,
                        group=name,
                        temperature=float(temperature),
                        numbers=frame.numbers.astype(np.int16),
                    )
                )
    provenance = {
        "generator": "studies/crystal/ood_simulate.py",
        "potentials": {h.structure: h.potential for h in HELD},
    }
    data = SnapshotDataset(classes=("outside",), snapshots=tuple(snapshots), provenance=provenance)
    FILE.parent.mkdir(exist_ok=True)
    data.save(FILE)


if __name__ == "__main__":
    main()
