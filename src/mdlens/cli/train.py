"""``mdlens train``."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdlens.cli import network
from mdlens.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from mdlens.inference import StructureModel

_EXAMPLES = """
[bold]Examples[/bold]

  mdlens train crystal copper.toml --out copper/

  mdlens train crystal --add A15=a15.dump --add omega=omega.xyz --out mine.onnx
"""

group = typer.Typer(no_args_is_help=True, help="Train a model from labelled data.")

Config = Annotated[
    Path | None,
    typer.Argument(
        metavar="[CONFIG]", show_default=False, help="TOML file that says what to train on and how."
    ),
]
Add = Annotated[
    list[str] | None,
    typer.Option(
        "--add",
        metavar="NAME=FILE",
        show_default=False,
        help="Instead of CONFIG: teach a model a new structure, shown by the frames of FILE. Repeat it for "
        "more structures, or for more files of one.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        show_default=False,
        help="Folder of the run; run again to continue it. With --add: model file (.onnx) or folder.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|PATH",
        show_default="default",
        help="With --add: the model to start from.",
    ),
]
Frames = Annotated[
    str | None,
    typer.Option(
        "--frames", "-f", metavar="SLICE", show_default=False,
        help="With --add: which frames of each file, counted from 0: '-1', '10:', '0:50:5'.",
    ),
]  # fmt: skip
Seed = Annotated[
    int | None,
    typer.Option(min=0, show_default="0", help="With --add: seed of the disturbed copies."),
]


def register(app: typer.Typer) -> None:
    """Add ``train`` to the command line."""
    from mdlens.cli import amorphous

    group.command("amorphous")(amorphous.train)
    app.add_typer(group, name="train")


@group.callback()
def _train() -> None:
    """Train a model from labelled data."""


@group.command(epilog=_EXAMPLES)
def crystal(
    config: Config = None,
    out: Out = None,
    add: Add = None,
    model: Model = None,
    frames: Frames = None,
    seed: Seed = None,
    threads: Annotated[int, typer.Option(min=0, help="Threads to use; 0 takes every processor.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Draw no progress bar.")] = False,
) -> None:
    """Train a per-atom structure classifier; an interrupted run continues when started again.

    The folder gets model.onnx, metrics.json (held-out accuracy with intervals) and log.csv.

    With --add, no network is trained: a model learns new structures from a few snapshots in seconds.
    """
    from mdlens.cli.models import models

    if out is None:
        raise InputError("--out is missing: say where to write, e.g. --out RUN/")
    if (config is None) == (not add):
        raise InputError("give either a CONFIG.toml to train on or --add NAME=FILE")
    if add:
        made = _add(add, out, model or "default", frames, seed or 0, threads)
        models([made.file], as_json=False)
        typer.echo(f"wrote {made.file}")
        return
    for option, given in {"--model": model, "--frames": frames, "--seed": seed}.items():
        if given is not None:
            raise InputError(f"{option} goes with --add; without it the configuration says everything")
    made = _train_config(config or Path(), out, threads, quiet)
    models([made.file], as_json=False)
    typer.echo(f"wrote {out / 'model.onnx'} and {out / 'metrics.json'}")


@group.command(help=network.TRAIN_HELP, name="network")
def _network(
    config: Annotated[Path, typer.Argument(help="TOML file: data, model, selection, split, fit.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")],
    threads: Annotated[int, typer.Option(min=1, help="Threads to use.")] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", help="Draw no progress bar.")] = False,
) -> None:
    network.train(config, out, threads, quiet)


def _add(
    pairs: list[str], out: Path, model: str, frames: str | None, seed: int, threads: int
) -> "StructureModel":
    from mdlens.workflows.add_structures import add_structures

    files: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, file = pair.partition("=")
        if not (equals and name and file):
            raise InputError(f"--add takes NAME=FILE, e.g. --add A15=a15.dump, got {pair!r:.80}")
        files.setdefault(name, []).append(file)
    return add_structures(model, files, out=out, frames=frames, seed=seed, threads=threads)


def _train_config(config: Path, out: Path, threads: int, quiet: bool) -> "StructureModel":
    for package in ("torch", "lightning", "onnxscript"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "train")
    from mdlens.report.text import printable
    from mdlens.workflows.train_crystal import train_crystal

    try:
        return train_crystal(config, out, threads=threads, progress=not quiet)
    except KeyboardInterrupt as stop:
        typer.echo(f"mdlens: {printable(stop.args[0] if stop.args else 'interrupted')}", err=True)
        raise typer.Exit(130) from None


@group.command("tribology")
def train_patterns(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="TOML file that says on what and how.")],
    out: Annotated[Path, typer.Option("--out", "-o", show_default=False, help="Folder of the run.")],
) -> None:
    """Train autoencoder and classifier of deformation patterns; the same as `mdlens tribology train`."""
    from mdlens.cli import tribology

    tribology.train(config, out)
