"""What the commands print."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TypeVar

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from mdlens.report import FrameSummary, percent

Row = TypeVar("Row")

_MOST_ROWS = 24
_WIDE = 400
_HIGHLIGHT = 0.5
_SHORT = {
    "timestep": "step",
    "cubic_diamond": "c-dia",
    "hexagonal_diamond": "h-dia",
    "disordered": "disord",
    "unknown": "unkn",
    "confidence": "conf",
}


def fraction_table(frames: Sequence[FrameSummary], title: str = "", note: str = "") -> Table:
    """Tabulate the fractions per frame; many frames are thinned evenly, and the caption says so.

    Heads are shortened where the table would be wider than the terminal.

    Args:
        frames: At least one summary, all with the same classes.
        title: Printed above.
        note: Printed below, before what the table says of itself.
    """
    table = _fraction_table(frames, title, note, short={})
    console = stdout_console()
    fits = console.measure(table, options=console.options.update(width=_WIDE)).maximum <= console.width
    return table if fits else _fraction_table(frames, title, note, short=_SHORT)


def _fraction_table(frames: Sequence[FrameSummary], title: str, note: str, short: Mapping[str, str]) -> Table:
    present = [name for name in frames[0].counts if any(frame.counts[name] for frame in frames)]
    table = Table(
        title=Text(title) if title else None,
        box=box.SIMPLE_HEAD,
        padding=(0, 0) if short else (0, 1),
        title_justify="left",
        caption_justify="left",
    )
    for head in ("frame", "timestep", "atoms", *present, "confidence"):
        table.add_column(Text(short.get(head, head.replace("_", " "))), justify="right", no_wrap=True)
    for frame in thin(frames):
        table.add_row(*_row(frame, present))
    caption = "; ".join(filter(None, [note, _caption(frames, present, short)]))
    table.caption = Text(caption, style="dim") if caption else None
    return table


def thin(frames: Sequence[Row], most: int = _MOST_ROWS) -> list[Row]:
    """Choose at most `most` frames, evenly spread, first and last among them."""
    if len(frames) <= most:
        return list(frames)
    return [frames[round(k * (len(frames) - 1) / (most - 1))] for k in range(most)]


def _row(frame: FrameSummary, present: Sequence[str]) -> list[Text]:
    step = "-" if frame.timestep is None else str(frame.timestep)
    mean = "-" if frame.mean_confidence is None else f"{frame.mean_confidence:.3f}"
    shares = (_share(frame.fractions[name]) for name in present)
    return [Text(str(frame.frame)), Text(step), Text(f"{frame.n_atoms:,}"), *shares, Text(mean)]


def _share(fraction: float) -> Text:
    return Text(percent(fraction).replace(" ", ""), "bold" if fraction > _HIGHLIGHT else "")


def _caption(frames: Sequence[FrameSummary], present: Sequence[str], short: Mapping[str, str]) -> str:
    absent = [name.replace("_", " ") for name in frames[0].counts if name not in present]
    parts = [f"{short[name]} is {name.replace('_', ' ')}" for name in present if name in short]
    parts += [f"no atom is {', '.join(absent)}"] if absent else []
    if len(frames) > _MOST_ROWS:
        parts.append(f"{_MOST_ROWS} of {len(frames):,} frames shown; --json has them all")
    return "; ".join(parts)


def stdout_console() -> Console:
    """Return a console as wide as the terminal; wide enough for any table where stdout is none."""
    return Console(width=None if sys.stdout.isatty() else _WIDE)


def print_safely(*parts: RenderableType) -> None:
    """Print on stdout; when its reader has gone, as in ``| head -1``, the work goes on without printing."""
    console = stdout_console()
    with console.capture() as capture:
        for part in parts:
            console.print(part, soft_wrap=isinstance(part, Text))
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(capture.get().encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
