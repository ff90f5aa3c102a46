"""The gate of a new class, its logit in the graph, and exemplars as text."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from mdlens.errors import InputError
from mdlens.inference.exemplars import Exemplars
from mdlens.inference.graph_check import parse_graph
from mdlens.learning.gate import CAUTION, PENALTY, Gate, fit_gate
from mdlens.learning.graft import graft_class


def clouds(seed: int = 0) -> list[np.ndarray]:
    """Give three classes of points around (0, 0), (4, 0) and (0, 4), unequal in number."""
    rng = np.random.default_rng(seed)
    centers = ((0.0, 0.0), (4.0, 0.0), (0.0, 4.0))
    return [center + rng.normal(size=(n, 2)) for center, n in zip(centers, (400, 50, 900), strict=True)]


def loss(gate: Gate, new: np.ndarray, known: list[np.ndarray]) -> float:
    """Loss without the penalty."""
    taken = sum(np.logaddexp(0.0, gate.logits(part)).mean() for part in known)
    return float(np.logaddexp(0.0, -gate.logits(new)).mean() + CAUTION * taken)


def test_a_gate_tells_a_class_from_the_others() -> None:
    new, *known = clouds()
    gate = fit_gate(new, known)
    other, *others = clouds(seed=1)
    assert (gate.logits(other) > 0.0).mean() > 0.9
    assert all((gate.logits(part) < 0.0).mean() > 0.93 for part in others)


def test_a_gate_is_shut_far_from_what_was_shown() -> None:
    """On the far side of the new class, too, where a plane would be open."""
    new, *known = clouds()
    gate = fit_gate(new, known)
    assert gate.locality < 0.0
    assert gate.logits(np.array([[-1.0, -1.0]]))[0] > gate.logits(np.array([[-8.0, -8.0]]))[0]


def test_a_gate_minimises_its_loss() -> None:
    new, *known = clouds()
    gate = fit_gate(new, known)
    best = loss(gate, new, known)
    for change in (-0.2, 0.2):
        other = Gate(
            weights=gate.weights, locality=gate.locality, bias=gate.bias + change,
            center=gate.center, whitening=gate.whitening,
        )  # fmt: skip
        assert loss(other, new, known) > best  # the bias bears no penalty
    assert 0.0 < PENALTY < 1.0


def test_classes_weigh_the_same_whatever_their_number() -> None:
    new, *known = clouds()
    gate, repeated = fit_gate(new, known), fit_gate(new, [known[0], np.repeat(known[1], 3, axis=0)])
    np.testing.assert_allclose(repeated.weights, gate.weights, rtol=0.05, atol=0.02)
    assert fit_gate(new[:2], known).logits(new).shape == (400,)
    with pytest.raises(InputError, match="at least two atoms"):
        fit_gate(new[:1], known)


def small_graph() -> onnx.ModelProto:
    """Logits are the first two of the three pixels, the embedding is all of them."""
    pick = helper.make_tensor("pick", TensorProto.FLOAT, (3, 2), [1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    ports = {"maps": ("batch", 3), "logits": ("batch", 2), "embedding": ("batch", 3)}
    made = {n: helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in ports.items()}
    nodes = [
        helper.make_node("Identity", ["maps"], ["embedding"]),
        helper.make_node("MatMul", ["embedding", "pick"], ["logits"]),
    ]
    graph = helper.make_graph(nodes, "small", [made.pop("maps")], list(made.values()), [pick])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def run(model: onnx.ModelProto, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    data = parse_graph(model.SerializeToString(), batch=4).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    logits, embedding = session.run(["logits", "embedding"], {"maps": maps})
    return logits, embedding


def test_the_graph_computes_the_new_logit() -> None:
    """Against the formula in float64, also where exp of a logit would overflow."""
    rng = np.random.default_rng(2)
    gate = Gate(
        weights=rng.normal(size=3), locality=-1.5, bias=0.7, center=rng.normal(size=3),
        whitening=rng.normal(size=(3, 3)),
    )  # fmt: skip
    scales = np.array([[0.1], [1.0], [30.0], [300.0]])
    maps = (rng.normal(size=(100, 4, 3)) * scales).reshape(-1, 3).astype(np.float32)
    temperature = 1.3
    before, same = run(small_graph(), maps)
    after, embedding = run(graft_class(small_graph(), gate, temperature=temperature), maps)
    np.testing.assert_array_equal(embedding, same)
    np.testing.assert_array_equal(after[:, :2], before)
    squares = (((maps - gate.center) @ gate.whitening.T) ** 2).mean(axis=1)
    logits = maps @ gate.weights + gate.locality * np.log1p(squares) + gate.bias
    expected = temperature * (np.logaddexp.reduce(before / temperature, axis=1) + logits)
    np.testing.assert_allclose(after[:, 2], expected, rtol=2e-6, atol=2e-5)


def test_logits_are_grafted_one_after_another() -> None:
    gate = Gate(
        weights=np.ones(3), locality=0.0, bias=0.0, center=np.zeros(3), whitening=np.eye(3)
    )  # fmt: skip
    twice = graft_class(graft_class(small_graph(), gate, temperature=1.0), gate, temperature=1.0)
    logits, _ = run(twice, np.zeros((1, 3), np.float32))
    np.testing.assert_allclose(np.exp(logits - logits.max()), [[0.25, 0.25, 0.5, 1.0]], rtol=1e-6)


def test_exemplars_survive_the_text() -> None:
    embeddings = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    embeddings[0, 0] = 1e6  # beyond float16
    given = Exemplars.grouped(embeddings, np.array([1, 0, 1, 0, 0]), 2)
    assert given.counts == (3, 2)
    read = Exemplars.from_text(given.to_text(), classes=2, embedding_size=3)
    assert read.counts == given.counts
    np.testing.assert_allclose(np.minimum(given.embeddings, 65504.0), read.embeddings, rtol=1e-3)
    assert [len(part) for part in read.extended(embeddings[:1]).by_class()] == [3, 2, 1]


@pytest.mark.parametrize(("classes", "size"), [(3, 3), (2, 4), (1, 3)])
def test_exemplars_of_another_model_are_refused(classes: int, size: int) -> None:
    text = Exemplars.grouped(np.ones((4, 3), np.float32), np.array([0, 1, 1, 0]), 2).to_text()
    with pytest.raises(InputError, match="do not fit"):
        Exemplars.from_text(text, classes=classes, embedding_size=size)


def test_exemplars_must_be_finite_and_of_every_class() -> None:
    with pytest.raises(InputError, match="finite"):
        Exemplars(embeddings=np.full((1, 2), np.nan, np.float32), counts=(1,))
    with pytest.raises(InputError, match="at least one of each class"):
        Exemplars.grouped(np.ones((2, 2), np.float32), np.array([0, 0]), 2)
