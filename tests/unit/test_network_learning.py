"""Splits, selections, rollouts that come apart, scores and the static network."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from twins.compression import compress_slowly, lattice_network

from mdlens.errors import InputError
from mdlens.io.networks import ElasticTrajectory
from mdlens.learning.network_data import (
    NetworkCase,
    cut_window,
    draw_window,
    frame_period,
    select,
    split_by_base,
)
from mdlens.learning.network_rollout import (
    affine_rollout,
    frozen_rollout,
    imposed_lengths,
    roll_out,
)
from mdlens.learning.network_scores import held, r_squared, score_rollouts
from mdlens.learning.network_settings import BaseSplitConfig, SelectionConfig, SimulatorFitSettings
from mdlens.models import LinearSimulator, NetworkProperty, PaperSimulator
from mdlens.models.implicit_solve import solve_symmetric
from mdlens.models.network_simulator import RunningMoments, RunningScale

pytestmark = pytest.mark.usefixtures("one_thread")


@cache
def run() -> ElasticTrajectory:
    return compress_slowly(lattice_network(3, 0), 10, dt=0.1)


def family(bases: int = 6, each: int = 3) -> list[ElasticTrajectory]:
    made = run()
    return [
        replace(made, network=replace(made.network, name=f"{base}-{k}", base=str(base)))
        for base in range(bases)
        for k in range(each)
    ]


def test_a_base_network_lies_in_one_part() -> None:
    trajectories = family()
    split = split_by_base(trajectories, BaseSplitConfig(validation=0.2, test=0.3, seed=3), Path())
    parts = [split.train, split.validation, split.test]
    assert sorted(index for part in parts for index in part) == list(range(18))
    bases = [{trajectories[index].network.base for index in part} for part in parts]
    assert [len(names) for names in bases] == [3, 1, 2]
    assert not bases[0] & bases[1] | bases[0] & bases[2] | bases[1] & bases[2]


def test_a_split_is_read_from_a_file(tmp_path: Path) -> None:
    listed = {"train": ["0", "1"], "validation": ["2"], "test": ["3"]}
    (tmp_path / "split.json").write_text(json.dumps(listed), encoding="utf-8")
    split = split_by_base(family(), BaseSplitConfig(file="split.json"), tmp_path)
    assert (split.train, split.test) == ((0, 1, 2, 3, 4, 5), (9, 10, 11))
    listed["test"] = ["0"]
    (tmp_path / "split.json").write_text(json.dumps(listed), encoding="utf-8")
    with pytest.raises(InputError, match="leaks"):
        split_by_base(family(), BaseSplitConfig(file="split.json"), tmp_path)


def test_few_networks_are_of_different_bases() -> None:
    trajectories = family()
    cases = select(trajectories, range(18), SelectionConfig(networks=5), limit=True)
    assert len({case.trajectory.network.base for case in cases}) == 5
    assert len(select(trajectories, range(18), SelectionConfig(bases=2), limit=True)) == 6
    assert len(select(trajectories, range(18), SelectionConfig(networks=5), limit=False)) == 18
    with pytest.raises(InputError, match="no trajectory is left"):
        select(trajectories, range(18), SelectionConfig(nu_min=5.0), limit=True)


def test_selected_frames_are_all_that_windows_see() -> None:
    (case,) = select([run()], [0], SelectionConfig(frames=6), limit=True)
    rng = np.random.default_rng(0)
    window = draw_window([case], 20, 5, rng)
    assert window.positions.shape == (5, 9 * 20, 2)
    assert float(window.boxes[:, :, 0].min()) >= run().boxes[5, 0]
    with pytest.raises(InputError, match="windows of 7 frames"):
        draw_window([case], 1, 7, rng)


def test_windows_keep_bonds_short() -> None:
    window = cut_window([NetworkCase(run(), 10)] * 2, [0, 3], 4)
    lengths = window.graph.vectors(window.positions[-1], window.boxes[-1]).norm(dim=1)
    assert float((lengths / window.graph.rest_lengths - 1.0).abs().max()) < 0.05


def test_the_period_is_the_time_between_frames() -> None:
    assert frame_period(run()) == pytest.approx(10.0)


def test_a_rollout_that_comes_apart_is_stopped_and_says_so() -> None:
    wild = LinearSimulator()
    wild.weights.data.fill_(20.0)
    calm = roll_out(LinearSimulator(), [run()], frames=8)[0]
    made = roll_out(wild, [run(), run()], frames=300)
    assert not calm.stopped
    for rollout in made:
        assert "the rollout ends before it" in rollout.stopped
        assert rollout.trajectory.n_frames < 300
        assert np.all(np.isfinite(rollout.trajectory.positions))


def test_imposed_lengths_go_on_with_equal_steps() -> None:
    lengths = imposed_lengths(run(), 15)
    np.testing.assert_array_equal(lengths[:10], run().boxes[:, 0])
    np.testing.assert_allclose(np.diff(lengths), np.diff(lengths)[0], rtol=1e-9)


def test_baselines() -> None:
    frozen, affine = frozen_rollout(run(), 10, 2), affine_rollout(run(), 10, 2, 0.25)
    assert score_rollouts([frozen], [run()], [9])["9"]["mse_relative"] == pytest.approx(1.0)
    stretch = affine.trajectory.boxes[9] / affine.trajectory.boxes[1] - 1.0
    assert -stretch[1] / stretch[0] == pytest.approx(0.25)


def test_scores_of_a_perfect_rollout_and_of_one_that_was_stopped() -> None:
    perfect = frozen_rollout(run(), 10, 9)
    assert score_rollouts([perfect], [run()], [5, 8])["8"]["mse"] == 0.0
    short = replace(perfect.trajectory, positions=run().positions[:6], boxes=run().boxes[:6])
    longer = held(replace(perfect, trajectory=short), 9)
    np.testing.assert_array_equal(longer.positions[9], run().positions[5])
    np.testing.assert_allclose(longer.strain[9], run().strain[9], rtol=1e-3)


def test_r_squared() -> None:
    truth = np.array([0.0, 1.0, 2.0])
    assert r_squared(truth, truth) == 1.0
    assert r_squared(np.full(3, 1.0), truth) == 0.0
    assert np.isnan(r_squared(truth[:1], truth[:1]))


def test_a_running_scale_hardly_sees_rare_large_values() -> None:
    scale = RunningScale(2)
    assert scale.spread.tolist() == [1.0, 1.0]
    rows = torch.full((10_000, 2), -1e-5, dtype=torch.float64)
    rows[0] = 1e-2
    for part in rows.split(3_000):
        scale.update(part)
    torch.testing.assert_close(scale.spread, rows.abs().mean(dim=0))
    assert float(scale.spread[0]) < 2e-5 < 0.2 * float(rows[:, 0].std())
    torch.testing.assert_close(scale.restore(scale(rows)), rows, rtol=1e-6, atol=0.0)


def test_running_moments_are_those_of_all_rows() -> None:
    rows = torch.from_numpy(np.random.default_rng(0).normal(1e4, 1e-3, (500, 2)))
    moments = RunningMoments(2)
    for part in rows.split(33):
        moments.update(part)
    torch.testing.assert_close(moments.mean, rows.mean(dim=0), rtol=1e-12, atol=0)
    torch.testing.assert_close(moments.spread, rows.std(dim=0, correction=0), rtol=1e-6, atol=0)
    torch.testing.assert_close(moments.restore(moments(rows)), rows, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_solutions_and_their_gradients(sign: float) -> None:
    generator = torch.Generator().manual_seed(0)
    square = torch.randn(3, 5, 5, dtype=torch.float64, generator=generator)
    matrices = sign * (square @ square.transpose(1, 2) + torch.eye(5, dtype=torch.float64))
    right = torch.randn(3, 5, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(solve_symmetric(matrices, right), torch.linalg.solve(matrices, right))
    ends = []
    for solve in (solve_symmetric, torch.linalg.solve):
        inputs = (matrices.clone().requires_grad_(), right.clone().requires_grad_())
        solve(*inputs).square().sum().backward()
        ends.append(inputs)
    torch.testing.assert_close(ends[0][0].grad, ends[1][0].grad)
    torch.testing.assert_close(ends[0][1].grad, ends[1][1].grad)


def test_messages_with_a_split_first_layer_are_those_of_the_whole() -> None:
    torch.manual_seed(0)
    layer = PaperSimulator(width=8).layers[0]
    nodes, edges = torch.randn(4, 8), torch.randn(5, 8)
    ends = torch.tensor([[0, 1], [1, 0], [2, 3], [3, 2], [1, 2]])
    whole = layer.edge(torch.cat([edges, nodes[ends[:, 0]], nodes[ends[:, 1]]], dim=1))
    torch.testing.assert_close(layer(nodes, edges, ends)[1], edges + whole)


def test_the_static_network_memorises_its_labels() -> None:
    torch.manual_seed(0)
    networks = [lattice_network(3, seed) for seed in range(4)]
    runs = [replace(run(), network=n, positions=n.positions + 0 * run().positions) for n in networks]
    window = cut_window([NetworkCase(t, 10) for t in runs], [0] * 4, 1)
    target = torch.tensor([-0.4, 0.1, 0.3, 0.5], dtype=torch.float64)
    model = NetworkProperty(layers=2, width=16)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(300):
        loss = model.loss(window.graph, window.positions[0], window.boxes[0], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    predicted = model.eval().predict(window.graph, window.positions[0], window.boxes[0])
    torch.testing.assert_close(predicted, target, rtol=0, atol=0.05)


def test_a_curriculum_is_spread_over_the_epochs() -> None:
    settings = SimulatorFitSettings(epochs=6, unroll=(1, 2, 8))
    assert [settings.unroll_at(epoch) for epoch in range(7)] == [1, 1, 2, 2, 8, 8, 8]
    with pytest.raises(InputError, match="unroll"):
        SimulatorFitSettings(unroll=(0,))
