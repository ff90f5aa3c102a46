"""``mdlens classify``."""

import typer


def register(app: typer.Typer) -> None:
    """Add ``classify`` to the command line."""
    app.command()(classify)


def classify() -> None:
    """Tell which structure each atom of a file is in."""
    raise NotImplementedError
