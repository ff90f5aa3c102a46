"""Area under the ROC curve and its intervals over groups."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mdlens.errors import InputError
from mdlens.learning.auc import bootstrap_auc, roc_auc


@pytest.mark.parametrize("seed", range(4))
def test_auc_is_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    scores, labels = rng.integers(0, 6, 50), rng.integers(0, 2, 50)
    assert roc_auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))
    weights = rng.integers(0, 4, 50)
    expected = roc_auc_score(labels, scores, sample_weight=weights)
    assert roc_auc(scores, labels, weights) == pytest.approx(expected)


def test_one_class_has_no_auc():
    assert math.isnan(roc_auc([1.0, 2.0], [1, 1]))


def test_intervals_draw_whole_groups():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 200)
    scores = labels + rng.normal(size=400)
    alone = bootstrap_auc(scores, labels, np.arange(400))
    assert alone.value == pytest.approx(roc_auc(scores, labels))
    assert alone.low < alone.value < alone.high
    # ten copies of forty samples tell no more than the forty
    copies = bootstrap_auc(np.repeat(scores[::10], 10), np.repeat(labels[::10], 10), np.arange(400) // 10)
    assert copies.high - copies.low > 2 * (alone.high - alone.low)


def test_a_single_group_has_no_interval():
    found = bootstrap_auc([0.0, 1.0], [0, 1], ["a", "a"])
    assert found.value == 1.0
    assert math.isnan(found.low)


def test_lengths_must_agree():
    with pytest.raises(InputError, match="equally long"):
        bootstrap_auc([1.0], [0, 1], [0, 1])
