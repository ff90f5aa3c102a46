"""Files classified by an amorphous model: records, table rows and the page."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mdlens.errors import InputError
from mdlens.io import read
from mdlens.io.whole_file import write_whole
from mdlens.report.amorphous_page import ConfigurationRow, render_amorphous
from mdlens.workflows.amorphous import AmorphousModel

Rows = list[ConfigurationRow]


def classify_configurations(
    files: Sequence[Path],
    model: AmorphousModel,
    *,
    frames: str | None = None,
    windows: int | None = None,
    count: bool = False,
    on_frame: Callable[[Path, int, int | None], None] = lambda file, done, total: None,
) -> Iterator[tuple[Path, Rows]]:
    """Classify every frame of every file; one frame is in memory at a time.

    Args:
        files: In any format `mdlens.read` takes.
        model: The model.
        frames: Which frames of each file.
        windows: Windows per configuration; the model's own number if None.
        count: Pass over each file first to count its frames, for a progress bar.
        on_frame: Called after each frame with file, frames done and, where known, frames in all.

    Raises:
        InputError: If a frame does not suit the model; the message names file and frame.
        FormatError: If a file is damaged.
    """
    for file in files:
        rows: Rows = []
        trajectory = read(file, frames)
        total = len(trajectory) if count else None
        for number, atoms in trajectory.numbered():
            try:
                found = model.classify(atoms, windows=windows)
            except InputError as error:
                raise InputError(f"{file}, frame {number}: {error}") from error
            step = atoms.info.get("timestep")
            rows.append(
                ConfigurationRow(
                    number, step, len(atoms), found.label, found.probability, found.low, found.high
                )
            )
            on_frame(file, len(rows), total)
        if not rows:
            raise InputError(f"{file}: holds no frames to classify; check --frames")
        yield file, rows


def write_records(path: Path, found: Sequence[tuple[Path, Rows]], model: AmorphousModel) -> None:
    """Write the results of files as JSON, whole or not at all."""
    told = {
        "model": {"name": model.settings.name, "version": model.settings.version},
        "probability_of": model.settings.classes[1],
        "files": [{"file": str(file), "frames": [asdict(row) for row in rows]} for file, rows in found],
    }
    write_whole(path, json.dumps(told, indent=1) + "\n")


def write_page(path: Path, file: Path, rows: Rows, model: AmorphousModel) -> None:
    """Write the page of one file, whole or not at all."""
    first, second = model.settings.classes
    told = about(model)
    write_whole(path, render_amorphous(file.name, rows, (first, second), told, version=version("mdlens")))


def about(model: AmorphousModel) -> dict[str, Any]:
    """What a model says of itself, for people."""
    return {
        "name": f"{model.settings.name} {model.settings.version}",
        "network": model.settings.network,
        "classes": list(model.settings.classes),
        "species": list(model.species),
        "dimensions": model.dimension,
        "particles per window": model.windows.particles,
        "scores": dict(model.scores),
        "training": {k: v for k, v in model.training.items() if k != "config"},
    }
