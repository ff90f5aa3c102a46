"""`mdlens simulate glass2d`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

HELP = """Cool a two-dimensional binary Lennard-Jones liquid to a glass in LAMMPS (lj units).

Example: mdlens simulate glass2d --steps 200000 --records 20 --out glass/

Every recorded frame is stored twice: as it is (trajectory.dump) and minimised (inherent.dump). Run the same
command again after an interruption and it goes on where it stopped.
"""


def glass2d(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")],
    steps: Annotated[int, typer.Option(help="MD steps of the cooling; fewer cool faster.", min=1)] = 200_000,
    records: Annotated[int, typer.Option(help="Frames recorded, evenly spaced.", min=1)] = 20,
    temperature: Annotated[str, typer.Option(help="START:STOP of the linear cooling.")] = "2.0:0.05",
    atoms: Annotated[int, typer.Option(help="Particles.", min=50)] = 400,
    minority: Annotated[float, typer.Option(help="Share of type 2.", min=0.0, max=1.0)] = 0.35,
    density: Annotated[float, typer.Option(help="Particles per area.")] = 1.2,
    equilibrate: Annotated[
        int, typer.Option(help="Steps at the start temperature before cooling.", min=0)
    ] = 10_000,
    seed: Annotated[int, typer.Option(help="Of start velocities and types.", min=1)] = 1,
) -> None:
    """Run the glass recipe of the options into a folder."""
    from mdlens.errors import InputError
    from mdlens.simulation.glass2d import Glass2DRecipe, even_temperatures
    from mdlens.simulation.glass2d_run import run_glass2d

    try:
        start, stop = (float(x) for x in temperature.split(":"))
    except ValueError:
        raise InputError(f"--temperature takes START:STOP, e.g. 2.0:0.05, got {temperature!r:.40}") from None
    recipe = Glass2DRecipe(
        n_atoms=atoms,
        minority=minority,
        density=density,
        start=start,
        stop=stop,
        steps=steps,
        temperatures=even_temperatures(start, stop, records),
        equilibration=equilibrate,
        seed=seed,
    )
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("cooling", total=None)
        made = run_glass2d(recipe, out, on_progress=lambda k, n: bar.update(task, completed=k, total=n))
    typer.echo(f"{made}: {records} frames, minimised in inherent.dump; energies in {out / 'thermo.csv'}")
