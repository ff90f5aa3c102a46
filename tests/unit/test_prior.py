"""Shifting a network from the class shares of training to a prior."""

import pytest
import torch

from mdlens.errors import InputError
from mdlens.learning.config import parse_config
from mdlens.learning.fit_settings import FitSettings
from mdlens.learning.prior import assume_prior
from mdlens.models import CompactNeighborsCNN

MAPS = torch.rand(5, 1, 16, 16, generator=torch.Generator().manual_seed(1))


def probabilities(network: CompactNeighborsCNN) -> torch.Tensor:
    with torch.no_grad():
        return network.eval()(MAPS).logits.softmax(dim=1)


@pytest.fixture
def network() -> CompactNeighborsCNN:
    torch.manual_seed(0)
    return CompactNeighborsCNN(1, 16, 3, width=4)


def test_probabilities_are_weighed_again(network: CompactNeighborsCNN) -> None:
    before = probabilities(network)
    assume_prior(network, (1.0, 1.0, 2.0), (1.0, 3.0, 4.0))
    weighed = before * torch.tensor([1.0, 3.0, 2.0])
    torch.testing.assert_close(probabilities(network), weighed / weighed.sum(dim=1, keepdim=True))


def test_equal_shares_are_the_default_and_no_prior_changes_nothing(network: CompactNeighborsCNN) -> None:
    before = probabilities(network)
    assume_prior(network, (1.0, 1.0, 2.0), ())
    assume_prior(network, (), (5.0, 5.0, 5.0))
    torch.testing.assert_close(probabilities(network), before)


def test_a_weight_in_the_loss_counts_like_more_maps() -> None:
    assert FitSettings(class_weights=(1.0, 2.0)).shares_learnt(2) == (1.0, 2.0)
    assert FitSettings(class_shares=(3.0, 1.0), class_weights=(1.0, 2.0)).shares_learnt(2) == (3.0, 2.0)
    assert FitSettings().shares_learnt(3) == (1.0, 1.0, 1.0)


def test_a_prior_without_a_class_is_refused() -> None:
    with pytest.raises(InputError, match=r"\[calibration\] prior must hold numbers between"):
        parse_config("[[data]]\nfile = 'x.npz'\n[calibration]\nprior = [1, 0]")
