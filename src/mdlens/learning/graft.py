"""One more logit for the graph of a model file, computed from its embedding; nothing else changes."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from mdlens.learning.gate import Gate
from mdlens.types import FloatArray

_SMALLEST_PROBABILITY = 1e-30
"""Keeps the logarithm of a probability finite in float32."""


def graft_class(model: onnx.ModelProto, gate: Gate, *, temperature: float) -> onnx.ModelProto:
    r"""Give a model the logit of a new class after those of the known ones.

    .. math::
        z_{K+1} = T (\ln \sum_k \exp(z_k / T) + s(e))

    The softmax at temperature T then gives the new class the probability ``1 / (1 + exp(-s))`` and scales all
    others by the rest. The graph up to `embedding` and the known logits keep their values to the last bit.

    Args:
        model: A model with outputs `logits` and `embedding`; not changed.
        gate: s(e).
        temperature: T, the temperature that the description of the model states.

    Returns:
        The extended model; its description is that of the old one.
    """
    extended = onnx.ModelProto()
    extended.CopyFrom(model)
    graph = extended.graph
    axis = next(port for port in graph.output if port.name == "logits").type.tensor_type.shape.dim[1]
    known = axis.dim_value
    prefix = f"class_{known}."  # classes are only ever appended, so their number makes names of arrays unique
    _rename(graph, "logits", f"{prefix}known")
    for name, values in _constants(gate, known, temperature).items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(values, np.float32), prefix + name))
    graph.node.extend(_nodes(prefix))
    axis.dim_value = known + 1
    return extended


def _constants(gate: Gate, known: int, temperature: float) -> dict[str, FloatArray | float]:
    return {
        "coldness": 1.0 / temperature,
        "temperature": temperature,
        "smallest": _SMALLEST_PROBABILITY,
        "one": 1.0,
        "sum": np.ones((known, 1)),
        "whitening": gate.whitening.T,
        "center": -gate.whitening @ gate.center,
        "mean": np.full((len(gate.center), 1), 1.0 / len(gate.center)),
        "locality": gate.locality,
        "weights": gate.weights[:, None],
        "bias": np.array([gate.bias]),
        "keep": np.eye(known, known + 1),
        "append": np.eye(1, known + 1, known),
    }


def _nodes(prefix: str) -> list[onnx.NodeProto]:
    """Chain the operations, all of the list that model files may use; Concat is not on it, hence `keep`."""
    table = [
        # ln(1 + |A (e - mu)|^2 / E)
        ("Gemm", "embedding whitening center", "whitened"),
        ("Mul", "whitened whitened", "squares"),
        ("MatMul", "squares mean", "distance"),
        ("Add", "distance one", "from_one"),
        ("Log", "from_one", "log_distance"),
        # s(e)
        ("Mul", "log_distance locality", "local"),
        ("Gemm", "embedding weights bias", "plane"),
        ("Add", "plane local", "gate"),
        # ln sum exp x = sum p (x - ln p) with p = softmax(x): no large number is exponentiated
        ("Mul", "known coldness", "scaled"),
        ("Softmax", "scaled", "shares"),
        ("Clip", "shares smallest", "positive"),
        ("Log", "positive", "log_shares"),
        ("Sub", "scaled log_shares", "differences"),
        ("Mul", "shares differences", "terms"),
        ("MatMul", "terms sum", "total"),
        ("Add", "total gate", "cold"),
        ("Mul", "cold temperature", "new"),
        # (known, new)
        ("MatMul", "known keep", "kept"),
        ("Gemm", "new append kept", "logits"),
    ]  # fmt: skip

    def full(name: str) -> str:
        return name if name in ("embedding", "logits") else prefix + name

    return [
        helper.make_node(
            operator,
            [full(name) for name in inputs.split()],
            [full(output)],
            **({"axis": 1} if operator == "Softmax" else {}),
        )
        for operator, inputs, output in table
    ]


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Rename an array wherever an operation makes or takes it; the output of the graph keeps its name."""
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new
