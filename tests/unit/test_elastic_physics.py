from dataclasses import replace

import numpy as np
import pytest

from mdlens.elastic import (
    ElasticNetwork,
    compress_quasistatically,
    contact_network,
    jammed_packing,
    linear_response,
    poisson_ratio_from_box,
    prune,
    relax,
)
from mdlens.errors import InputError
from mdlens.simulation.linear_response import LinearResponse, poisson_ratio
from mdlens.simulation.packings import DIAMETERS, fire
from mdlens.simulation.pruning import bond_response, cheapest_bond, with_angles, without_bonds
from mdlens.simulation.springs import derivatives


def triangular(n: int = 4, k: float = 1.0) -> ElasticNetwork:
    rows = np.arange(n)
    x, y = np.meshgrid(rows, rows)
    positions = np.stack([x + 0.5 * (y % 2), y * np.sqrt(3) / 2], 2).reshape(-1, 2).astype(float)
    box = np.array([n, n * np.sqrt(3) / 2])
    apart = positions[None] - positions[:, None]
    distance = np.linalg.norm(apart - box * np.round(apart / box), axis=2)
    bonds = np.stack(np.nonzero(np.triu(np.abs(distance - 1) < 1e-9, 1)), 1)
    ones = np.ones(len(bonds))
    return ElasticNetwork(positions=positions, box=box, bonds=bonds, rest_lengths=ones, stiffness=k * ones)


def small(seed: int = 0, nodes: int = 36) -> ElasticNetwork:
    return contact_network(jammed_packing(nodes, seed=seed), name=f"small{seed}")


def without(network: ElasticNetwork, bond: int) -> ElasticNetwork:
    return without_bonds(network, np.arange(network.n_bonds) == bond)


def test_triangular_lattice_has_its_analytic_constants() -> None:
    """Energy k (r - 1)^2 is a force constant K = 2 k: B = sqrt(3)/2 K, G = sqrt(3)/4 K, nu = 1/3.

    Source: Seung and Nelson, Phys. Rev. A 38, 1005 (1988).
    """
    response = linear_response(triangular(k=1.7))
    bulk, shear = response.B, response.G
    assert bulk == pytest.approx(0.75**0.5 * 3.4, rel=1e-12)
    assert shear == pytest.approx(bulk / 2, rel=1e-12)
    for value in (response.nu, response.nu_xy, response.nu_yx, response.nu_box):
        assert value == pytest.approx(1 / 3, rel=1e-12)
    assert response.anisotropy < 1e-12
    assert response.free_modes == 0


def test_square_lattice_without_diagonals_is_soft_and_anisotropic() -> None:
    """No coupling of x and y, no shear stiffness but that of rows that slide: C = diag(K, K, 0)."""
    n = 4
    index = np.arange(n * n).reshape(n, n)
    right = np.stack([index, np.roll(index, -1, 1)], 2).reshape(-1, 2)
    up = np.stack([index, np.roll(index, -1, 0)], 2).reshape(-1, 2)
    bonds = np.unique(np.sort(np.concatenate([right, up]), axis=1), axis=0)
    positions = np.stack(np.meshgrid(np.arange(n), np.arange(n)), 2).reshape(-1, 2).astype(float)
    ones = np.ones(len(bonds))
    network = ElasticNetwork(
        positions=positions, box=[n, n], bonds=bonds, rest_lengths=ones, stiffness=0.5 * ones
    )
    response = linear_response(network)
    np.testing.assert_allclose(response.C, np.diag([1.0, 1.0, 0.0]), atol=1e-12)
    assert response.free_modes > 0


def test_elastic_constants_turn_with_the_network() -> None:
    network = small()
    turned = replace(network, positions=network.positions[:, ::-1].copy(), box=network.box[::-1].copy())
    one, other = linear_response(network), linear_response(turned)
    np.testing.assert_allclose(other.C, one.C[np.ix_([1, 0, 2], [1, 0, 2])], atol=1e-10)
    assert other.nu == pytest.approx(one.nu)
    assert other.nu_xy == pytest.approx(one.nu_yx)


def test_elastic_constants_do_not_depend_on_origin_and_order() -> None:
    network = small()
    order = np.random.default_rng(0).permutation(network.n_nodes)
    place = np.argsort(order)
    bonds = np.sort(place[network.bonds], axis=1)
    other = replace(network, positions=(network.positions + 1.7)[order], bonds=bonds)
    np.testing.assert_allclose(linear_response(other).C, linear_response(network).C, atol=1e-10)


def bent(seed: int) -> ElasticNetwork:
    random = np.random.default_rng(seed)
    network = with_angles(small(seed), 0.3)
    return replace(network, positions=network.positions + 0.05 * random.normal(size=(network.n_nodes, 2)))


