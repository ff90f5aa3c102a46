"""Trained readers of deformation patterns: their files, and what they make of windows."""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from torch import Tensor, nn

from mdlens.descriptors.deformation import PATTERNS, READABLE, SIGNS, Thresholds, read_scores
from mdlens.descriptors.ebsd import MEASURES
from mdlens.descriptors.pixel_codes import NOW
from mdlens.errors import InputError, ModelError
from mdlens.learning.pattern_data import TOLD, PatternData
from mdlens.learning.pattern_fit import encode, logits_of, read_shares, softmax
from mdlens.models.autoencoder import TomographAutoencoder
from mdlens.models.files import read_network, restore
from mdlens.models.pattern_classifier import (
    ImageClassifier,
    LatentClassifier,
    PatternClassifier,
    ScoreClassifier,
    log_scores,
)
from mdlens.models.pixel_network import PixelNetwork
from mdlens.types import Float32Array, FloatArray

Network = TypeVar("Network", bound=nn.Module)
Encoder = TomographAutoencoder | PixelNetwork
"""What a classifier reads with."""

READINGS: Mapping[str, Callable[..., PatternClassifier]] = {
    "sections": ScoreClassifier, "image": ImageClassifier, "latent": LatentClassifier
}  # fmt: skip
CLASSIFIER = "classifier.safetensors"
ENCODERS: Mapping[str, tuple[str, Callable[..., Encoder]]] = {
    "sections": ("pixels.safetensors", PixelNetwork),
    "latent": ("autoencoder.safetensors", TomographAutoencoder),
}
"""File and kind of what the classifier of a reading reads with."""

KINDS = {
    "autoencoder.safetensors": "tribology-autoencoder",
    "pixels.safetensors": "tribology-pixels",
    CLASSIFIER: "tribology-classifier",
}
MEANINGS: Mapping[str, Any] = {
    "classes": list(PATTERNS), "metadata": list(TOLD), "signs": list(SIGNS), "codes": list(NOW)
}  # fmt: skip
"""What the numbers of a model mean; a model of other ones is not read."""

_UNIT = np.array([getattr(Thresholds(), name) for name in READABLE])


@dataclass(frozen=True)
class TribologyModel:
    """A trained classifier with what it needs to see.

    Attributes:
        network: The classifier.
        encoder: What the classifier reads with; none where it sees the images.
        image: Viewing directions of the images.
        measures: Whether the classifier is told the measures of the images.
        pixels: Edges of a pixel of the images and of the sections it was trained on, Angstrom.
        temperature: Of the probabilities.
    """

    network: PatternClassifier
    encoder: Encoder | None
    image: str
    measures: bool
    pixels: tuple[float, float]
    temperature: float

    def probabilities(self, data: PatternData) -> FloatArray:
        """Probability of each pattern for windows (N, patterns).

        Raises:
            InputError: If their pixels are not those of the training.
        """
        found = (data.pixel, data.sections.pixel)
        if not np.allclose(found, self.pixels, rtol=0.01):
            raise InputError(
                f"the model was trained on pixels of {self.pixels[0]:.3g} and {self.pixels[1]:.3g} Angstrom, "
                f"these windows have {found[0]:.3g} and {found[1]:.3g}: label the runs with another --size"
            )
        known = data.measured if self.measures else data.told
        logits = logits_of(self.network, see(self.encoder, data, self.image), known)
        return softmax(logits / self.temperature)


def load_tribology_model(folder: Path) -> TribologyModel:
    """Read the model that `mdlens.workflows.tribology.train_tribology` left in a folder.

    Raises:
        ModelError: If a file is missing, damaged or made for something else.
    """
    file = folder / CLASSIFIER
    description, tensors = read_network(file, KINDS[CLASSIFIER])
    check_meanings(file, description)
    if description.get("measures") not in ([], list(MEASURES)):
        raise ModelError(f"{file}: knows other measures of an image; train the model again")
    reading = str(description.get("reading"))
    if reading not in READINGS:
        raise ModelError(f"{file}: reading is {reading:.40}; train the model again")
    encoder = None
    if reading in ENCODERS:
        beside = folder / ENCODERS[reading][0]
        encoder = read_encoder(beside, reading)
        if fingerprint(beside) != description.get("reads_with"):
            raise ModelError(f"{file}: was not trained with {beside.name} beside it; train the model again")
    try:
        settings = description["settings"]
        model = TribologyModel(
            network=_restored(file, READINGS[reading](**settings), tensors),
            encoder=encoder,
            image=str(description["image"]),
            measures=bool(description["measures"]),
            pixels=(float(description["pixel"]), float(description["section_pixel"])),
            temperature=float(description["temperature"]),
        )
        fits = settings["metadata"] == len(TOLD) + len(description["measures"])
        fits &= settings["classes"] == len(PATTERNS) and _sees(model, settings)
    except ModelError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{file}: the description is incomplete ({error}); train the model again") from error
    if not (fits and 0.0 < model.temperature < math.inf):
        raise ModelError(f"{file}: its parts do not fit each other; train the model again")
    return model


def _sees(model: TribologyModel, settings: Mapping[str, Any]) -> bool:
    """Whether the classifier takes what it is shown."""
    channels = {"x": 3, "y": 3, "z": 3, "xyz": 9}.get(model.image)
    if isinstance(model.encoder, PixelNetwork):
        return bool(settings["read"] == len(READABLE))
    if isinstance(model.encoder, TomographAutoencoder):
        shown = model.encoder.settings
        return bool(settings["latent"] == shown["latent"] and shown["channels"] == channels)
    return bool(settings["channels"] == channels)


def check_meanings(file: Path, description: Mapping[str, Any]) -> None:
    """Refuse a model whose numbers mean other things.

    Raises:
        ModelError: If they do.
    """
    other = [name for name, meaning in MEANINGS.items() if description.get(name) != meaning]
    if other:
        raise ModelError(f"{file}: knows other {' and '.join(other)}; train the model again")


def read_encoder(file: Path, reading: str) -> Encoder:
    """Read what the classifier of a reading reads with.

    Raises:
        ModelError: If the file is missing, damaged or made for something else.
    """
    description, tensors = read_network(file, KINDS[file.name])
    check_meanings(file, description)
    try:
        network = ENCODERS[reading][1](**description["settings"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{file}: the description is incomplete ({error}); train the model again") from error
    return _restored(file, network, tensors)


def fingerprint(file: Path) -> str:
    """A file's bytes, in short."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def _restored(file: Path, network: Network, tensors: Mapping[str, Tensor]) -> Network:
    restore(file, network, tensors)
    return network.eval()


def see(encoder: Encoder | None, data: PatternData, image: str) -> Float32Array:
    """What a classifier is shown of windows: their images, or what an encoder makes of them.

    Args:
        encoder: An autoencoder gives its vectors, a network of pixels logarithms of the scores that it reads
            off, in the unit of the default thresholds (N, 3); none leaves the images.
        data: The windows.
        image: Viewing directions of the images.
    """
    if isinstance(encoder, PixelNetwork):
        return log_scores(read_scores(read_shares(encoder, data.sections)) / _UNIT).astype(np.float32)
    images = data.channels(image)
    return images if encoder is None else encode(encoder, images)
