"""Deformation mechanism maps as a page to look at."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

COLORS = ("#9aa5b1", "#3182bd", "#31a354", "#e6550d", "#756bb1", "#8c6d31", "#c51b8a")
"""Of the patterns, in their order."""


def mechanism_figure(
    cells: Sequence[Mapping[str, Any]],
    pressures: Sequence[Mapping[str, Any]],
    patterns: Sequence[str],
    *,
    slider: str,
    title: str,
) -> go.Figure:
    """Draw a map: composition to the right, pressure upwards, a slider for the third axis.

    Simulated cells are full squares, predicted ones open circles; their size is the confidence.
    Characteristic pressures stand as crosses with their intervals.

    Args:
        cells: With nickel, pressure, slider, pattern, confidence, windows and simulated.
        pressures: With nickel, pattern, value, low, high.
        patterns: Names.
        slider: What the third axis is, with its unit.
        title: Above the map.
    """
    values = sorted({float(cell["slider"]) for cell in cells})
    figure = go.Figure()
    groups: list[tuple[float | None, int]] = []
    for value in values:
        for number, _name in enumerate(patterns):
            for simulated in (True, False):
                chosen = [
                    c
                    for c in cells
                    if c["slider"] == value and c["pattern"] == number and c["simulated"] == simulated
                ]
                if chosen:
                    figure.add_trace(_cells(chosen, patterns[number], number, simulated))
                    groups.append((value, number))
    for mark in pressures:
        if mark["value"] == mark["value"]:
            figure.add_trace(_mark(mark, patterns))
            groups.append((None, int(mark["pattern"])))
    _slide(figure, groups, values, slider)
    figure.update_layout(
        title=title,
        xaxis={"title": "Ni (%)", "range": [-8, 108]},
        yaxis={"title": "normal pressure (GPa)", "rangemode": "tozero"},
        template="plotly_white",
        legend={"title": "dominant pattern"},
    )
    return figure


def _cells(cells: Sequence[Mapping[str, Any]], name: str, number: int, simulated: bool) -> go.Scatter:
    kind = "simulated" if simulated else "predicted"
    color = COLORS[number % len(COLORS)]
    return go.Scatter(
        x=[100 * c["nickel"] for c in cells],
        y=[c["pressure"] for c in cells],
        mode="markers",
        name=f"{name.replace('_', ' ')} ({kind})",
        marker={
            "symbol": "square" if simulated else "circle-open",
            "size": [10 + 24 * c["confidence"] for c in cells],
            "color": color,
            "line": {"width": 2, "color": color},
        },
        text=[
            f"{kind}, confidence {c['confidence']:.2f}" + (f", {c['windows']} windows" if simulated else "")
            for c in cells
        ],
        hovertemplate="%{x:.0f} % Ni, %{y:.2f} GPa<br>%{text}<extra></extra>",
    )


def _mark(mark: Mapping[str, Any], patterns: Sequence[str]) -> go.Scatter:
    name = patterns[mark["pattern"]].replace("_", " ")
    return go.Scatter(
        x=[100 * mark["nickel"]],
        y=[mark["value"]],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [max(mark["high"] - mark["value"], 0.0)],
            "arrayminus": [max(mark["value"] - mark["low"], 0.0)],
        },
        mode="markers",
        name=f"p* of {name}",
        showlegend=False,
        marker={"symbol": "x", "size": 11, "color": COLORS[mark["pattern"] % len(COLORS)]},
        hovertemplate=f"{'onset' if mark['rising'] else 'end'} of {name}: %{{y:.2f}} GPa "
        f"[{mark['low']:.2f}, {mark['high']:.2f}]<extra></extra>",
    )


def _slide(
    figure: go.Figure, groups: Sequence[tuple[float | None, int]], values: Sequence[float], name: str
) -> None:
    """Show the cells of one value at a time; marks belong to all."""
    for trace, (value, _) in zip(figure.data, groups, strict=True):
        trace.visible = value is None or value == values[0]
    steps = [
        {
            "method": "restyle",
            "label": f"{value:g}",
            "args": [{"visible": [own is None or own == value for own, _ in groups]}],
        }
        for value in values
    ]
    if len(values) > 1:
        figure.update_layout(sliders=[{"currentvalue": {"prefix": f"{name}: "}, "steps": steps}])