@pytest.mark.parametrize("seed", [0, 1])
def test_derivatives_of_the_energy(seed: int) -> None:
    network, h = bent(seed), 1e-6
    state = derivatives(network)
    random = np.random.default_rng(seed)
    for _ in range(3):
        u = random.normal(size=(network.n_nodes, 2))
        plus, minus = (derivatives(network, network.positions + sign * h * u) for sign in (1, -1))
        slope = (plus.energy - minus.energy) / (2 * h)
        assert slope == pytest.approx(state.gradient[:-3] @ u.ravel(), rel=1e-6)
        bend = (plus.gradient - minus.gradient)[:-3] / (2 * h)
        np.testing.assert_allclose(bend, state.hessian[:-3, :-3] @ u.ravel(), atol=1e-5)


def test_derivatives_by_strain() -> None:
    network, h = bent(2), 1e-5
    state = derivatives(network)
    for axis in (0, 1):
        stretch = np.where(np.arange(2) == axis, h, 0.0)
        energies = [
            derivatives(
                network, network.positions * (1 + s * stretch), network.box * (1 + s * stretch)
            ).energy
            for s in (1, 0, -1)
        ]
        slope = (energies[0] - energies[2]) / (2 * h)
        assert slope == pytest.approx(state.gradient[axis - 3], rel=1e-6)
        bend = (energies[0] - 2 * energies[1] + energies[2]) / h**2
        assert bend == pytest.approx(state.hessian[axis - 3, axis - 3], rel=1e-3)
    np.testing.assert_allclose(state.hessian, state.hessian.T, atol=1e-12)


def test_linear_response_agrees_with_small_finite_strain() -> None:
    for network in (small(), with_angles(small(1), 0.05)):
        moved = compress_quasistatically(network, strain=-1e-5, steps=1)
        ratio = poisson_ratio_from_box(moved.boxes)[-1]
        assert ratio == pytest.approx(linear_response(network).nu_box, abs=1e-3)


def test_a_network_under_stress_is_refused_and_relaxed() -> None:
    network = small()
    strained = replace(network, positions=network.positions * 1.01, box=network.box * 1.01)
    with pytest.raises(InputError, match="not relaxed"):
        linear_response(strained)
    relaxed = relax(strained)
    np.testing.assert_allclose(relaxed.box, network.box, rtol=1e-9)
    assert linear_response(relaxed).nu == pytest.approx(linear_response(network).nu, abs=1e-6)


def test_packings_are_minima_of_touching_discs() -> None:
    packing = jammed_packing(40, seed=3)
    np.testing.assert_array_equal(np.unique(packing.diameters, return_counts=True)[1], [10] * 4)
    assert sorted(set(packing.diameters)) == list(DIAMETERS)
    assert np.pi / 4 * (packing.diameters**2).sum() / np.prod(packing.box) == pytest.approx(1.0)
    again = jammed_packing(40, seed=3)
    np.testing.assert_array_equal(again.positions, packing.positions)
    network = contact_network(packing)
    assert network.degrees().min() >= 2
    assert 4.8 < 2 * network.n_bonds / network.n_nodes < 6
    np.testing.assert_allclose(np.linalg.norm(network.edge_vectors(), axis=1), network.rest_lengths)
    np.testing.assert_allclose(network.stiffness * network.rest_lengths, 1)


def test_contacts_equal_a_plain_search() -> None:
    packing = jammed_packing(24, seed=1)
    network = contact_network(packing)
    found = {tuple(bond) for bond in network.bonds.tolist()}
    plain = set()
    for i in range(24):
        for j in range(i + 1, 24):
            images = [
                np.linalg.norm(packing.positions[j] - packing.positions[i] + packing.box * [a, b])
                for a in (-1, 0, 1)
                for b in (-1, 0, 1)
            ]
            if min(images) <= (packing.diameters[i] + packing.diameters[j]) / 2:
                plain.add((i, j))
    assert network.n_nodes == 24  # none was dropped, so that the numbers are those of the discs
    assert found == plain


def test_fire_finds_the_bottom_of_a_bowl() -> None:
    stiffness = np.array([[1.0, 0.1], [0.5, 0.3]])
    found = fire(lambda x: -stiffness * (x - 2.0), np.zeros((2, 2)), tolerance=1e-10)
    np.testing.assert_allclose(found, 2.0, atol=1e-8)
    with pytest.raises(InputError, match="no minimum within 3 steps"):
        fire(lambda x: -x, np.ones((1, 2)), tolerance=1e-10, max_steps=3)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_updates_of_the_response_equal_recomputation(seed: int) -> None:
    network = small(seed)
    response, kept = bond_response(network), np.ones(network.n_bonds, dtype=bool)
    np.testing.assert_allclose(response.C, linear_response(network).C, atol=1e-9)
    for bond in np.random.default_rng(seed).permutation(network.n_bonds)[:5]:
        response = response.without(int(bond))
        kept[bond] = False
        fresh = bond_response(without_bonds(network, ~kept))
        np.testing.assert_allclose(response.C, fresh.C, atol=1e-8)
        np.testing.assert_allclose(response.elongation[kept], fresh.elongation, atol=1e-7)
        np.testing.assert_allclose(response.coupling[np.ix_(kept, kept)], fresh.coupling, atol=1e-6)


