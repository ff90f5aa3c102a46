"""How frequent the classes are taken to be, apart from how often training drew them."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn


def assume_prior(network: nn.Module, shares: Sequence[float], prior: Sequence[float]) -> None:
    """Shift a network's logits from the class shares of training to a prior: ``z += ln(prior / shares)``.

    Args:
        network: A network whose last layer is called ``head``; changed in place.
        shares: Relative number of maps of each class in training; empty means equal.
        prior: Relative frequency that the classes are taken to have; empty changes nothing.

    Source: Saerens, Latinne & Decaestecker, Neural Comput. 14, 21 (2002).
    """
    if not prior:
        return
    ratio = torch.tensor(prior) / torch.tensor(shares or [1.0] * len(prior))
    head = cast(nn.Linear, network.get_submodule("head"))
    with torch.no_grad():
        head.bias.add_(torch.log(ratio))
