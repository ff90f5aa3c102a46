"""Transition temperatures of curves whose transition is known."""

import numpy as np
import pytest

from mdlens.errors import InputError
from mdlens.learning.transitions import class_transition, energy_kink, energy_step

T = np.linspace(300.0, 1300.0, 101)


@pytest.mark.parametrize("seed", range(4))
def test_a_step_between_two_lines(seed):
    noise = np.random.default_rng(seed).normal(0, 0.002, len(T))
    found = energy_step(T, 2e-4 * T + np.where(T > 905.0, 0.08, 0.0) + noise)
    assert found.temperature == pytest.approx(905.0, abs=6.0)
    assert found.low <= 905.0 <= found.high
    assert found.high - found.low <= 40.0


def test_a_wide_step_on_a_curved_branch():
    energy = 2e-4 * T + 6e-8 * T**2 + 0.1 / (1 + np.exp(-(T - 950.0) / 20.0))
    assert energy_step(T, energy).temperature == pytest.approx(950.0, abs=5.0)


@pytest.mark.parametrize("seed", range(4))
def test_a_kink_of_two_lines(seed):
    noise = np.random.default_rng(seed).normal(0, 0.001, len(T))
    found = energy_kink(T[::-1], (2e-4 * T + 1e-4 * np.maximum(T - 700.0, 0) + noise)[::-1])
    assert found.temperature == pytest.approx(700.0, abs=20.0)
    assert found.low - 5.0 <= 700.0 <= found.high + 5.0


def test_a_kink_without_noise_is_exact():
    assert energy_kink(T, np.maximum(T - 712.3, 0)).temperature == pytest.approx(712.3, abs=0.1)


def test_a_class_that_gives_way():
    sigmoid = 1 / (1 + np.exp((T - 803.0) / 15.0))
    found = class_transition(T, sigmoid)
    assert found.temperature == pytest.approx(803.0, abs=0.5)
    assert found.low <= 803.0 <= found.high
    rng = np.random.default_rng(1)
    shuffled = rng.permutation(len(T))
    assert class_transition(T[shuffled], sigmoid[shuffled]).temperature == pytest.approx(803.0, abs=0.5)


@pytest.mark.parametrize(("fraction", "expected"), [(np.ones_like(T), 1300.0), (np.zeros_like(T), 300.0)])
def test_a_class_without_transition_gives_an_end(fraction, expected):
    assert class_transition(T, fraction).temperature == expected


@pytest.mark.parametrize("find", [energy_step, energy_kink, class_transition])
def test_refused_curves(find):
    with pytest.raises(InputError, match="8 frames"):
        find(T[:5], T[:5])
    with pytest.raises(InputError, match="finite"):
        find(T, np.where(T > 500, np.nan, T))
