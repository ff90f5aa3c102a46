"""Amorphous models: what a model file holds, and configurations classified with it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from torch import nn

from mdlens.descriptors.maps import species_names
from mdlens.errors import InputError, ModelError
from mdlens.learning.config import read_table
from mdlens.learning.configurations import Configuration, GraphView, PictureView, View
from mdlens.learning.fit_configurations import window_logits
from mdlens.learning.window_fit import WindowModel, Windows
from mdlens.models import AttentionMPNN, PaperPictureCNN, PictureCNN
from mdlens.models.files import read_network, restore, save_network
from mdlens.models.picture_cnn import PAPER_SIZE
from mdlens.neighbors import Graph, nearest_graph
from mdlens.types import FloatArray

KIND = "amorphous"


@dataclass(frozen=True, slots=True)
class ConfigurationResult:
    """What a model says about one configuration.

    Attributes:
        label: The more probable class.
        probability: Of the model's second class, from the mean logit of the windows.
        low: 2.5 % quantile of the windows' probabilities.
        high: 97.5 % quantile of them; the two show how much places in the configuration differ.
        windows: Probability of each window, (windows,).
    """

    label: str
    probability: float
    low: float
    high: float
    windows: FloatArray = field(repr=False)


@dataclass(frozen=True, eq=False)
class AmorphousModel:
    """A trained classifier of configurations.

    Args:
        settings: Name, classes and network.
        windows: What it sees at a time.
        species: Names of the species it knows: symbols, or LAMMPS types as text.
        dimension: 2 or 3.
        edge: Edge of a picture's window in the unit of the training data; 0 for graphs.
        network: The network.
        scores: Held-out scores (free JSON).
        training: Where it comes from (free JSON).
    """

    settings: WindowModel
    windows: Windows
    species: tuple[str, ...]
    dimension: int
    edge: float
    network: nn.Module
    scores: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    def classify(self, atoms: Atoms, *, windows: int | None = None, seed: int = 0) -> ConfigurationResult:
        """Classify one configuration.

        Args:
            atoms: The configuration, in the unit of the training data.
            windows: Random windows to look at; the model's own number if None.
            seed: Of their places.

        Raises:
            InputError: If the configuration is in space for a model of the plane, holds unknown species, or
                too few particles.
        """
        return self.classify_many([atoms], windows=windows, seed=seed)[0]

    def classify_many(
        self, frames: Sequence[Atoms], *, windows: int | None = None, seed: int = 0
    ) -> list[ConfigurationResult]:
        """Classify several configurations, see `classify`."""
        count = self.windows.count if windows is None else windows
        if count < 1:
            raise InputError(f"windows must be 1 or more, got {count}")
        results = []
        for atoms in frames:
            view = self.view()
            configuration = as_configuration(atoms, self.species)
            logits = window_logits(self.network, view, configuration, windows=count, seed=seed)
            results.append(self._result(logits))
        return results

    def attention(self, atoms: Atoms) -> tuple[Graph, FloatArray]:
        """Give the neighbour graph of a whole configuration and the attention each bond gets.

        Returns:
            The graph, and weights (E,) that sum to 1; times E they compare with an even spread.

        Raises:
            InputError: If the network has no attention, or as in `classify`.
        """
        view = self.view()
        if not isinstance(view, GraphView) or view.absolute:
            raise InputError(
                f"attention is that of the network 'mpnn', this model is {self.settings.network!r}"
            )
        configuration = as_configuration(atoms, self.species)
        with torch.no_grad():
            weights = self.network.eval()(view.join([view.graph(configuration)])).attention
        graph = nearest_graph(atoms.positions, atoms.cell[:], atoms.pbc, self.windows.k)
        return graph, np.asarray(weights.numpy(), np.float64)

    def view(self) -> View:
        """How the network sees configurations."""
        return make_view(self.settings, self.windows, len(self.species), self.dimension, self.edge)

    def _result(self, logits: FloatArray) -> ConfigurationResult:
        each = 0.5 + 0.5 * np.tanh(0.5 * logits)
        probability = 0.5 + 0.5 * math.tanh(0.5 * float(logits.mean()))
        low, high = (float(q) for q in np.quantile(each, [0.025, 0.975]))
        return ConfigurationResult(self.settings.classes[probability >= 0.5], probability, low, high, each)

    def save(self, file: str | Path) -> None:
        """Write the model file: weights as safetensors, everything else as JSON in it.

        Raises:
            InputError: If it cannot be written.
        """
        description = {
            "kind": KIND,
            "model": asdict(self.settings),
            "windows": asdict(self.windows),
            "species": list(self.species),
            "dimension": self.dimension,
            "edge": self.edge,
            "scores": dict(self.scores),
            "training": dict(self.training),
        }
        save_network(Path(file), self.network, description)


def load_amorphous_model(file: str | Path) -> AmorphousModel:
    """Read a model file; nothing in it is executed.

    Raises:
        ModelError: If the file is missing, damaged, or no amorphous model.
    """
    path = Path(file) / "model.safetensors" if Path(file).is_dir() else Path(file)
    told, tensors = read_network(path, KIND)
    try:
        settings = read_table(WindowModel, told["model"], "model")
        windows = read_table(Windows, told["windows"], "windows")
        species = tuple(str(name) for name in told["species"])
        dimension, edge = int(told["dimension"]), float(told["edge"])
        _check_shape(species, dimension, edge)
        network = make_network(settings, windows, len(species), dimension)
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path}: the description of the model is wrong ({error}); train it again"
        ) from error
    restore(path, network, tensors)
    return AmorphousModel(
        settings,
        windows,
        species,
        dimension,
        edge,
        network.eval(),
        told.get("scores", {}),
        told.get("training", {}),
    )


def _check_shape(species: tuple[str, ...], dimension: int, edge: float) -> None:
    if dimension not in (2, 3) or not 1 <= len(species) <= 100 or not 0.0 <= edge < 1e9:
        raise InputError("species, dimension or edge is out of range")


def as_configuration(
    atoms: Atoms, species: Sequence[str], *, label: int = -1, group: str = ""
) -> Configuration:
    """Turn a frame into what networks take.

    Raises:
        InputError: If it holds a species that is not among those given.
    """
    names = species_names(atoms)
    unknown = sorted(set(names) - set(species))
    if unknown:
        raise InputError(
            f"species {', '.join(unknown)} is unknown to the model, which knows {', '.join(species)}; "
            "train one on such data"
        )
    index = {name: i for i, name in enumerate(species)}
    kinds = np.array([index[name] for name in names], dtype=np.int64)
    return Configuration(atoms.positions, atoms.cell[:], atoms.pbc, kinds, label, group)


def make_view(model: WindowModel, windows: Windows, species: int, dimension: int, edge: float) -> View:
    """Build the view of a network."""
    if model.network.startswith("mpnn"):
        absolute = model.network == "mpnn_paper"
        return GraphView(dimension, windows.particles, windows.k, absolute=absolute)
    if model.network == "cnn_paper":
        return PictureView(species, edge, PAPER_SIZE, dots=True)
    return PictureView(species, edge, windows.pixels, blur=windows.blur)


def make_network(model: WindowModel, windows: Windows, species: int, dimension: int) -> nn.Module:
    """Build an untrained network.

    Raises:
        InputError: If a number is out of range, or pictures are asked for in space.
    """
    if model.network.startswith("cnn") and dimension != 2:
        raise InputError("pictures are for configurations in the plane: use network = 'mpnn' in space")
    if model.network == "cnn_paper":
        return PaperPictureCNN()
    if model.network == "cnn":
        return PictureCNN(species, width=model.width, dropout=model.dropout)
    return AttentionMPNN(
        species,
        width=model.width,
        depth=model.depth,
        heads=model.heads,
        dropout=model.dropout,
        pooling=model.pooling,
        variant="paper" if model.network == "mpnn_paper" else "relative",
        places=dimension,
    )
