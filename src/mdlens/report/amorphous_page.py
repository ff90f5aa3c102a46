"""The page of `mdlens amorphous classify`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from mdlens.report.cards import definitions
from mdlens.report.page import card, document, plot
from mdlens.report.text import escaped

_MOST_ROWS = 200
_BLUE, _BAND = "#2f5d8a", "rgba(47, 93, 138, 0.2)"


@dataclass(frozen=True, slots=True)
class ConfigurationRow:
    """What is shown of one frame.

    Attributes:
        frame: Its number in the file.
        timestep: Its time step, if the file has one.
        particles: Number of particles.
        label: The more probable class.
        probability: Of the second class.
        low: 2.5 % quantile over the windows.
        high: 97.5 % quantile over the windows.
    """

    frame: int
    timestep: int | None
    particles: int
    label: str
    probability: float
    low: float
    high: float


def render_amorphous(
    source: str,
    rows: Sequence[ConfigurationRow],
    classes: tuple[str, str],
    model: Mapping[str, Any],
    *,
    version: str = "",
) -> str:
    """Return the page of one file as text; every string that comes from outside is escaped.

    Args:
        source: Name of the file.
        rows: Its frames.
        classes: The two classes; probabilities are those of the second.
        model: What the model says of itself: name, species, scores, training.
        version: Version of mdlens.
    """
    shares = [sum(row.label == name for row in rows) for name in classes]
    head = f"""<header><p class="file">{escaped(source)}</p>
<h1>{shares[0]} of {len(rows)} configurations {escaped(classes[0])}, {shares[1]} {escaped(classes[1])}</h1>
<p class="lead">Classified one by one with the model <b>{escaped(model.get("name", ""))}</b>.</p></header>"""
    what = escaped(classes[1])
    curve = plot("fractions", [_figure(rows, classes[1])], "Probability by frame")
    note = (
        '<p class="note">The line is the probability of the whole configuration; the band holds 95 % of the '
        "random windows looked at in it. It shows how much places differ, not how far the model can be "
        "trusted on other materials.</p>"
    )
    parts = [
        head,
        card("fractions", f"Probability of {what}, frame by frame", curve + note),
        card("model", "The model", definitions(model)),
        card("frames", "Frames", _table(rows, classes[1])),
    ]
    return document(f"{source}: {classes[0]} or {classes[1]}", "\n".join(parts), version=version)


def _figure(rows: Sequence[ConfigurationRow], name: str) -> Any:
    x = [row.frame for row in rows]
    shared = {"x": x, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure = go.Figure(
        [
            go.Scatter(y=[row.low for row in rows], **shared),
            go.Scatter(y=[row.high for row in rows], fill="tonexty", fillcolor=_BAND, **shared),
            go.Scatter(
                x=x,
                y=[row.probability for row in rows],
                mode="lines+markers",
                line={"color": _BLUE},
                name=name,
                showlegend=False,
            ),
        ]
    )
    figure.update_layout(
        height=320,
        margin={"l": 55, "r": 15, "t": 15, "b": 45},
        xaxis={"title": "frame"},
        yaxis={"title": f"probability of {name}", "range": [-0.02, 1.02]},
        template="plotly_white",
    )
    return figure


def _table(rows: Sequence[ConfigurationRow], name: str) -> str:
    heads = ("frame", "timestep", "particles", "class", f"probability of {name}", "over the windows")
    head = "".join(f"<th>{escaped(text)}</th>" for text in heads)
    body = "".join(
        f"<tr><td>{row.frame}</td><td>{'-' if row.timestep is None else row.timestep}</td>"
        f"<td>{row.particles:,}</td><td>{escaped(row.label)}</td><td>{row.probability:.3f}</td>"
        f"<td>{row.low:.3f} to {row.high:.3f}</td></tr>"
        for row in rows[:_MOST_ROWS]
    )
    more = f'<p class="note">{len(rows) - _MOST_ROWS} more frames.</p>' if len(rows) > _MOST_ROWS else ""
    return f"<table><tr>{head}</tr>{body}</table>{more}"
