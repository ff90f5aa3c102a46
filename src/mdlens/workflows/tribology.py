"""Reading deformation patterns: training, evaluation with things held out, classification, maps."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mdlens.descriptors.deformation import PATTERNS
from mdlens.descriptors.ebsd import MEASURES
from mdlens.errors import InputError
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
    fit_autoencoder,
    fit_classifier,
    fit_pixels,
    logits_of,
    reconstruct,
    softmax,
)
from mdlens.models.autoencoder import TomographAutoencoder
from mdlens.models.files import read_network, save_network
from mdlens.models.pattern_classifier import (
    ImageClassifier,
    LatentClassifier,
    PatternClassifier,
    ScoreClassifier,
)
from mdlens.report.mechanism_map import mechanism_figure
from mdlens.types import Float32Array, FloatArray, IntArray
from mdlens.workflows.tribology_model import (
    CLASSIFIER,
    ENCODERS,
    KINDS,
    MEANINGS,
    READINGS,
    Encoder,
    fingerprint,
    load_tribology_model,
    read_encoder,
    see,
)


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
        width: Channels of the first convolution of whatever sees images or sections.
        split: What is held out: random, region, seed or condition.
        test: Share that is held out.
        seed: Of the split; every fit has one of its own.
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
    description = {
        **MEANINGS,
        "kind": KINDS[CLASSIFIER],
        "settings": network.settings,
        "reading": config.reading,
        "reads_with": fingerprint(folder / ENCODERS[config.reading][0]) if encoder else None,
        "image": config.image,
        "measures": list(MEASURES) if config.measures else [],
        "pixel": data.pixel,
        "section_pixel": data.sections.pixel,
        "source": data.source,
        "temperature": temperature,
    }
    save_network(folder / CLASSIFIER, network, description)
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
) -> Encoder | None:
    """What the classifier reads with, fitted to windows, or from the folder if fitted to just these."""
    if config.reading not in ENCODERS:
        return None
    file = folder / ENCODERS[config.reading][0]
    used = {"sections": ("pixels", "width"), "latent": ("autoencoder", "image", "latent", "width")}
    settings = {name: value for name, value in asdict(config).items() if name in used[config.reading]}
    made_with = settings | {"windows": data.digest()}
    if file.exists():
        if read_network(file, KINDS[file.name])[0].get("made_with") == made_with:
            return read_encoder(file, config.reading)
        raise InputError(
            f"{file} was made with another configuration or other windows: "
            "choose another folder, or remove it"
        )
    network: Encoder
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
    description = {
        **MEANINGS, "kind": KINDS[file.name], "settings": network.settings, "made_with": made_with
    }  # fmt: skip
    save_network(file, network, description)
    return network


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
