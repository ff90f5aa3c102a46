"""Structural metrics of a mixture that need no network: counts over the bonds to minority particles."""

from dataclasses import dataclass

import numpy as np

from mdlens.errors import InputError
from mdlens.neighbors.graphs import Graph
from mdlens.types import BoolArray, IntArray


@dataclass(frozen=True, slots=True)
class StructuralMetrics:
    """Counts in one configuration or window.

    Attributes:
        particles: All particles.
        majority: Particles not of the minority species.
        subgraphs: Connected components of the bonds with at least one minority end.
        minority_bonds: Bonds between two minority particles.
        isolated_majority: Majority particles without a bond to the minority.
    """

    particles: int
    majority: int
    subgraphs: int
    minority_bonds: int
    isolated_majority: int

    def per_particle(self) -> tuple[float, float, float]:
        """The three metrics divided by the number of particles; comparable between sizes."""
        n = max(self.particles, 1)
        return self.subgraphs / n, self.minority_bonds / n, self.isolated_majority / n


def metrics_of(graph: Graph, minority: BoolArray, kept: BoolArray | None = None) -> StructuralMetrics:
    """Count the three metrics of a graph.

    Args:
        graph: The bonds.
        minority: Which nodes are of the minority species, (n,).
        kept: Which bonds count, (E,), the same for both directions; those with a minority end if None.

    Source: arXiv 1909.04648, where the bonds kept are those of high attention, which are about these.
    """
    if minority.shape != (len(graph),):
        raise InputError(f"minority must have one value for each of {len(graph)} nodes, got {minority.shape}")
    touching = (minority[graph.i] | minority[graph.j]) if kept is None else kept
    i, j = graph.i[touching], graph.j[touching]
    both = minority[i] & minority[j]
    bonded = np.zeros(len(graph), dtype=np.bool_)
    bonded[i[minority[j]]] = True
    labels = components(len(graph), i, j)
    return StructuralMetrics(
        particles=len(graph),
        majority=int((~minority).sum()),
        subgraphs=len(np.unique(labels[i])),
        minority_bonds=int(both.sum()) // 2,
        isolated_majority=int((~minority & ~bonded).sum()),
    )


def components(n: int, i: IntArray, j: IntArray) -> IntArray:
    """Label the connected components of n nodes under bonds given in both directions, (n,).

    The label is the smallest index in the component.
    """
    labels = np.arange(n)
    while True:
        lowest = labels.copy()
        np.minimum.at(lowest, i, labels[j])
        lowest = lowest[lowest]
        if (lowest == labels).all():
            return labels
        labels = lowest
