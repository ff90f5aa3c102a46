"""Train and score the published network on the paper's own experiment, next to OVITO's geometric methods.

    python studies/crystal/published.py RUNS/       # three trainings, about ten minutes on one core

Absolute distances, four classes, six fractions of missing atoms: `published.toml` has it all. The recipe is
that of the paper (appendix A): 30,720 maps drawn once, Adam, an L2 penalty, ten epochs, the last one kept.
Each of three seeds changes the trajectories learnt from, the atoms removed, the initial weights and the order
of the maps. The test is on trajectories that took part in nothing else; every method sees the same copies.
Model files go to RUNS/, where they are found again; scores go to results/published.json, which
`published_figure.py` draws.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ovito.io.ase import ase_to_ovito
from ovito.modifiers import (
    CommonNeighborAnalysisModifier,
    IdentifyDiamondModifier,
    PolyhedralTemplateMatchingModifier,
)
from ovito.pipeline import ModifierInterface
from published_data import CLASSES, MATERIALS, PTM_ID, SNAPSHOTS
from rich.progress import track
from torch import nn
from torch.nn import functional

from mdlens.inference import ModelMetadata, StructureModel, load_model
from mdlens.learning.augment import Disturbance, disturb
from mdlens.learning.config import KNOWN_IDS, TrainingConfig, load_config
from mdlens.learning.export import export_model
from mdlens.learning.fit import predict_logits
from mdlens.learning.sampling import MapSample, MapSampler, to_atoms
from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from mdlens.learning.splits import split_dataset
from mdlens.models import PublishedNeighborsCNN
from mdlens.workflows.crystal import classify

HERE = Path(__file__).parent
SEEDS = (1, 2, 3)
TEST_SEED = 2026
L2 = 1e-4  # as Keras counts it: added to the loss is L2 |w|^2 of every kernel
RESAMPLES = 2000
DIAMOND = (1, 2, 3)  # cubic diamond, its first and its second neighbours at a defect


@dataclass(frozen=True)
class Trained:
    """A model with its losses and validation accuracies by epoch."""

    model: StructureModel
    log: list[dict[str, float]]


def initialise(network: nn.Module) -> None:
    """Weights as Keras starts them: Glorot's uniform ones, no biases."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)


def optimizer_of(network: nn.Module, rate: float) -> torch.optim.Adam:
    """Adam whose weight decay is the gradient of the L2 penalty; biases and norms have none."""
    kernels = [weights for weights in network.parameters() if weights.ndim > 1]
    others = [weights for weights in network.parameters() if weights.ndim == 1]
    groups = [{"params": kernels, "weight_decay": 2 * L2}, {"params": others}]
    return torch.optim.Adam(groups, lr=rate, eps=1e-7)


