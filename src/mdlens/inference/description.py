"""The description inside an ONNX file, and a digest that shows damage."""

import hashlib
from collections.abc import Mapping

import onnx

from mdlens.errors import InputError
from mdlens.inference.exemplars import KEY as EXEMPLARS_KEY
from mdlens.inference.exemplars import Exemplars
from mdlens.inference.metadata import KEY, ModelMetadata

DIGEST_KEY = "mdlens.sha256"
"""Optional entry: SHA-256 of graph, description and exemplars. It shows damage; it is no signature."""


def write_metadata(
    model: onnx.ModelProto, metadata: ModelMetadata, exemplars: Exemplars | None = None
) -> None:
    """Put description, exemplars and digest into a model, in place of all other entries."""
    texts = {KEY: metadata.to_json()}
    if exemplars is not None:
        texts[EXEMPLARS_KEY] = exemplars.to_text()
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, texts | {DIGEST_KEY: _digest(model, texts)})


def read_metadata(model: onnx.ModelProto) -> ModelMetadata:
    """Read the description of a model.

    Raises:
        InputError: If there is none, an entry occurs twice, it is wrong, or the digest does not fit.
    """
    keys = [entry.key for entry in model.metadata_props]
    if keys.count(KEY) != 1:
        raise InputError(
            f"it must hold one {KEY!r} entry in its metadata, got {keys.count(KEY)}: it is no mdlens model"
        )
    texts = {entry.key: entry.value for entry in model.metadata_props}
    if len(texts) != len(keys):
        raise InputError("an entry of its metadata occurs twice")
    if not all(isinstance(text, str) for text in texts.values()):  # protobuf gives bytes if it is not UTF-8
        raise InputError("its metadata is not UTF-8 text")
    if DIGEST_KEY in texts and texts[DIGEST_KEY] != _digest(model, texts):
        raise InputError("it was changed or damaged after it was written")
    return ModelMetadata.from_json(texts[KEY])


def read_exemplars(model: onnx.ModelProto, *, classes: int, embedding_size: int) -> Exemplars | None:
    """Read the exemplars of a model that `read_metadata` accepts; None if it has none.

    Raises:
        InputError: If they are damaged or do not fit the model.
    """
    texts = [entry.value for entry in model.metadata_props if entry.key == EXEMPLARS_KEY]
    if not texts:
        return None
    return Exemplars.from_text(texts[0], classes=classes, embedding_size=embedding_size)


def _digest(model: onnx.ModelProto, texts: Mapping[str, str]) -> str:
    digest = hashlib.sha256(model.graph.SerializeToString(deterministic=True))
    for key in (KEY, EXEMPLARS_KEY):
        digest.update(texts.get(key, "").encode())
    return digest.hexdigest()
