"""`mdlens simulate sliding`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

HELP = """Draw a rough rigid body over a polycrystalline CuNi film in LAMMPS (metal units).

Example: mdlens simulate sliding --nickel 0.25 --pressure 0.6 --temperature 300 --out sliding/

About 20,000 mobile atoms and 100 ps as set; the trajectory keeps elements and the grains of the start. Run
the same command again after an interruption and it goes on where it stopped.
"""


def sliding(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")],
    nickel: Annotated[float, typer.Option(help="Share of nickel, 0 to 1; the rest is copper.")] = 0.25,
    pressure: Annotated[float, typer.Option(help="Normal pressure, GPa.")] = 0.6,
    temperature: Annotated[float, typer.Option(help="K; the thermostat acts across the sliding.")] = 300.0,
    grains: Annotated[int, typer.Option(help="Number of grains.", min=1)] = 5,
    columnar: Annotated[
        bool, typer.Option("--columnar/--random", help="Columns with <110> along y, or any orientation.")
    ] = True,
    length: Annotated[float, typer.Option(help="Of the film along the sliding, Angstrom.")] = 130.0,
    depth: Annotated[float, typer.Option(help="Of the film, Angstrom.")] = 80.0,
    repeats: Annotated[int, typer.Option(help="Width in periods a/sqrt(2).")] = 10,
    speed: Annotated[float, typer.Option(help="Sliding speed, Angstrom/ps.")] = 2.0,
    frames: Annotated[int, typer.Option(help="Frames recorded after the first.", min=1)] = 50,
    steps_per_frame: Annotated[int, typer.Option(help="MD steps between frames, a multiple of 10.")] = 1000,
    ramp: Annotated[int, typer.Option(help="MD steps in which the load grows to its value.", min=1)] = 5000,
    equilibration: Annotated[int, typer.Option(help="MD steps before the contact.", min=0)] = 5000,
    timestep: Annotated[float, typer.Option(help="ps.")] = 0.002,
    adhesion: Annotated[float, typer.Option(help="Depth of the potential of film and body, eV.")] = 0.12,
    roughness: Annotated[float, typer.Option(help="Height of the body's cosine, Angstrom.")] = 8.0,
    seed: Annotated[int, typer.Option(help="Of grains, composition and velocities.", min=1)] = 1,
) -> None:
    """Run the sliding recipe of the options into a folder."""
    from mdlens.simulation.sliding import SlidingRecipe
    from mdlens.simulation.sliding_run import run_sliding

    recipe = SlidingRecipe(
        nickel=nickel,
        pressure=pressure,
        temperature=temperature,
        grains=grains,
        columnar=columnar,
        length=length,
        depth=depth,
        repeats=repeats,
        speed=speed,
        frames=frames,
        steps_per_frame=steps_per_frame,
        ramp=ramp,
        equilibration=equilibration,
        timestep=timestep,
        adhesion=adhesion,
        roughness=roughness,
        seed=seed,
    )
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("sliding", total=None)
        made = run_sliding(recipe, out, on_progress=lambda k, n: bar.update(task, completed=k, total=n))
    typer.echo(f"{made}: {frames + 1} frames; stresses in {out / 'thermo.csv'}")
