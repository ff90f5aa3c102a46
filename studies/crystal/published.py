"""Train and score the published network on the paper's own experiment, next to OVITO's geometric methods.

    python studies/crystal/published.py RUNS/       # three trainings, about twelve minutes on one core

Absolute distances, four classes, six fractions of missing atoms: `published.toml` has it all. The recipe is
that of the paper (appendix A): 30,720 maps drawn once, Adam, an L2 penalty, ten epochs. The epoch with the
lowest validation loss is kept: at a constant rate the last one may be an accident. Each of three seeds
changes the trajectories learnt from, the atoms removed, the initial weights and the order of the maps. The
test is on trajectories that took part in nothing else; every method sees the same copies. Model files and
counts go to RUNS/, where they are found again; scores go to results/published.json after every seed.
`published_figure.py` draws them. `--bfloat16` trains with short numbers in the forward pass, in half the time
on processors that have them; classifying is in single precision all the same.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
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
from published_data import CLASSES, MATERIALS, PTM_ID, SNAPSHOTS, Material
from rich.progress import track
from torch import nn
from torch.nn import functional

from mdlens.inference import ModelMetadata, StructureModel, load_model
from mdlens.learning.augment import Disturbance, disturb
from mdlens.learning.config import KNOWN_IDS, TrainingConfig, load_config
from mdlens.learning.export import export_model
from mdlens.learning.fit import predict_logits
from mdlens.learning.sampling import ATOMS_PER_DRAW, MapSample, MapSampler, to_atoms
from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from mdlens.learning.splits import split_dataset
from mdlens.models import PublishedNeighborsCNN
from mdlens.workflows.crystal import classify

HERE = Path(__file__).parent
SEEDS = (1, 2, 3)
TEST_SEED = 2026
L2 = 1e-4  # as Keras counts it: added to the loss is L2 |w|^2 of every kernel
RESAMPLES = 2000
FRACTIONS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
METHODS = ("ptm_0.1", "ptm_none", "acna", "ids")
DIAMOND = (1, 2, 3)  # cubic diamond, its first and its second neighbours at a defect


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
    network: nn.Module,
    optimizer: torch.optim.Adam,
    sample: MapSample,
    batches: list[np.ndarray],
    *,
    bfloat16: bool,
) -> float:
    """One pass over the maps; the mean cross-entropy."""
    network.train()
    total = 0.0
    for batch in batches:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = network(torch.from_numpy(sample.maps[batch])).logits
        loss = functional.cross_entropy(logits.float(), torch.from_numpy(sample.labels[batch]))
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


def train(dataset: SnapshotDataset, config: TrainingConfig, seed: int, file: Path, *, bfloat16: bool) -> None:
    """Fit one network and write its model file, with losses and accuracies by epoch."""
    learnt, validation = samples_of(dataset, config, seed)
    torch.manual_seed(seed)
    network = PublishedNeighborsCNN(len(config.descriptor.channels), len(CLASSES))
    initialise(network)
    network = network.to(memory_format=torch.channels_last)  # the same numbers in four fifths of the time
    optimizer = optimizer_of(network, config.fit.learning_rate)
    log, best = [], network.state_dict()
    for epoch in range(config.fit.epochs):
        order = np.random.default_rng((seed, epoch)).permutation(len(learnt))
        batches = np.array_split(order, len(order) // config.fit.batch_size)
        loss = epoch_of(network, optimizer, learnt, batches, bfloat16=bfloat16)
        log.append({"epoch": epoch + 1, "train_loss": round(loss, 5), **validate(network, validation)})
        print(f"seed {seed}: {log[-1]}", flush=True)
        if log[-1]["val_loss"] == min(entry["val_loss"] for entry in log):
            best = {name: values.clone() for name, values in network.state_dict().items()}
    network.load_state_dict(best)
    metadata = ModelMetadata(
        name=config.model.name,
        version=config.model.version,
        classes=CLASSES,
        ids=tuple(KNOWN_IDS[name] for name in CLASSES),
        descriptor=config.descriptor,
        training={"seed": seed, "bfloat16": bfloat16, "log": log},
    )
    network = network.to(memory_format=torch.contiguous_format).eval()
    export_model(network, metadata, file, examples=torch.from_numpy(validation.maps[:256]))


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
class Case:
    """Copies of one material's test snapshots with one fraction of their atoms missing."""

    material: Material
    fraction: float
    copies: list[LabelledSnapshot]

    @property
    def used(self) -> list[np.ndarray]:
        """The atoms that have the label of the material."""
        return [copy.labels == CLASSES.index(self.material.lattice) for copy in self.copies]

    def count(self, found: Iterable[np.ndarray]) -> np.ndarray:
        """Of each copy, the atoms whose lattice was found."""
        return np.array([f[u].sum() for f, u in zip(found, self.used, strict=True)])


def cases(dataset: SnapshotDataset) -> Iterator[Case]:
    """Every material and fraction; the same copies at every call."""
    for material in MATERIALS:
        chosen = [s for s in dataset.snapshots if s.system == f"{material.name} test"]
        for fraction in FRACTIONS:
            rng = np.random.default_rng((TEST_SEED, round(100 * fraction)))
            copies = [disturb(s, Disturbance(vacancies=fraction), rng, spacing=1.0) for s in chosen]
            yield Case(material, fraction, copies)


Right = dict[str, np.ndarray]
"""By material, fraction and method: of each copy, the atoms that were labelled right."""


def key(case: Case, method: str) -> str:
    return f"{case.material.name}|{case.fraction:.1f}|{method}"


