"""Inherent structures of frames that are already there."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from mdlens.errors import InputError
from mdlens.simulation.engine import engine
from mdlens.simulation.potentials import load_potential


def inherent_structure(atoms: Atoms, potential: str, elements: Sequence[str] = ()) -> Atoms:
    """Minimise a copy of a frame at fixed cell (Angstrom, eV), atoms in the same order.

    Args:
        atoms: A frame in an orthogonal periodic cell; unchanged.
        potential: File or name, see `load_potential`.
        elements: Elements in the order of the potential; empty takes those of the frame as they come.

    Returns:
        The minimised copy, wrapped into a cell with its corner at the origin, with ``potential_energy`` (eV)
        in ``info``.

    Raises:
        MissingExtraError: If the ``simulate`` extra is not installed.
        InputError: If the frame has another cell, or LAMMPS refuses it or the potential.

    Source: Stillinger & Weber, *Phys. Rev. A* 25, 978 (1982).
    """
    cell = atoms.cell.array
    if not (atoms.pbc.all() and np.allclose(cell, np.diag(np.diag(cell))) and np.diag(cell).min() > 0):
        raise InputError("a frame to minimise must have an orthogonal cell, periodic in every direction")
    species = tuple(dict.fromkeys(elements or atoms.get_chemical_symbols()))
    if missing := set(atoms.get_chemical_symbols()) - set(species):
        raise InputError(f"elements must name {', '.join(sorted(missing))} too, got {', '.join(species)}")
    start = Atoms(atoms.numbers, positions=atoms.positions - atoms.get_celldisp().ravel(), pbc=True)
    start.set_cell(np.diag(cell))
    start.wrap()
    start.arrays["velocities"] = np.zeros((len(atoms), 3))
    start.info["timestep"] = 0
    with engine(start, load_potential(potential, species)) as quencher:
        return quencher.minimised(start)
