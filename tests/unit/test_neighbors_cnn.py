"""The networks layer by layer, against numbers worked out by hand or printed in the paper."""

import pytest
import torch
from torch import nn

from mdlens.errors import InputError
from mdlens.models import CompactNeighborsCNN, PixelTransform, PublishedNeighborsCNN, multiply_adds

# arXiv 2307.00978, appendix A, one channel, two classes: output shape and parameters of each layer.
PUBLISHED = [
    ("features.0", (16, 32, 32), 416),
    ("features.2", (32, 32, 32), 4_640),
    ("features.4", (32, 16, 16), 0),
    ("features.5", (16, 16, 16), 4_624),
    ("features.8", (16, 8, 8), 2_320),
    ("features.10", (32, 4, 4), 2_080),
    ("dense", (24,), 12_312),
    ("norm", (24,), 48),
    ("head", (2,), 50),
]


def parameters(module: nn.Module) -> int:
    return sum(weights.numel() for weights in module.parameters() if weights.requires_grad)


@pytest.fixture
def published_shapes() -> dict[str, tuple[int, ...]]:
    network = PublishedNeighborsCNN(1, 2).eval()
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in network.named_modules():

        def note(_: nn.Module, __: object, output: torch.Tensor, name: str = name) -> None:
            if isinstance(output, torch.Tensor):
                shapes[name] = tuple(output.shape[1:])

        layer.register_forward_hook(note)
    network(torch.zeros(3, 1, 32, 32))
    return shapes


@pytest.mark.parametrize(("name", "shape", "count"), PUBLISHED)
def test_layers_of_the_published_network(
    name: str, shape: tuple[int, ...], count: int, published_shapes: dict[str, tuple[int, ...]]
) -> None:
    assert published_shapes[name] == shape
    assert parameters(PublishedNeighborsCNN(1, 2).get_submodule(name)) == count


def test_the_published_network_has_26490_parameters() -> None:
    assert parameters(PublishedNeighborsCNN(1, 2)) == 26_490


def test_keras_pads_a_stride_two_layer_after_the_pixels() -> None:
    """Output pixel (0, 0) sees pixels 0..2; only the last column and row see zeros."""
    network = PublishedNeighborsCNN(1, 2)
    padding, convolution = network.features[7], network.features[8]
    image = torch.zeros(1, 16, 16, 16)
    image[..., 0, 0] = 1.0
    first = convolution(padding(image))[0, :, 0, 0] - convolution.bias
    torch.testing.assert_close(first, convolution.weight[:, :, 0, 0].sum(dim=1))


def test_multiply_adds_by_hand() -> None:
    published = (
        32**2 * (16 * 25 + 32 * 16 * 9) + 16**2 * 16 * 32 * 9 + 8**2 * 16 * 16 * 9 + 4**2 * 32 * 16 * 4
    )
    assert multiply_adds(PublishedNeighborsCNN(1, 2), (1, 32, 32)) == published + 512 * 24 + 24 * 2
    compact = 8**2 * 16 * 16 + 4**2 * 32 * 16 * 4 + 512 * 32 + 32 * 7
    assert multiply_adds(CompactNeighborsCNN(1, 32, 7), (1, 32, 32)) == compact == 65_760
    residual = 4**2 * 32 * 32 * 9
    assert multiply_adds(CompactNeighborsCNN(1, 32, 7, depth=2), (1, 32, 32)) == compact + 2 * residual


def test_multiply_adds_leaves_the_network_as_it_was() -> None:
    network = PublishedNeighborsCNN().train()
    multiply_adds(network, (1, 32, 32))
    assert network.training
    assert not any(layer._forward_hooks for layer in network.modules())


def test_pixel_transform_standardises_what_it_measured() -> None:
    maps = torch.exp(torch.randn(500, 2, 8, 8, generator=torch.Generator().manual_seed(0)))
    maps[:, 0, 3, 3] = 0.0  # a pixel that is always missing
    transform = PixelTransform(2, 8)
    transform.measure(maps)
    values = transform(maps)
    torch.testing.assert_close(values.mean(dim=0), torch.zeros(2, 8, 8), rtol=0, atol=1e-4)
    spread = values.std(dim=0, correction=0)
    assert spread[0, 3, 3] == 0.0
    spread[0, 3, 3] = 1.0
    torch.testing.assert_close(spread, torch.ones(2, 8, 8), rtol=0, atol=1e-3)


def test_pixel_transform_bounds_coincident_atoms() -> None:
    transform = PixelTransform(1, 8)
    assert transform(torch.full((1, 1, 8, 8), 1e30)).max() <= 1.0
    assert torch.isfinite(transform(torch.full((1, 1, 8, 8), -1e30))).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 20}, "multiple of 8"),
        ({"channels": 0}, "channels must be 1 or more"),
        ({"classes": 0}, "classes must be 1 or more"),
        ({"width": -1}, "width must be 1 or more"),
    ],
)
def test_wrong_sizes_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CompactNeighborsCNN(**arguments)
