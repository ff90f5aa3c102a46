"""An 8-bit network on 8-bit Neighbors Maps, as plain arrays: what a model file holds and the core runs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mdlens.errors import InputError
from mdlens.types import Float32Array

INPUTS_AT_A_TIME = 4
"""The number of inputs of a patch is a multiple of this: processors multiply so many bytes at once."""

OUTPUTS_AT_A_TIME = 16
"""The number of outputs of a patch is a multiple of this: so many sums fill a vector."""

Int8Array = NDArray[np.int8]


@dataclass(frozen=True, kw_only=True)
class Levels:
    """How a pixel M of a Neighbors Map becomes a byte.

    ``b = clip(round((reach - 1 / sqrt(M)) density), 0, 255)``. ``1 / sqrt(M)`` is the distance of the two
    atoms in units of the local length (but for the factor of the row), so levels are evenly spaced in
    distance. A missing pixel, 0, becomes 0.

    Attributes:
        density: Levels per unit of distance.
        reach: Distance of level 0.
    """

    density: float = 88.0
    reach: float = 3.45

    def __post_init__(self) -> None:
        if not (0.0 < self.density <= 1e4 and 0.0 < self.reach <= 100.0):
            raise InputError(
                f"density and reach of the levels must be positive, got {self.density} and {self.reach}"
            )

    def of(self, maps: Float32Array) -> NDArray[np.uint8]:
        """Round pixels to levels, any shape -> the same shape."""
        with np.errstate(divide="ignore"):
            distance = np.float32(1.0) / np.sqrt(maps)
        level = (np.float32(self.reach) - distance) * np.float32(self.density)
        return np.asarray(np.clip(np.rint(level), 0.0, 255.0), np.uint8)


@dataclass(frozen=True, kw_only=True, eq=False)
class ByteLayer:
    """One layer: the image is cut into patches, and each patch has weights of its own.

    ``y[p, o] = scale[p, o] sum_i weights[p, o, i] x[p, i] + bias[p, o]``, where i runs over (row in the
    patch, column in the patch, channel) and p over (row of patches, column of patches). A layer that is not
    the last rounds y to 0...255; the last one keeps ``max(0, y)`` as it is.

    Attributes:
        height: Rows of a patch.
        width: Columns of a patch.
        weights: (patches, outputs, inputs).
        scale: (patches, outputs).
        bias: (patches, outputs).

    Raises:
        InputError: If the shapes do not fit each other or the limits of the core.
    """

    height: int
    width: int
    weights: Int8Array
    scale: Float32Array
    bias: Float32Array

    def __post_init__(self) -> None:
        patches, outputs, inputs = self.weights.shape
        if inputs % INPUTS_AT_A_TIME or outputs % OUTPUTS_AT_A_TIME or inputs % (self.height * self.width):
            raise InputError(
                f"a patch of {self.height}x{self.width} pixels must have whole channels, inputs in fours and "
                f"outputs in sixteens, got {inputs} and {outputs}"
            )
        if self.scale.shape != (patches, outputs) or self.bias.shape != (patches, outputs):
            raise InputError(
                f"scale and bias must have the shape {(patches, outputs)}, "
                f"got {self.scale.shape} and {self.bias.shape}"
            )

    @property
    def outputs(self) -> int:
        """Channels of the image that comes out."""
        return int(self.weights.shape[1])

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds per atom."""
        return int(self.weights.size)


@dataclass(frozen=True, kw_only=True, eq=False)
class ByteNetwork:
    """From a Neighbors Map of one channel to the embedding.

    Attributes:
        size: Rows and columns of a map.
        levels: How pixels become bytes.
        layers: The last one has one patch.

    Raises:
        InputError: If a layer does not fit the image that the one before it leaves.
    """

    size: int
    levels: Levels
    layers: tuple[ByteLayer, ...]

    def __post_init__(self) -> None:
        rows = columns = self.size
        channels = 1
        for layer in self.layers:
            if rows % layer.height or columns % layer.width:
                raise InputError(
                    f"patches of {layer.height}x{layer.width} pixels do not fill an image of {rows}x{columns}"
                )
            rows, columns = rows // layer.height, columns // layer.width
            patches, _, inputs = layer.weights.shape
            expected = (rows * columns, layer.height * layer.width * channels)
            if (patches, inputs) != expected:
                raise InputError(
                    f"a layer must have {expected[0]} patches of {expected[1]} inputs, "
                    f"got {patches} of {inputs}"
                )
            channels = layer.outputs
        if not self.layers or rows * columns != 1:
            raise InputError(f"the last layer must leave one patch, got {rows * columns}")

    @property
    def embedding_size(self) -> int:
        """Numbers per atom that come out."""
        return self.layers[-1].outputs
