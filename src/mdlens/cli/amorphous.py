"""`mdlens amorphous`."""

import json as json_module
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from mdlens.cli.tables import print_safely, thin
from mdlens.errors import InputError, MissingExtraError
from mdlens.report import printable

if TYPE_CHECKING:
    from mdlens.report.amorphous_page import ConfigurationRow
    from mdlens.workflows.amorphous_metrics import MetricsRow

group = typer.Typer(no_args_is_help=True, help="Liquid or glass: classify and characterise configurations.")

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", show_default=False, help="Trajectories in any format mdlens reads."),
]
Frames = Annotated[
    str | None,
    typer.Option("--frames", "-f", metavar="SLICE", show_default=False, help="Which frames: '-1', '::10'."),
]
Records = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", show_default=False, help="Write the records as JSON.")
]


def register(app: typer.Typer) -> None:
    """Add ``amorphous`` to the command line."""
    app.add_typer(group, name="amorphous")


@group.callback()
def _amorphous() -> None:
    """Liquid or glass: classify and characterise configurations."""


_EXAMPLES = """
[bold]Examples[/bold]

  mdlens amorphous classify cooling.dump --model glass/ --report cooling.html

  mdlens amorphous classify run*.dump --model glass/model.safetensors --json runs.json --frames ::10
"""


@group.command(epilog=_EXAMPLES)
def classify(
    files: Files,
    model: Annotated[
        Path, typer.Option("--model", "-m", help="Model file (.safetensors) or the folder of a training run.")
    ],
    frames: Frames = None,
    windows: Annotated[
        int | None,
        typer.Option(
            min=1, show_default=False, help="Random windows per frame; the model's own number if not given."
        ),
    ] = None,
    json: Records = None,
    report: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.html",
            show_default=False,
            help="Write a self-contained page; with several FILEs a name with {stem} in it.",
        ),
    ] = None,
) -> None:
    """Tell for every frame which of the model's two classes it is, such as liquid or glass.

    Prints the probability of the second class and, as an interval, what 95 % of the windows say.
    """
    require_training_extra()
    from mdlens.workflows.amorphous import load_amorphous_model
    from mdlens.workflows.amorphous_files import classify_configurations, write_page, write_records

    if report is not None and len(files) > 1 and "{stem}" not in report:
        raise InputError(f"--report needs {{stem}} in its name for several files, got {report!r:.80}")
    loaded = load_amorphous_model(model)
    found = []
    with _bar() as on_frame:
        for file, rows in classify_configurations(
            files, loaded, frames=frames, windows=windows, count=sys.stderr.isatty(), on_frame=on_frame
        ):
            found.append((file, rows))
            if report is not None:
                write_page(Path(report.replace("{stem}", file.stem)), file, rows, loaded)
    for file, rows in found:
        print_safely(_probability_table(file, rows, loaded.settings.classes, named=len(files) > 1))
    if json is not None:
        write_records(json, found, loaded)
        print_safely(Text(f"records: {printable(json)}"))
    if report is not None:
        print_safely(Text(f"report: {printable(report)}"))


def _probability_table(
    file: Path, rows: "list[ConfigurationRow]", classes: Sequence[str], *, named: bool
) -> Table:
    table = Table(title=Text(printable(file)) if named else None, box=box.SIMPLE_HEAD, title_justify="left")
    for head in ("frame", "timestep", "particles", "class", f"P({printable(classes[1])})", "windows 95 %"):
        table.add_column(Text(head), justify="right", no_wrap=True)
    for row in thin(rows):
        step = "-" if row.timestep is None else str(row.timestep)
        values = (str(row.frame), step, f"{row.particles:,}", printable(row.label), f"{row.probability:.3f}")
        table.add_row(*(Text(v) for v in values), Text(f"{row.low:.3f} - {row.high:.3f}"))
    if len(rows) > len(thin(rows)):
        table.caption = f"{len(thin(rows))} of {len(rows):,} frames shown; --json has them all"
    return table


@contextmanager
def _bar() -> "Iterator[Callable[[Path, int, int | None], None]]":
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda file, done, total: bar.update(
            task, description=printable(file.name), completed=done, total=total
        )


@group.command()
def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="TOML file: what to train on and how.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; run again to continue it.")],
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", help="Draw no progress bar.")] = False,
) -> None:
    """Train a classifier of configurations; the same as `mdlens train amorphous`.

    The folder gets model.safetensors, metrics.json (held-out AUC with intervals) and log.csv.
    """
    require_training_extra()
    from mdlens.workflows.train_amorphous import train_amorphous

    try:
        made = train_amorphous(config, out, threads=threads, progress=not quiet and sys.stderr.isatty())
    except KeyboardInterrupt as stop:
        typer.echo(f"mdlens: {printable(stop.args[0] if stop.args else 'interrupted')}", err=True)
        raise typer.Exit(130) from None
    for part, score in made.scores.items():
        auc = score["auc_configuration"]
        ends = "no interval" if auc["low"] is None else f"{auc['low']:.3f} to {auc['high']:.3f}"
        typer.echo(f"{part}: AUC {auc['value']:.3f} ({ends}), {score['groups']} groups")
    typer.echo(f"wrote {out / 'model.safetensors'} and {out / 'metrics.json'}")


def require_training_extra() -> None:
    """Refuse to go on without torch and its like.

    Raises:
        MissingExtraError: If one is not installed.
    """
    for package in ("torch", "lightning", "safetensors"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "train")


@group.command()
def metrics(
    files: Files,
    k: Annotated[int, typer.Option("-k", help="Nearest neighbours of the graph.", min=1)] = 2,
    minority: Annotated[
        str | None,
        typer.Option(
            show_default=False, help="Symbol or LAMMPS type; the rarer of two species if not given."
        ),
    ] = None,
    frames: Frames = None,
    json: Records = None,
) -> None:
    """Count the three structural metrics of every frame; no model is needed.

    Over the bonds of each particle to its k nearest neighbours that touch the minority species: connected
    subgraphs, bonds between two minority particles, majority particles without a minority neighbour.
    """
    from mdlens.io.whole_file import write_whole
    from mdlens.workflows.amorphous_metrics import metrics_of_files

    rows = list(metrics_of_files(files, frames=frames, k=k, minority=minority))
    table = Table(box=box.SIMPLE_HEAD)
    heads = ("file", "frame", "timestep", "particles", "subgraphs", "minority bonds", "isolated majority")
    for head in heads[0 if len(files) > 1 else 1 :]:
        table.add_column(head, justify="left" if head == "file" else "right")
    for row in thin(rows):
        values = row.metrics
        cells = [str(row.frame), "-" if row.timestep is None else str(row.timestep), str(values.particles)]
        cells += [str(n) for n in (values.subgraphs, values.minority_bonds, values.isolated_majority)]
        table.add_row(*([printable(row.file)] if len(files) > 1 else []), *cells)
    print_safely(table)
    if json is not None:
        write_whole(json, json_module.dumps([_record(row) for row in rows], indent=1) + "\n")
        print_safely(Text(f"records: {printable(json)}"))


def _record(row: "MetricsRow") -> dict[str, object]:
    where = {"file": str(row.file), "frame": row.frame, "timestep": row.timestep}
    return where | asdict(row.metrics)
