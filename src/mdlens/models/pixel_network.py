"""A network that says of every pixel of a section what its atom is to the scores of deformation patterns."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdlens.descriptors.deformation import SIGNS
from mdlens.descriptors.pixel_codes import NOW, OF_START, code_table
from mdlens.errors import InputError


class PixelNetwork(nn.Module):
    """A small U-Net over pixel codes: convolutions, twice halved and enlarged again, with sums across.

    It is shown the codes of a section now and at the start and tells the chance of every sign of
    `mdlens.descriptors.deformation.SIGNS`, and that the atom counts. Codes do not tell how the polycrystal is
    turned, so neither does the network care.

    Args:
        width: Channels at full resolution; halved images have 2 and 3 times as many.

    Raises:
        InputError: If the width is out of range.

    Source: the shape is that of U-Nets (arXiv 1505.04597), the blocks are residual ones (arXiv 1512.03385).
    """

    table: Tensor

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        if not 1 <= width <= 512:
            raise InputError(f"width must be 1 to 512, got {width}")
        self.settings: dict[str, Any] = {"width": width}
        self.register_buffer("table", torch.from_numpy(code_table()), persistent=False)
        self.first = nn.Sequential(*_step(len(NOW) + len(NOW[OF_START]), width, 3, 1), _Residual(width))
        self.coarse = nn.Sequential(*_step(width, 2 * width, 2, 2), _Residual(2 * width))
        self.coarsest = nn.Sequential(
            *_step(2 * width, 3 * width, 2, 2), _Residual(3 * width), _Residual(3 * width, dilation=2)
        )
        self.to_coarse, self.again_coarse = nn.Conv2d(3 * width, 2 * width, 1), _Residual(2 * width)
        self.to_full, self.again_full = nn.Conv2d(2 * width, width, 1), _Residual(width)
        self.last = nn.Conv2d(width, len(SIGNS) + 1, 1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast on processors

    def forward(self, codes: Tensor, start: Tensor) -> Tensor:
        """Logits of the signs, and of counting, (sections, 8, rows, columns).

        Args:
            codes: Bytes (sections, rows, columns), edges a multiple of 4.
            start: Those of the same places at the start.
        """
        shown = torch.cat([self.table[codes.int()], self.table[start.int()][..., OF_START]], dim=3)
        full = self.first(shown.permute(0, 3, 1, 2))
        coarse = self.coarse(full)
        coarse = self.again_coarse(coarse + _enlarged(self.to_coarse(self.coarsest(coarse))))
        logits: Tensor = self.last(self.again_full(full + _enlarged(self.to_full(coarse))))
        return logits


def _enlarged(images: Tensor) -> Tensor:
    return functional.interpolate(images, scale_factor=2.0)


def _step(channels: int, width: int, size: int, stride: int) -> tuple[nn.Module, ...]:
    """A convolution that keeps the edges, or halves them."""
    convolution = nn.Conv2d(channels, width, size, stride=stride, padding=(size - stride) // 2, bias=False)
    return convolution, nn.BatchNorm2d(width), nn.GELU()


class _Residual(nn.Module):
    def __init__(self, width: int, *, dilation: int = 1) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm2d(width),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, images: Tensor) -> Tensor:
        return functional.gelu(images + self.change(images))
