"""From labelled snapshots to a checked model file: what `mdlens train crystal` runs."""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mdlens.errors import InputError
from mdlens.inference import ModelMetadata, StructureModel, load_model
from mdlens.inference.exemplars import Exemplars
from mdlens.inference.structure_model import softmax
from mdlens.io.whole_file import write_whole
from mdlens.learning.augment import Disturbance
from mdlens.learning.calibration import choose_threshold, fit_temperature, negative_log_likelihood
from mdlens.learning.config import KNOWN_IDS, ModelConfig, TrainingConfig, load_config, parse_config
from mdlens.learning.evaluation import evaluate, plain_json, summary
from mdlens.learning.export import export_model, rename_model
from mdlens.learning.fit import fit_network, predict_logits
from mdlens.learning.metrics import expected_calibration_error
from mdlens.learning.outliers import attach_distance, fit_gaussians, in_usual_units
from mdlens.learning.prior import assume_prior
from mdlens.learning.sampling import MapSample, MapSampler
from mdlens.learning.snapshots import SnapshotDataset
from mdlens.learning.sources import load_data
from mdlens.learning.splits import Split, split_dataset
from mdlens.models import (
    ByteNeighborsCNN,
    CompactNeighborsCNN,
    PublishedNeighborsCNN,
    multiply_adds,
)

_MEASURED_MAPS = 8192
"""Maps on which the pixel transform of the compact network is measured."""

_EXAMPLES = 256
"""Maps on which torch and ONNX Runtime are compared."""

_EXEMPLARS = 256
"""Exemplars kept for later classes, the average over the classes."""

_EXEMPLARS_DRAWN = 8
"""Times as many are drawn, because the maps of one disturbed copy are alike."""

_TAUGHT = 14_336
"""Maps of the training part as simulated, and as many disturbed, from which distances are measured.

Without the first, a perfect lattice would be far away: disturbed copies are hardly ever perfect.
"""

