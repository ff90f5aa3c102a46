"""The loss on atoms of the classes and on atoms outside all of them."""

import pytest
import torch
from torch.nn import functional

from mdlens.learning.fit import classification_loss
from mdlens.learning.snapshots import OUTSIDE

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 0.0], [-3.0, 1.0, 4.0]])


def test_without_outside_atoms_it_is_the_cross_entropy() -> None:
    labels = torch.tensor([0, 1, 2])
    expected = functional.cross_entropy(LOGITS, labels, label_smoothing=0.1)
    assert float(classification_loss(LOGITS, labels, label_smoothing=0.1)) == pytest.approx(float(expected))


def test_outside_atoms_are_best_left_undecided() -> None:
    labels = torch.full((3,), OUTSIDE)
    logits = torch.zeros(3, 3, requires_grad=True)
    loss = classification_loss(logits, labels)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float(torch.log(torch.tensor(3.0))))
    assert torch.allclose(logits.grad, torch.zeros(3, 3))
    assert float(classification_loss(LOGITS, labels)) > float(loss.detach())


def test_each_atom_counts_once() -> None:
    mixed = classification_loss(LOGITS, torch.tensor([0, OUTSIDE, 2]))
    alone = [
        classification_loss(LOGITS[k : k + 1], torch.tensor([label]))
        for k, label in enumerate((0, OUTSIDE, 2))
    ]
    assert float(mixed) == pytest.approx(float(torch.stack(alone).mean()))


def test_weighted_classes_count_more() -> None:
    weights = (1.0, 1.0, 2.0)
    labels = torch.tensor([0, 1, 2])
    expected = functional.cross_entropy(LOGITS, labels, weight=torch.tensor(weights))
    found = classification_loss(LOGITS, labels, class_weights=weights)
    assert float(found) == pytest.approx(float(expected))


def test_outside_atoms_have_the_weight_one() -> None:
    first, outside = (classification_loss(LOGITS[:1], torch.tensor([label])) for label in (0, OUTSIDE))
    mixed = classification_loss(LOGITS[[0, 0]], torch.tensor([0, OUTSIDE]), class_weights=(3.0, 1.0, 1.0))
    assert float(mixed) == pytest.approx(float((3.0 * first + outside) / 4.0))
