"""Reading deformation patterns: training, evaluation with things held out, classification, maps."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from torch import Tensor, nn

from mdlens.descriptors.deformation import PATTERNS, READABLE, Thresholds, read_scores
from mdlens.descriptors.ebsd import MEASURES
from mdlens.errors import InputError, ModelError
from mdlens.io.whole_file import write_whole
from mdlens.learning.calibration import fit_temperature
from mdlens.learning.config import read_config
from mdlens.learning.image_quality import error_at, psnr, ssim
from mdlens.learning.mechanism_map import characteristic_pressures, predicted_cells, simulated_cells
from mdlens.learning.metrics import (
    bootstrap_accuracy,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
)
from mdlens.learning.pattern_data import (
    GREY,
    METADATA,
    SPLITS,
    TOLD,
    PatternData,
    hold_back,
    hold_out,
    load_patterns,
)
from mdlens.learning.pattern_fit import (
    PatternFitSettings,
    PixelFitSettings,
    encode,
    fit_autoencoder,
    fit_classifier,
    fit_pixels,
    logits_of,
    read_shares,
    reconstruct,
    softmax,
)
from mdlens.models.autoencoder import TomographAutoencoder
from mdlens.models.files import read_network, restore, save_network
from mdlens.models.pattern_classifier import (
    ImageClassifier,
    LatentClassifier,
    PatternClassifier,
    ScoreClassifier,
    log_scores,
)
from mdlens.models.pixel_network import PixelNetwork
from mdlens.report.mechanism_map import mechanism_figure
from mdlens.types import Float32Array, FloatArray, IntArray

Network = TypeVar("Network", bound=nn.Module)

READINGS = ("sections", "image", "latent")
_CLASSIFIER = "classifier.safetensors"
_ENCODERS = {"latent": "autoencoder.safetensors", "sections": "pixels.safetensors"}
_KINDS = {
    "autoencoder.safetensors": "tribology-autoencoder",
    "pixels.safetensors": "tribology-pixels",
    _CLASSIFIER: "tribology-classifier",
}
_UNIT = np.array([getattr(Thresholds(), name) for name in READABLE])


@dataclass(frozen=True, kw_only=True)
class TribologyConfig:
    """What is trained on, and how.

    Args:
        data: Files of labelled windows, relative to the configuration file.
        reading: "sections" reads the scores off fine sections, pixel by pixel; "image" classifies the image,
            "latent" an autoencoder's vector of it.
        image: Viewing directions of the images: x, y, z or xyz.
        measures: Whether the classifier is also told what orientation microscopy reads off the image.
        latent: Numbers of the vector.
        width: Channels of the first convolution.
        split: What is held out: random, region, seed or condition.
        test: Share that is held out.
        seed: Of split, weights and order.
        pixels: How the network of pixels is fitted, where sections are read.
        autoencoder: How the autoencoder is fitted, where its vector is classified.
        classifier: How the classifier is fitted.

    Raises:
        InputError: If a value is out of range.
    """

    data: tuple[str, ...]
    reading: str = "sections"
    image: str = "xyz"
    measures: bool = True
    latent: int = 32
    width: int = 24
    split: str = "condition"
    test: float = 0.25
    seed: int = 0
    pixels: PixelFitSettings = field(default_factory=PixelFitSettings)
    autoencoder: PatternFitSettings = field(default_factory=PatternFitSettings)
    classifier: PatternFitSettings = field(default_factory=PatternFitSettings)

    def __post_init__(self) -> None:
        if self.reading not in READINGS:
            raise InputError(f"reading must be one of {', '.join(READINGS)}, got {self.reading!r:.40}")
        if self.split not in SPLITS:
            raise InputError(f"split must be one of {', '.join(SPLITS)}, got {self.split!r:.40}")
        if not 0.0 < self.test < 1.0:
            raise InputError(f"test must lie between 0 and 1, got {self.test}")


def train_tribology(
    config_file: Path, folder: Path, *, report: Callable[[str, int, int], None] = lambda what, k, n: None
) -> dict[str, Any]:
    """Train a classifier and what it reads with, score what was held out, and write all into a folder.

    The folder gets ``classifier.safetensors``, ``metrics.json`` and, by the reading,
    ``pixels.safetensors`` or ``autoencoder.safetensors``. What the classifier reads with is used again when
    it is there already and was made with the same configuration, so an interrupted run goes on from there.

    Args:
        config_file: TOML, see `TribologyConfig`.
        folder: Folder of the run.
        report: Called with what is fitted, epochs done and epochs in all.

    Returns:
        What stands in ``metrics.json``.

    Raises:
        InputError: If the configuration, the data or the folder is wrong.
    """
    config = read_config(TribologyConfig, config_file)
    data = load_patterns([config_file.parent / name for name in config.data])
    train, test = hold_out(data, config.split, share=config.test, seed=config.seed)
    fit, kept = hold_back(data, train, config.split, seed=config.seed)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}; choose another folder") from error
    encoder = _encoder(config, data.part(fit), folder, report)
    seen = see(encoder, data, config.image)
    known = data.measured if config.measures else data.told
    network = fit_classifier(
        lambda: build_classifier(config, seen.shape[1], known.shape[1]),
        seen[fit],
        known[fit],
        data.labels[fit],
        data.relative[fit],
        config.classifier,
        report=lambda k, n, loss: report("classifier", k, n),
    )
    temperature = fit_temperature(logits_of(network, seen[kept], known[kept]), data.labels[kept])
    description = {"kind": _KINDS[_CLASSIFIER], "settings": network.settings, "reading": config.reading,
                   "image": config.image, "classes": list(PATTERNS), "metadata": list(TOLD),
                   "measures": list(MEASURES) if config.measures else [], "pixel": data.pixel,
                   "section_pixel": data.sections.pixel, "source": data.source,
                   "temperature": temperature}  # fmt: skip
    save_network(folder / _CLASSIFIER, network, description)
    logits = logits_of(network, seen[test], known[test]) / temperature
    metrics = {
        "source": data.source,
        "split": config.split,
        "windows": {"train": len(fit), "calibration": len(kept), "test": len(test)},
        "classifier": score(softmax(logits), data.labels[test], data.run[test], config.seed),
        "config": asdict(config),
    }
    if isinstance(encoder, TomographAutoencoder):
        metrics["autoencoder"] = reconstruction_quality(encoder, data.part(test).channels(config.image))
    write_whole(folder / "metrics.json", json.dumps(metrics, indent=1) + "\n")
    return metrics


def see(encoder: TomographAutoencoder | PixelNetwork | None, data: PatternData, image: str) -> Float32Array:
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


def build_classifier(config: TribologyConfig, numbers: int, known: int) -> PatternClassifier:
    """The classifier of a configuration for vectors or images of so many numbers or channels.

    Args:
        config: The configuration.
        numbers: Of a vector, channels of the images, or scores that are read off.
        known: Metadata and measures that it is told.
    """
    if config.reading == "sections":
        return ScoreClassifier(numbers, known, len(PATTERNS))
    if config.reading == "latent":
        return LatentClassifier(numbers, known, len(PATTERNS))
    return ImageClassifier(numbers, known, len(PATTERNS), width=config.width)


def _encoder(
    config: TribologyConfig, data: PatternData, folder: Path, report: Callable[[str, int, int], None]
) -> TomographAutoencoder | PixelNetwork | None:
    """What the classifier reads with, from the folder or fitted to windows."""
    if config.reading == "image":
        return None
    file = folder / _ENCODERS[config.reading]
    # The classifier's part of the configuration may change.
    made_with = json.loads(json.dumps(asdict(config) | {"classifier": None, "measures": None}))
    if file.exists():
        if read_network(file, _KINDS[file.name])[0].get("config") == made_with:
            return _read_encoder(file)
        raise InputError(f"{file} was made with another configuration: choose another folder, or remove it")
    network: TomographAutoencoder | PixelNetwork
    if config.reading == "sections":
        network = fit_pixels(
            data.sections,
            config.pixels,
            width=config.width,
            report=lambda k, n, loss: report("pixels", k, n),
        )
    else:
        network = fit_autoencoder(
            data.channels(config.image),
            config.autoencoder,
            latent=config.latent,
            width=config.width,
            report=lambda k, n, loss: report("autoencoder", k, n),
        )
    description = {"kind": _KINDS[file.name], "settings": network.settings, "config": made_with}
    save_network(file, network, description)
    return network


def _read_encoder(file: Path) -> TomographAutoencoder | PixelNetwork:
    description, tensors = read_network(file, _KINDS[file.name])
    kind = PixelNetwork if file.name == _ENCODERS["sections"] else TomographAutoencoder
    try:
        network: TomographAutoencoder | PixelNetwork = kind(**description["settings"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{file}: the description is incomplete ({error}); train the model again") from error
    return _restored(file, network, tensors)


def score(probabilities: FloatArray, labels: IntArray, runs: IntArray, seed: int) -> dict[str, Any]:
    """Accuracy with an interval over whole runs, macro-F1, balanced accuracy, calibration, confusion."""
    guesses = probabilities.argmax(axis=1)
    confusion = confusion_matrix(labels, guesses, len(PATTERNS))
    present = confusion.sum(axis=1) > 0
    recall = np.diag(confusion)[present] / confusion.sum(axis=1)[present]
    accuracy = bootstrap_accuracy(guesses == labels, runs, seed=seed)
    return {
        "accuracy": _plain(accuracy.value),
        "accuracy_95": [_plain(accuracy.low), _plain(accuracy.high)],
        "macro_f1": macro_f1(confusion),
        "balanced_accuracy": float(recall.mean()),
        "calibration_error": expected_calibration_error(probabilities, labels),
        "confusion": confusion.tolist(),
    }


def reconstruction_quality(network: TomographAutoencoder, images: Float32Array) -> dict[str, Any]:
    """PSNR and SSIM of whole images drawn again, and errors at atoms without an orientation and in grains.

    Atoms without an orientation are those of grain boundaries, twin boundaries and faults.
    """
    drawn = reconstruct(network, images)
    boundary = (np.abs(images - GREY / 255) < 0.004).all(axis=1)
    grains = ~boundary & (images > 0.0).any(axis=1)
    return {
        "latent": network.settings["latent"],
        "psnr": float(psnr(images, drawn).mean()),
        "ssim": float(ssim(images, drawn).mean()),
        "rmse_boundaries": _plain(error_at(images, drawn, boundary)),
        "rmse_grains": _plain(error_at(images, drawn, grains)),
    }


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


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
    encoder: TomographAutoencoder | PixelNetwork | None
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
    """Read the model that `train_tribology` left in a folder.

    Raises:
        ModelError: If a file is missing, damaged or made for something else.
    """
    file = folder / _CLASSIFIER
    description, tensors = read_network(file, _KINDS[_CLASSIFIER])
    if description.get("classes") != list(PATTERNS) or description.get("metadata") != list(TOLD):
        raise ModelError(f"{file}: knows other patterns or metadata; train the model again")
    if description.get("measures") not in ([], list(MEASURES)):
        raise ModelError(f"{file}: knows other measures of an image; train the model again")
    if description.get("reading") not in READINGS:
        raise ModelError(f"{file}: reading is {description.get('reading')!r:.40}; train the model again")
    reading = description["reading"]
    encoder = _read_encoder(folder / _ENCODERS[reading]) if reading in _ENCODERS else None
    kinds: Mapping[str, Callable[..., PatternClassifier]] = {
        "sections": ScoreClassifier, "latent": LatentClassifier, "image": ImageClassifier
    }  # fmt: skip
    try:
        settings = description["settings"]
        model = TribologyModel(
            network=_restored(file, kinds[reading](**settings), tensors),
            encoder=encoder,
            image=str(description["image"]),
            measures=bool(description["measures"]),
            pixels=(float(description["pixel"]), float(description["section_pixel"])),
            temperature=float(description["temperature"]),
        )
        told = settings["metadata"] == len(TOLD) + len(description["measures"])
        latent = encoder.settings["latent"] if isinstance(encoder, TomographAutoencoder) else None
        seen = latent is None or settings["latent"] == latent
    except ModelError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{file}: the description is incomplete ({error}); train the model again") from error
    if not (told and seen and 0.0 < model.temperature < math.inf):
        raise ModelError(f"{file}: its parts do not fit each other; train the model again")
    return model


def _restored(file: Path, network: Network, tensors: Mapping[str, Tensor]) -> Network:
    restore(file, network, tensors)
    return network.eval()


def classify_windows(files: Sequence[Path], model: Path) -> list[dict[str, Any]]:
    """Classify windows with a trained model; a record for each.

    Raises:
        InputError: If the files hold no windows.
        ModelError: If the folder holds no model.
    """
    data = load_patterns(files)
    probabilities = load_tribology_model(model).probabilities(data)
    return [
        {
            "run": data.runs[data.run[k]],
            "region": int(data.region[k]),
            "time": float(data.metadata[k, METADATA.index("time")]),
            "pattern": PATTERNS[int(row.argmax())],
            "confidence": float(row.max()),
            "label": PATTERNS[int(data.labels[k])],
            "ambiguous": bool(data.ambiguous[k]),
        }
        for k, row in enumerate(probabilities)
    ]


def draw_map(
    files: Sequence[Path], out: Path, *, slider: str = "temperature", members: int = 5, epochs: int = 60,
    seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Write a deformation mechanism map as a page, and its numbers beside it as JSON.

    Cells that were simulated show their labels. Cells half-way between simulated pressures are predicted from
    metadata by an ensemble, each member fitted to runs drawn again; their confidence is its mean probability.

    Args:
        files: Of labelled windows.
        out: The page (.html).
        slider: Third axis: "temperature" or "time".
        members: Of the ensemble; 0 predicts nothing.
        epochs: Of each member.
        seed: Of ensemble and bootstrap.

    Raises:
        InputError: If the slider or the files are wrong.
    """
    if slider not in ("temperature", "time"):
        raise InputError(f"slider must be temperature or time, got {slider!r:.40}")
    data = load_patterns(files)
    nickel, pressure = data.metadata[:, 0], data.metadata[:, 1]
    third = data.metadata[:, METADATA.index(slider)]
    cells = simulated_cells(data.labels, nickel, pressure, third)
    if members:
        wanted = _between(data, slider)
        if len(wanted):
            chances = predict_conditions(data, wanted, members=members, epochs=epochs, seed=seed).mean(axis=0)
            column = wanted[:, METADATA.index(slider)]
            cells += predicted_cells(chances, wanted[:, 0], wanted[:, 1], column)
    steps = characteristic_pressures(data.labels, nickel, pressure, data.run, seed=seed)
    unit = "K" if slider == "temperature" else "ps"
    figure = mechanism_figure(
        [asdict(c) for c in cells],
        [asdict(s) for s in steps],
        PATTERNS,
        slider=f"{slider} ({unit})",
        title=f"Deformation mechanism map of CuNi, {'MD' if data.source == 'md' else 'SYNTHETIC windows'}",
    )
    record = {
        "source": data.source,
        "patterns": PATTERNS,
        "cells": [asdict(c) for c in cells],
        "characteristic_pressures": [
            {k: _plain(v) if isinstance(v, float) else v for k, v in asdict(s).items()} for s in steps
        ],
    }
    try:
        write_whole(out, figure.to_html(include_plotlyjs=True, full_html=True))
        write_whole(out.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}; choose another place") from error
    return record


