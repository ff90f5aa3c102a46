"""Find the 8-bit network in a model file, and run it fused with its maps in the native core."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from mdlens import _core
from mdlens.descriptors import MapSource
from mdlens.errors import InputError
from mdlens.inference.byte_layers import ByteLayer, ByteNetwork, Levels
from mdlens.types import BoolArray, Float32Array, IntArray

PREFIX = "bytes."
"""Names of the arrays of an 8-bit network in a model file start with this."""


def layer_name(number: int) -> str:
    """Name the arrays of a layer."""
    return f"{PREFIX}{number}"


def read_byte_network(graph: onnx.GraphProto) -> ByteNetwork | None:
    """Read the 8-bit network out of a checked graph; None if there is none.

    The arrays say nothing about what the graph does with them: whoever runs them apart from the graph has to
    compare the results.

    Raises:
        InputError: If its arrays do not fit each other.
    """
    arrays = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if tensor.name.startswith(PREFIX)
    }
    if not arrays:
        return None
    try:
        levels = Levels(density=float(arrays[f"{PREFIX}density"]), reach=float(arrays[f"{PREFIX}reach"]))
        layers, number, size = [], 0, 0
        while f"{layer_name(number)}.weights" in arrays:
            layers.append(_read_layer(arrays, layer_name(number)))
            blocks = arrays[f"{layer_name(number)}.blocks"]
            size = size or int(blocks[1] * blocks[2])
            number += 1
        return ByteNetwork(size=size, levels=levels, layers=tuple(layers))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(f"its 8-bit network is damaged: {error}") from error


def _read_layer(arrays: dict[str, np.ndarray], name: str) -> ByteLayer:
    blocks = arrays[f"{name}.blocks"]
    weights = arrays[f"{name}.weights"]
    if weights.dtype != np.int8 or weights.ndim != 3 or blocks.shape != (6,):
        raise InputError(f"its 8-bit network is damaged: wrong arrays in {name!r}")
    return ByteLayer(
        height=int(blocks[2]),
        width=int(blocks[4]),
        weights=np.ascontiguousarray(weights.transpose(0, 2, 1)),
        scale=np.ascontiguousarray(arrays[f"{name}.scale"], np.float32),
        bias=np.ascontiguousarray(arrays[f"{name}.bias"], np.float32),
    )


class Embedder:
    """Turns atoms into embeddings with the 8-bit network of a model.

    Args:
        network: Its layers.
    """

    at_once: int = 1
    """Fewest atoms that are worth a call."""

    def __init__(self, network: ByteNetwork) -> None:
        self.network = network

    def embed(self, source: MapSource, chosen: IntArray) -> tuple[Float32Array, BoolArray]:
        """Embed atoms of a frame.

        Args:
            source: The frame, with the settings of the model.
            chosen: Which atoms (M,).

        Returns:
            Embeddings (M, E), and whether each atom has as many neighbours as a map has columns (M,).
        """
        raise NotImplementedError


class FusedNetwork(Embedder):
    """In the native core, from positions to embeddings without a map in between."""

    def __init__(self, network: ByteNetwork) -> None:
        super().__init__(network)
        layers = [(x.height, x.width, x.weights, x.scale, x.bias) for x in network.layers]
        self._core = _core.ByteNetwork(network.size, layers)

    def embed(self, source: MapSource, chosen: IntArray) -> tuple[Float32Array, BoolArray]:
        """Embed atoms of a frame, see `Embedder.embed`."""
        levels = self.network.levels
        return source.embed(self._core, chosen, reach=levels.reach, density=levels.density)

    def run(self, maps: Float32Array) -> Float32Array:
        """Embed maps (samples, 1, size, size) -> (samples, embedding_size)."""
        levels = self.network.levels.of(maps)[:, 0]
        return self._core.run(np.ascontiguousarray(levels), 1, "automatic")


def embedding_to_outputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """Cut the part out of a model's graph that makes the other outputs of the embedding.

    Args:
        model: A checked model with the output "embedding"; not changed.

    Raises:
        InputError: If another output needs more than the embedding.
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    ports = [port for port in model.graph.output if port.name != "embedding"]
    wanted, seen = [port.name for port in ports], {"embedding"}
    while wanted:
        name = wanted.pop()
        if name == "maps":
            raise InputError("an output of its graph needs more than the embedding")
        if name not in seen and name in makers:
            wanted.extend(filter(None, makers[name].input))
        seen.add(name)
    nodes = [node for node in model.graph.node if set(node.output) & (seen - {"embedding"})]
    constants = [tensor for tensor in model.graph.initializer if tensor.name in seen]
    port = next(port for port in model.graph.output if port.name == "embedding")
    tail = helper.make_graph(nodes, "tail", [port], ports, constants)
    return helper.make_model(tail, opset_imports=model.opset_import, ir_version=model.ir_version)
