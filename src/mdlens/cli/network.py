"""`mdlens network`: disordered elastic networks, made, compressed, learnt and measured."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mdlens.errors import InputError

if TYPE_CHECKING:
    from mdlens.io.networks import ElasticNetwork, ElasticTrajectory

_GENERATE_HELP = """Make spring networks from jammed packings, pruned to chosen Poisson's ratios.

Example: mdlens network generate networks.npz --bases 10 --per-base 8

Run the same command again after an interruption and it goes on where it stopped.
"""

_COMPRESS_HELP = """Compress networks along x in LAMMPS while the box relaxes along y.

Example: mdlens network compress networks.npz --out trajectories/ --fast

Takes native files (.npz) and LAMMPS data files. Writes one native file for each network. Run the same command
again after an interruption and it goes on where it stopped.
"""

_POISSON_HELP = """Print Poisson's ratio, moduli and isotropy of networks; of trajectories also what the
nodes and the box did.

Example: mdlens network poisson networks.npz trajectories/*.npz
"""


def register(app: typer.Typer) -> None:
    """Add the `network` group to the command line."""
    group = typer.Typer(help="Disordered elastic networks and their Poisson's ratio.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("generate", help=_GENERATE_HELP)(generate)
    group.command("compress", help=_COMPRESS_HELP)(compress)
    group.command("poisson", help=_POISSON_HELP)(poisson)
    app.add_typer(group, name="network")


def generate(
    out: Annotated[Path, typer.Argument(help="File to write (.npz).")],
    bases: Annotated[int, typer.Option(help="Packings, each the base of several networks.")] = 10,
    nodes: Annotated[int, typer.Option(help="Nodes of each packing.")] = 100,
    per_base: Annotated[int, typer.Option(help="Targets per packing, spread over the range.")] = 12,
    nu: Annotated[str, typer.Option(help="Range of the target of Poisson's ratio, LOW:HIGH.")] = "-0.6:0.6",
    tolerance: Annotated[float, typer.Option(help="Largest distance from the target.")] = 0.02,
    max_anisotropy: Annotated[
        float, typer.Option(help="Leave out networks whose stiffness is further from isotropic, 0 to 1.")
    ] = 0.5,
    angle_stiffness: Annotated[float, typer.Option(help="k_theta of angle terms; 0 for none.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of packings and targets.")] = 1,
) -> None:
    """Make networks and print how many there are."""
    from mdlens.workflows.elastic_data import NetworkSetRecipe, generate_networks

    if out.suffix != ".npz":
        raise InputError(f"{out}: networks are written to .npz files")
    lowest, highest = _range(nu)
    recipe = NetworkSetRecipe(
        bases=bases,
        nodes=nodes,
        per_base=per_base,
        lowest=lowest,
        highest=highest,
        tolerance=tolerance,
        max_anisotropy=max_anisotropy,
        angle_stiffness=angle_stiffness,
        seed=seed,
    )
    with _bar("networks") as show:
        networks = generate_networks(recipe, out, on_progress=show)
    missed = bases * per_base - len(networks)
    typer.echo(f"{out}: {len(networks)} networks of {bases} packings; {missed} targets missed")


def compress(
    files: Annotated[list[Path], typer.Argument(help="Networks: native (.npz) or LAMMPS data files.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the trajectories.")],
    fast: Annotated[
        bool, typer.Option("--fast", help="Time step of 0.25 in place of the published 0.01.")
    ] = False,
    temperature: Annotated[float, typer.Option(help="Of the thermostat, reduced units.")] = 1e-7,
    strain: Annotated[float, typer.Option(help="Strain at the end, negative in compression.")] = -0.05,
    rate: Annotated[float, typer.Option(help="Strain rate, negative in compression.")] = -1e-5,
    equilibration: Annotated[float, typer.Option(help="Time at temperature before compression.")] = 0.0,
    limit: Annotated[int | None, typer.Option(help="Compress only so many networks.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Of thermostat and velocities.")] = 1,
) -> None:
    """Compress the networks of files into a folder."""
    from mdlens.simulation.compression import CompressionRecipe
    from mdlens.workflows.elastic_data import compress_networks

    recipe = CompressionRecipe(
        temperature=temperature,
        strain=strain,
        rate=rate,
        equilibration=equilibration,
        seed=seed,
        timestep=0.25 if fast else 0.01,
        name="fast" if fast else "published",
    )
    networks = [network for file in files for network in _networks(file)]
    with _bar("trajectories") as show:
        written = compress_networks(networks, recipe, out, limit=limit, on_progress=show)
    typer.echo(f"{out}: {len(written)} trajectories")


def poisson(
    files: Annotated[list[Path], typer.Argument(help="Native files (.npz) or LAMMPS data files.")],
) -> None:
    """Print Poisson's ratios and moduli."""
    from mdlens.workflows.elastic_data import read_elastic

    table = Table(box=None, pad_edge=False)
    for column in ("network", "nu", "nu_xy", "nu_yx", "nu_box", "B", "G", "anisotropy"):
        table.add_column(column, justify="left" if column == "network" else "right")
    for column in ("strain", "positions", "box"):
        table.add_column(column, justify="right")
    for file in files:
        for item in read_elastic(file):
            table.add_row(*_poisson_row(item))
    Console(width=None if Console().is_terminal else 160).print(table)


def _poisson_row(item: "ElasticNetwork | ElasticTrajectory") -> list[str]:
    from mdlens.io.networks import ElasticTrajectory, poisson_ratio_from_box
    from mdlens.simulation.linear_response import linear_response
    from mdlens.simulation.quasistatic import relax

    network = item.network if isinstance(item, ElasticTrajectory) else item
    r = linear_response(relax(network))
    values = (r.nu, r.nu_xy, r.nu_yx, r.nu_box, r.B, r.G, r.anisotropy)
    row = [network.name, *(f"{value:.4f}" for value in values)]
    if not isinstance(item, ElasticTrajectory):
        return [*row, "", "", ""]
    moved = (item.strain[-1], item.poisson_ratio[-1], poisson_ratio_from_box(item.boxes)[-1])
    return row + [f"{value:.4f}" for value in moved]


def _networks(file: Path) -> "list[ElasticNetwork]":
    from mdlens.io.networks import ElasticTrajectory
    from mdlens.workflows.elastic_data import read_elastic

    found = read_elastic(file)
    return [item.network if isinstance(item, ElasticTrajectory) else item for item in found]


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError as error:
        raise InputError(f"--nu takes LOW:HIGH such as -0.6:0.6, got {text!r}") from error
    return low, high


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr where that is a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
