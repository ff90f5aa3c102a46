"""`mdlens tribology`: deformation patterns of sliding contacts."""

import json as json_module
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mdlens.cli.tables import print_safely
from mdlens.errors import InputError

group = typer.Typer(no_args_is_help=True, help="Deformation patterns: tomographs, labels, classifiers, maps.")

Out = Annotated[Path, typer.Option("--out", "-o", show_default=False, help="Where to write.")]
Frames = Annotated[
    str | None,
    typer.Option("--frames", "-f", metavar="SLICE", show_default=False, help="Which frames: '-1', '::10'."),
]
Windows = Annotated[
    list[Path],
    typer.Argument(metavar="WINDOWS", show_default=False, help="Files of labelled windows (.npz)."),
]


def register(app: typer.Typer) -> None:
    """Add ``tribology`` to the command line."""
    app.add_typer(group, name="tribology")


@group.callback()
def _tribology() -> None:
    """Deformation patterns: tomographs, labels, classifiers, maps."""


@group.command()
def tomograph(
    file: Annotated[Path, typer.Argument(help="Trajectory in any format mdlens reads.")],
    out: Out,
    axis: Annotated[str, typer.Option(help="Axis that sections cut across: x, y or z.")] = "y",
    count: Annotated[int, typer.Option(help="Sections, evenly spaced.", min=1)] = 8,
    at: Annotated[str | None, typer.Option(help="Places of the sections instead: 10,20.5.")] = None,
    pixel: Annotated[float, typer.Option(help="Edge of a pixel, in the unit of the file.")] = 1.5,
    direction: Annotated[str, typer.Option(help="Direction of the inverse pole figure: x, y or z.")] = "x",
    structure: Annotated[str, typer.Option(help="Crystal that is coloured: fcc, hcp or bcc.")] = "fcc",
    point_group: Annotated[str, typer.Option(help="Its symmetry, as orix names it.")] = "m-3m",
    grains: Annotated[bool, typer.Option("--grains", help="Number the grains too.")] = False,
    leave_out: Annotated[str, typer.Option(help="Elements that are no part of the sample.")] = "W",
    frames: Frames = None,
) -> None:
    """Draw sections coloured by crystal orientation, as EBSD does, with the colour key beside them.

    Also their layers as arrays: structure, misorientation against the first frame, differential tomographs.
    """
    from mdlens.workflows.tomographs import TomographOptions, write_tomographs

    options = TomographOptions(
        axis=axis,
        count=count,
        positions=_numbers("--at", at) if at else (),
        pixel=pixel,
        direction=direction,
        structure=structure,
        point_group=point_group,
        grains=grains,
        leave_out=tuple(e.strip() for e in leave_out.split(",") if e.strip()),
    )
    with _bar("tomographs") as show:
        listed = write_tomographs(
            file, out, options, frames=frames, on_frame=lambda number: show(number + 1, None)
        )
    typer.echo(f"{listed}: images, layers and key.png in {out}")


@group.command()
def label(
    out: Out,
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RUN]...", show_default=False, help="Folders of mdlens simulate sliding."),
    ] = None,
    windows: Annotated[int, typer.Option(help="Windows side by side.", min=1)] = 2,
    size: Annotated[int, typer.Option(help="Columns of an image: a multiple of 16.", min=16, max=1024)] = 64,
    frames: Frames = None,
    synthetic: Annotated[
        int, typer.Option(help="Instead of RUNs: so many runs of the synthetic generator.", min=0)
    ] = 0,
    scale: Annotated[float, typer.Option(help="Multiply every threshold by this.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the synthetic generator.")] = 1,
) -> None:
    """Label windows by their scores against the first frame and write them with their images (.npz)."""
    from dataclasses import asdict

    from mdlens.descriptors.deformation import PATTERNS, Thresholds
    from mdlens.workflows.pattern_labels import label_runs, synthetic_patterns

    if bool(runs) == bool(synthetic):
        raise InputError("give either folders of runs or --synthetic N")
    if out.suffix != ".npz":
        raise InputError(f"{out}: windows are written to .npz files")
    with _bar("windows") as show:
        if synthetic:
            data = synthetic_patterns(out, runs=synthetic, seed=seed, size=size, on_run=show)
        else:
            thresholds = Thresholds(**{k: scale * v for k, v in asdict(Thresholds()).items()})
            data = label_runs(
                runs or [], out, windows=windows, size=size, frames=frames, thresholds=thresholds,
                on_frame=lambda run, frame: show(frame, None),
            )  # fmt: skip
    table = Table()
    for head in ("pattern", "windows", "ambiguous"):
        table.add_column(head, justify="left" if head == "pattern" else "right")
    for number, name in enumerate(PATTERNS):
        mine = data.labels == number
        table.add_row(name, str(int(mine.sum())), str(int(data.ambiguous[mine].sum())))
    print_safely(table)
    typer.echo(f"{out}: {len(data)} windows ({data.source})")


