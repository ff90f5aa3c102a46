"""Embeddings of atoms of every class, kept in a model file so that classes can be added to it later."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdlens.errors import InputError
from mdlens.types import Float32Array, IntArray

KEY = "mdlens.exemplars"
"""The entry of `metadata_props` that holds the JSON text."""

LARGEST_TEXT = 32 * 2**20
"""Characters."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Exemplars:
    """Embeddings of labelled atoms, grouped by class.

    Args:
        embeddings: Embeddings (exemplars, numbers), those of the first class first.
        counts: Number of exemplars of each class, in the order of the classes.

    Raises:
        InputError: If the counts do not fit the embeddings or a number is not finite.
    """

    embeddings: Float32Array
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.embeddings.ndim != 2 or sum(self.counts) != len(self.embeddings) or min(self.counts) < 1:
            raise InputError("exemplars must be embeddings (exemplars, numbers), at least one of each class")
        if not np.isfinite(self.embeddings).all():
            raise InputError("exemplars must be finite numbers")

    def by_class(self) -> list[Float32Array]:
        """Give the embeddings (exemplars of the class, numbers) of each class."""
        return np.split(self.embeddings, np.cumsum(self.counts)[:-1])

    @classmethod
    def grouped(cls, embeddings: Float32Array, labels: IntArray, classes: int) -> "Exemplars":
        """Group embeddings (exemplars, numbers) by their labels (exemplars,), 0 to `classes` - 1."""
        order = np.argsort(labels, kind="stable")
        counts = np.bincount(labels, minlength=classes).tolist()
        return cls(embeddings=embeddings[order], counts=tuple(counts))

    def extended(self, embeddings: Float32Array) -> "Exemplars":
        """Append the exemplars (exemplars, numbers) of one more class."""
        joined = np.concatenate([self.embeddings, embeddings]).astype(np.float32)
        return Exemplars(embeddings=joined, counts=(*self.counts, len(embeddings)))

    def to_text(self) -> str:
        """Write the JSON text of a model file; numbers keep the precision of float16."""
        largest = np.finfo(np.float16).max
        values = np.clip(self.embeddings, -largest, largest).astype("<f2")
        return json.dumps(
            {"counts": list(self.counts), "float16": base64.b64encode(values.tobytes()).decode()}
        )

    @classmethod
    def from_text(cls, text: str, *, classes: int, embedding_size: int) -> "Exemplars":
        """Read the JSON text of a model file.

        Raises:
            InputError: If the text is too long or damaged, or fits neither the classes nor the embedding.
        """
        if len(text) > LARGEST_TEXT:
            raise InputError(f"its exemplars must take at most {LARGEST_TEXT} characters, got {len(text)}")
        counts, data = _parse(text)
        if len(counts) != classes or sum(counts) * embedding_size * 2 != len(data):
            raise InputError("its exemplars do not fit its classes and its embedding")
        values = np.frombuffer(data, "<f2").reshape(-1, embedding_size).astype(np.float32)
        return cls(embeddings=values, counts=tuple(counts))


def _parse(text: str) -> tuple[Sequence[int], bytes]:
    try:
        table = json.loads(text)
        counts, data = table["counts"], base64.b64decode(table["float16"], validate=True)
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error) as error:
        raise InputError("its exemplars are damaged") from error
    if not isinstance(counts, list) or any(type(n) is not int or not 1 <= n < 2**31 for n in counts):
        raise InputError("its exemplars are damaged: 'counts' must be a list of positive integers")
    return counts, data
