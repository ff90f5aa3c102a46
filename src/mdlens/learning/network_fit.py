"""Training of network simulators with Lightning: resumable, deterministic under a seed, quiet."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor

from mdlens.learning.epoch_log import EpochLog
from mdlens.learning.lightning_run import interruptible, make_trainer, quiet_lightning, torch_state
from mdlens.learning.network_data import NetworkCase, draw_window
from mdlens.learning.network_settings import SimulatorConfig, SimulatorFitSettings
from mdlens.models import BondSimulator, LinearSimulator, NetworkSimulator, PaperSimulator, Window

_VALIDATION_STREAM = 2**32


class WindowStream:
    """The batches of one epoch, the same for the same seed and epoch."""

    def __init__(
        self, cases: Sequence[NetworkCase], settings: SimulatorFitSettings, history: int, epoch: int
    ) -> None:
        self._cases = cases
        self._settings = settings
        self._frames = history + 1 + settings.unroll_at(epoch)
        self._epoch = epoch

    def __len__(self) -> int:
        return self._settings.steps_per_epoch

    def __iter__(self) -> Iterator[Window]:
        rng = np.random.default_rng((self._settings.seed, self._epoch))
        for _ in range(len(self)):
            yield draw_window(self._cases, self._settings.batch_size, self._frames, rng)


class FixedWindow:
    """One batch, the same every epoch."""

    def __init__(self, window: Window) -> None:
        self._window = window

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Window]:
        yield self._window


class SimulatorData(LightningDataModule):  # type: ignore[misc]
    """New training windows every epoch, the same validation windows throughout."""

    def __init__(
        self,
        train: Sequence[NetworkCase],
        validation: Sequence[NetworkCase],
        settings: SimulatorFitSettings,
        history: int,
    ) -> None:
        super().__init__()
        self._train = train
        self._settings = settings
        self._history = history
        steps = min(settings.validation_steps, min(case.frames for case in validation) - history - 1)
        rng = np.random.default_rng((_VALIDATION_STREAM, settings.seed))
        count = settings.validation_windows
        self._validation = FixedWindow(draw_window(validation, count, history + 1 + steps, rng))

    def train_dataloader(self) -> WindowStream:
        """Give the batches of the coming epoch."""
        return WindowStream(self._train, self._settings, self._history, self.trainer.current_epoch)

    def val_dataloader(self) -> "FixedWindow":
        """Give the validation windows."""
        return self._validation

    def transfer_batch_to_device(self, batch: Window, *_: Any) -> Window:
        """Leave a batch where it is: Lightning cannot copy frozen graphs."""
        return batch


class SimulatorTask(LightningModule):  # type: ignore[misc]
    """Adam on the loss of a simulator, with an exponential decay of the rate."""

    def __init__(self, simulator: NetworkSimulator, settings: SimulatorFitSettings) -> None:
        super().__init__()
        self.simulator = simulator
        self._settings = settings

    def training_step(self, window: Window, _: int) -> Tensor:
        """Give the loss of one batch."""
        loss = self.simulator.loss(window)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=window.graph.n_graphs)
        return loss

    def validation_step(self, window: Window, _: int) -> None:
        """Log the error of a short rollout relative to that of nodes that stay."""
        error = relative_error(self.simulator, window)
        self.log("val_loss", error, prog_bar=True, batch_size=window.graph.n_graphs)

    def configure_optimizers(self) -> dict[str, Any]:
        """Set up Adam and the decay, step by step."""
        settings = self._settings
        optimizer = torch.optim.Adam(self.simulator.parameters(), lr=settings.learning_rate)
        decay = (settings.final_rate / settings.learning_rate) ** (1.0 / settings.total_steps)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, decay)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def relative_error(simulator: NetworkSimulator, window: Window) -> Tensor:
    """Squared error of the last positions of a rollout over a window relative to that of nodes that stay."""
    with torch.no_grad():
        last = simulator.follow(window)[-1]
    start, truth = window.positions[simulator.history], window.positions[-1]
    return (last.positions - truth).square().sum() / (start - truth).square().sum()


def build_simulator(config: SimulatorConfig) -> NetworkSimulator:
    """Build the simulator that a configuration asks for."""
    if config.variant == "paper":
        return PaperSimulator(config.history, config.layers, config.width, robust=config.robust)
    if config.variant == "linear":
        return LinearSimulator(config.history)
    return BondSimulator(config.law_width, config.iterations, config.steps)


def fit_simulator(
    config: SimulatorConfig,
    train: Sequence[NetworkCase],
    validation: Sequence[NetworkCase],
    settings: SimulatorFitSettings,
    folder: Path,
    *,
    threads: int = 1,
    progress: bool = False,
) -> NetworkSimulator:
    """Fit a simulator and give it back with the weights of the last epoch; the rate is small by then.

    `FOLDER/last.ckpt` is written after every epoch and continued from when it is there; a run that was
    interrupted and continued gives the weights of one that was not. `FOLDER/log.csv` has the losses.

    Args:
        config: Which simulator.
        train: What to learn from.
        validation: What the losses in the log are measured on.
        settings: How to fit.
        folder: Where checkpoints and the log go.
        threads: Threads of torch.
        progress: Whether to draw a progress bar.

    Raises:
        InputError: If the trajectories are too short for the windows.
    """
    last = folder / "last.ckpt"
    with quiet_lightning(), torch_state(threads, settings.seed):
        simulator = build_simulator(config)
        trainer = _trainer(settings, folder, progress)
        data = SimulatorData(train, validation, settings, simulator.history)
        task = SimulatorTask(simulator, settings)
        with interruptible(trainer, folder):
            trainer.fit(task, datamodule=data, ckpt_path=last if last.is_file() else None, weights_only=True)
    return simulator.eval()


def _trainer(settings: SimulatorFitSettings, folder: Path, progress: bool) -> Trainer:
    columns = ("epoch", "train_loss", "val_loss", "learning_rate")
    callbacks: list[Callback] = [
        ModelCheckpoint(dirpath=folder, filename="last", enable_version_counter=False),
        EpochLog(folder / "log.csv", columns),
    ]
    return make_trainer(
        settings.epochs, callbacks, progress=progress, gradient_clip_val=settings.clip or None
    )
