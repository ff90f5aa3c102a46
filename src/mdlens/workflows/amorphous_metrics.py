"""Structural metrics of configurations and files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from mdlens.descriptors.maps import species_names
from mdlens.descriptors.motifs import StructuralMetrics, metrics_of
from mdlens.errors import InputError
from mdlens.io import read
from mdlens.neighbors import nearest_graph, random_windows
from mdlens.types import BoolArray

DEFAULT_K = 2


def structural_metrics(
    atoms: Atoms, *, k: int = DEFAULT_K, minority: str | int | None = None
) -> StructuralMetrics:
    """Count subgraphs, minority bonds and isolated majority particles of a configuration.

    The graph bonds every particle with its ``k`` nearest neighbours, periodic where the atoms are, in the
    plane or in space; kept are the bonds with at least one end of the minority species.

    Args:
        atoms: The configuration; inherent structures are quieter than thermal ones.
        k: Neighbours per particle.
        minority: Species (symbol, or LAMMPS type where there are no symbols); the rarer of two if None.

    Raises:
        InputError: If the species is not there or there are not more than k particles.

    Source: arXiv 1909.04648.
    """
    graph = nearest_graph(atoms.positions, atoms.cell[:], atoms.pbc, k)
    return metrics_of(graph, minority_mask(atoms, minority))


def window_metrics(
    atoms: Atoms,
    *,
    side: float,
    count: int,
    seed: int = 0,
    k: int = DEFAULT_K,
    minority: str | int | None = None,
) -> list[StructuralMetrics]:
    """Count the metrics in random windows with ``side`` times the edge of the box, see `structural_metrics`.

    Bonds are found in the whole configuration; those across the edge of a window do not count.
    """
    graph = nearest_graph(atoms.positions, atoms.cell[:], atoms.pbc, k)
    mask = minority_mask(atoms, minority)
    windows = random_windows(atoms.positions, atoms.cell[:], atoms.pbc, side=side, count=count, seed=seed)
    return [metrics_of(graph.part(nodes), mask[nodes]) for nodes in windows]


def minority_mask(atoms: Atoms, minority: str | int | None) -> BoolArray:
    """Tell which atoms are of the minority species, (N,).

    Raises:
        InputError: If the species is not there, or none is given and there are not two of different share.
    """
    names = np.array(species_names(atoms))
    known, counts = np.unique(names, return_counts=True)
    if minority is None:
        if len(known) != 2 or counts[0] == counts[1]:
            found = ", ".join(f"{n} {name}" for name, n in zip(known, counts, strict=True))
            raise InputError(f"say which species is the minority: the configuration holds {found}")
        minority = str(known[counts.argmin()])
    if str(minority) not in known:
        raise InputError(f"species {minority} is not in the configuration, which holds {', '.join(known)}")
    mask: BoolArray = names == str(minority)
    return mask


@dataclass(frozen=True, slots=True)
class MetricsRow:
    """Metrics of one frame of a file."""

    file: Path
    frame: int
    timestep: int | None
    metrics: StructuralMetrics


def metrics_of_files(
    files: Sequence[Path], *, frames: str | None = None, k: int = DEFAULT_K, minority: str | None = None
) -> Iterator[MetricsRow]:
    """Yield the metrics of every frame of files, in any format `mdlens.read` takes.

    Raises:
        InputError: If a frame is refused; the message names file and frame.
    """
    for file in files:
        for number, atoms in read(file, frames).numbered():
            try:
                metrics = structural_metrics(atoms, k=k, minority=minority)
            except InputError as error:
                raise InputError(f"{file}, frame {number}: {error}") from error
            yield MetricsRow(file, number, atoms.info.get("timestep"), metrics)
