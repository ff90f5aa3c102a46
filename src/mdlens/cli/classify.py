"""``mdlens classify``: from files to the structure of every atom."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from mdlens.cli.progress import progress_bar
from mdlens.cli.tables import fraction_table, print_safely
from mdlens.errors import InputError
from mdlens.report import printable

if TYPE_CHECKING:
    from distributed import Client

    from mdlens.inference import StructureModel
    from mdlens.workflows.crystal_files import Job

_SEVERAL = (
    "With several FILEs, here and for the other outputs: a folder, or a name with {stem} (name without "
    "suffix) or {name} in it."
)

_EXAMPLES = """
[bold]Examples[/bold]

  mdlens classify melt.dump -o labelled.dump --report melt.html

  mdlens classify run*.lammpstrj -o labelled/ --json labelled/ --frames ::10

  mdlens classify long.dump -o labelled.dump --scheduler tcp://node1:8786
"""


Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE",
        show_default=False,
        help="LAMMPS dumps (also .gz, .zst), extended XYZ, or anything ASE reads.",
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        show_default=False,
        help="Write the frames back with structure, structure_name and confidence per atom: a LAMMPS "
        f"dump (.dump, .lammpstrj) or extended XYZ (.xyz), also .gz or .zst. In a dump the names are "
        f"in the column StructureType, where OVITO finds them. {_SEVERAL}",
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|PATH",
        help="An installed model, a model file, or the folder of a training run.",
    ),
]
Records = Annotated[
    str | None,
    typer.Option(
        "--json", metavar="FILE", show_default=False, help="Write counts and fractions per frame as JSON."
    ),
]
Page = Annotated[
    str | None,
    typer.Option(
        "--report", metavar="FILE.html", show_default=False, help="Write a self-contained HTML page."
    ),
]
Frames = Annotated[
    str | None,
    typer.Option(
        "--frames",
        "-f",
        metavar="SLICE",
        show_default=False,
        help="Which frames, counted from 0: '-1', '10:', '0:50:5'. All if not given.",
    ),
]
Average = Annotated[
    bool,
    typer.Option(
        "--average",
        help="Average each atom's class probabilities over itself and its 12 nearest neighbours first: surer "
        "inside a phase, blurred by one shell where two phases meet.",
    ),
]
Threads = Annotated[
    int, typer.Option("--threads", "-t", metavar="N", min=0, help="Threads; 0 takes every processor.")
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        show_default=False,
        help="Compute maps and network on a torch device, such as 'cuda'; needs the extra 'train'.",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDR",
        show_default=False,
        help="Classify on the workers of a Dask cluster: its scheduler's address (tcp://host:8786) or "
        "scheduler file (.json). Files are read and written here. --threads is then for each frame, "
        "0 for 1: a worker has as many frames under way as it has threads.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add ``classify`` to the command line."""
    app.command(epilog=_EXAMPLES, no_args_is_help=True)(classify)


def classify(
    files: Files,
    output: Output = None,
    model: Model = "default",
    json: Records = None,
    report: Page = None,
    frames: Frames = None,
    average: Average = False,
    threads: Threads = 0,
    device: Device = None,
    scheduler: Scheduler = None,
) -> None:
    """Tell which structure each atom is in: fcc, hcp, bcc, diamond, ... or unknown.

    Prints the fractions per frame.

    Outputs appear under their names only when whole; before that, whole frames are in OUT.partial.
    """
    from mdlens.workflows.crystal_files import classify_files, plan_jobs

    if device is not None and scheduler is not None:
        raise InputError("--device and --scheduler exclude each other: workers compute on their processors")
    jobs = plan_jobs(files, output=output, json=json, report=report)
    try:
        with _cluster(scheduler) as client, progress_bar() as progress:
            results = classify_files(
                jobs,
                _placed(model, device),
                frames=frames,
                average=average,
                threads=threads,
                progress=progress,
                client=client,
            )
            note = "probabilities averaged over 12 neighbours" if average else ""
            for job, summaries in results:
                title = printable(job.source) if len(jobs) > 1 else ""
                print_safely(fraction_table(summaries, title, note), *_written(job))
    except KeyboardInterrupt as stop:
        typer.echo(f"mdlens: {printable(stop.args[0] if stop.args else 'interrupted')}", err=True)
        raise typer.Exit(130) from None


def _placed(model: str, device: str | None) -> "str | StructureModel":
    if device is None:
        return model
    from mdlens.workflows.devices import on_device

    return on_device(model, device)


@contextmanager
def _cluster(scheduler: str | None) -> Iterator["Client | None"]:
    """Connect to a cluster, if one was asked for, and say so if there is nobody to work yet."""
    if scheduler is None:
        yield None
        return
    from mdlens.cluster import connect

    with connect(scheduler) as client:
        if not client.nthreads():
            typer.echo(f"mdlens: {printable(scheduler)} has no workers yet; waiting for one", err=True)
        yield client


def _written(job: "Job") -> Iterator[Text]:
    for what, path in (("labelled atoms", job.output), ("records", job.json), ("report", job.report)):
        if path is not None:
            yield Text(f"{what}: {printable(path)}")
