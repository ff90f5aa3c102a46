"""The ``mdlens`` command: composes the command groups and turns every expected error into one line.

Each command module has a ``register(app)`` that adds its commands; modules import the heavy floors
inside their commands, so that ``--help`` answers at once.
"""

import ctypes
import sys
from typing import Annotated, NoReturn

import typer

from mdlens import __version__
from mdlens.cli import amorphous, classify, models, network, simulate, train, transition, tribology
from mdlens.errors import MdlensError
from mdlens.report.text import printable

app = typer.Typer(
    name="mdlens",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"mdlens {__version__}")
        raise typer.Exit


@app.callback()
def mdlens(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Understand particle simulations with deep learning."""


for group in (classify, models, train, simulate, transition, amorphous, network, tribology):
    group.register(app)


_M_MMAP_THRESHOLD = -3
_LARGE_BLOCK = 1 << 20


def _give_memory_back() -> None:
    """Have the C library return every large array to the system as soon as it is freed.

    Left alone it raises the size from which it does so up to 32 MB, and keeps the arrays of a frame that the
    next step no longer needs. Only GNU's library has the switch.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


def main() -> None:
    """Run the command line: exit 0 on success, 2 with one line on wrong input, 130 when interrupted."""
    _give_memory_back()
    try:
        app()
    except MdlensError as error:
        _leave(error, 2)
    except (
        OSError
    ) as error:  # what no floor has turned into an error of ours, such as a name too long for the system
        _leave(f"{error.filename or 'a file'}: {error.strerror or error}; check the paths given", 2)
    except KeyboardInterrupt as stop:
        _leave(stop.args[0] if stop.args else "interrupted", 130)


def _leave(message: object, code: int) -> NoReturn:
    print(f"mdlens: {printable(message)}", file=sys.stderr)  # noqa: T201
    sys.exit(code)
