"""From a trained torch network to a checked model file."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from mdlens.errors import ModelError
from mdlens.inference import ModelMetadata, StructureModel, load_model
from mdlens.inference.description import write_metadata
from mdlens.inference.exemplars import Exemplars
from mdlens.inference.structure_model import softmax
from mdlens.io.whole_file import write_durably
from mdlens.learning.byte_graph import byte_graph
from mdlens.models import RoundedNeighborsCNN

TOLERANCE = 1e-5
"""Largest difference between torch and ONNX Runtime: in probabilities, and in embeddings over the largest."""

ROUNDED_TOLERANCE = 1e-2
"""The same for an 8-bit network: roots of the runtime are not exact, and a level on edge goes either way."""

_OPSET = 18


def export_model(
    network: nn.Module, metadata: ModelMetadata, file: Path, *, examples: torch.Tensor
) -> StructureModel:
    """Write a network as one model file and prove that ONNX Runtime gives the same answers.

    The file is written as `FILE.partial` and gets its name only after the check.

    Args:
        network: A network that turns maps into a `StructureOutput`.
        metadata: Description stored in the file.
        file: Where to write.
        examples: Maps (two samples or more) to compare on; real ones, so that the comparison means something.

    Returns:
        The model as loaded back from the file.

    Raises:
        ModelError: If the answers differ by more than `TOLERANCE` (`ROUNDED_TOLERANCE`), or the result
            would not load.
    """
    partial = file.with_name(file.name + ".partial")
    network = network.eval()
    model = (
        _byte_model(network) if isinstance(network, RoundedNeighborsCNN) else _to_onnx(network, examples[:2])
    )
    write_metadata(model, metadata)
    write_durably(model.SerializeToString(), partial)
    difference = _difference(network, load_model(partial), examples)
    tolerance = ROUNDED_TOLERANCE if isinstance(network, RoundedNeighborsCNN) else TOLERANCE
    if not difference <= tolerance:
        raise ModelError(
            f"{partial}: torch and ONNX Runtime differ by {difference:.1e}, more than {tolerance:.0e}"
        )
    partial.replace(file)
    return load_model(file)


def rename_model(
    file: Path, metadata: ModelMetadata, target: Path, exemplars: Exemplars | None = None
) -> StructureModel:
    """Give a model file its final name, description and exemplars, its weights untouched.

    Raises:
        ModelError: If the file does not load.
    """
    load_model(file)
    model = onnx.load(file)
    write_metadata(model, metadata, exemplars)
    write_durably(model.SerializeToString(), file)
    load_model(file)
    file.replace(target)
    return load_model(target)


def _byte_model(network: RoundedNeighborsCNN) -> onnx.ModelProto:
    head = network.head
    weights, bias = head.weight.detach().numpy(), head.bias.detach().numpy()
    return byte_graph(network.network, weights, bias, opset=_OPSET)


def _to_onnx(network: nn.Module, maps: torch.Tensor) -> onnx.ModelProto:
    with _quiet_exporter():
        program = torch.onnx.export(
            network,
            (maps,),
            dynamo=True,
            input_names=["maps"],
            output_names=["logits", "embedding"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=_OPSET,
            verbose=False,
        )
    if program is None:
        raise ModelError("torch gave no ONNX program: update torch")
    return _without_traces(program.model_proto)


def _without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what the exporter notes about the machine: source paths, stack traces, Python names."""
    del model.metadata_props[:]
    model.doc_string = ""
    graph = model.graph
    for item in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        item.doc_string = ""
        del item.metadata_props[:]
    del graph.value_info[:]
    del model.functions[:]  # the exporter keeps unused decompositions; a used one is refused by `load_model`
    used = {"": _OPSET}
    del model.opset_import[:]
    model.opset_import.extend(onnx.helper.make_opsetid(domain, version) for domain, version in used.items())
    return model


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Silence what torch's exporter says about itself (a deprecated call, a missing torchvision)."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)


def _difference(network: nn.Module, model: StructureModel, maps: torch.Tensor) -> float:
    with torch.no_grad():
        output = network(maps)
    probabilities, embeddings = model.predict(maps.numpy(), threads=1)
    expected = softmax(output.logits.numpy(), model.temperature)
    reference = output.embedding.numpy()
    scale = max(1.0, float(np.abs(reference).max()))
    return float(max(np.abs(probabilities - expected).max(), np.abs(embeddings - reference).max() / scale))
