"""`mdlens network`: disordered elastic networks, made, compressed, learnt and measured."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mdlens.errors import InputError, MissingExtraError

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

TRAIN_HELP = """Train a simulator on compressions; an interrupted run continues when started again.

Example: mdlens train network simulator.toml --out run/

The folder gets model.safetensors, log.csv and metrics.json (rollouts of unseen base networks beside
baselines).
"""

_ROLLOUT_HELP = """Predict compressions with a trained simulator.

Example: mdlens network rollout run/ trajectories/a.npz --out predicted.npz --report predicted.html

A trajectory gives the first frames and the imposed length along x; a network starts at rest. The length
along y is always predicted.
"""


def register(app: typer.Typer) -> None:
    """Add the `network` group to the command line."""
    group = typer.Typer(help="Disordered elastic networks and their Poisson's ratio.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("generate", help=_GENERATE_HELP)(generate)
    group.command("compress", help=_COMPRESS_HELP)(compress)
    group.command("poisson", help=_POISSON_HELP)(poisson)
    group.command("train", help=TRAIN_HELP)(train)
    group.command("rollout", help=_ROLLOUT_HELP)(rollout)
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


def train(
    config: Annotated[Path, typer.Argument(help="TOML file: data, model, selection, split, fit.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")],
    threads: Annotated[int, typer.Option(min=1, help="Threads to use.")] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", help="Draw no progress bar.")] = False,
) -> None:
    """Train a simulator."""
    _need_train_extra()
    from mdlens.workflows.elastic import train_network

    try:
        model = train_network(config, out, threads=threads, progress=not quiet)
    except KeyboardInterrupt as stop:
        typer.echo(f"mdlens: {stop.args[0] if stop.args else 'interrupted'}", err=True)
        raise typer.Exit(130) from None
    _print_scores(model.training["scores"])
    typer.echo(f"wrote {out / 'model.safetensors'} and {out / 'metrics.json'}")


def rollout(
    model: Annotated[Path, typer.Argument(help="Model file or folder of a training run.")],
    file: Annotated[Path, typer.Argument(help="Networks or trajectories (.npz), or a LAMMPS data file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Trajectories to write (.npz).")],
    frames: Annotated[int, typer.Option(min=3, help="Frames of each, those given included.")] = 401,
    rate: Annotated[float, typer.Option(help="Strain rate, for networks.")] = -1e-5,
    report: Annotated[Path | None, typer.Option(help="Animated page to write (.html).")] = None,
) -> None:
    """Roll out and print Poisson's ratios."""
    _need_train_extra()
    from mdlens.learning.network_files import load_simulator
    from mdlens.workflows.elastic import predict_network, write_predictions, write_rollout_page

    loaded = load_simulator(model)
    predictions = predict_network(loaded, file, frames=frames, rate=rate)
    write_predictions(predictions, out)
    table = Table(box=None, pad_edge=False)
    for column in ("network", "frames", "nu", "true nu", ""):
        table.add_column(column, justify="left" if column in ("network", "") else "right")
    for p in predictions:
        made = p.rollout.trajectory
        numbers = (f"{value:.4f}" if value == value else "-" for value in (p.nu, p.true_nu))
        table.add_row(made.network.name, str(made.n_frames), *numbers, p.rollout.stopped)
    Console(width=None if Console().is_terminal else 160).print(table)
    if report is not None:
        write_rollout_page(predictions, report, loaded.config.name)
    typer.echo(f"wrote {out}" + (f" and {report}" if report is not None else ""))


def _need_train_extra() -> None:
    for package in ("torch", "lightning", "safetensors"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "train")


def _print_scores(scores: "dict[str, Any]") -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("test part", "frame", "R2 of nu", "MSE / frozen"):
        table.add_column(column, justify="left" if column == "test part" else "right")
    for name in ("simulator", "affine", "frozen"):
        for frame, found in scores[name].items():
            if isinstance(found, dict):
                r2 = "-" if found["r2_nu"] is None else f"{found['r2_nu']:.4f}"
                table.add_row(name, frame, r2, f"{found['mse_relative']:.2e}")
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
