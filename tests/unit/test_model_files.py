"""Model files from strangers: a damaged or hostile file is a ModelError that names the file and a remedy."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdlens.descriptors import NeighborsMapSettings
from mdlens.errors import InputError, ModelError
from mdlens.inference import ModelMetadata, installed_models, load_model, structure_model
from mdlens.inference.description import write_metadata
from mdlens.inference.structure_model import BATCH, compare_fused

SIZE = 8
METADATA = ModelMetadata(
    name="small",
    version="0.1",
    classes=("a", "b"),
    ids=(1, 2),
    descriptor=NeighborsMapSettings(size=SIZE, candidates=20),
    temperature=2.0,
    threshold=0.4,
)


def port(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def sound_model() -> onnx.ModelProto:
    """Logits and embedding are sums of the pixels with fixed random weights."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(SIZE * SIZE, 2)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["maps"], ["flat"], axis=1),
            helper.make_node("MatMul", ["flat", "weight"], ["logits"]),
            helper.make_node("Relu", ["flat"], ["embedding"]),
        ],
        "sound",
        [port("maps", "batch", 1, SIZE, SIZE)],
        [port("logits", "batch", 2), port("embedding", "batch", SIZE * SIZE)],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {"mdlens": METADATA.to_json()})
    return model


def weight(model: onnx.ModelProto) -> onnx.TensorProto:
    return model.graph.initializer[0]


def set_weight(model: onnx.ModelProto, values: np.ndarray) -> None:
    weight(model).CopyFrom(numpy_helper.from_array(values, "weight"))


def set_metadata(model: onnx.ModelProto, **changes: object) -> None:
    values = json.loads(METADATA.to_json()) | changes
    helper.set_model_props(model, {"mdlens": json.dumps(values)})


def refused(file: Path, reason: str) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(file)
    message = str(caught.value)
    assert str(file) in message
    assert reason in message
    assert "\n" not in message
    assert any(
        remedy in message for remedy in ("use a file written by", "give a path", "check its permissions")
    )


def test_a_sound_file_loads(tmp_path: Path) -> None:
    file = tmp_path / "sound.onnx"
    onnx.save(sound_model(), file)
    model = load_model(file)
    assert (model.name, model.version, model.classes, model.ids) == ("small", "0.1", ("a", "b"), (1, 2))
    assert (model.threshold, model.temperature, model.embedding_size) == (0.4, 2.0, SIZE * SIZE)
    assert model.settings == METADATA.descriptor
    assert load_model(str(file)).metadata == METADATA


# Files that are no models -----------------------------------------------------------------------


def test_there_is_no_such_file(tmp_path: Path) -> None:
    refused(tmp_path / "absent.onnx", "no such model file or installed model")


@pytest.mark.parametrize("name", ["../default", "a/b", "", "no such"])
def test_a_name_never_leaves_the_folder_of_installed_models(name: str) -> None:
    with pytest.raises(ModelError):
        load_model(name)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "a folder without model.onnx, it holds no run")
    (tmp_path / "config.toml").touch()
    refused(tmp_path, "a folder without model.onnx, its training is not finished")
    (tmp_path / "model.onnx").mkdir()
    refused(tmp_path, "model.onnx: a model must be a regular file")


