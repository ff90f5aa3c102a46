"""The command line that the studies' recipes of simulations share, and the one of studies with results."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import Progress

from mdlens.simulation.run_folder import FolderBusyError

Recipe = TypeVar("Recipe")


def generate(doc: str | None, recipes: Mapping[str, Recipe], run: Callable[..., Path]) -> None:
    """Run recipes, or those named, into ``RUNS/NAME``; runs that another process is at are left to it.

    Args:
        doc: Text of ``--help``.
        recipes: By name, in the order in which they are run.
        run: ``run(recipe, folder, on_progress=...)``; goes on where it stopped.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", type=Path, help="folder of the runs")
    parser.add_argument("--only", choices=recipes, action="append", metavar="NAME", help="repeat for more")
    parser.add_argument("--list", action="store_true", help="print the names and what is done, run nothing")
    arguments = parser.parse_args()
    if arguments.list:
        for name in recipes:
            done = (arguments.runs / name / "trajectory.dump").exists()
            print(f"{name}  {'done' if done else 'open'}")
        return
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        for name in arguments.only or recipes:
            task = bar.add_task(name, total=None)

            def show(done: int, total: int, task: Any = task) -> None:
                bar.update(task, completed=done, total=total)

            try:
                run(recipes[name], arguments.runs / name, on_progress=show)
            except FolderBusyError as error:
                bar.remove_task(task)
                print(error, file=sys.stderr)


def report(doc: str | None, study: Callable[[Path], Mapping[str, Any]], here: Path) -> None:
    """Run a study on the folder that `generate` filled and write ``results.json`` beside its script."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", type=Path, help="folder that generate.py filled")
    results = study(parser.parse_args().runs)
    (here / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
