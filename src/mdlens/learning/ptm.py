"""Polyhedral template matching by OVITO (extra `ovito`), imported only when it is used."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mdlens.descriptors.orientations import from_ovito
from mdlens.errors import MissingExtraError
from mdlens.types import FloatArray

NUMBERS: Mapping[str, int] = {
    "other": 0, "fcc": 1, "hcp": 2, "bcc": 3, "icosahedral": 4, "sc": 5, "cubic_diamond": 6,
    "hexagonal_diamond": 7, "graphene": 8,
}  # fmt: skip
"""OVITO's number of each structure."""


def match_templates(atoms: Atoms, structures: Iterable[str]) -> tuple[NDArray[np.int64], FloatArray]:
    """Find the structure of each atom, without a cutoff.

    OVITO applies a cutoff after the match, so any cutoff follows from what is returned.

    Args:
        atoms: A frame; any length unit.
        structures: Which of `NUMBERS` are looked for; "other" is what is left.

    Returns:
        OVITO's number of the best template of each atom (atoms,), 0 where there is none, and the RMSD of the
        match (atoms,), in units of the neighbour distance.

    Raises:
        MissingExtraError: If the ``ovito`` extra is not installed.

    Source: Larsen, Schmidt and Schiotz, Modelling Simul. Mater. Sci. Eng. 24, 055007 (2016).
    """
    particles = _matched(atoms, structures, rmsd_cutoff=0.0, output_rmsd=True)
    found = np.asarray(particles["Structure Type"], np.int64)
    return found, np.asarray(particles["RMSD"], np.float64)


def match_orientations(
    atoms: Atoms,
    *,
    rmsd_cutoff: float = 0.15,
    structures: Iterable[str] = ("fcc", "hcp", "bcc"),
) -> tuple[NDArray[np.int64], FloatArray]:
    """Find structure and orientation of each atom.

    Args:
        atoms: A frame; any length unit.
        rmsd_cutoff: Worse matches count as no structure.
        structures: Which of `NUMBERS` are looked for.

    Returns:
        OVITO's number of each structure (atoms,) and the orientation as a unit quaternion (atoms, 4), scalar
        first, crystal to laboratory; (1, 0, 0, 0) where there is none.

    Raises:
        MissingExtraError: If the ``ovito`` extra is not installed.

    Source: Larsen, Schmidt and Schiotz, Modelling Simul. Mater. Sci. Eng. 24, 055007 (2016).
    """
    particles = _matched(atoms, structures, rmsd_cutoff=rmsd_cutoff, output_orientation=True)
    found = np.asarray(particles["Structure Type"], np.int64)
    return found, from_ovito(np.asarray(particles["Orientation"]))


def _matched(atoms: Atoms, structures: Iterable[str], **options: Any) -> Any:
    """OVITO's particles after the match, with options of its modifier."""
    try:
        from ovito.data import DataCollection
        from ovito.modifiers import PolyhedralTemplateMatchingModifier
    except ImportError as error:
        raise MissingExtraError("ovito", "ovito") from error
    modifier = PolyhedralTemplateMatchingModifier(**options)
    wanted = {NUMBERS[name] for name in structures} - {0}
    for number in range(1, len(NUMBERS)):
        modifier.structures[number].enabled = number in wanted
    data: Any = DataCollection()
    data.create_cell(matrix=atoms.cell.array.T, pbc=[bool(p) for p in atoms.pbc])
    particles = data.create_particles(count=len(atoms))
    particles.create_property("Position", data=atoms.positions)
    data.apply(modifier)
    return data.particles
