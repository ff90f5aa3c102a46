"""``mdlens transition``: where a run melts or vitrifies."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdlens.errors import InputError

if TYPE_CHECKING:
    from mdlens.learning.transitions import Transition

_HELP = """Find the temperature at which a run melts or vitrifies, by class fractions and by energy.

Example: mdlens classify copper/trajectory.dump --json copper.json,
then mdlens transition copper.json copper/thermo.csv

Both temperatures come with 95 % intervals.
"""


def register(app: typer.Typer) -> None:
    """Add `transition` to the command line."""
    app.command("transition", help=_HELP)(transition)


def transition(
    fractions: Annotated[
        Path, typer.Argument(metavar="FRACTIONS.json", help="What mdlens classify --json wrote.")
    ],
    thermo: Annotated[Path, typer.Argument(metavar="THERMO.csv", help="thermo.csv of the same run.")],
    kind: Annotated[
        str, typer.Option(help="melting: a step of the energy; glass: a kink of it.")
    ] = "melting",
    low_class: Annotated[
        str | None,
        typer.Option("--class", help="Class stable when cold; by default that of the coldest frame."),
    ] = None,
    between: Annotated[
        str | None, typer.Option(metavar="LOW:HIGH", help="Use frames between these temperatures only (K).")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON.")
    ] = None,
) -> None:
    """Print the transition of a run, and write it if asked."""
    from mdlens.workflows.transition import find_transition, read_ramp, write_transition

    ramp = read_ramp(fractions, thermo, _between(between))
    found = find_transition(ramp, kind, low_class)
    typer.echo(f"{found.kind} of {found.low_class}, {len(ramp.temperature)} frames")
    typer.echo(f"  by energy   {_kelvin(found.by_energy)}")
    typer.echo(f"  by classes  {_kelvin(found.by_class)}")
    if json_file:
        write_transition(json_file, found)


def _kelvin(found: "Transition") -> str:
    return f"{found.temperature:.0f} K (95 % interval {found.low:.0f} to {found.high:.0f} K)"


def _between(text: str | None) -> tuple[float, float]:
    if text is None:
        return 0.0, float("inf")
    try:
        low, high = (float(x) for x in text.split(":"))
    except ValueError as error:
        raise InputError(f"--between takes LOW:HIGH in K, e.g. 300:1200, got {text!r:.60}") from error
    return low, high
