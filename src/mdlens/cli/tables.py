"""What the commands print."""

import os
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from mdlens.report import FrameSummary, percent

_MOST_ROWS = 24
_WIDE = 400
_HIGHLIGHT = 0.5


def fraction_table(frames: Sequence[FrameSummary], title: str = "") -> Table:
    """Tabulate the fractions per frame; many frames are thinned evenly, and the caption says so.

    Args:
        frames: At least one summary, all with the same classes.
        title: Printed above.
    """
    present = [name for name in frames[0].counts if any(frame.counts[name] for frame in frames)]
    table = Table(title=Text(title) if title else None, box=box.SIMPLE_HEAD, title_justify="left")
    for head in ("frame", "timestep", "atoms", *(name.replace("_", " ") for name in present), "confidence"):
        table.add_column(Text(head), justify="right", no_wrap=False)
    for frame in thin(frames):
        table.add_row(*_row(frame, present))
    table.caption = Text(_caption(frames, present), style="dim") if _caption(frames, present) else None
    table.caption_justify = "left"
    return table


def thin(frames: Sequence[FrameSummary], most: int = _MOST_ROWS) -> list[FrameSummary]:
    """Choose at most `most` frames, evenly spread, first and last among them."""
    if len(frames) <= most:
        return list(frames)
    return [frames[round(k * (len(frames) - 1) / (most - 1))] for k in range(most)]


def _row(frame: FrameSummary, present: Sequence[str]) -> list[Text]:
    fractions = frame.fractions
    shares = [
        Text(percent(fractions[name]), "bold" if fractions[name] > _HIGHLIGHT else "") for name in present
    ]
    step = "-" if frame.timestep is None else str(frame.timestep)
    mean = "-" if frame.mean_confidence is None else f"{frame.mean_confidence:.3f}"
    return [Text(str(frame.frame)), Text(step), Text(f"{frame.n_atoms:,}"), *shares, Text(mean)]


def _caption(frames: Sequence[FrameSummary], present: Sequence[str]) -> str:
    absent = [name.replace("_", " ") for name in frames[0].counts if name not in present]
    parts = [f"no atom is {', '.join(absent)}"] if absent else []
    if len(frames) > _MOST_ROWS:
        parts.append(f"{_MOST_ROWS} of {len(frames):,} frames shown; --json has them all")
    return "; ".join(parts)


def print_safely(*parts: RenderableType) -> None:
    """Print on stdout; when its reader has gone, as in ``| head -1``, the work goes on without printing."""
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    with console.capture() as capture:
        for part in parts:
            console.print(part, soft_wrap=isinstance(part, Text))
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(capture.get().encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
