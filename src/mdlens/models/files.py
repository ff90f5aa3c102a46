"""Model files of torch networks: one safetensors file with a JSON description; reading one runs no code."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mdlens.errors import InputError, ModelError
from mdlens.io.whole_file import write_durably

FORMAT = 1
LARGEST = 1 << 30
LARGEST_TEXT = 1_000_000
_KEY, _DIGEST = "mdlens", "digest"


def save_network(file: Path, network: nn.Module, description: Mapping[str, Any]) -> None:
    """Write weights and description; the file appears under its name only when whole.

    Args:
        file: Where to write.
        network: Whose parameters and buffers are stored.
        description: JSON values; "kind" says what the file is for.

    Raises:
        InputError: If the file cannot be written.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    text = json.dumps({"format": FORMAT, **description}, allow_nan=False)
    data = save(tensors, {_KEY: text, _DIGEST: _digest(tensors, text)})
    partial = file.with_name(file.name + ".partial")
    try:
        write_durably(data, partial)
        partial.replace(file)
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}; choose another place") from error


def read_network(file: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read description and weights.

    Args:
        file: The file.
        kind: What it must be for.

    Raises:
        ModelError: If it is missing, damaged, too large, not one of ours or of another kind.
    """
    try:
        if file.stat().st_size > LARGEST:
            raise ModelError(f"{file}: is larger than {LARGEST} bytes; no model of mdlens is")
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except OSError as error:
        reason = error.strerror or "no such file"
        raise ModelError(f"{file}: cannot be read: {reason}; give a model file") from error
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise ModelError(f"{file}: is no model file, or damaged ({error}); copy it again") from error
    return _description(file, metadata, tensors, kind), tensors


def restore(file: Path, network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put weights that were read into a network.

    Raises:
        ModelError: If they do not fit.
    """
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        raise ModelError(f"{file}: the weights do not fit the description; train the model again") from error


def _description(
    file: Path, metadata: Mapping[str, str], tensors: Mapping[str, Tensor], kind: str
) -> dict[str, Any]:
    text = metadata.get(_KEY, "")
    if not text or len(text) > LARGEST_TEXT:
        raise ModelError(f"{file}: has no description by mdlens; give a file that mdlens wrote")
    if metadata.get(_DIGEST) != _digest(tensors, text):
        raise ModelError(f"{file}: is damaged: its digest does not fit its contents; copy it again")
    try:
        description = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file}: has a description that is not JSON") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise ModelError(f"{file}: has another format; this version of mdlens reads format {FORMAT}")
    if description.get("kind") != kind:
        raise ModelError(f"{file}: is a model of kind {description.get('kind')!r:.40}, expected {kind!r}")
    if not all(bool(torch.isfinite(t).all()) for t in tensors.values() if t.is_floating_point()):
        raise ModelError(f"{file}: holds weights that are not finite; train the model again")
    return description


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    """Digest of names, shapes, types, values and text, in the order of the names."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
