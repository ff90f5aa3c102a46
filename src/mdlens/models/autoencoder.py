"""A convolutional autoencoder that compresses tomographs to a short global vector."""

from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdlens.errors import InputError


class Reconstruction(NamedTuple):
    """What the network gives.

    Attributes:
        image: The reconstruction, values from 0 to 1, (images, channels, rows, columns).
        latent: The vectors between, (images, latent).
    """

    image: Tensor
    latent: Tensor


class TomographAutoencoder(nn.Module):
    """Strided convolutions down to a vector, and back up by enlarged convolutions.

    Args:
        channels: Channels of the images: 3 for one inverse pole figure, 9 for three.
        latent: Numbers of the global vector.
        rows: Of the images, a multiple of 16.
        columns: Of the images, a multiple of 16.
        width: Channels of the first convolution; each next has twice as many, up to four times.

    Raises:
        InputError: If a value is out of range.

    Source: arXiv 2512.05818 compresses tomographs to 32 numbers; the layers are ours.
    """

    def __init__(
        self, channels: int = 3, *, latent: int = 32, rows: int = 64, columns: int = 64, width: int = 16
    ) -> None:
        super().__init__()
        if not (1 <= channels <= 100 and 1 <= latent <= 4096 and 1 <= width <= 512):
            raise InputError(
                "channels must be 1 to 100, latent 1 to 4096 and width 1 to 512, "
                f"got {channels}, {latent} and {width}"
            )
        for name, edge in (("rows", rows), ("columns", columns)):
            if edge < 16 or edge % 16 or edge > 4096:
                raise InputError(f"{name} must be a multiple of 16 up to 4096, got {edge}")
        self.settings: dict[str, Any] = {
            "channels": channels, "latent": latent, "rows": rows, "columns": columns, "width": width
        }  # fmt: skip
        widths = (channels, width, 2 * width, 4 * width, 4 * width)
        self.inner = (4 * width, rows // 16, columns // 16)
        self.down = nn.Sequential(*(layer for a, b in pairwise(widths) for layer in _narrowing(a, b)))
        flat = self.inner[0] * self.inner[1] * self.inner[2]
        self.to_latent, self.from_latent = nn.Linear(flat, latent), nn.Linear(latent, flat)
        self.up = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1)
            for a, b in zip(widths[:0:-1], (*widths[3:0:-1], width), strict=True)
        )
        self.last = nn.Conv2d(width, channels, 3, padding=1)

    def encode(self, images: Tensor) -> Tensor:
        """Compress images with values from 0 to 1, (images, latent).

        Raises:
            InputError: If they have another shape than the network was built for.
        """
        expected = tuple(self.settings[name] for name in ("channels", "rows", "columns"))
        if images.ndim != 4 or tuple(images.shape[1:]) != expected:
            raise InputError(
                f"images must be (images, {', '.join(map(str, expected))}), got {tuple(images.shape)}"
            )
        latent: Tensor = self.to_latent(self.down(images).flatten(1))
        return latent

    def decode(self, latent: Tensor) -> Tensor:
        """Draw images from vectors."""
        hidden = self.from_latent(latent).unflatten(1, self.inner)
        for layer in self.up:
            hidden = functional.gelu(layer(functional.interpolate(hidden, scale_factor=2.0)))
        return torch.sigmoid(self.last(hidden))

    def forward(self, images: Tensor) -> Reconstruction:
        """Compress and reconstruct."""
        latent = self.encode(images)
        return Reconstruction(self.decode(latent), latent)


def _narrowing(a: int, b: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.GELU()
