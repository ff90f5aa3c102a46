"""The description inside an ONNX file, and a digest that shows damage."""

import hashlib

import onnx

from mdlens.errors import InputError
from mdlens.inference.metadata import KEY, ModelMetadata

DIGEST_KEY = "mdlens.sha256"
"""Optional entry: SHA-256 of graph and description. It shows damage; it is no signature."""


def write_metadata(model: onnx.ModelProto, metadata: ModelMetadata) -> None:
    """Put the description and the digest into a model, in place of all other entries."""
    text = metadata.to_json()
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {KEY: text, DIGEST_KEY: _digest(model, text)})


def read_metadata(model: onnx.ModelProto) -> ModelMetadata:
    """Read the description of a model.

    Raises:
        InputError: If there is none or two, it is wrong, or the digest does not fit.
    """
    entries = [(entry.key, entry.value) for entry in model.metadata_props]
    texts = [value for key, value in entries if key == KEY]
    if len(texts) != 1:
        raise InputError(
            f"it must hold one {KEY!r} entry in its metadata, got {len(texts)}: it is no mdlens model"
        )
    if not isinstance(texts[0], str):  # what protobuf gives for text that is not UTF-8
        raise InputError("its metadata is not UTF-8 text")
    if any(key == DIGEST_KEY and value != _digest(model, texts[0]) for key, value in entries):
        raise InputError("it was changed or damaged after it was written")
    return ModelMetadata.from_json(texts[0])


def _digest(model: onnx.ModelProto, text: str) -> str:
    digest = hashlib.sha256(model.graph.SerializeToString(deterministic=True))
    digest.update(text.encode())
    return digest.hexdigest()
