"""Distances from what a model was taught: the Gaussians, the limit, and the output in the model file."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdlens.descriptors import NeighborsMapSettings
from mdlens.errors import InputError, ModelError
from mdlens.inference import ModelMetadata, StructureModel, load_model
from mdlens.inference.structure_model import read_graph
from mdlens.learning.outliers import (
    ClassGaussians,
    attach_distance,
    extend_distance,
    fit_gaussians,
    in_usual_units,
)

SIZE, EMBEDDING = 8, 5


def samples(count: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of two classes, the second one three times as wide and elsewhere."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    wide = np.where(labels == 0, 1.0, 3.0)[:, None]
    return (labels[:, None] * 20.0 + wide * rng.normal(size=(count, EMBEDDING))).astype(np.float32), labels


def maps(count: int) -> np.ndarray:
    return np.random.default_rng(1).random((count, 1, SIZE, SIZE), np.float32)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """Two classes; the embedding is five sums of the pixels."""
    weight = np.random.default_rng(0).normal(size=(SIZE * SIZE, EMBEDDING)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["maps"], ["flat"], axis=1),
            helper.make_node("MatMul", ["flat", "weight"], ["embedding"]),
            helper.make_node("MatMul", ["embedding", "head"], ["logits"]),
        ],
        "linear",
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["batch", 1, SIZE, SIZE])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", EMBEDDING]),
        ],
        [
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(np.eye(EMBEDDING, 2, dtype=np.float32), "head"),
        ],
    )
    settings = NeighborsMapSettings(size=SIZE, candidates=20)
    about = ModelMetadata(name="linear", version="1", classes=("a", "b"), ids=(1, 2), descriptor=settings)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(proto, {"mdlens": about.to_json()})
    onnx.save(proto, tmp_path / "linear.onnx")
    return tmp_path / "linear.onnx"


def taught(model: StructureModel) -> ClassGaussians:
    _, embeddings = model.predict(maps(200))
    return fit_gaussians(embeddings, np.arange(200) % 2, 2)


def test_distances_are_those_of_the_definition() -> None:
    gaussians = fit_gaussians(*samples(), 2)
    points = np.random.default_rng(3).normal(size=(50, EMBEDDING)) * 10
    expected = np.full(50, np.inf)
    for mean, whitening in zip(gaussians.means, gaussians.whitening, strict=True):
        precision = whitening @ whitening.T
        for k, point in enumerate(points):
            expected[k] = min(expected[k], np.sqrt((point - mean) @ precision @ (point - mean)))
    np.testing.assert_allclose(gaussians.distance(points), expected, rtol=1e-9)


def test_each_class_has_a_covariance_of_its_own() -> None:
    embeddings, labels = samples(20_000)
    gaussians = fit_gaussians(embeddings, labels, 2)
    step = np.zeros((1, EMBEDDING))
    step[0, 0] = 3.0
    near, far = (gaussians.distance(mean[None] + step)[0] for mean in gaussians.means)
    floor = 0.01 * embeddings.astype(np.float64).var(axis=0).mean()
    assert near == pytest.approx(3.0 / np.sqrt(1.0 + floor), rel=0.05)
    assert far == pytest.approx(3.0 / np.sqrt(9.0 + floor), rel=0.05)


def test_atoms_without_a_class_teach_nothing() -> None:
    embeddings, labels = samples()
    outside = np.concatenate([embeddings, np.full((100, EMBEDDING), 1e3, np.float32)])
    for ignored in (-1, -2):
        more = np.concatenate([labels, np.full(100, ignored)])
        one, other = fit_gaussians(embeddings, labels, 2), fit_gaussians(outside, more, 2)
        np.testing.assert_array_equal(one.means, other.means)
        np.testing.assert_array_equal(one.whitening, other.whitening)


def test_the_limit_gives_up_the_stated_share_of_the_right_ones() -> None:
    embeddings, labels = samples(20_000)
    right = np.random.default_rng(4).random(20_000) < 0.9
    embeddings[~right] = 1e4
    gaussians = fit_gaussians(*samples(seed=1), 2)
    scaled, limit = in_usual_units(gaussians, embeddings, right)
    distance = scaled.distance(embeddings[right])
    assert np.mean(distance > 1.0) == pytest.approx(0.01, abs=2e-4)
    assert np.mean(distance > limit) == pytest.approx(0.005, abs=2e-4)
    assert limit > 1.0
    assert len(labels) == 20_000


@pytest.mark.parametrize(
    ("embeddings", "labels", "message"),
    [
        (np.zeros((3, 2)), np.array([0, 0, 1]), "two samples"),
        (np.zeros((4, 2)), np.array([0, 0, 1, 1]), "all samples are the same"),
        (np.ones((2, 2)), np.array([-1, -2]), "two samples"),
    ],
)
def test_too_little_to_measure_from(embeddings: np.ndarray, labels: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_gaussians(embeddings, labels, 2)


def test_a_limit_needs_right_atoms() -> None:
    embeddings, labels = samples()
    with pytest.raises(InputError, match="rightly"):
        in_usual_units(fit_gaussians(embeddings, labels, 2), embeddings, np.zeros(len(labels), bool))


@pytest.mark.parametrize("count", [0, 1, 300])
def test_the_file_measures_the_same_distance(model_file: Path, count: int) -> None:
    before = load_model(model_file)
    assert before.describe(maps(2)).distance is None
    gaussians = taught(before)
    model = attach_distance(model_file, gaussians, 1.25, maps(20))
    assert (model.distance_limit, model.metadata.distance_error_rate) == (1.25, 0.005)
    prediction = model.describe(maps(count), threads=2)
    probabilities, embeddings = before.predict(maps(count))
    np.testing.assert_array_equal(prediction.probabilities, probabilities)
    np.testing.assert_array_equal(prediction.embeddings, embeddings)
    assert prediction.distance is not None
    assert prediction.distance.dtype == np.float32
    np.testing.assert_allclose(prediction.distance, gaussians.distance(embeddings), rtol=1e-4)
    assert [path.name for path in model_file.parent.iterdir()] == ["linear.onnx"]


def test_a_distance_is_replaced(model_file: Path) -> None:
    gaussians = taught(load_model(model_file))
    attach_distance(model_file, gaussians, 1.25, maps(20))
    size = model_file.stat().st_size
    model = attach_distance(model_file, gaussians.scaled(2.0), 1.5, maps(20))
    assert abs(model_file.stat().st_size - size) < 10
    embeddings = model.predict(maps(9))[1]
    np.testing.assert_allclose(
        model.describe(maps(9)).distance, gaussians.distance(embeddings) / 2.0, rtol=1e-4
    )


def test_gaussians_of_another_model_are_refused(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = model_file.read_bytes()
    monkeypatch.setattr("mdlens.learning.outliers.TOLERANCE", -1.0)
    with pytest.raises(ModelError, match=r"distances differ by .*more than"):
        attach_distance(model_file, taught(load_model(model_file)), 1.0, maps(4))
    assert model_file.read_bytes() == data


def test_a_new_class_is_near_itself_and_changes_nothing_else(model_file: Path) -> None:
    model = attach_distance(model_file, taught(load_model(model_file)), 1.25, maps(20))
    graph, _ = read_graph(model)
    embeddings = model.predict(maps(200))[1]
    new = (np.random.default_rng(5).normal(size=(500, EMBEDDING)) + 40.0).astype(np.float32)
    extended = extend_distance(graph, new, [embeddings[0::2], embeddings[1::2]])
    onnx.checker.check_model(extended)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in extended.graph.initializer}
    white = (new @ stored["distance.weights"] + stored["distance.offsets"]).reshape(500, 3, EMBEDDING)
    assert np.mean(np.linalg.norm(white[:, 2], axis=1) <= 1.0) == pytest.approx(0.99, abs=0.003)
    before = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    old = (embeddings @ before["distance.weights"] + before["distance.offsets"]).reshape(200, 2, EMBEDDING)
    same = (embeddings @ stored["distance.weights"] + stored["distance.offsets"]).reshape(200, 3, EMBEDDING)
    np.testing.assert_allclose(same[:, :2], old, rtol=1e-3, atol=1e-4)
    assert np.linalg.norm(same[:, 2], axis=1).min() > 2.0


def test_a_model_without_a_distance_gets_none_with_a_new_class(model_file: Path) -> None:
    graph, _ = read_graph(load_model(model_file))
    embeddings = load_model(model_file).predict(maps(20))[1]
    assert extend_distance(graph, embeddings, [embeddings]) is graph


def changed(file: Path, *, output: bool, limit: bool) -> Path:
    model = onnx.load(file)
    if not output:
        del model.graph.output[2]
    if not limit:
        about = ModelMetadata.from_json(model.metadata_props[0].value)
        plain = {k: v for k, v in vars(about).items() if not k.startswith("distance")}
        del model.metadata_props[:]
        helper.set_model_props(model, {"mdlens": ModelMetadata(**plain).to_json()})
    else:
        kept = [entry for entry in model.metadata_props if entry.key == "mdlens"]
        del model.metadata_props[1:]
        assert kept[0].key == model.metadata_props[0].key
    other = file.with_name("other.onnx")
    onnx.save(model, other)
    return other


@pytest.mark.parametrize(("output", "limit"), [(True, False), (False, True)])
def test_a_distance_without_a_limit_or_a_limit_without_a_distance(
    model_file: Path, output: bool, limit: bool
) -> None:
    attach_distance(model_file, taught(load_model(model_file)), 1.0, maps(4))
    with pytest.raises(ModelError, match="or neither"):
        load_model(changed(model_file, output=output, limit=limit))
