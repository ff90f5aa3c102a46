"""Simulators of elastic networks: trained, rolled out, shown."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mdlens.errors import InputError
from mdlens.io.network_files import read_trajectory_folder, write_trajectories
from mdlens.io.networks import ElasticNetwork, ElasticTrajectory
from mdlens.io.whole_file import write_whole
from mdlens.learning.config import read_config
from mdlens.learning.evaluation import plain_json
from mdlens.learning.network_data import NetworkCase, NetworkSplit, select, split_by_base
from mdlens.learning.network_files import SimulatorModel, load_simulator, save_simulator
from mdlens.learning.network_fit import fit_simulator
from mdlens.learning.network_rollout import Rollout, affine_rollout, frozen_rollout, roll_out
from mdlens.learning.network_scores import poisson_ratios, score_rollouts
from mdlens.learning.network_settings import NetworkTrainingConfig, SelectionConfig
from mdlens.report.network_page import Scene2D, write_network_page
from mdlens.simulation.compression import FRAME_SHIFT
from mdlens.workflows.elastic_data import read_elastic

_TESTED = 200
"""Trajectories of the test part that metrics.json scores."""

_LAST_SCORED = 400

_PLAYED = 12
"""Networks on a page: each takes about a megabyte."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One rollout beside what it should have followed.

    Args:
        rollout: What was predicted.
        truth: The trajectory it started from; None where it started from a network at rest.
        nu: Poisson's ratio in the last predicted frame.
        true_nu: The same of the truth; NaN if it is not known.
    """

    rollout: Rollout
    truth: ElasticTrajectory | None
    nu: float
    true_nu: float


def train_network(
    config_file: Path, folder: Path, *, threads: int = 1, progress: bool = False
) -> SimulatorModel:
    """Train a simulator as a configuration says; continues a run that was interrupted.

    `FOLDER` gets `config.json` (what was asked for), `last.ckpt`, `log.csv`, `model.safetensors` and
    `metrics.json` (rollouts of the test part beside the baselines).

    Args:
        config_file: A TOML file, see `NetworkTrainingConfig`.
        folder: Where the run lives; made if it is not there.
        threads: Threads of torch.
        progress: Whether to draw a progress bar.

    Raises:
        InputError: If the configuration or the data is wrong, or the folder holds another run.
        FormatError: If a data file is damaged.
    """
    config = read_config(NetworkTrainingConfig, config_file)
    _claim_folder(folder, config)
    finished = folder / "model.safetensors"
    if finished.is_file() and (folder / "metrics.json").is_file():
        return load_simulator(finished)
    trajectories = read_all(config_file.parent / data.file for data in config.data)
    split = split_by_base(trajectories, config.split, config_file.parent)
    model = fit_model(config, trajectories, split, folder, threads=threads, progress=progress)
    chosen = split.test or split.validation
    scores = _scores(model, config, trajectories, split, chosen[:: -(-len(chosen) // _TESTED)])
    _write_json(folder / "metrics.json", {"scores": scores, "training": model.training})
    save_simulator(replace(model, training={**model.training, "scores": scores}), finished)
    return load_simulator(finished)


def fit_model(
    config: NetworkTrainingConfig,
    trajectories: Sequence[ElasticTrajectory],
    split: NetworkSplit,
    folder: Path,
    *,
    threads: int = 1,
    progress: bool = False,
) -> SimulatorModel:
    """Fit a simulator to the training part of trajectories; see `train_network`."""
    train, validation = learned_from(config, trajectories, split)
    simulator = fit_simulator(
        config.model, train, validation, config.fit, folder, threads=threads, progress=progress
    )
    training = {
        "config": asdict(config),
        "networks": len(train),
        "bases": len({case.trajectory.network.base for case in train}),
        "parameters": sum(weights.numel() for weights in simulator.parameters()),
        "mdlens": version("mdlens"),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }
    return SimulatorModel(config.model, simulator, json.loads(json.dumps(training)))


def learned_from(
    config: NetworkTrainingConfig, trajectories: Sequence[ElasticTrajectory], split: NetworkSplit
) -> tuple[tuple[NetworkCase, ...], tuple[NetworkCase, ...]]:
    """Choose the trajectories to train on and those of the validation losses."""
    chosen: SelectionConfig = config.selection
    train = select(trajectories, split.train, chosen, limit=True, seed=config.split.seed)
    return train, select(trajectories, split.validation, chosen, limit=False)


def read_all(paths: Any) -> list[ElasticTrajectory]:
    """Read the trajectories of files and folders.

    Raises:
        InputError: If a path holds none.
        FormatError: If a file is damaged.
    """
    found: list[ElasticTrajectory] = []
    for path in paths:
        if path.is_dir():
            found += read_trajectory_folder(path)
            continue
        items = read_elastic(path)
        found += [item for item in items if isinstance(item, ElasticTrajectory)]
        if len(items) != sum(isinstance(item, ElasticTrajectory) for item in items):
            raise InputError(f"{path}: holds networks, not trajectories: compress them first")
    return found


def predict_network(
    model: SimulatorModel, file: Path, *, frames: int = 401, rate: float = -1e-5
) -> list[Prediction]:
    """Roll a simulator out on what a file holds.

    A trajectory gives the first frames and the box length along x, continued with equal steps where it ends;
    the box along y is predicted. A network starts at rest: in the frames to start from it only follows the
    box along x, at the given rate.

    Args:
        model: The simulator.
        file: Networks or trajectories, native or a LAMMPS data file.
        frames: Frames of the result.
        rate: Strain rate for networks.

    Raises:
        InputError: If the trajectories are too short or the numbers are out of range.
        FormatError: If the file is damaged.
    """
    if not 3 <= frames <= 1_000_000 or not 0.0 < abs(rate) < 1.0:
        raise InputError(f"frames must be 3 or more and rate not 0, got {frames} and {rate}")
    given = model.simulator.history + 1
    items = read_elastic(file)
    starts = [t if isinstance(t, ElasticTrajectory) else at_rest(t, given, rate) for t in items]
    rollouts = roll_out(model.simulator, starts, frames=frames)
    pairs = zip(items, rollouts, strict=True)
    return [_prediction(item if isinstance(item, ElasticTrajectory) else None, made) for item, made in pairs]


def at_rest(network: ElasticNetwork, frames: int, rate: float = -1e-5) -> ElasticTrajectory:
    """First frames of a compression that has just begun: nodes and box follow the strain along x only.

    Args:
        network: The network, relaxed.
        frames: How many.
        rate: Strain rate.
    """
    step = FRAME_SHIFT / float(network.box[0])
    stretch = np.stack([1.0 + np.sign(rate) * step * np.arange(frames), np.ones(frames)], axis=1)
    positions = network.box / 2 + (network.positions - network.box / 2) * stretch[:, None, :]
    return ElasticTrajectory(
        network=network,
        positions=positions,
        boxes=network.box * stretch,
        temperature=0.0,
        rate=rate,
        timestep=step / abs(rate),
        seed=0,
        protocol="rest",
    )


def write_predictions(predictions: Sequence[Prediction], out: Path) -> None:
    """Write predicted trajectories to a native file.

    Raises:
        InputError: If the file is not named ``.npz``.
    """
    if out.suffix != ".npz":
        raise InputError(f"{out}: trajectories are written to .npz files")
    write_trajectories(out, [prediction.rollout.trajectory for prediction in predictions])


def write_rollout_page(predictions: Sequence[Prediction], out: Path, model: str) -> None:
    """Write a page that plays predictions beside the truth."""
    scenes = [
        Scene2D(
            title=p.rollout.trajectory.network.name,
            predicted=p.rollout.trajectory,
            truth=p.truth,
            note=p.rollout.stopped,
        )
        for p in predictions[:_PLAYED]
    ]
    write_network_page(out, scenes, model)


def _prediction(truth: ElasticTrajectory | None, made: Rollout) -> Prediction:
    last = made.trajectory.n_frames - 1
    known = truth is not None and truth.n_frames > last
    true_nu = float(truth.poisson_ratio[last]) if truth is not None and known else float("nan")
    return Prediction(
        rollout=made, truth=truth, nu=float(made.trajectory.poisson_ratio[last]), true_nu=true_nu
    )


def _scores(
    model: SimulatorModel,
    config: NetworkTrainingConfig,
    trajectories: Sequence[ElasticTrajectory],
    split: NetworkSplit,
    chosen: Sequence[int],
) -> dict[str, Any]:
    """Score the simulator and the baselines that need no training on unseen base networks."""
    truths = [trajectories[index] for index in chosen]
    frames = min(_LAST_SCORED + 1, *(truth.n_frames for truth in truths))
    given = model.simulator.history + 1
    train, _ = learned_from(config, trajectories, split)
    nu = float(np.mean([case.trajectory.poisson_ratio[case.frames - 1] for case in train]))
    made = {
        "simulator": roll_out(model.simulator, truths, frames=frames),
        "affine": [affine_rollout(truth, frames, given, nu) for truth in truths],
        "frozen": [frozen_rollout(truth, frames, given) for truth in truths],
    }
    last = frames - 1
    scores = {name: score_rollouts(r, truths, (20, 100, last)) for name, r in made.items()}
    predicted, true = poisson_ratios(made["simulator"], truths, last)
    nu_scores = {"frame": last, "predicted": predicted.tolist(), "true": true.tolist()}
    found: dict[str, Any] = plain_json({**scores, "nu": nu_scores})
    return found


def _claim_folder(folder: Path, config: NetworkTrainingConfig) -> None:
    """Make the folder of a run, or check that it holds this very run."""
    copy = folder / "config.json"
    text = json.dumps(asdict(config), indent=1) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if copy.exists() and copy.read_text(encoding="utf-8") != text:
            raise InputError(
                f"{folder}: holds a run of another configuration ({copy}); give another --out or remove it"
            )
        write_whole(copy, text)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be used for the run: {error.strerror}; give another --out"
        ) from error


def _write_json(file: Path, values: dict[str, Any]) -> None:
    write_whole(file, json.dumps(values, indent=1) + "\n")
