"""One LAMMPS instance, driven from Python, with errors as mdlens errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from mdlens.simulation.potentials import Potential
from mdlens.simulation.session import Session, accelerator, start_lammps
from mdlens.types import FloatArray


class Engine(Session):
    """A periodic orthogonal system of one potential inside LAMMPS (metal units: Angstrom, ps, eV, K, bar)."""

    def __init__(self, lmp: Any, atoms: Atoms, potential: Potential) -> None:
        super().__init__(lmp)
        self._atoms = atoms
        self.run(*_setup_commands(atoms, potential))
        types = np.array(
            [potential.elements.index(s) + 1 for s in atoms.get_chemical_symbols()], dtype=np.int32
        )
        self.create(types, atoms.get_positions(wrap=True))
        self.run(*_masses(potential), *potential.commands, *_charges(potential))
        self.run(
            "neighbor 1.0 bin",
            "neigh_modify every 1 delay 5 check yes",
            "thermo 1000000",
            "thermo_modify lost error",
        )

    def positions(self) -> FloatArray:
        """Positions (atoms, 3) by atom id, Angstrom, wrapped into the cell."""
        return self.vectors("x")

    def snapshot(self) -> Atoms:
        """The present configuration, with temperature, potential energy and step in ``info``."""
        low, high = self._lmp.extract_box()[:2]
        cell = np.array(high) - np.array(low)
        atoms = Atoms(
            self._atoms.get_chemical_symbols(), positions=self.positions() - low, cell=cell, pbc=True
        )
        atoms.arrays["velocities"] = self.vectors("v")
        atoms.info["timestep"] = int(self._lmp.extract_global("ntimestep"))
        atoms.info["temperature"] = self.thermo("temp")
        atoms.info["potential_energy"] = self.thermo("pe")
        return atoms

    def restore(self, atoms: Atoms) -> None:
        """Put a configuration (as `snapshot` gave it) back: cell, positions, velocities and step."""
        edges = atoms.cell.lengths()
        bounds = " ".join(
            f"{axis} final 0.0 {edge!r}" for axis, edge in zip("xyz", map(float, edges), strict=True)
        )
        self.run(f"change_box all {bounds} units box", f"reset_timestep {int(atoms.info['timestep'])}")
        self.set_vectors("x", atoms.get_positions(wrap=True))
        self.set_vectors("v", atoms.arrays["velocities"])

    def minimised(self, atoms: Atoms, *, force_tolerance: float = 1e-3, steps: int = 400) -> Atoms:
        """The inherent structure of a configuration at fixed cell (conjugate gradients; eV/Angstrom)."""
        self.restore(atoms)
        self.run(f"minimize 0.0 {force_tolerance} {steps} {10 * steps}")
        return self.snapshot()


@contextmanager
def engine(atoms: Atoms, potential: Potential) -> Iterator[Engine]:
    """Open a silent LAMMPS instance that holds ``atoms`` under ``potential``.

    Raises:
        MissingExtraError: If the ``simulate`` extra is not installed.
        InputError: If LAMMPS refuses the system.
    """
    lmp = start_lammps(accelerator())
    try:
        yield Engine(lmp, atoms, potential)
    finally:
        lmp.close()


def _setup_commands(atoms: Atoms, potential: Potential) -> tuple[str, ...]:
    lengths = [float(x) for x in atoms.cell.lengths()]
    return (
        "units metal",
        f"atom_style {'charge' if potential.charges else 'atomic'}",
        "atom_modify map array",
        "boundary p p p",
        f"region cell block 0 {lengths[0]!r} 0 {lengths[1]!r} 0 {lengths[2]!r}",
        f"create_box {len(potential.elements)} cell",
    )


def _masses(potential: Potential) -> tuple[str, ...]:
    # mW's particle is a whole water molecule; the user names it as oxygen.
    water = potential.name == "mW"
    return tuple(
        f"mass {i} {18.015 if water else atomic_masses[atomic_numbers[e]]}"
        for i, e in enumerate(potential.elements, start=1)
    )


def _charges(potential: Potential) -> tuple[str, ...]:
    return tuple(f"set type {i} charge {q}" for i, q in enumerate(potential.charges, start=1))
