"""The 8-bit network: rounding, the model file, and the native core against the graph."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from ase import Atoms
from ase.build import bulk

import mdlens
from mdlens.descriptors import MapSource, NeighborsMapSettings
from mdlens.errors import InputError, ModelError
from mdlens.inference import ModelMetadata, StructureModel, load_model
from mdlens.inference.byte_layers import ByteLayer, ByteNetwork, Levels
from mdlens.inference.byte_network import read_byte_network
from mdlens.inference.description import write_metadata
from mdlens.learning.export import export_model
from mdlens.models import ByteNeighborsCNN, RoundedNeighborsCNN, multiply_adds
from mdlens.workflows.crystal import assign, classify_maps

SETTINGS = NeighborsMapSettings(size=32, candidates=63)
CLASSES = ("a", "b", "c")


def crystal(seed: int, noise: float = 0.15) -> Atoms:
    atoms = bulk("Cu", cubic=True).repeat((4, 4, 4))
    atoms.rattle(noise, seed=seed)
    return atoms


@pytest.fixture(scope="module")
def maps() -> np.ndarray:
    return MapSource(crystal(1), SETTINGS, threads=1).maps(range(200))


@pytest.fixture(scope="module")
def trained(maps: np.ndarray) -> ByteNeighborsCNN:
    torch.manual_seed(0)
    network = ByteNeighborsCNN(32, 3, width=16, hidden=32)
    pixels = torch.from_numpy(maps)
    network.measure(pixels)
    with torch.no_grad():
        for _ in range(30):  # until the running statistics of batch norm have settled
            network.train()(pixels)
    return network.eval()


@pytest.fixture(scope="module")
def rounded(trained: ByteNeighborsCNN, maps: np.ndarray) -> RoundedNeighborsCNN:
    return trained.rounded(torch.from_numpy(maps))


@pytest.fixture(scope="module")
def model(
    rounded: RoundedNeighborsCNN, maps: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> StructureModel:
    metadata = ModelMetadata(name="bytes", version="1", classes=CLASSES, ids=(1, 2, 3), descriptor=SETTINGS)
    file = tmp_path_factory.mktemp("model") / "model.onnx"
    return export_model(rounded, metadata, file, examples=torch.from_numpy(maps[:32]))


def twin(network: ByteNetwork, maps: np.ndarray) -> np.ndarray:
    """Run the layers patch by patch, in integers: (samples, size, size) bytes -> embeddings."""
    images = maps[..., None].astype(np.int64)
    for number, layer in enumerate(network.layers):
        rows, columns = images.shape[1] // layer.height, images.shape[2] // layer.width
        out = np.empty((len(images), rows, columns, layer.outputs), np.float32)
        for p in range(rows * columns):
            i, j = divmod(p, columns)
            patch = images[
                :, i * layer.height : (i + 1) * layer.height, j * layer.width : (j + 1) * layer.width
            ]
            sums = patch.reshape(len(images), -1) @ layer.weights[p].astype(np.int64).T
            out[:, i, j] = sums.astype(np.float32) * layer.scale[p] + layer.bias[p]
        last = number == len(network.layers) - 1
        images = np.maximum(out, 0) if last else np.clip(np.rint(out), 0, 255).astype(np.int64)
    return images.reshape(len(images), -1).astype(np.float32)


def test_levels_are_evenly_spaced_in_distance() -> None:
    levels = Levels(density=100.0, reach=3.0)
    distances = np.array([0.2, 1.0, 1.01, 2.0, 2.99, 3.0, 9.0], np.float32)
    assert levels.of(distances**-2).tolist() == [255, 200, 199, 100, 1, 0, 0]
    assert levels.of(np.zeros(3, np.float32)).tolist() == [0, 0, 0]


def test_rounding_changes_little(
    trained: ByteNeighborsCNN, rounded: RoundedNeighborsCNN, maps: np.ndarray
) -> None:
    pixels = torch.from_numpy(maps)
    with torch.no_grad():
        before, after = trained(pixels), rounded(pixels)
    spread = before.embedding.std()
    assert (before.embedding - after.embedding).abs().mean() < 0.03 * spread
    assert (before.logits - after.logits).abs().max() < 0.1 * before.logits.std()


def test_rounded_network_agrees_with_integer_arithmetic(
    rounded: RoundedNeighborsCNN, maps: np.ndarray
) -> None:
    with torch.no_grad():
        found = rounded(torch.from_numpy(maps[:20])).embedding.numpy()
    expected = twin(rounded.network, rounded.network.levels.of(maps[:20])[:, 0])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_model_file_holds_the_network(model: StructureModel, rounded: RoundedNeighborsCNN) -> None:
    read = read_byte_network(onnx.load(model.file).graph)
    assert read is not None
    assert read.size == 32
    assert (read.levels.density, read.levels.reach) == pytest.approx((88.0, 3.45))
    for layer, original in zip(read.layers, rounded.network.layers, strict=True):
        assert (layer.height, layer.width) == (original.height, original.width)
        for name in ("weights", "scale", "bias"):
            np.testing.assert_array_equal(getattr(layer, name), getattr(original, name))


def test_core_and_graph_agree(model: StructureModel, maps: np.ndarray) -> None:
    assert model.fused is not None
    embeddings = model.predict(maps, threads=1)[1]
    np.testing.assert_allclose(model.fused.run(maps), embeddings, rtol=1e-5, atol=1e-5)


def test_conclusions_from_embeddings_are_those_of_the_whole_graph(
    model: StructureModel, maps: np.ndarray
) -> None:
    whole = model.describe(maps, threads=1)
    part = model.conclude(whole.embeddings)
    np.testing.assert_allclose(part.probabilities, whole.probabilities, rtol=0, atol=1e-6)
    with pytest.raises(InputError, match="takes embeddings of"):
        model.conclude(whole.embeddings[:, :3])


@pytest.mark.parametrize("seed", range(3))
def test_fused_classification_equals_the_reference(model: StructureModel, seed: int) -> None:
    atoms = crystal(seed, noise=0.1 + 0.1 * seed)
    fused = mdlens.classify(atoms, model, threads=1)
    reference = mdlens.classify(atoms, replace(model, fused=None), threads=1)
    assert np.mean(fused.labels == reference.labels) >= 0.995  # an untrained network has many close calls
    np.testing.assert_allclose(fused.probabilities, reference.probabilities, rtol=0, atol=1e-2)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_labels_and_confidence_do_not_need_every_class(
    model: StructureModel, average: bool, fused: bool
) -> None:
    used = model if fused else replace(model, fused=None)
    used = replace(used, metadata=replace(model.metadata, threshold=0.4))  # some atoms are unknown
    source = MapSource(crystal(0), model.settings, threads=1)
    whole = classify_maps(source, used, average=average, batch=50)
    part = classify_maps(source, used, average=average, every_class=False, batch=50)
    assert part.probabilities.shape == (len(source), 1)
    np.testing.assert_array_equal(part.confidence, whole.confidence)
    np.testing.assert_array_equal(part.labels, whole.labels)
    np.testing.assert_array_equal(whole.labels, assign(whole.probabilities, used.ids, used.threshold))
    assert part.counts() == whole.counts()


def test_perfect_crystal_gives_the_same_answer_for_every_atom(model: StructureModel) -> None:
    result = mdlens.classify(crystal(0, noise=0.0), model, threads=1)
    assert len(np.unique(result.embeddings, axis=0)) == 1
    reference = mdlens.classify(crystal(0, noise=0.0), replace(model, fused=None), threads=1)
    np.testing.assert_array_equal(result.labels, reference.labels)


def test_small_cluster_is_unknown(model: StructureModel) -> None:
    result = mdlens.classify(
        Atoms("Cu5", positions=np.random.default_rng(0).random((5, 3)) * 4), model, threads=1
    )
    assert result.labels.tolist() == [0] * 5
    np.testing.assert_allclose(result.probabilities, 1 / 3)


def test_arrays_that_do_not_fit_the_graph_are_refused(model: StructureModel, tmp_path: Path) -> None:
    graph = onnx.load(model.file)
    weights = next(tensor for tensor in graph.graph.initializer if tensor.name == "bytes.0.scale")
    copy = onnx.TensorProto()
    copy.CopyFrom(weights)
    weights.name = "elsewhere"
    for node in graph.graph.node:
        node.input[:] = ["elsewhere" if name == "bytes.0.scale" else name for name in node.input]
    copy.raw_data = (np.frombuffer(copy.raw_data, np.float32) * 2).tobytes()
    graph.graph.initializer.append(copy)
    write_metadata(graph, model.metadata)
    file = tmp_path / "other.onnx"
    onnx.save(graph, file)
    with pytest.raises(ModelError, match="8-bit network differs from its graph"):
        load_model(file)


@pytest.mark.parametrize("missing", ["bytes.reach", "bytes.1.scale", "bytes.0.blocks"])
def test_missing_arrays_are_named(model: StructureModel, missing: str) -> None:
    graph = onnx.load(model.file).graph
    kept = [tensor for tensor in graph.initializer if tensor.name != missing]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    with pytest.raises(InputError, match="8-bit network is damaged"):
        read_byte_network(graph)


def test_multiply_adds_are_those_of_the_layers(
    trained: ByteNeighborsCNN, rounded: RoundedNeighborsCNN
) -> None:
    expected = 16 * 64 * 16 + 256 * 32 + 32 * 16 + 16 * 3
    assert multiply_adds(trained, (1, 32, 32)) == multiply_adds(rounded, (1, 32, 32)) == expected


@pytest.mark.parametrize(
    "change",
    [{"height": 3}, {"weights": np.zeros((1, 16, 6), np.int8)}, {"bias": np.zeros((1, 8), np.float32)}],
)
def test_layers_that_do_not_fit_are_refused(change: dict[str, object]) -> None:
    ones = np.ones((1, 16), np.float32)
    layer = {"height": 2, "width": 2, "weights": np.zeros((1, 16, 4), np.int8), "scale": ones, "bias": ones}
    with pytest.raises(InputError):
        ByteLayer(**(layer | change))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [4, 6])
def test_networks_that_do_not_end_in_one_patch_are_refused(size: int) -> None:
    ones = np.ones(((size // 2) ** 2, 16), np.float32)
    layer = ByteLayer(height=2, width=2, weights=np.zeros((len(ones), 16, 4), np.int8), scale=ones, bias=ones)
    with pytest.raises(InputError, match="one patch"):
        ByteNetwork(size=size, levels=Levels(), layers=(layer,))


@pytest.mark.parametrize("arguments", [{"size": 12}, {"width": 24}, {"hidden": 8}, {"classes": 0}])
def test_sizes_of_the_network_are_checked(arguments: dict[str, int]) -> None:
    with pytest.raises(InputError):
        ByteNeighborsCNN(**({"size": 32, "classes": 3} | arguments))
