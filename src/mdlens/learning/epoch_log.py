"""The losses of a run as a CSV table that survives interruptions."""

import csv
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

COLUMNS = ("epoch", "train_loss", "val_loss", "val_accuracy", "learning_rate")


class EpochLog(Callback):  # type: ignore[misc]
    """Writes a row per epoch; a continued run keeps the rows of the epochs it does not repeat.

    Args:
        file: The CSV file; always whole.
        columns: The epoch, the logged values by name, and last the learning rate.
    """

    def __init__(self, file: Path, columns: tuple[str, ...] = COLUMNS) -> None:
        self._file = file
        self._columns = columns
        self._rows: list[dict[str, str]] = []

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Read the rows of earlier epochs."""
        if self._file.is_file():
            with self._file.open(encoding="utf-8", newline="") as stream:
                rows = list(csv.DictReader(stream))
            self._rows = [row for row in rows if int(row["epoch"]) < trainer.current_epoch]

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Add the row of this epoch."""
        values = {name: f"{trainer.callback_metrics[name].item():.6g}" for name in self._columns[1:-1]}
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        self._rows.append({"epoch": str(trainer.current_epoch), **values, "learning_rate": f"{rate:.6g}"})
        partial = self._file.with_name(self._file.name + ".partial")
        with partial.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, self._columns)
            writer.writeheader()
            writer.writerows(self._rows)
        partial.replace(self._file)
