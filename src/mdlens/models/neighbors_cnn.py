"""Classifiers of Neighbors Maps: the published network and a compact one."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdlens.errors import InputError

SMALLEST_SPREAD = 1e-3
"""Pixels that hardly vary in the data are divided by this instead of their standard deviation."""


class StructureOutput(NamedTuple):
    """What a classifier gives: `logits` (batch, classes) and `embedding` (batch, numbers)."""

    logits: Tensor
    embedding: Tensor


class PublishedNeighborsCNN(nn.Module):
    """The network of the Neighbors Map paper: 26,490 trainable parameters with one channel and two classes.

    Maps (batch, channels, 32, 32) -> logits and the 24 numbers before the last layer. Paddings are "same"
    as Keras defines them.

    Args:
        channels: Channels of the maps.
        classes: Number of classes.

    Raises:
        InputError: If a number is not positive.

    Source: arXiv 2307.00978, appendix A.
    """

    size = 32

    def __init__(self, channels: int = 1, classes: int = 7) -> None:
        super().__init__()
        _check_positive(channels=channels, classes=classes)
        self.features = nn.Sequential(
            nn.Conv2d(channels, 16, 5, padding=2), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 16, 3, padding=1), nn.ReLU(),
            # Keras pads the 16 pixels of a stride-2 3x3 layer with nothing before and one after.
            nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(16, 16, 3, stride=2), nn.ReLU(),
            nn.Conv2d(16, 32, 2, stride=2), nn.ReLU(),
        )  # fmt: skip
        self.dropout = nn.Dropout(0.5)
        self.dense = nn.Linear(512, 24)
        self.norm = nn.BatchNorm1d(24, eps=1e-3, momentum=0.01)  # the defaults of Keras
        self.head = nn.Linear(24, classes)

    def forward(self, maps: Tensor) -> StructureOutput:
        """Classify maps (batch, channels, 32, 32)."""
        flat = self.features(maps).reshape(-1, 512)
        embedding = self.norm(self.dense(self.dropout(flat)).relu())
        return StructureOutput(self.head(embedding), embedding)


class PixelTransform(nn.Module):
    """Bring pixels to comparable numbers: ``y = (s(x) - mean) / std`` with ``s(x) = x / (1 + |x|)``.

    With ``gamma = 2`` a scale-free pixel is about ``1 / d^2``, so ``s`` is about ``1 / (1 + d^2)``:
    bounded, however close two atoms come. Mean and standard deviation belong to each pixel, are measured
    once from training maps, and stay fixed.

    Args:
        channels: Channels of the maps.
        size: Rows and columns of a map.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(channels, size, size))
        self.register_buffer("shift", torch.zeros(channels, size, size))

    def measure(self, maps: Tensor) -> None:
        """Fix mean and standard deviation of every pixel from maps (samples, channels, size, size)."""
        squashed = functional.softsign(maps.double())
        scale = 1.0 / squashed.std(dim=0, correction=0).clamp(min=SMALLEST_SPREAD)
        self.scale.copy_(scale)
        self.shift.copy_(-squashed.mean(dim=0) * scale)

    def forward(self, maps: Tensor) -> Tensor:
        """Transform maps, (batch, channels, size, size) -> the same shape."""
        return maps / (1.0 + maps.abs()) * self.scale + self.shift


class CompactNeighborsCNN(nn.Module):
    """Our default: a pixel transform, two layers on patches and a dense embedding; a hundredth of the cost.

    Both layers see disjoint patches (4x4 pixels, then 2x2 patches). With one channel, 32x32 maps and seven
    classes: 65,760 multiply-adds at ``width = 16``, 229,824 at 32. `depth` adds residual 3x3 convolutions
    on the last image.

    Args:
        channels: Channels of the maps.
        size: Rows and columns of a map, a multiple of 8.
        classes: Number of classes.
        width: Channels of the first layer; the second and the embedding have twice as many.
        depth: Number of residual 3x3 convolutions.
        dropout: Share of the flattened features dropped in training.

    Raises:
        InputError: If a number is out of range.
    """

    def __init__(
        self,
        channels: int = 1,
        size: int = 32,
        classes: int = 7,
        *,
        width: int = 16,
        depth: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check_positive(channels=channels, size=size, classes=classes, width=width)
        if size % 8:
            raise InputError(
                f"size must be a multiple of 8 for the patches of the compact network, got {size}"
            )
        self.transform = PixelTransform(channels, size)
        self.patches = _normalised(nn.Conv2d(channels, width, 4, stride=4, bias=False))
        self.merge = _normalised(nn.Conv2d(width, 2 * width, 2, stride=2, bias=False))
        self.residuals = nn.ModuleList(
            _normalised(nn.Conv2d(2 * width, 2 * width, 3, padding=1, bias=False)) for _ in range(depth)
        )
        self.dropout = nn.Dropout(dropout)
        self.flat = (size // 8) ** 2 * 2 * width
        self.embed = nn.Linear(self.flat, 2 * width)
        self.head = nn.Linear(2 * width, classes)

    def measure(self, maps: Tensor) -> None:
        """Fix the pixel transform from training maps (samples, channels, size, size)."""
        self.transform.measure(maps)

    def forward(self, maps: Tensor) -> StructureOutput:
        """Classify maps (batch, channels, size, size)."""
        image = self.merge(self.patches(self.transform(maps)))
        for residual in self.residuals:
            image = image + residual(image)
        embedding = self.embed(self.dropout(image.reshape(-1, self.flat))).relu()
        return StructureOutput(self.head(embedding), embedding)


def _normalised(convolution: nn.Conv2d) -> nn.Sequential:
    """Convolution, batch norm, ReLU; the norm costs nothing later: export folds it into the convolution."""
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU())


def _check_positive(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise InputError(f"{name} must be 1 or more, got {number}")
