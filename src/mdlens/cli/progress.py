"""A progress bar on stderr."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from mdlens.report import printable

if TYPE_CHECKING:
    from mdlens.workflows.crystal_files import Step


@contextmanager
def progress_bar() -> Iterator["Callable[[Step], None] | None"]:
    """Give what shows each `Step` on stderr; None where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(step: "Step") -> None:
            done = step.frames + step.atoms / max(step.n_atoms, 1)
            of = f" of {step.n_frames}" if step.n_frames else ""
            text = f"{printable(step.job.source.name)}, frame {step.frames + 1}{of}"
            bar.update(task, description=text, completed=done, total=step.n_frames)

        yield show