@pytest.mark.parametrize(
    "content",
    [
        b"\x00" * 1000,
        b"ITEM: TIMESTEP\n0\n",
        b"PK\x03\x04 a zip file",
        np.random.default_rng(0).bytes(5000),
        b"\x0a\xff\xff\xff\xff\x0f",
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.onnx"
    file.write_bytes(content)
    refused(file, "not an ONNX model")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "empty.onnx"
    file.write_bytes(b"")
    refused(file, "empty")


def test_a_file_too_large_is_not_even_parsed(tmp_path: Path) -> None:
    file = tmp_path / "large.onnx"
    with file.open("wb") as stream:
        stream.truncate(65 * 2**20)
    refused(file, "larger than")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    data = sound_model().SerializeToString()
    file = tmp_path / "cut.onnx"
    for length in range(1, len(data), 41):
        file.write_bytes(data[:length])
        with pytest.raises(ModelError, match=r"cut\.onnx"):
            load_model(file)


def test_flipped_bytes_never_crash(tmp_path: Path) -> None:
    """Flipped bytes may leave a sound model (a letter of a name); anything else is a ModelError."""
    data = sound_model().SerializeToString()
    rng = np.random.default_rng(1)
    file = tmp_path / "flipped.onnx"
    for _ in range(150):
        damaged = bytearray(data)
        for place in rng.integers(len(data), size=3):
            damaged[place] = rng.integers(256)
        file.write_bytes(bytes(damaged))
        with suppress(ModelError):
            load_model(file).predict(np.ones((1, 1, SIZE, SIZE), np.float32), threads=1)


def test_a_flipped_byte_of_graph_or_description_is_always_found(tmp_path: Path) -> None:
    model = sound_model()
    write_metadata(model, METADATA)
    data, graph, text = (
        model.SerializeToString(),
        model.graph.SerializeToString(),
        METADATA.to_json().encode(),
    )
    file = tmp_path / "flipped.onnx"
    file.write_bytes(data)
    load_model(file)
    rng = np.random.default_rng(2)
    for part in (graph, text):
        for place in data.index(part) + rng.integers(len(part), size=60):
            damaged = bytearray(data)
            damaged[place] ^= 1 << rng.integers(8)
            file.write_bytes(bytes(damaged))
            with pytest.raises(ModelError, match=r"flipped\.onnx"):
                load_model(file)


# Models that do what they must not --------------------------------------------------------------


def external_data(model: onnx.ModelProto) -> None:
    weight(model).ClearField("raw_data")
    weight(model).data_location = TensorProto.EXTERNAL
    entry = weight(model).external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"


def external_in_attribute(model: onnx.ModelProto) -> None:
    value = TensorProto(dims=[1], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    model.graph.node.add().CopyFrom(helper.make_node("Constant", [], ["more"], value=value))


def custom_domain(model: onnx.ModelProto) -> None:
    model.graph.node[2].domain = "com.evil"
    model.opset_import.append(helper.make_opsetid("com.evil", 1))


def unlisted_operator(model: onnx.ModelProto) -> None:
    model.graph.node[2].op_type = "Loop"


def runtime_operator(model: onnx.ModelProto) -> None:
    model.graph.node[2].op_type = "FusedMatMul"
    model.graph.node[2].domain = "com.microsoft"


def subgraph(model: onnx.ModelProto) -> None:
    attribute = model.graph.node[2].attribute.add()
    attribute.name, attribute.type = "body", onnx.AttributeProto.GRAPH
    attribute.g.name = "inner"


def own_function(model: onnx.ModelProto) -> None:
    model.functions.append(
        helper.make_function("com.evil", "F", ["x"], ["y"], [helper.make_node("Relu", ["x"], ["y"])], [])
    )


def training_info(model: onnx.ModelProto) -> None:
    model.training_info.add()


def future_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 999


def sparse_weights(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add()


def strings(model: onnx.ModelProto) -> None:
    weight(model).CopyFrom(helper.make_tensor("weight", TensorProto.STRING, [1], [b"x"]))


def huge_claim(model: onnx.ModelProto) -> None:
    del weight(model).dims[:]
    weight(model).dims.extend([2**40, 2**20])


def negative_claim(model: onnx.ModelProto) -> None:
    weight(model).dims[0] = -64


def nan_weight(model: onnx.ModelProto) -> None:
    values = np.ones((SIZE * SIZE, 2), np.float32)
    values[3, 1] = np.nan
    set_weight(model, values)


def infinite_weight(model: onnx.ModelProto) -> None:
    set_weight(model, np.full((SIZE * SIZE, 2), np.inf, np.float32))


def padding_bomb(model: onnx.ModelProto) -> None:
    """A pad that would ask for terabytes."""
    pads = np.array([0, 0, 10**6, 10**6, 0, 0, 0, 0], np.int64)
    model.graph.initializer.append(numpy_helper.from_array(pads, "pads"))
    model.graph.node.add().CopyFrom(helper.make_node("Pad", ["maps", "pads"], ["padded"]))


def unknown_size(model: onnx.ModelProto) -> None:
    """A reshape to a shape that is only known when it runs."""
    model.graph.node.add().CopyFrom(helper.make_node("Reshape", ["maps", "sizes"], ["reshaped"]))
    model.graph.node.add().CopyFrom(helper.make_node("Constant", [], ["sizes"], value_ints=[-1, 2**62]))


def dangling_input(model: onnx.ModelProto) -> None:
    model.graph.node[1].input[1] = "nothing"


def cycle(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "logits"


def wrong_input_name(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "images"
    model.graph.node[0].input[0] = "images"


def second_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(port("more", 1))


def missing_output(model: onnx.ModelProto) -> None:
    del model.graph.output[1]


def fixed_batch(model: onnx.ModelProto) -> None:
    for axis in (*model.graph.input, *model.graph.output):
        axis.type.tensor_type.shape.dim[0].dim_value = 7


def other_map_size(model: onnx.ModelProto) -> None:
    set_metadata(model, descriptor={**METADATA.descriptor.to_dict(), "size": 16})


def integer_maps(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64


def no_metadata(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


def twice_metadata(model: onnx.ModelProto) -> None:
    model.metadata_props.add().CopyFrom(model.metadata_props[0])


def no_json(model: onnx.ModelProto) -> None:
    helper.set_model_props(model, {"mdlens": "{'a': 1"})


def deep_json(model: onnx.ModelProto) -> None:
    helper.set_model_props(model, {"mdlens": "[" * 100_000})


def long_json(model: onnx.ModelProto) -> None:
    helper.set_model_props(model, {"mdlens": " " * 1_000_001})


def long_number(model: onnx.ModelProto) -> None:
    text = METADATA.to_json().replace('"temperature": 2.0', '"temperature": ' + "9" * 5000)
    helper.set_model_props(model, {"mdlens": text})


def number_beyond_floats(model: onnx.ModelProto) -> None:
    set_metadata(model, scores={"a": {"accuracy": {"value": 10**400}}})


def infinite_number(model: onnx.ModelProto) -> None:
    text = METADATA.to_json().replace('"scores": {}', '"scores": {"a": 1e999}')
    helper.set_model_props(model, {"mdlens": text})


def growth_with_the_batch(model: onnx.ModelProto) -> None:
    """One number for one map, 17 GB for a batch: its fourth power."""
    nodes = [helper.make_node("AveragePool", ["maps"], ["b0"], kernel_shape=[SIZE, SIZE])]
    for axis, perm in ((1, [1, 0, 2, 3]), (2, [2, 1, 0, 3]), (3, [3, 1, 2, 0])):
        product = "b0" if axis == 1 else f"p{axis - 1}"
        nodes.append(helper.make_node("Transpose", ["b0"], [f"b{axis}"], perm=perm))
        nodes.append(helper.make_node("Mul", [product, f"b{axis}"], [f"p{axis}"]))
    model.graph.node.extend(nodes)


def endless_pool(model: onnx.ModelProto) -> None:
    """Few numbers come out, each the mean of 25 million."""
    node = helper.make_node("AveragePool", ["maps"], ["mean"], kernel_shape=[5001, 5001], pads=[2500] * 4)
    model.graph.node.append(node)


def endless_convolution(model: onnx.ModelProto) -> None:
    """Layers of 64 channels, 0.6 billion multiply-adds each."""
    kernel = np.ones((64, 64, 49, 49), np.float32)
    model.graph.initializer.append(numpy_helper.from_array(kernel[:, :1], "first"))
    model.graph.initializer.append(numpy_helper.from_array(kernel, "next"))
    for number, name in enumerate(("first", "next", "next")):
        source = "maps" if number == 0 else f"wide{number - 1}"
        node = helper.make_node("Conv", [source, name], [f"wide{number}"], pads=[24] * 4)
        model.graph.node.append(node)


def nan_temperature(model: onnx.ModelProto) -> None:
    helper.set_model_props(model, {"mdlens": METADATA.to_json().replace("2.0", "NaN", 1)})


def metadata_with(**changes: object) -> Callable[[onnx.ModelProto], None]:
    return lambda model: set_metadata(model, **changes)


HOSTILE: list[tuple[Callable[[onnx.ModelProto], None], str]] = [
    (external_data, "point to another file"),
    (external_in_attribute, "point to another file"),
    (custom_domain, "com.evil"),
    (unlisted_operator, "'Loop'"),
    (runtime_operator, "com.microsoft"),
    (subgraph, "subgraph"),
    (own_function, "functions of its own"),
    (training_info, "training information"),
    (future_opset, "operator set"),
    (sparse_weights, "sparse"),
    (strings, "float32, int64 or int8"),
    (huge_claim, "store"),
    (negative_claim, "negative dimension"),
    (nan_weight, "NaN"),
    (infinite_weight, "NaN or infinity"),
    (padding_bomb, "numbers per map"),
    (unknown_size, "its graph is inconsistent"),
    (dangling_input, "its graph is inconsistent"),
    (cycle, "its graph is inconsistent"),
    (wrong_input_name, "the input 'maps'"),
    (second_input, "the input 'maps'"),
    (missing_output, "'embedding'"),
    (fixed_batch, "got (7,"),
    (other_map_size, "(batch, 1, 16, 16)"),
    (integer_maps, "inconsistent"),
    (no_metadata, "no mdlens model"),
    (twice_metadata, "duplicate keys"),
    (no_json, "must be JSON"),
    (deep_json, "must be JSON"),
    (long_json, "at most"),
    (long_number, "must be JSON"),
    (number_beyond_floats, "401 digits"),
    (infinite_number, "1e999"),
    (growth_with_the_batch, "numbers per map"),
    (endless_pool, "multiply-adds per map"),
    (endless_convolution, "multiply-adds per map"),
    (nan_temperature, "NaN"),
]

WRONG_METADATA = [
    ({"distance_limit": 1.1}, "lacks distance_error_rate"),
    ({"distance_limit": 0.0, "distance_error_rate": 0.01}, "'distance_limit' must lie between"),
    ({"distance_limit": "far", "distance_error_rate": 0.01}, "'distance_limit' must be a number"),
    ({"distance_limit": 1.1, "distance_error_rate": 2}, "'distance_error_rate' must lie between"),
    ({"distance_limit": 1.1, "distance_error_rate": 0.01}, "or neither"),
    ({"format": 2}, "'format'"),
    ({"kind": "picture"}, "'kind'"),
    ({"name": "a name"}, "'name'"),
    ({"name": 3}, "'name'"),
    ({"version": ""}, "'version'"),
    ({"classes": ["a", "a"]}, "distinct"),
    ({"classes": ["a", "b\n2 2"]}, "one word"),
    ({"classes": ["a", "unknown"]}, "unknown"),
    ({"classes": "ab"}, "'classes'"),
    ({"classes": ["a", "b", "c"], "ids": [1, 2, 3]}, "(batch, 3)"),
    ({"ids": [1]}, "one number per class"),
    ({"ids": [0, 1]}, "'ids'"),
    ({"ids": [1, 1]}, "distinct"),
    ({"ids": [True, 2]}, "'ids'"),
    ({"ids": [1, 2**40]}, "'ids'"),
    ({"temperature": 0}, "'temperature'"),
    ({"temperature": "warm"}, "'temperature'"),
    ({"threshold": 1.5}, "'threshold'"),
    ({"threshold_error_rate": -1}, "'threshold_error_rate'"),
    ({"descriptor": {"size": 8, "colour": 1}}, "colour"),
    ({"descriptor": []}, "'descriptor'"),
    ({"scores": 1}, "'scores'"),
    ({"extra": 1}, "extra"),
]


@pytest.mark.parametrize(("change", "reason"), HOSTILE, ids=lambda value: getattr(value, "__name__", ""))
def test_a_hostile_model_is_refused(
    tmp_path: Path, change: Callable[[onnx.ModelProto], None], reason: str
) -> None:
    model = sound_model()
    change(model)
    file = tmp_path / "hostile.onnx"
    file.write_bytes(model.SerializeToString())
    refused(file, reason)


@pytest.mark.parametrize(("changes", "reason"), WRONG_METADATA)
def test_wrong_metadata_is_refused(tmp_path: Path, changes: dict[str, object], reason: str) -> None:
    model = sound_model()
    set_metadata(model, **changes)
    file = tmp_path / "wrong.onnx"
    file.write_bytes(model.SerializeToString())
    refused(file, reason)


@pytest.mark.parametrize("key", json.loads(METADATA.to_json()))
def test_missing_metadata_is_refused(tmp_path: Path, key: str) -> None:
    values = json.loads(METADATA.to_json())
    del values[key]
    model = sound_model()
    helper.set_model_props(model, {"mdlens": json.dumps(values)})
    file = tmp_path / "missing.onnx"
    file.write_bytes(model.SerializeToString())
    refused(file, key)


def test_metadata_survives_the_round_trip() -> None:
    metadata = ModelMetadata(
        name="n",
        version="1.2-rc",
        classes=("fcc", "hexagonal_diamond"),
        ids=(1, 7),
        descriptor=NeighborsMapSettings(size=48, candidates=95, channels=(None, {"Cu": 1.0, "Zr": 0.5})),
        distance_limit=1.1,
        distance_error_rate=0.005,
        training={"data": {"potentials": ["a", "b"]}},
        scores={"held out": {"accuracy": 0.5}},
    )
    assert ModelMetadata.from_json(metadata.to_json()) == metadata


def test_numbers_that_overflow_in_the_run_are_reported(tmp_path: Path) -> None:
    model = sound_model()
    set_weight(model, np.full((SIZE * SIZE, 2), 3e38, np.float32))
    file = tmp_path / "overflow.onnx"
    file.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="not finite"):
        load_model(file).predict(np.ones((1, 1, SIZE, SIZE), np.float32), threads=1)


def test_the_installed_models_load() -> None:
    for installed in installed_models():
        assert load_model(installed.name).metadata == installed.metadata


def test_the_installed_models_pass_every_check_of_a_strangers_file(tmp_path: Path) -> None:
    """`load_model` leaves some checks out for files that come with the package."""
    for installed in installed_models():
        copy = tmp_path / installed.file.name
        copy.write_bytes(installed.file.read_bytes())
        model = load_model(copy)
        assert model.metadata == installed.metadata
        compare_fused(load_model(installed.name))


def test_damage_to_an_installed_model_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = installed_models()[0].file.read_bytes()
    monkeypatch.setattr(structure_model, "_pretrained", lambda: tmp_path)
    file = tmp_path / "flipped.onnx"
    file.write_bytes(data)
    load_model("flipped")
    for place in np.random.default_rng(3).integers(len(data) // 4, len(data) // 2, size=3):
        damaged = bytearray(data)
        damaged[place] ^= 1
        file.write_bytes(bytes(damaged))
        refused(file, "flipped")


def test_batches_are_small_enough_for_the_largest_allowed_array() -> None:
    from mdlens.inference.graph_check import LARGEST_ARRAY

    assert BATCH * LARGEST_ARRAY * 4 < 2**28 + 1


def test_a_negative_number_of_threads_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "sound.onnx"
    onnx.save(sound_model(), file)
    with pytest.raises(InputError, match="threads"):
        load_model(file).predict(np.ones((1, 1, SIZE, SIZE), np.float32), threads=-1)
