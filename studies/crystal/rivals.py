"""The geometric methods of OVITO, each as a function from a frame to the class of every atom."""

from collections.abc import Callable, Mapping

import numpy as np
from ase import Atoms
from ovito.io.ase import ase_to_ovito
from ovito.modifiers import (
    AcklandJonesModifier,
    CommonNeighborAnalysisModifier,
    IdentifyDiamondModifier,
)

from mdlens.learning.ptm import match_templates

CLASSES = ("fcc", "hcp", "bcc", "sc", "cubic_diamond", "hexagonal_diamond", "disordered")
OTHER = CLASSES.index("disordered")
PTM_NUMBER = {"fcc": 1, "hcp": 2, "bcc": 3, "sc": 5, "cubic_diamond": 6, "hexagonal_diamond": 7}
CNA_NUMBER = {"fcc": 1, "hcp": 2, "bcc": 3}

Labels = np.ndarray
Method = Callable[[Atoms], Labels]


def ptm(atoms: Atoms) -> tuple[Labels, np.ndarray]:
    """Class index of each atom by polyhedral template matching without a cutoff, and its RMSD (N,).

    Every crystal type of `CLASSES` is on. OVITO applies a cutoff after the match, so any cutoff follows from
    what is returned: `with_cutoff`.

    Source: Larsen, Schmidt and Schiotz, Modelling Simul. Mater. Sci. Eng. 24, 055007 (2016).
    """
    numbers, rmsd = match_templates(atoms, PTM_NUMBER)
    return _numbered(numbers, PTM_NUMBER), rmsd


def with_cutoff(labels: Labels, rmsd: np.ndarray, cutoffs: float | Mapping[str, float]) -> Labels:
    """Call disordered what matches worse than a cutoff, one for all classes or one for each."""
    limits = np.full(len(CLASSES), np.inf)
    for name in PTM_NUMBER:
        limits[CLASSES.index(name)] = cutoffs[name] if isinstance(cutoffs, Mapping) else cutoffs
    return np.where(rmsd <= limits[labels], labels, OTHER)


def ptm_method(cutoffs: float | Mapping[str, float]) -> Method:
    """PTM with a cutoff (`inf` for none)."""
    return lambda atoms: with_cutoff(*ptm(atoms), cutoffs)


def adaptive_cna(atoms: Atoms) -> Labels:
    """Adaptive common neighbour analysis: fcc, hcp and bcc."""
    return _common_neighbors(atoms, CommonNeighborAnalysisModifier.Mode.AdaptiveCutoff)


def interval_cna(atoms: Atoms) -> Labels:
    """Interval common neighbour analysis: fcc, hcp and bcc."""
    return _common_neighbors(atoms, CommonNeighborAnalysisModifier.Mode.IntervalCutoff)


def ackland_jones(atoms: Atoms) -> Labels:
    """Bond-angle method of Ackland and Jones: fcc, hcp and bcc."""
    return _classes(_applied(atoms, AcklandJonesModifier()), CNA_NUMBER)


def identify_diamond(atoms: Atoms) -> Labels:
    """OVITO's extended common neighbour analysis for the diamonds; first and second neighbours of one count.

    Source: Maras et al., Comput. Phys. Commun. 205, 13 (2016).
    """
    types = np.asarray(_applied(atoms, IdentifyDiamondModifier()).particles["Structure Type"])
    cubic, hexagonal = np.isin(types, (1, 2, 3)), np.isin(types, (4, 5, 6))
    found = np.where(cubic, CLASSES.index("cubic_diamond"), OTHER)
    return np.where(hexagonal, CLASSES.index("hexagonal_diamond"), found)


def _common_neighbors(atoms: Atoms, mode: object) -> Labels:
    return _classes(_applied(atoms, CommonNeighborAnalysisModifier(mode=mode)), CNA_NUMBER)


def _applied(atoms: Atoms, modifier: object) -> object:
    data = ase_to_ovito(atoms)
    data.apply(modifier)
    return data


def _classes(data: object, numbers: Mapping[str, int]) -> Labels:
    return _numbered(np.asarray(data.particles["Structure Type"]), numbers)


def _numbered(found: np.ndarray, numbers: Mapping[str, int]) -> Labels:
    table = np.full(16, OTHER)
    for name, number in numbers.items():
        table[number] = CLASSES.index(name)
    return table[found]
