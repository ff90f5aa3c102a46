"""``mdlens train``."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from mdlens.errors import MissingExtraError

group = typer.Typer(no_args_is_help=True, help="Train a model from labelled data.")


def register(app: typer.Typer) -> None:
    """Add ``train`` to the command line."""
    app.add_typer(group, name="train")


@group.callback()
def _train() -> None:
    """Train a model from labelled data."""


@group.command()
def crystal(
    config: Annotated[Path, typer.Argument(help="TOML file that says what to train on and how.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; run again to continue it.")],
    threads: Annotated[int, typer.Option(min=0, help="Threads to use; 0 takes every processor.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Draw no progress bar.")] = False,
) -> None:
    """Train a per-atom structure classifier; an interrupted run continues when started again.

    The folder gets model.onnx, metrics.json (held-out accuracy with intervals) and log.csv.
    """
    for package in ("torch", "lightning", "onnxscript"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "train")
    from mdlens.cli.models import models
    from mdlens.report.text import printable
    from mdlens.workflows.train_crystal import train_crystal

    try:
        model = train_crystal(config, out, threads=threads, progress=not quiet)
    except KeyboardInterrupt as stop:
        typer.echo(f"mdlens: {printable(stop.args[0] if stop.args else 'interrupted')}", err=True)
        raise typer.Exit(130) from None
    models([model.file], as_json=False)
    typer.echo(f"wrote {out / 'model.onnx'} and {out / 'metrics.json'}")
