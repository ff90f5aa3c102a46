"""Classify on a GPU: the same model, its maps and network computed by torch."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mdlens.descriptors import MapSource
from mdlens.errors import InputError
from mdlens.inference import StructureModel, load_model
from mdlens.inference.byte_network import Embedder
from mdlens.types import BoolArray, Float32Array, IntArray

if TYPE_CHECKING:
    from mdlens.models.on_device import DeviceNetwork


def on_device(model: str | Path | StructureModel, device: str) -> StructureModel:
    """Give a model that computes maps and network on a torch device; neighbours are found by the processor.

    Classify with it as with any other. Labels are those of the core but for rounding; atoms whose
    neighbours are tied in distance, as in a perfect lattice, are left to the core. On a cluster, workers
    compute on their processors. A second model goes to the device too.

    Args:
        model: Name of an installed model, path of a model file or of the folder of a run, or a loaded model.
        device: Name of a torch device, such as "cuda" or "cuda:1".

    Raises:
        InputError: If the network of the model, or of its second one, is not of 8 bits, or torch has no such
            device.
        MissingExtraError: If torch is not installed.
        ModelError: If the model cannot be loaded.
    """
    loaded = model if isinstance(model, StructureModel) else load_model(model)
    if loaded.fused is None:
        raise InputError(f"{loaded.file}: only models with an 8-bit network run on a device")
    from mdlens.models.on_device import DeviceNetwork

    network = DeviceNetwork(loaded.fused.network, loaded.settings, device)
    placed = replace(loaded, fused=_OnDevice(loaded.fused, network))
    if placed.second is None:
        return placed
    return placed.with_second(on_device(placed.second.model, device), below=placed.second.below)


class _OnDevice(Embedder):
    """Embeds on a device what is drawn simply, in the core what needs care."""

    def __init__(self, core: Embedder, network: "DeviceNetwork") -> None:
        from mdlens.models.on_device import BATCH

        super().__init__(core.network)
        self._core, self._device = core, network
        self.at_once = BATCH

    def embed(self, source: MapSource, chosen: IntArray) -> tuple[Float32Array, BoolArray]:
        vectors = source.vectors(chosen, self._device.vectors_needed)
        embeddings, holds = self._device.embed(vectors)
        enough = np.ones(len(chosen), np.bool_)
        careful = ~holds
        if careful.any():
            embeddings[careful], enough[careful] = self._core.embed(source, chosen[careful])
        return embeddings, enough
