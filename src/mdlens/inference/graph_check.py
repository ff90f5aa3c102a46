"""Checks that make an ONNX file from a stranger harmless before a runtime sees it.

A model file may only do arithmetic on one batch of maps: operators of an allow-list, no subgraphs, no
functions, no other files, weights that are really there, and neither arrays nor work out of proportion.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from mdlens.errors import InputError
from mdlens.inference.metadata import ModelMetadata

ALLOWED_OPERATORS = frozenset(
    {
        "Abs", "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Constant", "Conv", "Div", "Erf",
        "Exp", "Flatten", "Gemm", "GlobalAveragePool", "Identity", "LeakyRelu", "Log", "MatMul", "MaxPool",
        "Mul", "Pad", "Pow", "Reciprocal", "ReduceMin", "ReduceSum", "Relu", "Reshape", "Round", "Sigmoid",
        "Softmax", "Softsign", "Sqrt", "Sub", "Tanh", "Transpose",
    }
)  # fmt: skip
_STORAGE = {
    onnx.TensorProto.FLOAT: (4, "float_data"),
    onnx.TensorProto.INT64: (8, "int64_data"),
    onnx.TensorProto.INT8: (1, "int32_data"),
}
"""Bytes of a raw value, and the field that holds values otherwise, of each type that weights may have."""
ALLOWED_WEIGHT_TYPES = frozenset(_STORAGE)
NEWEST_OPSET = 26
LARGEST_ARRAY = 250_000
"""Most elements of any intermediate array per map."""
LARGEST_WORK = 1_000_000_000
"""Most multiply-adds per map; the published network has 6.5 million."""

_MOST_NODES = 10_000


def parse_graph(data: bytes, *, batch: int = 1, known: bool = False) -> onnx.ModelProto:
    """Parse a model and refuse whatever is not plain arithmetic on maps.

    Args:
        data: Contents of an .onnx file.
        batch: Most maps that are run at once: no array may grow faster than their number.
        known: Whether to leave out how large arrays become, as the file comes with the package: to find
            out takes many times the memory of the weights.

    Returns:
        The model, without fields that this version of ONNX does not know.

    Raises:
        InputError: If the bytes are no ONNX model, or the model does something it must not.
    """
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise InputError("it is not an ONNX model, or it is damaged or truncated") from error
    model.DiscardUnknownFields()
    if not model.graph.node:
        raise InputError("it is not an ONNX model, or its graph is empty")
    _check_header(model)
    _check_nodes(model.graph)
    for tensor in _tensors(model.graph):
        _check_tensor(tensor)
    for maps in () if known else sorted({1, batch}):
        _check_arrays(model, maps)
    return model


def port_shape(port: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    """Shape of a float32 graph input or output; None stands for a free dimension.

    Raises:
        InputError: If it is not a float32 tensor.
    """
    kind = port.type.tensor_type
    if port.type.WhichOneof("value") != "tensor_type" or kind.elem_type != onnx.TensorProto.FLOAT:
        raise InputError(f"{port.name!r:.60} must be a float32 tensor")
    return tuple(axis.dim_value if axis.HasField("dim_value") else None for axis in kind.shape.dim)


def _check_header(model: onnx.ModelProto) -> None:
    if model.functions:
        raise InputError("it defines functions of its own, which mdlens does not run")
    if model.training_info:
        raise InputError("it holds training information, which mdlens does not run")
    for opset in model.opset_import:
        if opset.domain not in ("", "ai.onnx"):
            raise InputError(f"it uses the operator domain {opset.domain!r:.60}; only standard ONNX is run")
        if not 13 <= opset.version <= NEWEST_OPSET:
            raise InputError(f"its operator set must be 13 to {NEWEST_OPSET}, got {opset.version}")


def _check_nodes(graph: onnx.GraphProto) -> None:
    if len(graph.node) > _MOST_NODES:
        raise InputError(f"it has {len(graph.node)} operations; at most {_MOST_NODES} are run")
    if graph.sparse_initializer or graph.quantization_annotation:
        raise InputError("it holds sparse or quantised weights, which mdlens does not run")
    for node in graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in ALLOWED_OPERATORS:
            name = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
            raise InputError(f"it uses the operator {name!r:.80}, which is not on the list of harmless ones")
        for attribute in node.attribute:
            _check_attribute(attribute)


def _check_attribute(attribute: onnx.AttributeProto) -> None:
    if attribute.HasField("g") or attribute.graphs:
        raise InputError("it holds a subgraph, which mdlens does not run")
    if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
        raise InputError("it holds sparse weights, which mdlens does not run")
    if attribute.ref_attr_name:
        raise InputError("it refers to attributes of a function, which mdlens does not run")


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _check_tensor(tensor: onnx.TensorProto) -> None:
    if tensor.data_location != onnx.TensorProto.DEFAULT or tensor.external_data:
        raise InputError(f"the weights {tensor.name!r:.60} point to another file; a model must be one file")
    if tensor.data_type not in ALLOWED_WEIGHT_TYPES:
        raise InputError(f"the weights {tensor.name!r:.60} must be float32, int64 or int8")
    if any(size < 0 for size in tensor.dims):
        raise InputError(f"the weights {tensor.name!r:.60} have a negative dimension")
    _check_stored_values(tensor)


def _check_stored_values(tensor: onnx.TensorProto) -> None:
    claimed = math.prod(tensor.dims)
    width, field = _STORAGE[tensor.data_type]
    typed = len(getattr(tensor, field))
    stored = len(tensor.raw_data) / width if tensor.HasField("raw_data") else typed
    if claimed != stored:
        raise InputError(f"the weights {tensor.name!r:.60} claim {claimed} values but store {stored:g}")
    if not np.isfinite(numpy_helper.to_array(tensor)).all():
        raise InputError(f"the weights {tensor.name!r:.60} hold NaN or infinity")


def _check_arrays(model: onnx.ModelProto, maps: int) -> None:
    """Bound every intermediate array for a batch of so many maps."""
    single = onnx.ModelProto()
    single.CopyFrom(model)
    for port in (*single.graph.input, *single.graph.output):
        axes = port.type.tensor_type.shape.dim
        if axes:
            axes[0].dim_value = maps
    del single.graph.value_info[:]
    shapes = _inferred_shapes(single)
    stored = {tensor.name for tensor in single.graph.initializer}
    for node in single.graph.node:
        if node.op_type == "Cast" and node.input[0] in stored:
            continue  # of weights kept as bytes: bounded by the file
        for name in filter(None, node.output):
            _check_size(name, shapes.get(name), maps)
    sizes = {name: [axis.dim_value for axis in axes] for name, axes in shapes.items()}
    sizes |= {
        port.name: [a.dim_value for a in port.type.tensor_type.shape.dim] for port in single.graph.input
    }
    sizes |= {tensor.name: list(tensor.dims) for tensor in single.graph.initializer}
    work = sum(_multiply_adds(node, sizes) for node in single.graph.node)
    if work > LARGEST_WORK * maps:
        raise InputError(
            f"it would take {work // maps} multiply-adds per map; at most {LARGEST_WORK} are done"
        )


def _multiply_adds(node: onnx.NodeProto, sizes: dict[str, list[int]]) -> int:
    """Bound the multiply-adds of one operation: its output times what each number of it sums over."""
    output = math.prod(sizes.get(node.output[0], []))
    if node.op_type == "Conv":
        return output * math.prod(sizes.get(node.input[1], [])[1:])
    if node.op_type in ("ReduceMin", "ReduceSum"):
        return math.prod(sizes.get(node.input[0], []))
    if node.op_type in ("Gemm", "MatMul"):
        return output * max(sizes.get(node.input[0], [])[-2:], default=1)
    kernels = [attribute.ints for attribute in node.attribute if attribute.name == "kernel_shape"]
    return output * math.prod(kernels[0]) if kernels else output


def _inferred_shapes(model: onnx.ModelProto) -> dict[str, list[Any]]:
    try:
        onnx.checker.check_model(model)
        graph = onnx.shape_inference.infer_shapes(
            model, check_type=True, strict_mode=True, data_prop=True
        ).graph
    except Exception as error:  # the checker raises RuntimeError, ValueError and classes of its own
        reason = " ".join(str(error).split())
        raise InputError(f"its graph is inconsistent: {reason[:200]}") from error
    return {
        value.name: list(value.type.tensor_type.shape.dim) for value in (*graph.value_info, *graph.output)
    }


def _check_size(name: str, axes: list[Any] | None, maps: int) -> None:
    if axes is None or any(not axis.HasField("dim_value") or axis.dim_value < 0 for axis in axes):
        raise InputError(f"the size of the array {name!r:.60} cannot be told before running")
    elements = math.prod(axis.dim_value for axis in axes)
    if elements > LARGEST_ARRAY * maps:
        raise InputError(
            f"the array {name!r:.60} would hold {elements // maps} numbers per map; at most {LARGEST_ARRAY}"
        )


def check_ports(graph: onnx.GraphProto, metadata: ModelMetadata) -> int:
    """Compare the graph's input and outputs with the metadata; give the size of the embedding.

    Raises:
        InputError: If they do not fit.
    """
    weights = {tensor.name for tensor in graph.initializer}
    inputs = {port.name: port_shape(port) for port in graph.input if port.name not in weights}
    outputs = {port.name: port_shape(port) for port in graph.output}
    measures_distance = metadata.distance_limit is not None
    if set(inputs) != {"maps"} or set(outputs) - {"distance"} != {"logits", "embedding"}:
        raise InputError("its graph must have the input 'maps' and the outputs 'logits' and 'embedding'")
    if ("distance" in outputs) != measures_distance:
        raise InputError("it must have both the output 'distance' and a 'distance_limit', or neither")
    if measures_distance:
        _expect("distance", outputs["distance"], (None,))
    size = metadata.descriptor.size
    _expect("maps", inputs["maps"], (None, len(metadata.descriptor.channels), size, size))
    _expect("logits", outputs["logits"], (None, len(metadata.classes)))
    embedding = outputs["embedding"]
    width = embedding[1] if len(embedding) == 2 else None
    _expect("embedding", embedding, (None, width or 1))
    return int(width or 1)


def _expect(name: str, shape: tuple[int | None, ...], expected: tuple[int | None, ...]) -> None:
    if shape != expected:
        raise InputError(f"{name!r} must have the shape {_shape_text(expected)}, got {_shape_text(shape)}")


def _shape_text(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("batch" if size is None else str(size) for size in shape) + ")"