@pytest.mark.parametrize("modulus", ["B", "G"])
def test_the_cheapest_bond_equals_brute_force(modulus: str) -> None:
    network = small(4, nodes=24)
    before = getattr(linear_response(network), modulus)
    losses = np.array(
        [before - getattr(linear_response(without(network, b)), modulus) for b in range(network.n_bonds)]
    )
    response = bond_response(network)
    np.testing.assert_allclose(response.loss(modulus), losses, atol=1e-9)  # type: ignore[arg-type]
    every = np.ones(network.n_bonds, dtype=bool)
    assert cheapest_bond(response, modulus, every) == np.argmin(losses)  # type: ignore[arg-type]


def test_stiffness_after_each_removal_equals_recomputation() -> None:
    network = small(5, nodes=24)
    bonds = np.flatnonzero(np.isfinite(bond_response(network).loss("B")))[:10]
    for bond, C in zip(bonds, bond_response(network).stiffness_without(bonds), strict=True):
        np.testing.assert_allclose(C, linear_response(without(network, bond)).C, atol=1e-8)


def plainly_pruned(network: ElasticNetwork, modulus: str) -> ElasticNetwork:
    """One removal by the rule, every candidate computed afresh."""
    before = getattr(linear_response(network), modulus)
    degrees = network.degrees()
    allowed = np.flatnonzero((degrees[network.bonds] > 3).all(axis=1))
    losses = [before - getattr(linear_response(without(network, b)), modulus) for b in allowed]
    return without(network, allowed[int(np.argmin(losses))])


@pytest.mark.parametrize("modulus", ["G", "B"])
def test_removals_follow_the_rule(modulus: str) -> None:
    network = plain = small(6)
    ratios = [linear_response(network).nu]
    for _ in range(3):
        plain = plainly_pruned(plain, modulus)
        ratios.append(linear_response(plain).nu)
    assert np.all(np.diff(ratios) < 0 if modulus == "G" else np.diff(ratios) > 0)
    found = prune(network, [ratios[-1]], tolerance=1e-9)[0]
    assert found.removed == 3
    np.testing.assert_array_equal(found.network.bonds, plain.bonds)


def test_pruning_reaches_either_sign() -> None:
    network = contact_network(jammed_packing(100, seed=0), name="b")
    targets = [0.55, -0.4, 0.1]
    results = prune(network, targets)
    assert [pruned.network.target_nu for pruned in results] == targets
    for pruned, target in zip(results, targets, strict=True):
        assert pruned.reached
        assert linear_response(pruned.network).nu == pytest.approx(target, abs=0.02)
        assert pruned.response.nu == pytest.approx(linear_response(pruned.network).nu)
        assert pruned.removed == network.n_bonds - pruned.network.n_bonds
        assert pruned.network.base == "b"
        lost = network.degrees() > pruned.network.degrees()
        assert pruned.network.degrees()[lost].min() >= 3


def test_targets_out_of_reach_are_said_to_be() -> None:
    results = prune(small(), [-0.99, 0.999])
    assert results
    assert not any(pruned.reached for pruned in results)


def test_networks_that_cannot_be_pruned() -> None:
    network = small()
    with pytest.raises(InputError, match="without angle terms whose bonds are at rest"):
        prune(with_angles(network, 0.1), [0.0])
    with pytest.raises(InputError, match="at rest"):
        prune(replace(network, positions=network.positions * 1.1), [0.0])


def test_angles_at_rest_add_stiffness_only() -> None:
    network = small()
    angled = with_angles(network, 0.2)
    degrees = network.degrees()
    assert len(angled.angles) == (degrees * (degrees - 1) // 2).sum()
    assert derivatives(angled).energy == pytest.approx(0, abs=1e-20)
    assert np.linalg.eigvalsh(linear_response(angled).C - linear_response(network).C).min() > 0


def test_ratio_of_a_matrix_without_stiffness() -> None:
    assert np.isnan(poisson_ratio(np.zeros((3, 3))))
    assert LinearResponse(C=np.eye(3)).nu_xy == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jammed_packing(8, seed=1), "at least 16 discs, got 8"),
        (lambda: jammed_packing(20, seed=1, area_fraction=0.5), "from 0.85 to 1.5, got 0.5"),
        (lambda: compress_quasistatically(small(), strain=0.0), "strain must be"),
        (lambda: compress_quasistatically(small(), steps=0), "steps 1 or more"),
    ],
)
def test_wrong_arguments(call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()  # type: ignore[operator]
