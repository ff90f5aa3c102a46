"""Seeded disturbances of a snapshot before its maps are made: strain, missing atoms, displaced atoms."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np
from numpy.random import Generator

from mdlens.errors import InputError
from mdlens.learning.snapshots import LabelledSnapshot
from mdlens.neighbors import find_nearest
from mdlens.types import FloatArray

_SPACING_NEIGHBORS = 4
"""The first shell of the most open lattice (diamond) has four atoms."""


@dataclass(frozen=True, kw_only=True)
class Disturbance:
    """One disturbance, its strengths decided.

    Args:
        strain: Standard deviation of each component of a random symmetric strain.
        vacancies: Share of the atoms removed.
        gaussian: Standard deviation per component of Gaussian displacements, in nearest-neighbour distances.
        sphere: Radius of displacements uniform in a sphere, in nearest-neighbour distances.
        displaced: Share of the atoms that these displacements meet.
        total: Whether the displacements a snapshot has already count towards `gaussian` and `sphere`.
            Noise on top of heat near melting would leave nothing to tell a crystal by.

    Raises:
        InputError: If a value is out of range.
    """

    strain: float = 0.0
    vacancies: float = 0.0
    gaussian: float = 0.0
    sphere: float = 0.0
    displaced: float = 1.0
    total: bool = False

    def __post_init__(self) -> None:
        _check_between("strain", self.strain, 0.3)
        _check_between("vacancies", self.vacancies, 0.95)
        _check_between("gaussian", self.gaussian, 1.0)
        _check_between("sphere", self.sphere, 1.0)
        _check_between("displaced", self.displaced, 1.0)

    def beyond(self, displacement: float) -> "Disturbance":
        """Take away what a snapshot with this displacement (per component, nearest-neighbour distances) has.

        Variances add: ``gaussian^2 - displacement^2``; a sphere of radius R has the variance ``R^2 / 5``.
        """
        if not self.total:
            return self
        gaussian = math.sqrt(max(self.gaussian**2 - displacement**2, 0.0))
        sphere = math.sqrt(max(self.sphere**2 - 5.0 * displacement**2, 0.0))
        return replace(self, gaussian=gaussian, sphere=sphere, total=False)

    def draws(self, _: Generator) -> Iterator["Disturbance"]:
        """Repeat this disturbance for ever."""
        return repeat(self)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How training snapshots are disturbed at random.

    Args:
        strain: Largest standard deviation of the components of a random symmetric strain; drawn uniformly up
            to it.
        strain_share: Share of the draws that are strained. A perfect lattice has tied distances, which any
            strain resolves; the others keep them.
        vacancies: Levels of the share of atoms removed; every class meets each equally often.
        gaussian: Largest standard deviation per component of Gaussian displacements, in nearest-neighbour
            distances; drawn uniformly up to it times the share of atoms left, since noise and missing
            atoms hide the same evidence. What heat has displaced already counts towards it.
        gaussian_least: Smallest such standard deviation; equal to `gaussian`, all draws have the same.
        gaussian_share: Share of the draws with Gaussian displacements.
        sphere: Largest radius of displacements uniform in a sphere; drawn likewise.
        sphere_share: Share of the draws with those.
        displaced: Share of the atoms of a copy that are displaced; the others stay as simulated.

    Raises:
        InputError: If a value is out of range.
    """

    strain: float = 0.04
    strain_share: float = 0.8
    vacancies: tuple[float, ...] = (0.0, 0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
    gaussian: float = 0.12
    gaussian_least: float = 0.0
    gaussian_share: float = 0.35
    sphere: float = 0.25
    sphere_share: float = 0.15
    displaced: float = 1.0

    def __post_init__(self) -> None:
        _check_between("strain_share", self.strain_share, 1.0)
        _check_between("gaussian_share", self.gaussian_share, 1.0)
        _check_between("gaussian_least", self.gaussian_least, self.gaussian)
        _check_between("displaced", self.displaced, 1.0)
        _check_between("sphere_share", self.sphere_share, 1.0 - self.gaussian_share)
        if not self.vacancies:
            raise InputError("vacancies must list at least one level, e.g. [0.0]")
        for level in self.vacancies:
            Disturbance(strain=self.strain, vacancies=level, gaussian=self.gaussian, sphere=self.sphere)

    def draws(self, rng: Generator) -> Iterator[Disturbance]:
        """Draw disturbances for ever; the levels of vacancies come in shuffled rounds."""
        while True:
            for level in rng.permutation(self.vacancies):
                gaussian, sphere = self._displacement(rng, 1.0 - float(level))
                yield Disturbance(
                    strain=self.strain * rng.random() if rng.random() < self.strain_share else 0.0,
                    vacancies=float(level),
                    gaussian=gaussian,
                    sphere=sphere,
                    displaced=self.displaced,
                    total=True,
                )

    def _displacement(self, rng: Generator, present: float) -> tuple[float, float]:
        kind, strength = rng.random(2)
        if kind < self.gaussian_share:
            least = self.gaussian_least / self.gaussian if self.gaussian else 0.0
            return self.gaussian * ((least + (1.0 - least) * strength) * present), 0.0
        strength *= present
        return 0.0, self.sphere * strength if kind < self.gaussian_share + self.sphere_share else 0.0


def nearest_neighbor_distance(snapshot: LabelledSnapshot) -> float:
    """Estimate the nearest-neighbour distance: the median of each atom's mean to its four nearest.

    In the length unit of the snapshot; 0 for a snapshot without pairs.
    """
    k = min(_SPACING_NEIGHBORS, max(len(snapshot) - 1, 1))
    nearest = find_nearest(snapshot.positions.astype(np.float64), snapshot.cell, snapshot.pbc, k, threads=1)
    distances = nearest.distance.mean(axis=1)
    finite = distances[np.isfinite(distances)]
    return float(np.median(finite)) if len(finite) else 0.0


def disturb(
    snapshot: LabelledSnapshot, disturbance: Disturbance, rng: Generator, *, spacing: float
) -> LabelledSnapshot:
    """Displace a snapshot's atoms, remove some, strain the rest with the cell: ``x' = (x + u) (I + e)``.

    Args:
        snapshot: The snapshot; it is not changed.
        disturbance: How strongly.
        rng: Source of randomness.
        spacing: Nearest-neighbour distance, see `nearest_neighbor_distance`.
    """
    disturbance = disturbance.beyond(snapshot.displacement)
    keep = rng.random(len(snapshot)) >= disturbance.vacancies
    deformation = np.eye(3) + _random_strain(disturbance.strain, rng)
    moved = snapshot.positions + _displacements(len(snapshot), disturbance, rng) * spacing
    return replace(
        snapshot,
        positions=np.asarray(moved[keep] @ deformation, np.float32),
        cell=snapshot.cell @ deformation,
        labels=snapshot.labels[keep],
        numbers=None if snapshot.numbers is None else snapshot.numbers[keep],
    )


def _random_strain(sigma: float, rng: Generator) -> FloatArray:
    entries = rng.normal(0.0, 1.0, (3, 3)) * sigma
    return np.asarray(np.triu(entries) + np.triu(entries, 1).T)


def _displacements(atoms: int, disturbance: Disturbance, rng: Generator) -> FloatArray:
    """Draw displacements in nearest-neighbour distances, (atoms, 3)."""
    gaussian = rng.normal(0.0, 1.0, (atoms, 3))
    directions = gaussian / np.maximum(np.linalg.norm(gaussian, axis=1, keepdims=True), 1e-12)
    inside = directions * np.cbrt(rng.random((atoms, 1)))
    moved = gaussian * disturbance.gaussian + inside * disturbance.sphere
    if disturbance.displaced < 1.0:  # without a draw where all are: the draws that follow stay as they were
        moved *= rng.random((atoms, 1)) < disturbance.displaced
    return np.asarray(moved)


def _check_between(name: str, value: float, high: float) -> None:
    if not 0.0 <= value <= high:
        raise InputError(f"{name} must lie between 0 and {high:g}, got {value!r}")
