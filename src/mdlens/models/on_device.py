"""Byte maps and the 8-bit network on a torch device: for machines with a GPU."""

import numpy as np
import torch
from torch import Tensor

from mdlens.descriptors import NeighborsMapSettings
from mdlens.errors import InputError
from mdlens.inference.byte_layers import ByteNetwork
from mdlens.models.byte_cnn import ByteLayers
from mdlens.types import BoolArray, Float32Array

TIE = 2e-5
"""Squared distances that agree to this fraction may be tied; the core calls a tie what agrees to 1e-5."""

SHORTEST = 0.05
"""Distances below this, in local lengths, count as this, as in the core."""

_ESTIMATE = 0x54A21D2A
"""Less a third of a float's bits, these are the bits of nearly its inverse cube root."""

_THIRD = float(np.float32(1.0) / np.float32(3.0))

BATCH = 8192
"""Atoms at a time: by the sizes of what is computed, 2 GB of the device's memory for maps of 48x48 pixels of
95 candidates, twice that for 64x64 of 127."""


class DeviceNetwork:
    """Embeds atoms on a device, from the vectors to their neighbours.

    Whole numbers are held as float32, which tensor cores must not round: TF32 is not used.

    Args:
        network: The layers.
        settings: How maps are drawn; plain ones (`NeighborsMapSettings.is_plain`).
        device: Name of a torch device, such as "cuda" or "cuda:1".

    Raises:
        InputError: If torch has no such device, or the settings are not plain.
    """

    def __init__(self, network: ByteNetwork, settings: NeighborsMapSettings, device: str) -> None:
        if settings.candidates is None or settings.scale_neighbors is None or not settings.is_plain:
            raise InputError("maps in bytes are those of plain settings: scale-free, one channel of ones")
        try:
            self.device = torch.device(device)
            self._layers = ByteLayers(network).to(self.device)
        except (RuntimeError, AssertionError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"torch cannot use the device {device!r}: {reason:.200}") from error
        self._size, self._levels = settings.size, network.levels
        self.candidates, self._scale = settings.candidates, settings.scale_neighbors

    @property
    def vectors_needed(self) -> int:
        """Neighbours to give for each atom: the candidates, and one that tells whether the last is tied."""
        return max(self.candidates, self._scale) + 1

    def embed(self, vectors: Float32Array) -> tuple[Float32Array, BoolArray]:
        """Embed atoms.

        Args:
            vectors: To the nearest neighbours of each atom, by distance (atoms, `vectors_needed`, 3).

        Returns:
            The embeddings, and for which atoms they hold (atoms,): not where distances are tied or neighbours
            are missing, of which the core makes maps with more care.
        """
        with torch.no_grad():
            near = torch.from_numpy(vectors).to(self.device)
            squares = _squares(near)
            careful = self._is_tied(squares) | ~torch.isfinite(squares).all(dim=1)
            image = self._draw(torch.where(careful[:, None, None], torch.ones_like(near), near))
            embeddings = self._layers(image)
        return embeddings.cpu().numpy(), (~careful).cpu().numpy()

    def _is_tied(self, squares: Tensor) -> Tensor:
        """Tell where a row's distance, or the last candidate's, is tied with the next, (atoms,)."""
        tied = squares[:, 1:] <= squares[:, :-1] * (1.0 + TIE)
        return tied[:, : self._size].any(dim=1) | tied[:, self.candidates - 1]

    def _draw(self, near: Tensor) -> Tensor:
        """Draw maps (atoms, size, size, 1) of levels from vectors (atoms, neighbours, 3).

        Operation by operation as in the core, each rounded by itself, so that levels on edge fall to the
        same side.
        """
        nodes, factor = self._place(near)
        squares = torch.zeros(1, device=near.device)
        for axis in range(3):
            along = nodes[:, : self._size, None, axis] - nodes[:, None, :, axis]
            squares = squares + along * along
        itself = torch.eye(self._size, nodes.shape[1], dtype=torch.bool, device=near.device)
        squares = squares.clamp(min=SHORTEST**2).masked_fill(itself, torch.inf)
        pixels = factor[:, :, None] * (1.0 / squares)
        shown = pixels.topk(self._size, dim=2).values  # by distance, short ones first
        roots = shown.double().sqrt().float()  # of torch's single roots a fifth is off in the last bit
        level = (self._levels.reach - 1.0 / roots) * self._levels.density
        return level.round().clamp(0.0, 255.0)[..., None]

    def _place(self, near: Tensor) -> tuple[Tensor, Tensor]:
        """Give the nodes in local lengths (atoms, nodes, 3) and the factor of each row, ``d_0k^(-1/3)``."""
        distance = _squares(near).double().sqrt()
        length = distance[:, : self._scale].mean(dim=1, keepdim=True)
        nodes = (near[:, : self.candidates].double() * (1.0 / length)[..., None]).float()
        nodes = torch.cat([torch.zeros_like(nodes[:, :1]), nodes], dim=1)
        rows = (distance[:, : self._size - 1].clamp(min=SHORTEST * length) / length).float()
        factor = torch.cat([torch.ones_like(rows[:, :1]), _inverse_cube_roots(rows)], dim=1)
        return nodes, factor


def _squares(vectors: Tensor) -> Tensor:
    """Sum the squares of components (..., 3), one after the other."""
    x, y, z = vectors.unbind(-1)
    return x * x + y * y + z * z


def _inverse_cube_roots(values: Tensor) -> Tensor:
    """Give ``values^(-1/3)`` to rounding, with the bits of the core: an estimate and three Newton steps."""
    roots = (_ESTIMATE - values.view(torch.int32) // 3).view(torch.float32)
    for _ in range(3):
        roots = roots * ((4.0 - values * roots * roots * roots) * _THIRD)
    return roots
