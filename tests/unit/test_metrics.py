"""Scores and calibration against worked examples, other codes and simulated truth."""

import math

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import f1_score, log_loss

from mdlens.errors import InputError
from mdlens.inference.structure_model import softmax
from mdlens.learning.calibration import choose_threshold, fit_temperature, negative_log_likelihood
from mdlens.learning.metrics import (
    bootstrap_accuracy,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
    wilson_interval,
)


def labelled(seed: int, count: int = 400, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=count)
    return labels, np.where(rng.random(count) < 0.7, labels, rng.integers(classes, size=count))


@pytest.mark.parametrize("seed", range(5))
def test_confusion_and_f1_agree_with_scikit_learn(seed: int) -> None:
    labels, predictions = labelled(seed)
    confusion = confusion_matrix(labels, predictions, 4)
    np.testing.assert_array_equal(confusion, sklearn_confusion(labels, predictions))
    assert macro_f1(confusion) == pytest.approx(f1_score(labels, predictions, average="macro"))


def test_classes_that_never_occur_do_not_count() -> None:
    assert macro_f1(np.diag([3, 0, 5])) == 1.0
    assert math.isnan(macro_f1(np.zeros((2, 2), np.int64)))


@pytest.mark.parametrize("bad", [np.array([0, 4]), np.array([-1, 0]), np.array([0])])
def test_confusion_refuses_what_is_no_class(bad: np.ndarray) -> None:
    with pytest.raises(InputError):
        confusion_matrix(np.array([0, 1]), bad, 4)


@pytest.mark.parametrize(
    # R. G. Newcombe, Stat. Med. 17, 857 (1998), table I, method 3
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_as_published(successes: int, trials: int, low: float, high: float) -> None:
    interval = wilson_interval(successes, trials)
    assert interval.value == successes / trials
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


def test_intervals_without_data_are_nan() -> None:
    assert math.isnan(wilson_interval(0, 0).value)
    nothing = bootstrap_accuracy(np.array([], bool), np.array([], int), seed=0)
    assert math.isnan(nothing.value)
    single = bootstrap_accuracy(np.array([True, False]), np.array([7, 7]), seed=0)
    assert single.value == 0.5
    assert math.isnan(single.low)


def test_bootstrap_sees_that_atoms_of_a_snapshot_are_alike() -> None:
    """Twenty snapshots of 100 atoms, each all right or all wrong: the truth is 20 trials, not 2000."""
    right = np.arange(20) < 15
    correct, groups = np.repeat(right, 100), np.repeat(np.arange(20), 100)
    interval = bootstrap_accuracy(correct, groups, seed=0)
    assert interval.value == 0.75
    spread = math.sqrt(0.75 * 0.25 / 20)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * spread, rel=0.1)
    naive = wilson_interval(1500, 2000)
    assert interval.high - interval.low > 5 * (naive.high - naive.low)
    assert bootstrap_accuracy(correct, groups, seed=0) == interval


def test_calibration_error_of_two_bins_by_hand() -> None:
    # bin of 0.9: two of four right, gap 0.4; bin of 0.6: one of one right, gap 0.4 -> (4 * 0.4 + 1 * 0.4) / 5
    probabilities = np.array([[0.9, 0.1]] * 4 + [[0.4, 0.6]])
    labels = np.array([0, 0, 1, 1, 1])
    assert expected_calibration_error(probabilities, labels, bins=10) == pytest.approx(0.4)
    assert expected_calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0.0


def overconfident(seed: int, factor: float = 3.0, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from softmax(z), and the logits ``factor * z`` of a network that is too sure."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 1.5, (count, 5)).astype(np.float32)
    uniform = rng.random((count, 1))
    labels = (softmax(logits).cumsum(axis=1) < uniform).sum(axis=1).clip(max=4)
    return logits * np.float32(factor), labels


def test_negative_log_likelihood_agrees_with_scikit_learn() -> None:
    logits, labels = overconfident(0, count=300)
    powers = np.exp(logits.astype(np.float64))
    expected = log_loss(labels, powers / powers.sum(axis=1, keepdims=True))
    assert negative_log_likelihood(logits, labels) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0, 8.0])
def test_the_temperature_finds_the_known_overconfidence(factor: float) -> None:
    logits, labels = overconfident(1, factor)
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(factor, rel=0.05)
    after = negative_log_likelihood(logits, labels, temperature)
    assert after <= negative_log_likelihood(logits, labels)
    assert after <= min(negative_log_likelihood(logits, labels, temperature * step) for step in (0.97, 1.03))


def test_calibration_improves_on_samples_it_was_not_fitted_to() -> None:
    temperature = fit_temperature(*overconfident(2))
    logits, labels = overconfident(3)
    assert negative_log_likelihood(logits, labels, temperature) < negative_log_likelihood(logits, labels)
    before = expected_calibration_error(softmax(logits), labels)
    after = expected_calibration_error(softmax(logits, temperature), labels)
    assert after < 0.02 < before


def test_a_perfect_classifier_gets_the_lowest_temperature() -> None:
    logits = np.eye(3, dtype=np.float32)[[0, 1, 2] * 10]
    assert fit_temperature(logits, np.array([0, 1, 2] * 10)) == pytest.approx(0.05, rel=1e-3)


def test_the_threshold_bounds_the_errors_of_what_is_accepted() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.3, 1.0, 20_000)
    correct = rng.random(20_000) < confidence
    threshold = choose_threshold(confidence, correct, error_rate=0.1)
    accepted = confidence >= threshold
    assert np.mean(~correct[accepted]) <= 0.1
    looser = confidence >= threshold - 0.02
    assert np.mean(~correct[looser]) > 0.1
    # errors among the accepted are 1 - (1 + t) / 2, so t = 0.8
    assert threshold == pytest.approx(0.8, abs=0.03)


def test_the_least_confident_are_refused_even_without_errors() -> None:
    confidence = np.linspace(0.5, 1.0, 1001)
    threshold = choose_threshold(confidence, np.ones(1001, bool), error_rate=0.01)
    assert np.mean(confidence < threshold) == pytest.approx(0.01, abs=0.001)


def test_a_hopeless_classifier_gets_the_best_there_is() -> None:
    threshold = choose_threshold(np.array([0.5, 0.6, 0.7]), np.array([False, False, True]), error_rate=0.0)
    assert threshold == pytest.approx(0.7)
    assert choose_threshold(np.array([0.5, 0.9]), np.zeros(2, bool), error_rate=0.01) >= 0.5


def test_wrong_input_is_refused() -> None:
    with pytest.raises(InputError):
        fit_temperature(np.zeros((0, 2), np.float32), np.zeros(0, int))
    with pytest.raises(InputError):
        choose_threshold(np.zeros(2), np.zeros(3, bool), error_rate=0.1)
    with pytest.raises(InputError):
        choose_threshold(np.zeros(2), np.zeros(2, bool), error_rate=2.0)
