"""Model files of network simulators: weights as safetensors, the rest as JSON; no code inside."""

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mdlens.errors import InputError, ModelError
from mdlens.learning.config import read_table
from mdlens.learning.network_fit import build_simulator
from mdlens.learning.network_settings import SimulatorConfig
from mdlens.models import NetworkSimulator
from mdlens.models.files import read_network, restore, save_network

KIND = "network simulator"


@dataclass(frozen=True, eq=False)
class SimulatorModel:
    """A simulator with what it is called and what it was trained on.

    Args:
        config: What it is.
        simulator: The network.
        training: Facts about its training: data, split, seed, scores.
    """

    config: SimulatorConfig
    simulator: NetworkSimulator
    training: dict[str, Any] = field(default_factory=dict)


def save_simulator(model: SimulatorModel, file: Path) -> None:
    """Write a model file, ``.safetensors``, that appears only when it is complete.

    Raises:
        InputError: If the file cannot be written.
    """
    description = {"kind": KIND, "config": asdict(model.config), "training": model.training}
    save_network(file, model.simulator, description)


def load_simulator(path: str | os.PathLike[str]) -> SimulatorModel:
    """Read a model file or the one in the folder of a training run; nothing in it can run.

    Raises:
        ModelError: If the file is not there, damaged, or made for something else.
    """
    file = Path(path)
    file = file / "model.safetensors" if file.is_dir() else file
    description, tensors = read_network(file, KIND)
    training = description.get("training")
    if not isinstance(training, dict):
        raise ModelError(f"{file}: the facts about the training must be a table, got {training!r:.60}")
    try:
        config = read_table(SimulatorConfig, description.get("config"), "")
        simulator = build_simulator(config)
    except InputError as error:
        raise ModelError(f"{file}: describes no simulator: {error}") from error
    restore(file, simulator, tensors)
    return SimulatorModel(config, simulator.eval(), training)
