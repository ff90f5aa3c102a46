"""Pruning of an elastic network to a target Poisson's ratio, by rank-1 updates of its linear response."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np

from mdlens.errors import InputError
from mdlens.io.networks import ElasticNetwork, minimum_image
from mdlens.simulation.linear_response import (
    LinearResponse,
    anisotropy,
    linear_response,
    poisson_ratio,
)
from mdlens.simulation.springs import STRAINS, bond_directions, derivatives
from mdlens.types import BoolArray, FloatArray, IntArray

Modulus = Literal["B", "G"]

_NEEDED = 1e-6
"""A bond with ``s`` below this carries a motion of its own: without it that motion would cost nothing."""

_REFRESH = 25
"""Removals after which the response is computed afresh, before rounding adds up."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PrunedNetwork:
    """A network, its elastic constants and how it came about.

    Attributes:
        network: The network that is left.
        response: Its elastic constants, computed afresh.
        removed: Number of bonds removed.
        reached: Whether the target was met before no bond could be removed.
    """

    network: ElasticNetwork
    response: LinearResponse
    removed: int
    reached: bool


@dataclass(frozen=True, eq=False)
class BondResponse:
    """How each bond of an unstressed network takes part in its linear response.

    Attributes:
        spring: ``2 k`` of each bond (bonds,).
        elongation: Elongation of each bond per unit ``(eps_xx, eps_yy, gamma_xy)`` with the nodes relaxed
            (bonds, 3).
        coupling: ``R H^-1 R^T``: elongation of bond i per unit force along bond j (bonds, bonds).
        C: Stiffness matrix (3, 3).
        area: Of the box.
    """

    spring: FloatArray
    elongation: FloatArray
    coupling: FloatArray
    C: FloatArray
    area: float

    @property
    def slack(self) -> FloatArray:
        """``s_i = 1 - 2 k_i (R H^-1 R^T)_ii`` (bonds,): 0 where removal frees a motion."""
        slack: FloatArray = 1 - self.spring * np.diag(self.coupling)
        return slack

    def loss(self, modulus: Modulus) -> FloatArray:
        """How much a modulus falls when each bond is removed (bonds,); infinity for bonds that are needed."""
        xx, yy, shear = self.elongation.T
        along = (xx + yy) ** 2 / 4 if modulus == "B" else ((xx - yy) ** 2 / 4 + shear**2) / 2
        slack = self.slack
        loss = np.full(len(along), np.inf)
        np.divide(self.spring * along, self.area * slack, out=loss, where=slack > _NEEDED)
        return loss

    def stiffness_without(self, bonds: IntArray) -> FloatArray:
        """Stiffness matrices (bonds, 3, 3) after removal of one of the bonds each."""
        e = self.elongation[bonds]
        weight = self.spring[bonds] / (self.area * self.slack[bonds])
        return self.C - weight[:, None, None] * e[:, :, None] * e[:, None, :]

    def without(self, bond: int) -> "BondResponse":
        """The response after removal of one bond, which keeps its place with a spring of 0."""
        k, s = self.spring[bond], self.slack[bond]
        column, own = self.coupling[:, bond], self.elongation[bond]
        spring = self.spring.copy()
        spring[bond] = 0
        return BondResponse(
            spring,
            self.elongation + (k / s) * column[:, None] * own,
            self.coupling + (k / s) * column[:, None] * column,
            self.C - k / (self.area * s) * own[:, None] * own,
            self.area,
        )


def bond_response(network: ElasticNetwork) -> BondResponse:
    """Compute the response of every bond of an unstressed network without angles: one dense inverse.

    Raises:
        InputError: If the network has angles or bonds that are not at rest.

    Source: Reid et al., PNAS 115, E1384 (2018); Hagh and Thorpe, Phys. Rev. B 98, 100101 (2018).
    """
    vectors = network.edge_vectors()
    lengths, n = bond_directions(vectors)
    if len(network.angles) or np.abs(lengths - network.rest_lengths).max(initial=0) > 1e-9:
        raise InputError("only networks without angle terms whose bonds are at rest can be pruned")
    x, y = vectors.T
    affine = np.stack([n[:, 0] * x, n[:, 1] * y, (n[:, 0] * y + n[:, 1] * x) / 2], 1)
    rigidity = np.zeros((network.n_bonds, network.n_nodes, 2))
    rows = np.arange(network.n_bonds)
    rigidity[rows, network.bonds[:, 1]] = n
    rigidity[rows, network.bonds[:, 0]] = -n
    R = rigidity.reshape(network.n_bonds, -1)
    spring = 2 * network.stiffness
    coupling = R @ np.linalg.pinv(derivatives(network).hessian[:-STRAINS, :-STRAINS], hermitian=True) @ R.T
    elongation = affine - coupling @ (spring[:, None] * affine)
    area = float(np.prod(network.box))
    C = (spring[:, None] * affine).T @ elongation / area
    return BondResponse(spring, elongation, coupling, (C + C.T) / 2, area)


