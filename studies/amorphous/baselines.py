"""What simple numbers of a configuration say.

Single numbers are scored as they are, with a sign chosen beforehand: below 0.5 they point the other way.
Logistic regression is fitted over the folds. Where nothing can be learnt, it scores below 0.5 rather than at
0.5: what two folds show by chance, the third one lacks.
"""

import numpy as np
from data import FOLDS, Member, Trajectory
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mdlens.descriptors.motifs import metrics_of
from mdlens.neighbors import find_pairs, nearest_graph

REACH, BINS = 3.0, 40
K = 2

NUMBERS = {
    "inherent-structure energy": -1.0,
    "composition": 1.0,
    "minimum neighbour distance": 1.0,
    "variance of neighbour distances": -1.0,
    "subgraphs": -1.0,
    "minority bonds": -1.0,
    "isolated majority": -1.0,
}
"""Single numbers, columns of `features` in this order, and the sign that should make a glass score higher."""

FITTED = {"three structural metrics": slice(4, 7), "partial g(r)": slice(7, 7 + 3 * BINS)}
"""What logistic regression is fitted to: columns of `features`."""


def features(trajectory: Trajectory, record: int, kind: str) -> np.ndarray:
    """All features of a configuration, (7 + 3 BINS,)."""
    c = trajectory.configuration(record, kind)
    graph = nearest_graph(c.positions, c.cell, c.pbc, K)
    nearest = np.full(len(c), np.inf)
    np.minimum.at(nearest, graph.i, graph.distance)
    counts = metrics_of(graph, c.species == 1).per_particle()
    first = (trajectory.inherent_energy[record], c.species.mean(), nearest.min(), nearest.var())
    return np.array([*first, *counts, *partial_distribution(c).ravel()])


def partial_distribution(c) -> np.ndarray:
    """g(r) of the pairs 11, 12 and 22, (3, BINS)."""
    pairs = find_pairs(c.positions, c.cell, c.pbc, REACH, threads=1)
    kind = c.species[pairs.i] + c.species[pairs.j]
    edges = np.linspace(0.0, REACH, BINS + 1)
    ring = np.pi * np.diff(edges**2)
    area = c.cell[0, 0] * c.cell[1, 1]
    n = np.bincount(c.species, minlength=2)
    expected = np.array([n[0] * n[0], 2 * n[0] * n[1], n[1] * n[1]])[:, None] * ring / area
    found = np.array([np.histogram(pairs.distance[kind == k], edges)[0] for k in range(3)])
    return found / np.maximum(expected, 1e-12)


def out_of_fold(x: np.ndarray, chosen: list[Member], folds: np.ndarray) -> np.ndarray:
    """Decision values of logistic regression, each trajectory judged by a fit that did not see it."""
    labels = np.array([m.label for m in chosen])
    scores = np.zeros(len(chosen))
    for fold in range(FOLDS):
        held = folds == fold
        if not held.any() or len(set(labels[~held])) < 2:
            continue
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced"))
        scores[held] = model.fit(x[~held], labels[~held]).decision_function(x[held])
    return scores
