"""What every training with Lightning here shares: quiet, seeded, resumable after a Ctrl-C."""

import logging
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import RichProgressBar

_HARMLESS = (
    r".*Checkpoint directory .* exists and is not empty.*",  # that is what resuming means
    r".*does not have many workers.*",  # the maps come from threads of the core
    r".*The number of training batches.*",
    r".*isinstance\(treespec, LeafSpec\).*",
)


def make_trainer(epochs: int, callbacks: Sequence[Callback], *, progress: bool, **options: Any) -> Trainer:
    """Make a trainer on the processor that says nothing but its progress bar, and draws new data each epoch.

    Args:
        epochs: Epochs in all.
        callbacks: Checkpoints, logs and the like.
        progress: Whether to draw a progress bar.
        options: Further arguments of ``lightning.pytorch.Trainer``.
    """
    return Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=epochs,
        callbacks=[*callbacks, *([RichProgressBar()] if progress else [])],
        logger=False,
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        **options,
    )


@contextmanager
def interruptible(trainer: Trainer, folder: Path) -> Iterator[None]:
    """Turn Lightning's exit after a Ctrl-C back into the interrupt that it was."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stop:
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt(
            f"interrupted; {folder} keeps every whole epoch: run the same command again to continue"
        ) from stop


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence what Lightning says about hardware, and warnings about what is meant."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message in _HARMLESS:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def torch_state(threads: int, seed: int) -> Iterator[None]:
    """Set torch's threads and seed for a while and put the caller's back."""
    before = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(max(threads, 1))
        try:
            yield
        finally:
            torch.set_num_threads(before)
            torch.use_deterministic_algorithms(deterministic)
