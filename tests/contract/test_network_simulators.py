"""What every simulator of elastic networks promises."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from twins.compression import compress_slowly, lattice_network

from mdlens.errors import InputError, ModelError
from mdlens.io.networks import ElasticTrajectory
from mdlens.learning.network_data import NetworkCase, cut_window
from mdlens.learning.network_files import SimulatorModel, load_simulator, save_simulator
from mdlens.learning.network_fit import build_simulator
from mdlens.learning.network_rollout import roll_out
from mdlens.learning.network_settings import SimulatorConfig
from mdlens.models import NetworkSimulator, Window

FRAMES = 12


@cache
def run(seed: int, side: int = 4) -> ElasticTrajectory:
    return compress_slowly(lattice_network(side, seed), FRAMES)


def window(*runs: ElasticTrajectory, frames: int = FRAMES, start: int = 0) -> Window:
    return cut_window([NetworkCase(t, t.n_frames) for t in runs], [start] * len(runs), frames)


class SimulatorContract:
    config: SimulatorConfig
    smallest_loss = 0.05
    rate = 3e-3

    def simulator(self, seed: int = 0) -> NetworkSimulator:
        torch.manual_seed(seed)
        simulator = build_simulator(self.config)
        simulator.train()
        for start in range(4):  # what is normalised online needs to have seen something
            simulator.loss(window(run(0), run(1), frames=simulator.history + 2, start=start))
        return simulator

    def predicted(self, simulator: NetworkSimulator, trajectory: ElasticTrajectory) -> np.ndarray:
        (made,) = roll_out(simulator.eval(), [trajectory], frames=FRAMES)
        assert not made.stopped
        return made.trajectory.positions

    def test_gradients_reach_every_parameter(self) -> None:
        simulator = self.simulator()
        simulator.loss(window(run(0), run(1), frames=simulator.history + 2)).backward()
        for name, parameter in simulator.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name

    def test_memorises_a_few_windows(self) -> None:
        simulator = self.simulator()
        seen = window(run(0), run(1), frames=simulator.history + 2, start=2)
        optimizer = torch.optim.Adam(simulator.parameters(), lr=self.rate)
        for _ in range(300):
            optimizer.zero_grad()
            loss = simulator.loss(seen)
            if loss < self.smallest_loss:
                return
            loss.backward()
            optimizer.step()
        pytest.fail(f"the loss is still {loss.item():.4f}")

    def test_the_order_of_nodes_does_not_matter(self) -> None:
        simulator, trajectory = self.simulator(), run(0)
        order = np.random.default_rng(0).permutation(trajectory.network.n_nodes)
        place = np.argsort(order)
        network = trajectory.network
        bonds = np.sort(place[network.bonds], axis=1)
        renamed = replace(network, positions=network.positions[order], bonds=bonds)
        mixed = replace(trajectory, network=renamed, positions=trajectory.positions[:, order])
        np.testing.assert_allclose(
            self.predicted(simulator, mixed), self.predicted(simulator, trajectory)[:, order], atol=1e-6
        )

    def test_the_order_of_bonds_does_not_matter(self) -> None:
        simulator, trajectory = self.simulator(), run(0)
        order = np.random.default_rng(0).permutation(trajectory.network.n_bonds)
        network = trajectory.network
        mixed = replace(
            network,
            bonds=network.bonds[order],
            rest_lengths=network.rest_lengths[order],
            stiffness=network.stiffness[order],
        )
        np.testing.assert_allclose(
            self.predicted(simulator, replace(trajectory, network=mixed)),
            self.predicted(simulator, trajectory),
            atol=1e-6,
        )

    def test_a_network_does_not_depend_on_its_batch(self) -> None:
        simulator = self.simulator().eval()
        runs = [run(0), run(1), run(2, side=3)]
        together = roll_out(simulator, runs, frames=FRAMES)
        for made, trajectory in zip(together, runs, strict=True):
            np.testing.assert_allclose(
                made.trajectory.positions, self.predicted(simulator, trajectory), atol=1e-6
            )

    def test_the_truth_along_y_is_never_read(self) -> None:
        simulator, trajectory = self.simulator(), run(0)
        given = simulator.history + 1
        boxes, positions = trajectory.boxes.copy(), trajectory.positions.copy()
        boxes[given:, 1] *= 1.3
        positions[given:] += 5.0
        spoilt = replace(trajectory, boxes=boxes, positions=positions)
        np.testing.assert_array_equal(
            self.predicted(simulator, spoilt), self.predicted(simulator, trajectory)
        )

    def test_the_same_seed_gives_the_same_simulator(self) -> None:
        one, two = (self.predicted(self.simulator(seed), run(0)) for seed in (3, 3))
        np.testing.assert_array_equal(one, two)

    def test_the_model_file_gives_the_same_answers(self, tmp_path: Path) -> None:
        simulator, file = self.simulator(), tmp_path / "model.safetensors"
        save_simulator(SimulatorModel(self.config, simulator, {"seed": 1}), file)
        loaded = load_simulator(file)
        assert loaded.config == self.config
        assert loaded.training == {"seed": 1}
        np.testing.assert_array_equal(
            self.predicted(loaded.simulator, run(0)), self.predicted(simulator, run(0))
        )

    def test_a_damaged_model_file_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "model.safetensors"
        save_simulator(SimulatorModel(self.config, self.simulator()), file)
        data = bytearray(file.read_bytes())
        data[-3] ^= 0xFF
        for damaged in (bytes(data), bytes(data[:50]), b""):
            file.write_bytes(damaged)
            with pytest.raises(ModelError):
                load_simulator(file)

    def test_too_few_frames_are_refused(self) -> None:
        simulator = self.simulator()
        with pytest.raises(InputError, match="frames to start from"):
            simulator.start(window(run(0), frames=simulator.history))


class TestPaper(SimulatorContract):
    config = SimulatorConfig(variant="paper", width=32)

    def test_moving_the_whole_changes_nothing_but_the_place(self) -> None:
        simulator, seen = self.simulator().eval(), window(run(0))
        shift = torch.tensor([0.3, -0.2], dtype=torch.float64)
        with torch.no_grad():
            one = simulator.follow(seen)[-1].positions
            two = simulator.follow(seen._replace(positions=seen.positions + shift))[-1].positions
        torch.testing.assert_close(two, one + shift, rtol=0, atol=1e-5)


class TestPaperShortHistory(SimulatorContract):
    config = SimulatorConfig(variant="paper", width=32, history=1, layers=1)


class TestPaperRobust(SimulatorContract):
    config = SimulatorConfig(variant="paper", width=32, robust=True)


class TestLinear(SimulatorContract):
    config = SimulatorConfig(variant="linear")
    smallest_loss = 0.2


class TestBonds(SimulatorContract):
    config = SimulatorConfig(law_width=8)
    rate = 3e-2

    def test_forces_turn_with_the_network(self) -> None:
        simulator, seen = self.simulator().eval(), window(run(0))
        angle = torch.tensor(0.7, dtype=torch.float64)
        turn = torch.stack(
            [torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])]
        )
        vectors = 1.05 * seen.graph.vectors(seen.positions[5], seen.boxes[5])
        with torch.no_grad():
            one = simulator.forces(seen.graph, vectors, vectors[:, 1]).forces
            two = simulator.forces(seen.graph, vectors @ turn.T, vectors[:, 1]).forces
        assert one.abs().max() > 0.1
        torch.testing.assert_close(two, one @ turn.T)
        torch.testing.assert_close(one.sum(dim=0), torch.zeros(2, dtype=torch.float64))

    def test_stiffness_is_the_derivative_of_the_forces(self) -> None:
        simulator, seen = self.simulator().eval(), window(run(0))
        graph = seen.graph
        lengths = (1.02 * graph.rest_lengths).requires_grad_()
        tension, slope = simulator.law(lengths, graph.rest_lengths, graph.stiffness)
        (expected,) = torch.autograd.grad(tension.sum(), lengths)
        torch.testing.assert_close(slope, expected)


class TestBondsInSteps(SimulatorContract):
    config = SimulatorConfig(law_width=8, steps=3, iterations=2)
    rate = 3e-2
