"""Running a model: batches, threads, shapes, other processes."""

import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdlens.descriptors import NeighborsMapSettings
from mdlens.errors import InputError
from mdlens.inference import ModelMetadata, StructureModel, load_model
from mdlens.inference.structure_model import BATCH, softmax

SIZE = 8


@pytest.fixture
def model(tmp_path: Path) -> StructureModel:
    weight = np.random.default_rng(0).normal(size=(SIZE * SIZE, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["maps"], ["flat"], axis=1),
            helper.make_node("MatMul", ["flat", "weight"], ["logits"]),
            helper.make_node("Tanh", ["logits"], ["embedding"]),
        ],
        "linear",
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["batch", 1, SIZE, SIZE])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3])
            for name in ("logits", "embedding")
        ],
        [numpy_helper.from_array(weight, "weight")],
    )
    metadata = ModelMetadata(
        name="linear",
        version="1",
        classes=("a", "b", "c"),
        ids=(1, 2, 3),
        descriptor=NeighborsMapSettings(size=SIZE, candidates=20),
        temperature=3.0,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(proto, {"mdlens": metadata.to_json()})
    onnx.save(proto, tmp_path / "linear.onnx")
    return load_model(tmp_path / "linear.onnx")


def maps(count: int) -> np.ndarray:
    return np.random.default_rng(1).random((count, 1, SIZE, SIZE), np.float32)


@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, 2 * BATCH + 1])
def test_predict_is_the_tempered_softmax_whatever_the_batches(model: StructureModel, count: int) -> None:
    weight = numpy_helper.to_array(onnx.load(model.file).graph.initializer[0])
    logits = maps(count).reshape(count, SIZE * SIZE).astype(np.float64) @ weight
    probabilities, embeddings = model.predict(maps(count), threads=1)
    assert probabilities.dtype == embeddings.dtype == np.float32
    assert probabilities.shape == embeddings.shape == (count, 3)
    expected = np.exp(logits / 3.0) / np.exp(logits / 3.0).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    np.testing.assert_allclose(embeddings, np.tanh(logits), atol=1e-5)


@pytest.mark.parametrize("threads", [0, 2, 5])
def test_threads_do_not_change_the_numbers(model: StructureModel, threads: int) -> None:
    alone = model.predict(maps(5 * BATCH + 3), threads=1)
    together = model.predict(maps(5 * BATCH + 3), threads=threads)
    np.testing.assert_array_equal(alone[0], together[0])
    np.testing.assert_array_equal(alone[1], together[1])


@pytest.mark.parametrize("shape", [(2, 1, SIZE, 9), (2, 2, SIZE, SIZE), (1, SIZE, SIZE), (0,)])
def test_maps_of_another_shape_are_refused(model: StructureModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"shape \(atoms, 1, 8, 8\)"):
        model.predict(np.zeros(shape, np.float32))


def test_other_number_types_and_layouts_are_taken(model: StructureModel) -> None:
    straight, _ = model.predict(maps(4))
    other, _ = model.predict(np.asfortranarray(maps(4).astype(np.float64)))
    np.testing.assert_array_equal(straight, other)


def test_a_model_travels_to_another_process_without_its_file(model: StructureModel) -> None:
    sent = pickle.dumps(model)
    model.file.unlink()
    copy = pickle.loads(sent)  # noqa: S301
    assert (copy.file, copy.metadata) == (model.file, model.metadata)
    np.testing.assert_array_equal(copy.predict(maps(3))[0], model.predict(maps(3))[0])


def test_softmax_of_large_logits_is_finite() -> None:
    probabilities = softmax(np.array([[1e4, 0.0], [-1e4, 0.0]], np.float32))
    np.testing.assert_allclose(probabilities, [[1, 0], [0, 1]])