def _between(data: PatternData, slider: str) -> FloatArray:
    """Metadata half-way between simulated pressures; what the slider does not set is the mean of the data."""
    pressures = np.unique(data.metadata[:, 1])
    middles = (pressures[1:] + pressures[:-1]) / 2
    place = METADATA.index(slider)
    rows = []
    for value in np.unique(data.metadata[:, place]):
        for nickel in np.unique(data.metadata[:, 0]):
            for pressure in middles:
                row = data.told.mean(axis=0)
                row[[0, 1, place]] = nickel, pressure, value
                rows.append(row)
    return np.array(rows).reshape(-1, len(TOLD))


def predict_conditions(
    data: PatternData, wanted: FloatArray, *, members: int, epochs: int, seed: int
) -> FloatArray:
    """Probabilities of the patterns under conditions, by an ensemble that sees metadata alone.

    Every member is fitted to runs drawn again, so that the members differ by what the runs leave open.

    Args:
        data: What is known.
        wanted: Conditions in the order of `TOLD` (M, 4).
        members: Of the ensemble.
        epochs: Of each.
        seed: Of draws and weights.

    Returns:
        One probability for each member, condition and pattern (members, M, patterns).
    """
    rng = np.random.default_rng(seed)
    runs = np.unique(data.run)
    chances = np.zeros((members, len(wanted), len(PATTERNS)))
    for member in range(members):
        drawn = np.concatenate([np.flatnonzero(data.run == r) for r in rng.choice(runs, len(runs))])
        network = fit_classifier(
            lambda: LatentClassifier(0, len(TOLD), len(PATTERNS)),
            np.zeros((len(drawn), 0), np.float32),
            data.told[drawn],
            data.labels[drawn],
            data.relative[drawn],
            PatternFitSettings(epochs=epochs, seed=seed + member),
        )
        chances[member] = softmax(logits_of(network, np.zeros((len(wanted), 0), np.float32), wanted))
    return chances
