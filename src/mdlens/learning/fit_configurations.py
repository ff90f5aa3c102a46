"""Training of a network that tells configurations of two classes apart, with Lightning."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from torch import Tensor, nn
from torch.nn import functional

from mdlens.errors import InputError
from mdlens.learning.configurations import Configuration, View
from mdlens.learning.epoch_log import EpochLog
from mdlens.learning.lightning_run import interruptible, make_trainer, quiet_lightning, torch_state
from mdlens.learning.window_fit import WindowFit
from mdlens.types import FloatArray


class Drawer:
    """Random windows: first a class, then a group of it, then one of its configurations, then a window."""

    def __init__(self, configurations: Sequence[Configuration], view: View) -> None:
        self._view = view
        self._classes: list[list[list[Configuration]]] = []
        for label in (0, 1):
            groups: dict[str, list[Configuration]] = {}
            for configuration in configurations:
                if configuration.label == label:
                    groups.setdefault(configuration.group, []).append(configuration)
            if not groups:
                raise InputError(f"class {label} has no configurations: training needs both classes")
            self._classes.append(list(groups.values()))

    def batch(self, size: int, rng: np.random.Generator, *, turn: bool) -> tuple[Any, Tensor]:
        """Draw windows for the network and their classes, (size,)."""
        labels = rng.permutation(np.arange(size) % 2)
        samples = []
        for label in labels:
            groups = self._classes[label]
            group = groups[rng.integers(len(groups))]
            samples.append(self._view.draw(group[rng.integers(len(group))], rng, turn=turn))
        return self._view.join(samples), torch.from_numpy(labels).float()


class _Stream:
    """The batches of an epoch, the same for the same seed and epoch."""

    def __init__(self, drawer: Drawer, size: int, steps: int, seed: tuple[int, ...], *, turn: bool) -> None:
        self._drawer, self._size, self._steps, self._seed, self._turn = drawer, size, steps, seed, turn

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[tuple[Any, Tensor]]:
        rng = np.random.default_rng(self._seed)
        for _ in range(self._steps):
            yield self._drawer.batch(self._size, rng, turn=self._turn)


class _Kept:
    """Batches drawn once."""

    def __init__(self, stream: _Stream) -> None:
        self._batches = list(stream)

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[Any, Tensor]]:
        return iter(self._batches)


class _Data(LightningDataModule):  # type: ignore[misc]
    def __init__(self, train: Drawer, validation: Drawer, settings: WindowFit) -> None:
        super().__init__()
        self._train, self._settings = train, settings
        size = settings.batch_size
        steps = max(settings.validation_windows // size, 1)
        self._validation = _Kept(_Stream(validation, size, steps, (settings.seed, 1 << 31), turn=False))

    def train_dataloader(self) -> _Stream:
        settings = self._settings
        seed = (settings.seed, self.trainer.current_epoch)
        return _Stream(self._train, settings.batch_size, settings.steps, seed, turn=True)

    def val_dataloader(self) -> "_Kept":
        return self._validation

    def transfer_batch_to_device(self, batch: Any, device: Any, dataloader_idx: int) -> Any:
        return batch  # the CPU's already; graphs hold plain integers beside tensors


class _Task(LightningModule):  # type: ignore[misc]
    def __init__(self, network: nn.Module, settings: WindowFit) -> None:
        super().__init__()
        self.network, self._settings = network, settings

    def on_train_epoch_start(self) -> None:
        torch.manual_seed(self._settings.seed + self.current_epoch)  # a resumed run repeats its dropout

    def training_step(self, batch: tuple[Any, Tensor], _: int) -> Tensor:
        inputs, labels = batch
        loss = functional.binary_cross_entropy_with_logits(self.network(inputs).logits, labels)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def validation_step(self, batch: tuple[Any, Tensor], _: int) -> None:
        inputs, labels = batch
        logits = self.network(inputs).logits
        loss = functional.binary_cross_entropy_with_logits(logits, labels)
        accuracy = ((logits > 0) == labels.bool()).float().mean()
        self.log("val_loss", loss, prog_bar=True, batch_size=len(labels))
        self.log("val_accuracy", accuracy, prog_bar=True, batch_size=len(labels))

    def configure_optimizers(self) -> dict[str, Any]:
        settings = self._settings
        optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, settings.learning_rate, total_steps=settings.epochs * settings.steps + 1
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def fit_configurations(
    network: nn.Module,
    view: View,
    train: Sequence[Configuration],
    validation: Sequence[Configuration],
    settings: WindowFit,
    folder: Path,
    *,
    threads: int = 1,
    progress: bool = False,
) -> nn.Module:
    """Fit a network to windows and give it back with the weights of the best epoch by validation loss.

    ``FOLDER/last.ckpt`` is written after every epoch and continued from when it is there; ``FOLDER/log.csv``
    has losses and accuracy by epoch.

    Args:
        network: Gives an output with ``logits`` (windows,); changed in place.
        view: How it sees windows.
        train: Configurations to learn from, both classes among them.
        validation: Configurations to choose the epoch by, of other groups.
        settings: How to fit.
        folder: Where checkpoints and the log go.
        threads: Threads of torch.
        progress: Whether to draw a progress bar.

    Raises:
        InputError: If a class is missing or a configuration cannot be seen.
    """
    for configuration in (*train, *validation):
        view.whole(configuration)
    folder.mkdir(parents=True, exist_ok=True)
    last = folder / "last.ckpt"
    with quiet_lightning(), torch_state(threads, settings.seed):
        task = _Task(network, settings)
        data = _Data(Drawer(train, view), Drawer(validation, view), settings)
        trainer = _trainer(settings, folder, progress)
        with interruptible(trainer, folder):
            trainer.fit(task, datamodule=data, ckpt_path=last if last.is_file() else None, weights_only=True)
        task.load_state_dict(torch.load(folder / "best.ckpt", weights_only=True)["state_dict"])
    return network.eval()


def _trainer(settings: WindowFit, folder: Path, progress: bool) -> Trainer:
    callbacks: list[Callback] = [
        ModelCheckpoint(dirpath=folder, filename="best", monitor="val_loss", enable_version_counter=False),
        ModelCheckpoint(dirpath=folder, filename="last", enable_version_counter=False),
        EpochLog(folder / "log.csv"),
    ]
    if settings.patience:
        callbacks.append(EarlyStopping("val_loss", patience=settings.patience))
    return make_trainer(settings.epochs, callbacks, progress=progress)


def window_logits(
    network: nn.Module, view: View, configuration: Configuration, *, windows: int, seed: int = 0
) -> FloatArray:
    """Logits of random windows of one configuration, (windows,).

    Raises:
        InputError: If the configuration cannot be seen.
    """
    view.whole(configuration)
    rng = np.random.default_rng(seed)
    samples = [view.draw(configuration, rng, turn=False) for _ in range(windows)]
    with torch.no_grad():
        logits = network.eval()(view.join(samples)).logits
    return np.asarray(logits.numpy(), np.float64)
