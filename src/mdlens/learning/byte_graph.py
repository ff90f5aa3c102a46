"""An 8-bit network as an ONNX graph: whole numbers in float32, so any runtime gives what the core gives."""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mdlens.inference.byte_layers import ByteLayer, ByteNetwork
from mdlens.inference.byte_network import PREFIX, layer_name
from mdlens.types import Float32Array

_BATCH = "batch"


def byte_graph(
    network: ByteNetwork, head_weights: Float32Array, head_bias: Float32Array, *, opset: int
) -> onnx.ModelProto:
    """Build the graph from maps to `logits` and `embedding`; weights are stored as bytes.

    Args:
        network: The layers up to the embedding.
        head_weights: From there to the logits (classes, embedding_size).
        head_bias: (classes,).
        opset: Operator set.
    """
    builder = _Builder()
    image = builder.levels(network)
    rows = columns = network.size
    channels = 1
    for number, layer in enumerate(network.layers):
        rows, columns = rows // layer.height, columns // layer.width
        last = number == len(network.layers) - 1
        image = builder.layer(layer, layer_name(number), image, (rows, columns, channels), last=last)
        channels = layer.outputs
    builder.constant("head.weights", head_weights)
    builder.constant("head.bias", head_bias)
    builder.add("Gemm", ["embedding", "head.weights", "head.bias"], "logits", transB=1)
    size = network.size
    graph = helper.make_graph(
        builder.nodes,
        "mdlens",
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, [_BATCH, 1, size, size])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, [_BATCH, len(head_bias)]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [_BATCH, channels]),
        ],
        builder.constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


class _Builder:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: np.ndarray | list[int] | float) -> str:
        array = np.asarray(values)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def chain(self, name: str, steps: Iterator[tuple[str, list[str], dict[str, object]]], start: str) -> str:
        """Apply operators one after the other; each takes the last result and the constants named."""
        for number, (operator, others, attributes) in enumerate(steps):
            start = self.add(operator, [start, *others], f"{name}.{number}", **attributes)
        return start

    def levels(self, network: ByteNetwork) -> str:
        """Round the pixels: ``clip(round(density (reach - 1 / sqrt(M))))``."""
        density = self.constant(f"{PREFIX}density", network.levels.density)
        reach = self.constant(f"{PREFIX}reach", network.levels.reach)
        self.constant("level.lowest", 0.0)
        self.constant("level.highest", 255.0)
        distance = self.add("Reciprocal", [self.add("Sqrt", ["maps"], "roots")], "distances")
        level = self.add("Mul", [self.add("Sub", [reach, distance], "nearness"), density], "unrounded")
        return self.round(level, "levels")

    def round(self, values: str, name: str) -> str:
        whole = self.add("Round", [values], f"{name}.round")
        return self.add("Clip", [whole, "level.lowest", "level.highest"], name)

    def layer(
        self, layer: ByteLayer, name: str, image: str, shape: tuple[int, int, int], *, last: bool
    ) -> str:
        """Append one layer; `shape` is (rows of patches, columns of patches, channels of a pixel)."""
        rows, columns, channels = shape
        patches, outputs, inputs = layer.weights.shape
        blocks = [-1, rows, layer.height, columns, layer.width, channels]
        weights = self.constant(f"{name}.weights", np.ascontiguousarray(layer.weights.transpose(0, 2, 1)))
        real = self.add("Cast", [weights], f"{name}.real", to=TensorProto.FLOAT)
        steps: list[tuple[str, list[str], dict[str, object]]] = [
            ("Reshape", [self.constant(f"{name}.blocks", np.array(blocks, np.int64))], {}),
            ("Transpose", [], {"perm": [1, 3, 0, 2, 4, 5]}),
            ("Reshape", [self.constant(f"{name}.patches", np.array([patches, -1, inputs], np.int64))], {}),
            ("MatMul", [real], {}),
            ("Transpose", [], {"perm": [1, 0, 2]}),
            ("Mul", [self.constant(f"{name}.scale", layer.scale)], {}),
            ("Add", [self.constant(f"{name}.bias", layer.bias)], {}),
        ]
        values = self.chain(name, iter(steps), image)
        if last:
            flat = self.constant(f"{name}.flat", np.array([-1, outputs], np.int64))
            return self.add("Reshape", [self.add("Relu", [values], f"{name}.relu"), flat], "embedding")
        return self.round(values, f"{name}.levels")
