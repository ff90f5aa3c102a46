"""Training with Lightning: resumable, deterministic under a seed, quiet."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from torch import Tensor, nn
from torch.nn import functional

from mdlens.learning.augment import Augmentation
from mdlens.learning.epoch_log import EpochLog
from mdlens.learning.fit_settings import FitSettings
from mdlens.learning.lightning_run import interruptible, make_trainer, quiet_lightning, torch_state
from mdlens.learning.sampling import MapSample, MapSampler
from mdlens.learning.snapshots import OUTSIDE
from mdlens.types import Float32Array, IntArray

Batch = tuple[Tensor, Tensor]

_VALIDATION_BATCH = 1024


class MapStream:
    """The batches of one epoch: pools of new maps, shuffled, the same for the same seed and epoch."""

    def __init__(
        self, sampler: MapSampler, augmentation: Augmentation, settings: FitSettings, epoch: int
    ) -> None:
        self._sampler = sampler
        self._augmentation = augmentation
        self._settings = settings
        self._epoch = epoch

    def __len__(self) -> int:
        return self._settings.steps_per_epoch

    def __iter__(self) -> Iterator[Batch]:
        settings = self._settings
        for number, start in enumerate(range(0, settings.maps_per_epoch, settings.pool)):
            rng = np.random.default_rng((settings.seed, self._epoch, number))
            count = min(settings.pool, settings.maps_per_epoch - start)
            sample = self._sampler.draw(count, self._augmentation, rng)
            yield from _batches(sample, settings.batch_size, rng.permutation(count), whole=True)


class ValidationStream:
    """The batches of a fixed sample, every map once."""

    def __init__(self, sample: MapSample) -> None:
        self._sample = sample

    def __len__(self) -> int:
        return -(-len(self._sample) // _VALIDATION_BATCH)

    def __iter__(self) -> Iterator[Batch]:
        return _batches(self._sample, _VALIDATION_BATCH, np.arange(len(self._sample)), whole=False)


class StructureData(LightningDataModule):  # type: ignore[misc]
    """New training maps every epoch, the same validation maps throughout."""

    def __init__(
        self, train: MapSampler, validation: MapSample, augmentation: Augmentation, settings: FitSettings
    ) -> None:
        super().__init__()
        self._train = train
        self._augmentation = augmentation
        self._settings = settings
        self._validation = ValidationStream(validation)

    def train_dataloader(self) -> MapStream:
        """Give the batches of the coming epoch."""
        return MapStream(self._train, self._augmentation, self._settings, self.trainer.current_epoch)

    def val_dataloader(self) -> "ValidationStream":
        """Give the validation batches."""
        return self._validation


class StructureTask(LightningModule):  # type: ignore[misc]
    """Cross-entropy of a network on maps, with AdamW and a one-cycle schedule."""

    def __init__(self, network: nn.Module, settings: FitSettings) -> None:
        super().__init__()
        self.network = network
        self._settings = settings

    def on_train_epoch_start(self) -> None:
        """Seed dropout by the epoch, so that a resumed run repeats an uninterrupted one."""
        torch.manual_seed(self._settings.seed + self.current_epoch)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Give the loss of one batch."""
        maps, labels = batch
        logits = self.network(maps).logits
        settings = self._settings
        loss = classification_loss(
            logits, labels, label_smoothing=settings.label_smoothing, class_weights=settings.class_weights
        )
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        """Log loss and accuracy of one validation batch."""
        maps, labels = batch
        logits = self.network(maps).logits
        accuracy = (logits.argmax(dim=1) == labels).float().mean()
        self.log("val_loss", functional.cross_entropy(logits, labels), prog_bar=True, batch_size=len(labels))
        self.log("val_accuracy", accuracy, prog_bar=True, batch_size=len(labels))

    def configure_optimizers(self) -> dict[str, Any]:
        """Set up AdamW with one cycle of the learning rate over all steps."""
        settings = self._settings
        optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, settings.learning_rate, total_steps=settings.epochs * settings.steps_per_epoch + 1
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def fit_network(
    network: nn.Module,
    train: MapSampler,
    validation: MapSample,
    augmentation: Augmentation,
    settings: FitSettings,
    folder: Path,
    *,
    threads: int = 1,
    progress: bool = False,
) -> nn.Module:
    """Fit a network and give it back with the weights of the last epoch, or of the best if it may stop early.

    The learning rate ends near zero, so the last epoch is the settled one; the validation part of a few
    groups of snapshots is too small to choose between epochs that hardly differ.

    `FOLDER/last.ckpt` is written after every epoch and continued from when it is there; a run that was
    interrupted and continued gives the weights of one that was not. `FOLDER/log.csv` has losses and
    accuracy by epoch.

    Args:
        network: A network that turns maps into a `StructureOutput`; changed in place.
        train: Source of the training maps.
        validation: Maps of the validation part.
        augmentation: How training snapshots are disturbed.
        settings: How to fit.
        folder: Where checkpoints and the log go.
        threads: Threads of torch.
        progress: Whether to draw a progress bar.
    """
    best = ModelCheckpoint(dirpath=folder, filename="best", monitor="val_loss", enable_version_counter=False)
    # Not `save_last`: written only with the best one, so that a resumed run would repeat the epochs since.
    newest = ModelCheckpoint(dirpath=folder, filename="last", enable_version_counter=False)
    last = folder / "last.ckpt"
    with quiet_lightning(), torch_state(threads, settings.seed):
        task = StructureTask(network, settings)
        trainer = _trainer(settings, folder, [best, newest], progress)
        data = StructureData(train, validation, augmentation, settings)
        with interruptible(trainer, folder):
            trainer.fit(task, datamodule=data, ckpt_path=last if last.is_file() else None, weights_only=True)
        chosen = folder / "best.ckpt" if settings.patience else last
        state = torch.load(chosen, weights_only=True)["state_dict"]
        task.load_state_dict(state)
    return network.eval()


