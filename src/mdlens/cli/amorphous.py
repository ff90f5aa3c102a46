"""`mdlens amorphous`."""

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from mdlens.cli.tables import print_safely, thin
from mdlens.report import printable

if TYPE_CHECKING:
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


@group.command()
def metrics(
    files: Files,
    k: Annotated[int, typer.Option("-k", help="Nearest neighbours of the graph.", min=1)] = 4,
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