_MEASURE, _VALIDATE, _SHOW, _TEACH = 1, 2, 3, 4
"""Streams of random numbers apart from those of the epochs."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Run:
    config: TrainingConfig
    dataset: SnapshotDataset
    split: Split
    folder: Path
    threads: int

    def sampler(self, part: str, shares: tuple[float, ...] = (), *, outside_share: float = 0.0) -> MapSampler:
        return MapSampler(
            self.dataset,
            getattr(self.split, part),
            self.config.descriptor,
            shares=shares,
            outside_share=outside_share,
            threads=self.threads,
        )

    def rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng((2**32, stream, self.config.fit.seed))


@dataclass(frozen=True, kw_only=True)
class _Calibration:
    temperature: float
    threshold: float
    error_rate: float
    validation: Mapping[str, float]


def train_crystal(
    config_file: Path, folder: Path, *, threads: int = 1, progress: bool = False
) -> StructureModel:
    """Train a structure classifier as a configuration says; continues a run that was interrupted.

    `FOLDER` gets `config.toml` (a copy), `last.ckpt` and `best.ckpt`, `log.csv` (losses by epoch),
    `model.onnx` and `metrics.json` (held-out accuracy with intervals, confusion, calibration, seed, data,
    machine).

    Args:
        config_file: A TOML file, see `TrainingConfig`.
        folder: Where the run lives; made if it is not there.
        threads: Threads for maps and network; 0 takes every processor.
        progress: Whether to draw a progress bar.

    Returns:
        The model as loaded from `FOLDER/model.onnx`.

    Raises:
        InputError: If the configuration or the data is wrong, or the folder holds another run.
        FormatError: If a data file is damaged.
        ModelError: If torch and ONNX Runtime disagree on the result.
    """
    run = _prepare(config_file, folder, threads)
    finished = folder / "model.onnx"
    if finished.is_file() and (folder / "metrics.json").is_file():
        return load_model(finished)
    validation = _validation_maps(run)
    network = _fit(run, validation, progress)
    assume_prior(
        network, run.config.fit.shares_learnt(len(run.dataset.classes)), run.config.calibration.prior
    )
    calibration = _calibrate(network, validation, run.config.calibration.error_rate)
    metadata = _describe(run, network, calibration)
    candidate = folder / "candidate.onnx"
    export_model(network, metadata, candidate, examples=torch.from_numpy(validation.maps[:_EXAMPLES]))
    model = _measure_distance(run, candidate, validation)
    scores = _evaluate(run, model)
    _write_json(folder / "metrics.json", _report(run, model.metadata, calibration, scores))
    described = replace(model.metadata, scores=summary(scores))
    return rename_model(candidate, described, folder / "model.onnx", _exemplars(run, model))


def add_distance(config_file: Path, model_file: Path, *, threads: int = 1) -> StructureModel:
    """Let a model trained earlier measure how far atoms are from what it was taught; its weights stay.

    Args:
        config_file: What it was trained with; the data must still be there.
        model_file: The model file, or the folder of its run; replaced as a whole.
        threads: Threads for maps; 0 takes every processor.

    Raises:
        InputError: If the configuration or the data is wrong, or of other classes or maps than the model.
        FormatError: If a data file is damaged.
        ModelError: If the model does not load.
    """
    config, model = load_config(config_file), load_model(model_file)
    model_file = model.file
    dataset = _load(config, config_file.parent)
    if (dataset.classes, config.descriptor) != (model.classes, model.settings):
        raise InputError(f"{model_file}: was trained for other classes or maps than {config_file} says")
    run = _Run(
        config=config,
        dataset=dataset,
        split=_split(config, dataset),
        folder=model_file.parent,
        threads=threads or len(os.sched_getaffinity(0)),
    )
    return _measure_distance(run, model_file, _validation_maps(run))


def build_network(model: ModelConfig, channels: int, size: int, classes: int) -> nn.Module:
    """Build the network that a configuration asks for."""
    if model.network == "published":
        return PublishedNeighborsCNN(channels, classes)
    if model.network == "bytes":
        if channels != 1:
            raise InputError(f'network = "bytes" takes maps of one channel, got {channels}')
        return ByteNeighborsCNN(size, classes, width=model.width, hidden=model.hidden)
    return CompactNeighborsCNN(
        channels, size, classes, width=model.width, depth=model.depth, dropout=model.dropout
    )


def _prepare(config_file: Path, folder: Path, threads: int) -> _Run:
    config = load_config(config_file)
    if threads < 0:
        raise InputError(f"threads must be 0 (every processor) or more, got {threads}")
    dataset = _load(config, config_file.parent)
    split = _split(config, dataset)
    _check_description(config, dataset.classes)
    _claim_folder(folder, config_file, config)
    count = threads or len(os.sched_getaffinity(0))
    return _Run(config=config, dataset=dataset, split=split, folder=folder, threads=count)


def _load(config: TrainingConfig, folder: Path) -> SnapshotDataset:
    return load_data(config.data, config.model.classes, folder, labels=config.labels, seed=config.fit.seed)


def _split(config: TrainingConfig, dataset: SnapshotDataset) -> Split:
    options = config.split
    return split_dataset(
        dataset,
        by=options.by,
        validation=options.validation,
        test=options.test,
        test_systems=options.test_systems,
        seed=config.fit.seed,
    )


def _validation_maps(run: _Run) -> MapSample:
    sampler = run.sampler("validation", run.config.calibration.prior or run.config.fit.class_shares)
    return sampler.draw(run.config.fit.validation_maps, run.config.augmentation, run.rng(_VALIDATE))


def _claim_folder(folder: Path, config_file: Path, config: TrainingConfig) -> None:
    """Make the folder of a run, or check that it holds this very run."""
    copy = folder / "config.toml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not copy.exists():
            copy.write_text(config_file.read_text(encoding="utf-8"), encoding="utf-8")
        earlier = parse_config(copy.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be used for the run: {error.strerror}; give another --out"
        ) from error
    if earlier != config:
        raise InputError(
            f"{folder}: holds a run of another configuration ({copy}); give another --out or remove it"
        )


def _fit(run: _Run, validation: MapSample, progress: bool) -> nn.Module:
    config, fit = run.config, run.config.fit
    sampler = run.sampler("train", fit.class_shares, outside_share=fit.outside_share)
    descriptor = config.descriptor
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.fit.seed)
        network = build_network(
            config.model, len(descriptor.channels), descriptor.size, len(run.dataset.classes)
        )
    sample = sampler.draw(_MEASURED_MAPS, config.augmentation, run.rng(_MEASURE))
    if isinstance(network, CompactNeighborsCNN | ByteNeighborsCNN):
        network.measure(torch.from_numpy(sample.maps))
    fitted = fit_network(
        network,
        sampler,
        validation,
        config.augmentation,
        config.fit,
        run.folder,
        threads=run.threads,
        progress=progress,
    )
    return fitted.rounded(torch.from_numpy(sample.maps)) if isinstance(fitted, ByteNeighborsCNN) else fitted


def _measure_distance(run: _Run, file: Path, validation: MapSample) -> StructureModel:
    """Give a model file the output "distance", taught by training maps and limited by validation maps."""
    model = load_model(file)
    sampler, rng = run.sampler("train"), run.rng(_TEACH)
    taught = [sampler.draw(_TAUGHT, how, rng) for how in (Disturbance(), run.config.augmentation)]
    embeddings = np.concatenate([model.predict(part.maps, threads=run.threads)[1] for part in taught])
    labels = np.concatenate([part.labels for part in taught])
    gaussians = fit_gaussians(embeddings, labels, len(model.classes))
    probabilities, embeddings = model.predict(validation.maps, threads=run.threads)
    right = probabilities.argmax(axis=1) == validation.labels
    gaussians, limit = in_usual_units(gaussians, embeddings, right)
    return attach_distance(file, gaussians, limit, validation.maps[:_EXAMPLES])


def _calibrate(network: nn.Module, validation: MapSample, error_rate: float) -> _Calibration:
    logits, labels = predict_logits(network, validation.maps), validation.labels
    temperature = fit_temperature(logits, labels)
    probabilities = softmax(logits, temperature)
    correct = probabilities.argmax(axis=1) == labels
    return _Calibration(
        temperature=temperature,
        threshold=choose_threshold(probabilities.max(axis=1), correct, error_rate=error_rate),
        error_rate=error_rate,
        validation={
            "maps": len(labels),
            "accuracy": float(correct.mean()),
            "negative_log_likelihood_before": negative_log_likelihood(logits, labels),
            "negative_log_likelihood": negative_log_likelihood(logits, labels, temperature),
            "expected_calibration_error_before": expected_calibration_error(softmax(logits), labels),
            "expected_calibration_error": expected_calibration_error(probabilities, labels),
        },
    )


def _evaluate(run: _Run, model: StructureModel) -> dict[str, Any]:
    return evaluate(
        model,
        run.sampler(_held_out(run)),
        run.dataset,
        maps=run.config.calibration.test_maps,
        seed=run.config.fit.seed,
        threads=run.threads,
    )


def _exemplars(run: _Run, model: StructureModel) -> Exemplars:
    """Embed atoms of every class as training shows them: what `add_structures` compares with."""
    rng, classes = run.rng(_SHOW), len(model.classes)
    sampler = run.sampler("train", run.config.fit.class_shares)
    sample = sampler.draw(_EXEMPLARS_DRAWN * _EXEMPLARS * classes, run.config.augmentation, rng)
    chosen = rng.permutation(len(sample))[: _EXEMPLARS * classes]
    embeddings = model.predict(sample.maps[chosen], threads=run.threads)[1]
    return Exemplars.grouped(embeddings, sample.labels[chosen], classes)


def _held_out(run: _Run) -> str:
    return "test" if run.split.test else "validation"


def _check_description(config: TrainingConfig, classes: tuple[str, ...]) -> None:
    """Refuse names and numbers that a model file cannot hold before anything is trained."""
    model = config.model
    ids = _class_ids(model, classes)
    for name, numbers in (
        ("calibration.prior", config.calibration.prior),
        ("fit.class_shares", config.fit.class_shares),
        ("fit.class_weights", config.fit.class_weights),
    ):
        if len(numbers) not in (0, len(classes)):
            raise InputError(
                f"{name} must hold a number for each of {', '.join(classes)}, got {len(numbers)}"
            )
    ModelMetadata(
        name=model.name, version=model.version, classes=classes, ids=ids, descriptor=config.descriptor
    )


def _class_ids(model: ModelConfig, classes: tuple[str, ...]) -> tuple[int, ...]:
    if not model.ids:
        known = all(name in KNOWN_IDS for name in classes)
        return tuple(KNOWN_IDS[name] for name in classes) if known else tuple(range(1, len(classes) + 1))
    if len(model.ids) != len(classes):
        raise InputError(
            f"model.ids must hold a number for each of {len(classes)} classes, got {len(model.ids)}"
        )
    return model.ids


def _describe(run: _Run, network: nn.Module, calibration: _Calibration) -> ModelMetadata:
    config, dataset, descriptor = run.config, run.dataset, run.config.descriptor
    training = {
        "data": dataset.provenance,
        "systems": {part: _systems(run, part) for part in ("train", "validation", "test")},
        "snapshots": {part: len(getattr(run.split, part)) for part in ("train", "validation", "test")},
        "split_by": config.split.by,
        "network": config.model.network,
        "parameters": sum(weights.numel() for weights in network.parameters()),
        "multiply_adds": multiply_adds(network, (len(descriptor.channels), descriptor.size, descriptor.size)),
        "fit": asdict(config.fit),
        "augmentation": asdict(config.augmentation),
        "mdlens": version("mdlens"),
        "torch": torch.__version__,
    }
    return ModelMetadata(
        name=config.model.name,
        version=config.model.version,
        classes=dataset.classes,
        ids=_class_ids(config.model, dataset.classes),
        descriptor=descriptor,
        temperature=calibration.temperature,
        threshold=calibration.threshold,
        threshold_error_rate=calibration.error_rate,
        training=plain_json(training),
    )


def _systems(run: _Run, part: str) -> list[str]:
    return sorted({run.dataset.snapshots[index].system for index in getattr(run.split, part)})


def _report(
    run: _Run, metadata: ModelMetadata, calibration: _Calibration, scores: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "model": {"name": metadata.name, "version": metadata.version, "classes": metadata.classes},
        "held_out_part": _held_out(run),
        "held_out": scores,
        "calibration": asdict(calibration),
        "training": metadata.training,
        "config": asdict(run.config),
        "machine": {
            "processor": _processor(),
            "system": platform.system(),
            "python": platform.python_version(),
            "threads": run.threads,
        },
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _write_json(file: Path, values: Mapping[str, Any]) -> None:
    write_whole(file, json.dumps(plain_json(values), indent=1, allow_nan=False) + "\n")
