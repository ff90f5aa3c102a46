"""Our default classifier: trained in floating point on byte maps, then rounded to an 8-bit network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from mdlens.errors import InputError
from mdlens.inference.byte_layers import OUTPUTS_AT_A_TIME, ByteLayer, ByteNetwork, Levels
from mdlens.models.neighbors_cnn import StructureOutput

SMALLEST_SPREAD = 1.0
"""Levels: pixels that hardly vary in the data are divided by this instead of their standard deviation."""

CLIPPED = 1e-4
"""Share of a channel's activations that may lie above the largest level."""

PATCH = 8
"""Rows and columns of a patch of the first layer."""


class ByteLevels(nn.Module):
    """Round the pixels of Neighbors Maps to 256 levels, see `Levels`."""

    def __init__(self, levels: Levels) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, maps: Tensor) -> Tensor:
        """Round maps, any shape -> levels 0...255 as float32, the same shape."""
        level = (self.levels.reach - 1.0 / maps.sqrt()) * self.levels.density
        return level.round().clamp(0.0, 255.0)


class ByteNeighborsCNN(nn.Module):
    """Byte maps, patches of 8x8 pixels, two dense layers; made to be rounded to 8 bits.

    Mean and standard deviation of every pixel are measured once from training maps. With 48x48 maps,
    ``width = 64`` and ``hidden = 128``: 451,008 multiply-adds.

    Args:
        size: Rows and columns of a map, a multiple of 8.
        classes: Number of classes.
        width: Channels of the patches, and numbers of the embedding; a multiple of 16.
        hidden: Numbers of the layer between; a multiple of 16.
        levels: How pixels are rounded.

    Raises:
        InputError: If a number is out of range.
    """

    mean: Tensor
    spread: Tensor

    def __init__(
        self, size: int, classes: int, *, width: int = 64, hidden: int = 128, levels: Levels | None = None
    ) -> None:
        super().__init__()
        if size < PATCH or size % PATCH or classes < 1:
            raise InputError(
                f"size must be a multiple of {PATCH} and classes 1 or more, got {size} and {classes}"
            )
        if min(width, hidden) < 1 or width % OUTPUTS_AT_A_TIME or hidden % OUTPUTS_AT_A_TIME:
            raise InputError(
                f"width and hidden must be multiples of {OUTPUTS_AT_A_TIME}, got {width} and {hidden}"
            )
        self.size = size
        self.levels = ByteLevels(levels or Levels())
        self.register_buffer("mean", torch.zeros(size, size))
        self.register_buffer("spread", torch.ones(size, size))
        self.patches = nn.Conv2d(1, width, PATCH, stride=PATCH, bias=False)
        self.patch_norm = nn.BatchNorm2d(width)
        self.mix = nn.Linear((size // PATCH) ** 2 * width, hidden, bias=False)
        self.mix_norm = nn.BatchNorm1d(hidden)
        self.embed = nn.Linear(hidden, width)
        self.head = nn.Linear(width, classes)

    def measure(self, maps: Tensor) -> None:
        """Fix mean and spread of every pixel from training maps (samples, 1, size, size)."""
        levels = self.levels(maps)[:, 0].double()
        self.mean.copy_(levels.mean(dim=0))
        self.spread.copy_(levels.std(dim=0, correction=0).clamp(min=SMALLEST_SPREAD))

    def forward(self, maps: Tensor) -> StructureOutput:
        """Classify maps (batch, 1, size, size)."""
        image = (self.levels(maps) - self.mean) / self.spread
        image = self.patch_norm(self.patches(image)).relu()
        flat = image.permute(0, 2, 3, 1).flatten(1)  # (row, column, channel), as the rounded network has it
        embedding = self.embed(self.mix_norm(self.mix(flat)).relu()).relu()
        return StructureOutput(self.head(embedding), embedding)

    def rounded(self, maps: Tensor) -> "RoundedNeighborsCNN":
        """Give the 8-bit network that is closest to this one.

        Weights are rounded to 255 levels for each output of each patch, activations to 256 levels for each
        channel of each patch, such that at most a share `CLIPPED` of those of the given maps is cut off.
        Offsets make up for what rounding the weights changes on average.

        Args:
            maps: Training maps, of which the ranges of the activations are measured (samples, 1, size, size).

        Source: Jacob et al., CVPR 2018, arXiv 1712.05877, section 2, with a scale for each
        channel; offsets as Nagel et al., ICCV 2019, arXiv 1906.04721, section 4.2.
        """
        with torch.no_grad():
            image = self.levels(maps)
            layers = list(_round_layers(self._folded(), image.permute(0, 2, 3, 1)))
        network = ByteNetwork(size=self.size, levels=self.levels.levels, layers=tuple(layers))
        return RoundedNeighborsCNN(network, self.head)

    def _folded(self) -> Iterator["_FloatLayer"]:
        """Yield the layers with everything affine folded into weights and offsets."""
        gain, offset = _affine(self.patch_norm)
        blocks = (self.size // PATCH, PATCH, self.size // PATCH, PATCH)
        mean, spread = (
            pixels.double().reshape(blocks).permute(0, 2, 1, 3).reshape(-1, 1, PATCH * PATCH)
            for pixels in (self.mean, self.spread)
        )
        weights = (self.patches.weight.double().flatten(1) * gain[:, None])[None] / spread
        yield _FloatLayer(PATCH, PATCH, weights, offset - (weights * mean).sum(dim=2))
        gain, offset = _affine(self.mix_norm)
        side = self.size // PATCH
        yield _FloatLayer(side, side, (self.mix.weight.double() * gain[:, None])[None], offset[None])
        yield _FloatLayer(1, 1, self.embed.weight.double()[None], self.embed.bias.double()[None])


class RoundedNeighborsCNN(nn.Module):
    """An 8-bit network in torch: whole numbers held as float32, with the results of the core to rounding.

    Args:
        network: Its layers.
        head: From the embedding to the logits.
    """

    def __init__(self, network: ByteNetwork, head: nn.Linear) -> None:
        super().__init__()
        self.network = network
        self.levels = ByteLevels(network.levels)
        self.layers = ByteLayers(network)
        self.head = nn.Linear(head.in_features, head.out_features)
        self.head.load_state_dict(head.state_dict())

    def forward(self, maps: Tensor) -> StructureOutput:
        """Classify maps (batch, 1, size, size)."""
        embedding = self.layers(self.levels(maps).permute(0, 2, 3, 1))
        return StructureOutput(self.head(embedding), embedding)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds per atom."""
        return sum(layer.multiply_adds for layer in self.network.layers) + self.head.weight.numel()


class ByteLayers(nn.Module):
    """The layers of an 8-bit network: images of levels (batch, size, size, 1) -> embeddings (batch, E)."""

    def __init__(self, network: ByteNetwork) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(layer) for layer in network.layers)

    def forward(self, image: Tensor) -> Tensor:
        """Embed images of levels."""
        for layer in self.layers[:-1]:
            image = layer(image).round().clamp(0.0, 255.0)
        return cast(Tensor, self.layers[-1](image).relu().flatten(1))


@dataclass(frozen=True)
class _FloatLayer:
    height: int
    width: int
    weights: Tensor  # (patches, outputs, inputs)
    offset: Tensor  # (patches, outputs)


class _Layer(nn.Module):
    """A `ByteLayer` without its rounding: images (batch, rows, columns, channels)."""

    weights: Tensor
    scale: Tensor
    bias: Tensor

    def __init__(self, layer: ByteLayer) -> None:
        super().__init__()
        self.height, self.width = layer.height, layer.width
        self.register_buffer("weights", torch.from_numpy(layer.weights.astype(np.float32)).transpose(1, 2))
        self.register_buffer("scale", torch.tensor(layer.scale))
        self.register_buffer("bias", torch.tensor(layer.bias))

    def forward(self, image: Tensor) -> Tensor:
        patches = _patches(image, self.height, self.width)
        sums = torch.bmm(patches.transpose(0, 1), self.weights).transpose(0, 1)
        rows, columns = image.shape[1] // self.height, image.shape[2] // self.width
        return (sums * self.scale + self.bias).reshape(len(image), rows, columns, -1)


def _patches(image: Tensor, height: int, width: int) -> Tensor:
    """Cut images (batch, rows, columns, channels) into patches (batch, patches, inputs)."""
    batch, rows, columns, channels = image.shape
    blocks = image.reshape(batch, rows // height, height, columns // width, width, channels)
    return blocks.permute(0, 1, 3, 2, 4, 5).reshape(batch, -1, height * width * channels)


def _affine(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Give gain and offset of a batch norm in use."""
    variance = cast(Tensor, norm.running_var).double()
    gain = norm.weight.double() / (variance + norm.eps).sqrt()
    return gain, norm.bias.double() - cast(Tensor, norm.running_mean).double() * gain


def _round_layers(layers: Iterator[_FloatLayer], image: Tensor) -> Iterator[ByteLayer]:
    """Round one layer after the other, the ranges measured behind the rounded ones before it.

    Args:
        layers: In floating point.
        image: Levels of maps (samples, size, size, 1).
    """
    unit = torch.ones(1, dtype=torch.float64)  # of the incoming levels, (rows, columns, channels) or 1
    todo: Sequence[_FloatLayer] = list(layers)
    for number, layer in enumerate(todo, start=1):
        last = number == len(todo)
        inputs = _patches((unit * torch.ones(image.shape[1:]))[None], layer.height, layer.width)[0]
        weights = layer.weights * inputs[:, None]
        step = weights.abs().amax(dim=2).clamp(min=1e-12) / 127.0
        whole = (weights / step[..., None]).round()
        patches = _patches(image, layer.height, layer.width).double()
        # What rounding adds to the weights meets inputs far from zero on average: that part is known.
        lost = ((weights - whole * step[..., None]) * patches.mean(dim=0)[:, None]).sum(dim=2)
        offset = layer.offset + lost
        sums = torch.bmm(patches.transpose(0, 1), whole.transpose(1, 2)).transpose(0, 1)
        values = sums * step + offset  # (samples, patches, outputs)
        level = torch.ones_like(step) if last else _level(values)
        rounded = ByteLayer(
            height=layer.height,
            width=layer.width,
            weights=whole.numpy().astype(np.int8),
            scale=(step / level).float().numpy(),
            bias=(offset / level).float().numpy(),
        )
        yield rounded
        with torch.no_grad():
            image = _Layer(rounded)(image).round().clamp(0.0, 255.0)
        unit = level.reshape(image.shape[1:]).double()


def _level(values: Tensor) -> Tensor:
    """Choose the size of a level for each channel (patches, outputs) from activations (samples, ...)."""
    kept = max(1, round(CLIPPED * len(values)))
    largest = values.topk(kept, dim=0).values[-1]
    typical = largest.clamp(min=0.0).mean().clamp(min=1e-6)
    return torch.maximum(largest, 1e-3 * typical) / 255.0