def prune(
    network: ElasticNetwork, targets: Sequence[float], *, tolerance: float = 0.02
) -> list[PrunedNetwork]:
    """Remove bonds until Poisson's ratio passes each target, and keep the network nearest to each.

    To lower it, the bond whose removal changes the shear modulus least goes first; to raise it, the bond that
    changes the bulk modulus least. Both ends of a removed bond keep three bonds. Targets below the ratio of
    the network form one history of removals, those above it another. Close to rigidity one removal may jump
    over a target: then the last bond for that target is any whose removal lands within the tolerance (of
    several the one that leaves the network most isotropic) or nearest, and the history goes on without it.

    Args:
        network: Unstressed and without angles, such as `contact_network` gives.
        targets: Poisson's ratios ``(B - G) / (B + G)``.
        tolerance: Largest distance at which a target counts as reached.

    Returns:
        One network for each target in the order of ``targets``; those that no removals lead to are left out,
        but for the first of each history, which has ``reached=False``.

    Raises:
        InputError: If the network has angles or bonds that are not at rest.
    """
    start = _State(bond_response(network), np.ones(network.n_bonds, dtype=bool), np.arange(network.n_bonds))
    lower = sorted((target for target in targets if target < start.nu), reverse=True)
    higher = sorted(target for target in targets if target >= start.nu)
    found = dict(_history(network, start, lower, "G", tolerance))
    found.update(_history(network, start, higher, "B", tolerance))
    return [found[target] for target in targets if target in found]


@dataclass(frozen=True, eq=False)
class _State:
    """A network on its way: which bonds of the whole are kept, and where those of the response lie in it."""

    response: BondResponse
    kept: BoolArray
    places: IntArray

    @property
    def nu(self) -> float:
        return poisson_ratio(self.response.C)

    def allowed(self, network: ElasticNetwork) -> BoolArray:
        """Which bonds of the response may go: those whose ends have four bonds or more."""
        degrees = np.bincount(network.bonds[self.kept].ravel(), minlength=network.n_nodes)
        able: BoolArray = self.kept[self.places] & (degrees[network.bonds[self.places]] > 3).all(axis=1)
        return able

    def without(self, network: ElasticNetwork, bond: int) -> "_State":
        """The state after removal of one bond of the response."""
        kept = self.kept.copy()
        kept[self.places[bond]] = False
        if int((~kept).sum()) % _REFRESH == 0:
            return _State(bond_response(without_bonds(network, ~kept)), kept, np.flatnonzero(kept))
        return _State(self.response.without(bond), kept, self.places)


def _history(
    network: ElasticNetwork, state: _State, targets: list[float], modulus: Modulus, tolerance: float
) -> Iterator[tuple[float, PrunedNetwork]]:
    """Prune through targets in the order in which they are met."""
    sign, waiting = (1.0 if modulus == "B" else -1.0), list(targets)
    while waiting:
        bond = cheapest_bond(state.response, modulus, state.allowed(network))
        if bond is None:
            yield waiting[0], _snapshot(network, state, waiting[0], tolerance)
            return
        after = state.without(network, bond)
        while waiting and sign * (after.nu - waiting[0]) >= 0:
            target = waiting.pop(0)
            yield (
                target,
                _snapshot(network, _nearest(network, state, after, target, tolerance), target, tolerance),
            )
        state = after


def cheapest_bond(response: BondResponse, modulus: Modulus, allowed: BoolArray) -> int | None:
    """The allowed bond whose removal changes a modulus least; None if there is none."""
    loss = np.where(allowed, response.loss(modulus), np.inf)
    bond = int(np.argmin(loss))
    return bond if np.isfinite(loss[bond]) else None


def _nearest(
    network: ElasticNetwork, before: _State, after: _State, target: float, tolerance: float
) -> _State:
    """The state nearest to a target among those around its passing, or one other removal away."""
    nearest = min(before, after, key=lambda state: abs(state.nu - target))
    if abs(nearest.nu - target) <= tolerance:
        return nearest
    able = np.flatnonzero(before.allowed(network) & np.isfinite(before.response.loss("B")))
    others = before.response.stiffness_without(able)
    distance = np.array([abs(poisson_ratio(C) - target) for C in others])
    near = np.flatnonzero(distance <= tolerance)
    if near.size:
        best = near[np.argmin([anisotropy(others[k]) for k in near])]
    elif distance.min(initial=np.inf) < abs(nearest.nu - target):
        best = np.argmin(distance)
    else:
        return nearest
    return before.without(network, int(able[best]))


def without_bonds(network: ElasticNetwork, removed: BoolArray) -> ElasticNetwork:
    """The network without some of its bonds (bonds,), its nodes and the other bonds unchanged."""
    kept = ~removed
    return replace(
        network,
        bonds=network.bonds[kept],
        rest_lengths=network.rest_lengths[kept],
        stiffness=network.stiffness[kept],
    )


def _snapshot(network: ElasticNetwork, state: _State, target: float, tolerance: float) -> PrunedNetwork:
    name = f"{network.base}_nu{target:+.3f}"
    pruned = replace(without_bonds(network, ~state.kept), name=name, base=network.base, target_nu=target)
    response = linear_response(pruned)
    return PrunedNetwork(
        network=pruned,
        response=response,
        removed=int((~state.kept).sum()),
        reached=abs(response.nu - target) <= tolerance,
    )


def with_angles(network: ElasticNetwork, stiffness: float) -> ElasticNetwork:
    """Add an angle term at rest to each pair of bonds that share a node.

    Args:
        network: A network without angles.
        stiffness: k_theta of every angle, energy / rad^2.
    """
    ends: list[list[int]] = [[] for _ in range(network.n_nodes)]
    for i, j in network.bonds.tolist():
        ends[i].append(j)
        ends[j].append(i)
    triples = [(i, j, k) for j, around in enumerate(ends) for i, k in combinations(sorted(around), 2)]
    angles = np.array(triples, dtype=np.int64).reshape(-1, 3)
    i, j, k = angles.T
    a = minimum_image(network.positions[i] - network.positions[j], network.box)
    b = minimum_image(network.positions[k] - network.positions[j], network.box)
    rest = np.abs(np.arctan2(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], (a * b).sum(axis=1)))
    return replace(
        network, angles=angles, rest_angles=rest, angle_stiffness=np.full(len(angles), float(stiffness))
    )