def classification_loss(
    logits: Tensor, labels: Tensor, *, label_smoothing: float = 0.0, class_weights: Sequence[float] = ()
) -> Tensor:
    """Give the mean cross-entropy; for atoms outside all classes with the same probability for each class.

    Args:
        logits: (samples, classes).
        labels: Class of each sample, or `OUTSIDE` (samples,).
        label_smoothing: Share of the target of the others spread over the classes.
        class_weights: Weight of each class in the mean, an atom outside all of them has 1; empty means equal.
    """
    outside = labels == OUTSIDE
    losses = functional.cross_entropy(
        logits, labels.clamp(min=0), reduction="none", label_smoothing=label_smoothing
    )
    undecided = -functional.log_softmax(logits, dim=1).mean(dim=1)
    losses = torch.where(outside, undecided, losses)
    if not class_weights:
        return losses.mean()
    weights = torch.where(outside, 1.0, torch.tensor(class_weights)[labels.clamp(min=0)])
    return (weights * losses).sum() / weights.sum()


def predict_logits(network: nn.Module, maps: Float32Array) -> Float32Array:
    """Evaluate a network on maps (samples, channels, size, size) in small batches, (samples, classes)."""
    with torch.no_grad():
        parts = [
            network.eval()(part).logits for part in torch.split(torch.from_numpy(maps), _VALIDATION_BATCH)
        ]
    return np.asarray(torch.cat(parts).numpy(), np.float32)


def _batches(sample: MapSample, size: int, order: IntArray, *, whole: bool) -> Iterator[Batch]:
    """Cut a sample into batches in the given order; `whole` leaves out a last one that is smaller."""
    count = len(sample)
    stop = count - count % size if whole and count > size else count
    for start in range(0, stop, size):
        part = order[start : start + size]
        yield torch.from_numpy(sample.maps[part]), torch.from_numpy(sample.labels[part])


def _trainer(settings: FitSettings, folder: Path, checkpoints: list[Callback], progress: bool) -> Trainer:
    callbacks: list[Callback] = [*checkpoints, EpochLog(folder / "log.csv")]
    if settings.patience:
        callbacks.append(EarlyStopping("val_loss", patience=settings.patience))
    return make_trainer(settings.epochs, callbacks, progress=progress, deterministic=True)