def epoch_of(
    network: nn.Module, optimizer: torch.optim.Adam, sample: MapSample, batches: list[np.ndarray]
) -> float:
    """One pass over the maps; the mean cross-entropy."""
    network.train()
    total = 0.0
    for batch in batches:
        logits = network(torch.from_numpy(sample.maps[batch])).logits
        loss = functional.cross_entropy(logits, torch.from_numpy(sample.labels[batch]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * len(batch)
    return total / len(sample)


def validate(network: nn.Module, sample: MapSample) -> dict[str, float]:
    logits = predict_logits(network, sample.maps)
    loss = functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(sample.labels))
    right = logits.argmax(axis=1) == sample.labels
    return {"val_loss": round(float(loss), 5), "val_accuracy": round(float(right.mean()), 5)}


def samples_of(dataset: SnapshotDataset, config: TrainingConfig, seed: int) -> tuple[MapSample, MapSample]:
    """Maps to learn from and maps to validate with, of different trajectories."""
    options = config.split
    split = split_dataset(
        dataset,
        by=options.by,
        validation=options.validation,
        test=options.test,
        test_systems=options.test_systems,
        seed=seed,
    )
    rng = np.random.default_rng(seed)
    sizes = {"train": config.fit.maps_per_epoch, "validation": config.fit.validation_maps}
    train, validation = (
        MapSampler(dataset, getattr(split, part), config.descriptor).draw(size, config.augmentation, rng)
        for part, size in sizes.items()
    )
    return train, validation


def train(dataset: SnapshotDataset, config: TrainingConfig, seed: int, file: Path) -> None:
    """Fit one network and write its model file, with losses and accuracies by epoch."""
    learnt, validation = samples_of(dataset, config, seed)
    torch.manual_seed(seed)
    network = PublishedNeighborsCNN(len(config.descriptor.channels), len(CLASSES))
    initialise(network)
    network = network.to(memory_format=torch.channels_last)  # the same numbers in four fifths of the time
    optimizer = optimizer_of(network, config.fit.learning_rate)
    log = []
    for epoch in range(config.fit.epochs):
        order = np.random.default_rng((seed, epoch)).permutation(len(learnt))
        batches = np.array_split(order, len(order) // config.fit.batch_size)
        loss = epoch_of(network, optimizer, learnt, batches)
        log.append({"epoch": epoch + 1, "train_loss": round(loss, 5), **validate(network, validation)})
        print(f"seed {seed}: {log[-1]}", flush=True)
    metadata = ModelMetadata(
        name=config.model.name,
        version=config.model.version,
        classes=CLASSES,
        ids=tuple(KNOWN_IDS[name] for name in CLASSES),
        descriptor=config.descriptor,
        training={"seed": seed, "log": log},
    )
    network = network.to(memory_format=torch.contiguous_format).eval()
    export_model(network, metadata, file, examples=torch.from_numpy(validation.maps[:256]))


def trained(dataset: SnapshotDataset, config: TrainingConfig, runs: Path) -> list[Trained]:
    """The models of all seeds, trained where they are not there yet."""
    models = []
    for seed in SEEDS:
        file = runs / f"published_{seed}.onnx"
        if not file.is_file():
            train(dataset, config, seed, file)
        model = load_model(file)
        models.append(Trained(model, model.metadata.training["log"]))
    return models


def modified(atoms: Atoms, modifier: ModifierInterface) -> np.ndarray:
    data = ase_to_ovito(atoms)
    data.apply(modifier)
    return np.asarray(data.particles["Structure Type"])


def rivals(atoms: Atoms, lattice: str) -> dict[str, np.ndarray]:
    """Where OVITO's methods find the lattice; CNA has no diamond, `ids` is its like for diamond."""
    found = {}
    for name, cutoff in (("ptm_0.1", 0.1), ("ptm_none", 0.0)):
        ptm = PolyhedralTemplateMatchingModifier(rmsd_cutoff=cutoff)
        for structure in ptm.structures:
            structure.enabled = structure.id in PTM_ID.values()
        found[name] = modified(atoms, ptm) == PTM_ID[lattice]
    if lattice == "cubic_diamond":
        return found | {"ids": np.isin(modified(atoms, IdentifyDiamondModifier()), DIAMOND)}
    cna = CommonNeighborAnalysisModifier(mode=CommonNeighborAnalysisModifier.Mode.AdaptiveCutoff)
    return found | {"acna": modified(atoms, cna) == PTM_ID[lattice]}


@dataclass(frozen=True)
class Counts:
    """Atoms of each snapshot, and those of them a method got right, a row for each seed."""

    atoms: np.ndarray
    right: dict[str, np.ndarray]

    def part(self, snapshots: np.ndarray) -> "Counts":
        return Counts(self.atoms[snapshots], {name: r[:, snapshots] for name, r in self.right.items()})


def count(copies: list[LabelledSnapshot], lattice: str, models: list[Trained]) -> Counts:
    """Classify copies of one material with every method."""
    frames, truth = [to_atoms(copy) for copy in copies], CLASSES.index(lattice)
    used = [copy.labels == truth for copy in copies]
    found = [rivals(frame, lattice) for frame in frames]
    right = {
        name: np.array([[f[name][u].sum() for f, u in zip(found, used, strict=True)]]) for name in found[0]
    }
    labels = [
        [result.labels == KNOWN_IDS[lattice] for result in classify(frames, t.model, threads=1)]
        for t in models
    ]
    mdlens = np.array([[r[u].sum() for r, u in zip(row, used, strict=True)] for row in labels])
    return Counts(np.array([u.sum() for u in used]), {"mdlens": mdlens} | right)


def interval(right: np.ndarray, atoms: np.ndarray) -> dict[str, float]:
    """Accuracy (%) with its 95 % interval: seeds and snapshots drawn again together."""
    rng = np.random.default_rng(TEST_SEED)
    seeds = rng.integers(len(right), size=(RESAMPLES, len(right)))
    snapshots = rng.integers(len(atoms), size=(RESAMPLES, len(atoms)))
    hits = np.array([right[np.ix_(s, k)].mean(axis=0).sum() for s, k in zip(seeds, snapshots, strict=True)])
    low, high = np.quantile(hits / atoms[snapshots].sum(axis=1), [0.025, 0.975])
    value = right.mean(axis=0).sum() / atoms.sum()
    return {name: round(100 * float(x), 3) for name, x in (("value", value), ("low", low), ("high", high))}


def row(counts: Counts) -> dict[str, object]:
    """The scores of every method, with the numbers of snapshots and atoms they rest on."""
    record: dict[str, object] = {"snapshots": len(counts.atoms), "atoms": int(counts.atoms.sum())}
    for name, right in counts.right.items():
        wrong = (counts.atoms.sum() - right.sum(axis=1)).tolist()
        record[name] = interval(right, counts.atoms) | {"wrong": wrong if len(wrong) > 1 else wrong[0]}
    return record


def test_copies(dataset: SnapshotDataset, system: str) -> Iterator[tuple[float, list[LabelledSnapshot]]]:
    """For each fraction a copy of every test snapshot of a material with so many atoms missing."""
    for fraction in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5):
        rng = np.random.default_rng((TEST_SEED, round(100 * fraction)))
        chosen = [s for s in dataset.snapshots if s.system == f"{system} test"]
        yield fraction, [disturb(s, Disturbance(vacancies=fraction), rng, spacing=1.0) for s in chosen]


def score(dataset: SnapshotDataset, models: list[Trained]) -> dict[str, dict[str, object]]:
    """Accuracy by material and fraction of missing atoms, over the ramp and at each of its temperatures."""
    pooled: dict[str, object] = {}
    by_temperature: dict[str, object] = {}
    for material in track(MATERIALS, description="test"):
        rows, table = {}, {}
        for fraction, copies in test_copies(dataset, material.name):
            counts = count(copies, material.lattice, models)
            rows[f"{fraction:.1f}"] = row(counts)
            steps = np.array([float(copy.snapshot.rsplit(" ", 1)[1]) for copy in copies])
            for step in np.arange(1, SNAPSHOTS + 1) / SNAPSHOTS:
                at_step = row(counts.part(np.isclose(steps, step)))
                table.setdefault(f"{step:.1f}", {})[f"{fraction:.1f}"] = at_step
        pooled[material.name], by_temperature[material.name] = rows, table
    return {"published": pooled, "published_by_temperature": by_temperature}


def compact(value: object, depth: int) -> str:
    """JSON with one line for each object that is `depth` levels down."""
    if depth == 0 or not isinstance(value, dict):
        return json.dumps(value, allow_nan=False)
    inner = ",\n".join(f"{json.dumps(key)}: {compact(item, depth - 1)}" for key, item in value.items())
    return "{\n" + inner + "\n}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path)
    parser.add_argument("--config", type=Path, default=HERE / "published.toml")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "published.json")
    arguments = parser.parse_args()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    config = load_config(arguments.config)
    dataset = SnapshotDataset.load(arguments.config.parent / config.data[0].file)
    start = time.process_time()
    models = trained(dataset, config, arguments.runs)
    print(f"trained in {time.process_time() - start:.0f} CPU seconds")
    results = score(dataset, models) | {
        "training": {str(seed): t.log for seed, t in zip(SEEDS, models, strict=True)},
        "settings": {
            "config": arguments.config.name,
            "cutoff": config.descriptor.cutoff,
            "maps": config.fit.maps_per_epoch,
            "epochs": config.fit.epochs,
            "seeds": list(SEEDS),
            "test_seed": TEST_SEED,
            "cores": os.cpu_count(),
            "ovito": version("ovito"),
            "torch": torch.__version__,
        },
    }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(compact(results, 3) + "\n")
    print(f"in all {time.process_time() - start:.0f} CPU seconds")


if __name__ == "__main__":
    main()
