"""The tables of a report, as HTML."""

from collections.abc import Sequence

from mdlens.report.colors import class_colors
from mdlens.report.data import FrameSummary, Report
from mdlens.report.text import escaped, percent, pretty

_MOST_ROWS = 200


def chip(color: str) -> str:
    """Return a small square of a class's colour."""
    return f'<i class="chip" style="background:{color}"></i>'


def count_table(report: Report) -> str:
    """Return the table of atoms per class: of the frame, or of first and last one with the range between."""
    filled = [frame for frame in report.frames if frame.n_atoms] or list(report.frames)
    colors = class_colors(report.names)
    single = len(filled) == 1
    present = [name for name in report.names if any(frame.counts[name] for frame in filled)]
    rows = "".join(
        f"<tr><th scope='row'>{chip(colors[name])}{escaped(pretty(name))}</th>"
        f"{_single(filled[0], name) if single else _range(filled, name)}</tr>"
        for name in present
    )
    ends = (filled[0],) if single else (filled[0], filled[-1])
    totals = "".join(f"<td>{frame.n_atoms:,}</td>" for frame in ends)
    absent = ", ".join(escaped(pretty(name)) for name in report.names if name not in present)
    note = f'<p class="note">No atom is {absent}.</p>' if absent else ""
    heads = ("atoms", "share") if single else ("first frame", "last frame", "range")
    return _table(("", *heads), rows, f"<tr><th scope='row'>all atoms</th>{totals}<td></td></tr>") + note


def _single(frame: FrameSummary, name: str) -> str:
    return f"<td>{frame.counts[name]:,}</td><td>{percent(frame.fractions[name])}</td>"


def _range(frames: Sequence[FrameSummary], name: str) -> str:
    shares = [frame.fractions[name] for frame in frames]
    ends = "".join(
        f"<td>{percent(frame.fractions[name])}<small>{frame.counts[name]:,}</small></td>"
        for frame in (frames[0], frames[-1])
    )
    low, high = percent(min(shares)), percent(max(shares))
    return f"{ends}<td>{low if low == high else f'{low} to {high}'}</td>"


def _table(heads: Sequence[str], rows: str, foot: str = "") -> str:
    head = "".join(f"<th scope='col'>{name}</th>" for name in heads)
    tail = f"<tfoot>{foot}</tfoot>" if foot else ""
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>{tail}</table></div>'
    )


def frame_table(report: Report) -> str:
    """Return the table of shares in every frame, folded away; many frames are thinned, and it says so."""
    frames = report.frames
    if len(frames) < 2:
        return ""
    step = -(-len(frames) // _MOST_ROWS)
    present = [name for name in report.names if any(frame.counts[name] for frame in frames)]
    rows = "".join(_frame_row(frame, present) for frame in frames[::step])
    heads = ("frame", "timestep", "atoms", *(escaped(pretty(name)) for name in present), "mean confidence")
    thinned = "" if step == 1 else f'<p class="note">One in {step} of {len(frames):,} frames.</p>'
    return (
        f'<details class="card" id="frames"><summary>All frames as numbers</summary>{thinned}'
        f"{_table(heads, rows)}</details>"
    )


def _frame_row(frame: FrameSummary, present: Sequence[str]) -> str:
    step = "-" if frame.timestep is None else f"{frame.timestep}"
    mean = "-" if frame.mean_confidence is None else f"{frame.mean_confidence:.3f}"
    shares = "".join(f"<td>{percent(frame.fractions[name])}</td>" for name in present)
    return f"<tr><td>{frame.frame}</td><td>{step}</td><td>{frame.n_atoms:,}</td>{shares}<td>{mean}</td></tr>"
