"""What a network costs."""

import torch
from torch import Tensor, nn

from mdlens.models.byte_cnn import RoundedNeighborsCNN


def multiply_adds(module: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Count the multiply-adds of the convolutions and dense layers for one sample.

    A convolution counts ``out_pixels * out_channels * (in_channels / groups) * kernel_pixels``, a dense layer
    ``inputs * outputs``; biases, normalisation and activations are not counted.

    Args:
        module: A network that takes one batched tensor.
        input_shape: Shape of one sample, without the batch.
    """
    if isinstance(module, RoundedNeighborsCNN):
        return module.multiply_adds
    total = 0

    def count(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.Conv2d | nn.Linear):
            total += output[0].numel() * layer.weight[0].numel()

    handles = [layer.register_forward_hook(count) for layer in module.modules()]
    was_training = module.training
    try:
        with torch.no_grad():
            module.eval()(torch.zeros(1, *input_shape))
    finally:
        module.train(was_training)
        for handle in handles:
            handle.remove()
    return total
