"""Convolutional networks on pictures of configurations: one logit for an image."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdlens.errors import InputError

PAPER_SIZE = 250
"""Rows and columns of the published pictures."""


class PictureOutput(NamedTuple):
    """What the network says.

    Attributes:
        logits: Of the second class against the first, (images,).
        embedding: The numbers before the last layer, (images, numbers).
    """

    logits: Tensor
    embedding: Tensor


class PictureCNN(nn.Module):
    """A small network for density pictures of any size: three strided convolutions and a global mean.

    Args:
        channels: Channels of the pictures, one per species.
        width: Channels of the first convolution; the others have twice as many.
        dropout: Before the last layer.

    Raises:
        InputError: If a value is out of range.
    """

    spread: Tensor

    def __init__(self, channels: int, *, width: int = 32, dropout: float = 0.0) -> None:
        super().__init__()
        if not (1 <= channels <= 100 and 1 <= width <= 1024 and 0.0 <= dropout < 1.0):
            raise InputError(
                "channels must be 1 to 100, width 1 to 1024 and dropout 0 or more but below 1, "
                f"got {channels}, {width} and {dropout}"
            )
        self.settings: dict[str, Any] = {"channels": channels, "width": width, "dropout": dropout}
        self.register_buffer("spread", torch.ones(channels))
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=s, padding=1, bias=False)
            for a, b, s in ((channels, width, 1), (width, 2 * width, 2), (2 * width, 2 * width, 2))
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(n) for n in (width, 2 * width, 2 * width))
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(2 * width, 1)

    def measure(self, pictures: Tensor) -> None:
        """Divide every channel by its standard deviation in training pictures (images, C, rows, columns)."""
        self.spread.copy_(pictures.std(dim=(0, 2, 3)).clamp(min=1e-6))

    def forward(self, pictures: Tensor) -> PictureOutput:
        """Classify pictures, (images, C, rows, columns)."""
        hidden = pictures / self.spread[:, None, None]
        for layer, norm in zip(self.layers, self.norms, strict=True):
            hidden = functional.relu(norm(layer(hidden)))
        embedding = hidden.mean(dim=(2, 3))
        return PictureOutput(self.last(self.dropout(embedding)).squeeze(1), embedding)


class PaperPictureCNN(nn.Module):
    """The published network: two convolutions without pooling and a dense layer of 72 million weights.

    Takes RGB pictures of 250 x 250 pixels with values from 0 to 1. Its two logits are given as their
    difference.

    Source: arXiv 1909.04648 and its code.
    """

    def __init__(self, size: int = PAPER_SIZE) -> None:
        super().__init__()
        if size < 14:
            raise InputError(f"size must be 14 or more, got {size}")
        self.settings: dict[str, Any] = {"size": size}
        self.size = size
        self.convolutions = nn.Sequential(nn.Conv2d(3, 6, 10), nn.ReLU(), nn.Conv2d(6, 16, 5), nn.ReLU())
        self.dense = nn.Linear(16 * (size - 13) ** 2, 80)
        self.dropout = nn.Dropout(0.5)
        self.last = nn.Linear(80, 2)

    def forward(self, pictures: Tensor) -> PictureOutput:
        """Classify pictures, (images, 3, size, size)."""
        if pictures.shape[1:] != (3, self.size, self.size):
            expected = (3, self.size, self.size)
            raise InputError(f"pictures must be (images, *{expected}), got {tuple(pictures.shape)}")
        embedding = functional.relu(self.dense(self.convolutions(pictures).flatten(1)))
        logits = self.last(self.dropout(embedding))
        return PictureOutput(logits[:, 1] - logits[:, 0], embedding)