@group.command()
def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="TOML file that says on what and how.")],
    out: Out,
) -> None:
    """Train a classifier and what it reads with; scores of what was held out go to metrics.json."""
    from mdlens.workflows.tribology import train_tribology

    with _bars() as show:
        metrics = train_tribology(config, out, report=show)
    scores, drawn = metrics["classifier"], metrics.get("autoencoder")
    low, high = scores["accuracy_95"]
    interval = "" if low is None else f" ({low:.3f} to {high:.3f})"
    typer.echo(
        f"{out}: {metrics['source']} windows, split {metrics['split']}: accuracy {scores['accuracy']:.3f}"
        f"{interval}, macro-F1 {scores['macro_f1']:.3f}"
        + (f"; PSNR {drawn['psnr']:.1f} dB, SSIM {drawn['ssim']:.3f}" if drawn else "")
    )


@group.command()
def classify(
    windows: Windows,
    model: Annotated[Path, typer.Option("--model", "-m", show_default=False, help="Folder of a training.")],
    json: Annotated[
        Path | None, typer.Option("--json", show_default=False, help="Write a record for each window.")
    ] = None,
) -> None:
    """Name the dominant pattern of windows with a trained model."""
    from mdlens.descriptors.deformation import PATTERNS
    from mdlens.io.whole_file import write_whole
    from mdlens.workflows.tribology import classify_windows

    records = classify_windows(windows, model)
    table = Table()
    for head in ("pattern", "predicted", "labelled", "agree"):
        table.add_column(head, justify="left" if head == "pattern" else "right")
    for name in PATTERNS:
        predicted = [r for r in records if r["pattern"] == name]
        labelled = sum(r["label"] == name for r in records)
        agree = sum(r["label"] == name for r in predicted)
        table.add_row(name, str(len(predicted)), str(labelled), str(agree))
    print_safely(table)
    if json is not None:
        write_whole(json, json_module.dumps(records, indent=1) + "\n")
        typer.echo(f"records: {json}")


@group.command("map")
def mechanism_map(
    windows: Windows,
    out: Out,
    slider: Annotated[str, typer.Option(help="Third axis: temperature or time.")] = "temperature",
    members: Annotated[
        int, typer.Option(help="Networks that predict the cells between pressures; 0 for none.", min=0)
    ] = 5,
    seed: Annotated[int, typer.Option(help="Of ensemble and bootstrap.")] = 0,
) -> None:
    """Draw a deformation mechanism map over composition and pressure (.html), with its numbers (.json)."""
    from mdlens.workflows.tribology import draw_map

    if out.suffix != ".html":
        raise InputError(f"{out}: maps are written to .html files")
    record = draw_map(windows, out, slider=slider, members=members, seed=seed)
    simulated = sum(cell["simulated"] for cell in record["cells"])
    typer.echo(
        f"{out}: {simulated} simulated and {len(record['cells']) - simulated} predicted cells "
        f"({record['source']})"
    )


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"{option} takes numbers with commas, got {text!r:.60}") from error


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on stderr where that is a terminal."""
    with _bars() as show:
        yield lambda done, total: show(what, done, total)


@contextmanager
def _bars() -> Iterator[Callable[[str, int, int | None], None]]:
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        tasks: dict[str, object] = {}

        def show(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)  # type: ignore[arg-type]

        yield show