def count_rivals(dataset: SnapshotDataset) -> Right:
    right: Right = {}
    for case in track(list(cases(dataset)), description="OVITO"):
        found = [rivals(to_atoms(copy), case.material.lattice) for copy in case.copies]
        for method in found[0]:
            right[key(case, method)] = case.count(f[method] for f in found)
    return right


def count_model(dataset: SnapshotDataset, model: StructureModel) -> Right:
    right: Right = {}
    for case in track(list(cases(dataset)), description="mdlens"):
        results = classify([to_atoms(copy) for copy in case.copies], model, threads=1, embeddings=False)
        number = KNOWN_IDS[case.material.lattice]
        right[key(case, "mdlens")] = case.count(result.labels == number for result in results)
    return right


def kept(file: Path, compute: Callable[[], Right]) -> Right:
    """What was computed before, or is now."""
    if not file.is_file():
        right = compute()
        with file.with_suffix(".partial").open("wb") as stream:
            np.savez(stream, allow_pickle=False, **right)
        file.with_suffix(".partial").replace(file)
    with np.load(file, allow_pickle=False) as saved:
        return dict(saved)


def interval(right: np.ndarray, atoms: np.ndarray) -> dict[str, float]:
    """Accuracy (%) with its 95 % interval: seeds and snapshots drawn again together."""
    rng = np.random.default_rng(TEST_SEED)
    seeds, snapshots = (rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) for n in right.shape)
    hits = (seeds @ right * snapshots).sum(axis=1) / len(right)
    low, high = np.quantile(hits / (snapshots @ atoms), [0.025, 0.975])
    value = right.mean(axis=0).sum() / atoms.sum()
    return {name: round(100 * float(x), 3) for name, x in (("value", value), ("low", low), ("high", high))}


def row(atoms: np.ndarray, right: dict[str, np.ndarray]) -> dict[str, object]:
    """The scores of every method (seeds, snapshots), with the numbers of snapshots and atoms behind them."""
    record: dict[str, object] = {"snapshots": len(atoms), "atoms": int(atoms.sum())}
    for name, hits in right.items():
        wrong = (atoms.sum() - hits.sum(axis=1)).tolist()
        record[name] = interval(hits, atoms) | {"wrong": wrong if name == "mdlens" else wrong[0]}
    return record


def score(dataset: SnapshotDataset, geometric: Right, networks: list[Right]) -> dict[str, object]:
    """Accuracy by material and fraction of missing atoms, over the ramp and at each of its temperatures."""
    pooled: dict[str, dict[str, object]] = {m.name: {} for m in MATERIALS}
    steps = [f"{step / SNAPSHOTS:.1f}" for step in range(1, SNAPSHOTS + 1)]
    by_step: dict[str, dict[str, dict[str, object]]] = {m.name: {t: {} for t in steps} for m in MATERIALS}
    for case in cases(dataset):
        name, fraction = case.material.name, f"{case.fraction:.1f}"
        atoms = np.array([u.sum() for u in case.used])
        right = {"mdlens": np.array([seed[key(case, "mdlens")] for seed in networks])}
        for method in METHODS:
            if key(case, method) in geometric:
                right[method] = geometric[key(case, method)][None]
        pooled[name][fraction] = row(atoms, right)
        when = np.array([copy.snapshot.rsplit(" ", 1)[1] for copy in case.copies])
        for step in steps:
            at = when == step
            by_step[name][step][fraction] = row(atoms[at], {m: hits[:, at] for m, hits in right.items()})
    return {"published": pooled, "published_by_temperature": by_step}


def compact(value: object, depth: int) -> str:
    """JSON with one line for each object that is `depth` levels down."""
    if depth == 0 or not isinstance(value, dict):
        return json.dumps(value, allow_nan=False)
    inner = ",\n".join(f"{json.dumps(key)}: {compact(item, depth - 1)}" for key, item in value.items())
    return "{\n" + inner + "\n}"


def write(file: Path, results: dict[str, object]) -> None:
    file.parent.mkdir(exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(compact(results, 4) + "\n")
    partial.replace(file)


def settings(config: TrainingConfig, file: Path) -> dict[str, object]:
    return {
        "config": file.name,
        "cutoff": config.descriptor.cutoff,
        "maps": config.fit.maps_per_epoch,
        "maps_per_copy": ATOMS_PER_DRAW,
        "epochs": config.fit.epochs,
        "test_seed": TEST_SEED,
        "ovito": version("ovito"),
        "torch": torch.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path)
    parser.add_argument("--config", type=Path, default=HERE / "published.toml")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "published.json")
    parser.add_argument("--bfloat16", action="store_true")
    arguments = parser.parse_args()
    runs: Path = arguments.runs
    runs.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    config = load_config(arguments.config)
    dataset = SnapshotDataset.load(arguments.config.parent / config.data[0].file)
    geometric: Right = {}
    networks: list[Right] = []
    trainings: dict[str, object] = {}
    for seed in SEEDS:
        file = runs / f"published_{seed}.onnx"
        if not file.is_file():
            train(dataset, config, seed, file, bfloat16=arguments.bfloat16)
        model = load_model(file)
        geometric = geometric or kept(runs / "rivals.npz", lambda: count_rivals(dataset))
        networks.append(kept(runs / f"right_{seed}.npz", lambda model=model: count_model(dataset, model)))
        trainings[str(seed)] = dict(model.metadata.training)
        results = score(dataset, geometric, networks)
        write(
            arguments.out, results | {"training": trainings, "settings": settings(config, arguments.config)}
        )


if __name__ == "__main__":
    main()
