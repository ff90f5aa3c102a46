"""`mdlens simulate`: LAMMPS recipes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from mdlens.cli import simulate_glass, simulate_sliding
from mdlens.errors import InputError

if TYPE_CHECKING:
    from mdlens.simulation import BulkRecipe, Stage

_BULK_HELP = """Hold, heat, cool or melt a periodic block of one phase in LAMMPS (metal units).

Example: mdlens simulate bulk --lattice fcc --element Cu --potential Cu_mishin1.eam.alloy --temperature
300:1800 --steps 50000
--snapshots 50 --out copper/

Run the same command again after an interruption and it goes on where it stopped.
"""

_QUENCH_HELP = """Cool a random mixture of elements from the melt to a glass in LAMMPS (metal units).

Example: mdlens simulate quench --element Cu,Zr --potential CuZr_mm.eam.fs --temperature 2000:1200:300
--steps 6400,27000 --snapshots 120 --out glass/

The atoms are placed at random, pushed apart by a soft potential, held at the first temperature, and cooled
at zero pressure. Run the same command again after an interruption and it goes on where it stopped.
"""


def register(app: typer.Typer) -> None:
    """Add the `simulate` group to the command line."""
    group = typer.Typer(help="Make trajectories with LAMMPS.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("bulk", help=_BULK_HELP)(bulk)
    group.command("quench", help=_QUENCH_HELP)(quench)
    group.command("glass2d", help=simulate_glass.HELP)(simulate_glass.glass2d)
    group.command("sliding", help=simulate_sliding.HELP)(simulate_sliding.sliding)
    app.add_typer(group, name="simulate")


def bulk(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")],
    lattice: Annotated[
        str,
        typer.Option(
            help="fcc, bcc, hcp, sc, cubic_diamond, hexagonal_diamond, rocksalt, zincblende, wurtzite, cscl."
        ),
    ],
    element: Annotated[str, typer.Option(help="Chemical symbol, or two with a comma for compounds: Na,Cl.")],
    potential: Annotated[
        str,
        typer.Option(
            help="File, a name in LAMMPS's potentials folder, lj:EPSILON,SIGMA,CUTOFF, fumi-tosi or mW."
        ),
    ],
    temperature: Annotated[str, typer.Option(help="K: one value to hold, START:STOP for a linear ramp.")],
    steps: Annotated[int, typer.Option(help="MD steps of the hold or ramp.", min=1)] = 20000,
    snapshots: Annotated[int, typer.Option(help="Frames recorded, evenly spaced.", min=1)] = 20,
    equilibrate: Annotated[
        int, typer.Option(help="Steps at the start temperature before recording.", min=0)
    ] = 2000,
    melt: Annotated[
        float | None,
        typer.Option(help="First melt at this temperature (K), then cool to the start temperature."),
    ] = None,
    lattice_constant: Annotated[
        float | None,
        typer.Option(help="a in Angstrom; by default the element's own, where the lattice is its own."),
    ] = None,
    c_over_a: Annotated[
        float | None, typer.Option(help="c/a of hexagonal lattices; ideal by default.")
    ] = None,
    atoms: Annotated[int, typer.Option(help="At least so many atoms.", min=1)] = 4000,
    ensemble: Annotated[str, typer.Option(help="npt or nvt.")] = "npt",
    pressure: Annotated[float, typer.Option(help="bar (npt).")] = 0.0,
    timestep: Annotated[float, typer.Option(help="ps.")] = 0.002,
    seed: Annotated[int, typer.Option(help="Of the start velocities.")] = 1,
) -> None:
    """Run the bulk recipe of the options into a folder."""
    from mdlens.simulation import BulkRecipe

    elements = tuple(e.strip() for e in element.split(","))
    start, stop = _temperatures(temperature)
    recipe = BulkRecipe(
        lattice=lattice,
        elements=elements,
        lattice_constant=lattice_constant or _own_lattice_constant(lattice, elements),
        c_over_a=c_over_a,
        potential=potential,
        stages=_stages(start, stop, steps, snapshots, equilibrate, melt),
        atoms_at_least=atoms,
        ensemble=ensemble,  # type: ignore[arg-type]  # checked by the recipe
        pressure=pressure,
        coupling="iso" if melt else "aniso",
        timestep=timestep,
        seed=seed,
    )
    trajectory = _run(recipe, out)
    typer.echo(f"{trajectory}: {snapshots} frames; energies and volumes in {out / 'thermo.csv'}")


def quench(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")],
    element: Annotated[str, typer.Option(help="Chemical symbols with commas: Cu,Zr.")],
    potential: Annotated[
        str,
        typer.Option(help="File, a name in LAMMPS's potentials folder, or lj:EPSILON,SIGMA,CUTOFF."),
    ],
    temperature: Annotated[str, typer.Option(help="K: the start and the end of each ramp, 2000:1200:300.")],
    steps: Annotated[str, typer.Option(help="MD steps of each ramp, with commas: 6400,27000.")],
    fractions: Annotated[
        str | None, typer.Option(help="Share of the atoms of each element: 0.5,0.5; equal by default.")
    ] = None,
    snapshots: Annotated[int, typer.Option(help="Frames recorded, evenly spaced in time.", min=1)] = 100,
    equilibrate: Annotated[int, typer.Option(help="Steps at the first temperature before.", min=1)] = 5000,
    atoms: Annotated[int, typer.Option(help="Number of atoms.", min=1)] = 4000,
    volume_per_atom: Annotated[
        float | None, typer.Option(help="Cubic Angstrom at the start; that of the elements by default.")
    ] = None,
    pressure: Annotated[float, typer.Option(help="bar.")] = 0.0,
    timestep: Annotated[float, typer.Option(help="ps.")] = 0.002,
    seed: Annotated[int, typer.Option(help="Of the placement and the start velocities.")] = 1,
) -> None:
    """Run a quench of a random mixture into a folder."""
    from mdlens.simulation import BulkRecipe, volume_of_elements

    elements = tuple(e.strip() for e in element.split(","))
    shares = _numbers("--fractions", fractions) if fractions else (1 / len(elements),) * len(elements)
    if len(shares) != len(elements):
        raise InputError(f"--fractions takes a share for each of {', '.join(elements)}, got {fractions}")
    recipe = BulkRecipe(
        lattice="random",
        elements=elements,
        fractions=shares,
        lattice_constant=(volume_per_atom or volume_of_elements(elements, shares)) ** (1 / 3),
        atoms_at_least=atoms,
        potential=potential,
        stages=_ramps(_numbers("--temperature", temperature, ":"), steps, snapshots, equilibrate),
        pressure=pressure,
        coupling="iso",
        timestep=timestep,
        seed=seed,
    )
    trajectory = _run(recipe, out)
    typer.echo(f"{trajectory}: energies and volumes in {out / 'thermo.csv'}")


def _ramps(
    temperatures: tuple[float, ...], steps: str, snapshots: int, equilibrate: int
) -> "tuple[Stage, ...]":
    from mdlens.simulation import Stage

    lengths = tuple(int(n) for n in _numbers("--steps", steps))
    if len(lengths) != len(temperatures) - 1 or min(lengths) < 1:
        raise InputError(
            f"--steps takes the MD steps of each of {len(temperatures) - 1} ramps, "
            f"e.g. 6400,27000, got {steps}"
        )
    ramps = [
        Stage(start=start, stop=stop, steps=n, snapshots=min(n, max(1, round(snapshots * n / sum(lengths)))))
        for start, stop, n in zip(temperatures[:-1], temperatures[1:], lengths, strict=True)
    ]
    return (Stage(start=temperatures[0], stop=temperatures[0], steps=equilibrate), *ramps)


def _numbers(option: str, text: str, separator: str = ",") -> tuple[float, ...]:
    try:
        return tuple(float(x) for x in text.split(separator))
    except ValueError as error:
        raise InputError(
            f"{option} takes numbers and {separator!r} between them, got {text!r:.60}"
        ) from error


def _run(recipe: "BulkRecipe", out: Path) -> Path:
    from mdlens.simulation import run_bulk

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{' '.join(recipe.elements)} {recipe.lattice}", total=None)
        return run_bulk(
            recipe, out, on_progress=lambda done, total: bar.update(task, completed=done, total=total)
        )


def _stages(
    start: float, stop: float, steps: int, snapshots: int, equilibrate: int, melt: float | None
) -> "tuple[Stage, ...]":
    from mdlens.simulation import Stage

    stages = []
    if melt is not None:
        stages += [Stage(start=melt, stop=melt, steps=5000), Stage(start=melt, stop=start, steps=2000)]
    if equilibrate:
        stages.append(Stage(start=start, stop=start, steps=equilibrate))
    return (*stages, Stage(start=start, stop=stop, steps=steps, snapshots=snapshots))


def _temperatures(text: str) -> tuple[float, float]:
    try:
        values = [float(x) for x in text.split(":")]
    except ValueError:
        values = []
    if len(values) not in (1, 2):
        raise InputError(f"--temperature takes K as VALUE or START:STOP, got {text!r}")
    return values[0], values[-1]


def _own_lattice_constant(lattice: str, elements: tuple[str, ...]) -> float:
    from ase.data import atomic_numbers, reference_states

    from mdlens.simulation import LATTICES

    if lattice not in LATTICES:
        raise InputError(f"lattice must be one of {', '.join(LATTICES)}, got {lattice!r}")
    if unknown := [name for name in elements if name not in atomic_numbers]:
        raise InputError(f"unknown element(s) {', '.join(unknown)}: give chemical symbols such as Cu")
    reference = reference_states[atomic_numbers.get(elements[0], 0)] if len(elements) == 1 else None
    symmetry = {"cubic_diamond": "diamond"}.get(lattice, lattice)
    if not reference or reference.get("symmetry") != symmetry:
        name = " ".join(elements)
        raise InputError(
            f"give --lattice-constant (Angstrom): {lattice} is not the reference lattice of {name}"
        )
    return float(reference["a"])
