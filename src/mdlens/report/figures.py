"""The plots of a report, as plotly figures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mdlens.report.colors import UNKNOWN, class_colors, class_dashes, darker
from mdlens.report.data import FrameSummary, Report, Scene
from mdlens.report.text import escaped, percent, pretty

_INK, _FAINT, _GRID = "#1c2733", "#5b6875", "#e6eaee"
_CORNERS = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
_EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if np.abs(_CORNERS[a] - _CORNERS[b]).sum() == 1]
_MARKED_FRAMES = 40


def fractions_figure(frames: Sequence[FrameSummary], names: Sequence[str]) -> go.Figure:
    """Draw the share of each class along the trajectory, or as bars when there is one frame only."""
    present = present_classes(frames, names)
    return _bars(frames[0], present, names) if len(frames) == 1 else _curves(frames, present, names)


def present_classes(frames: Sequence[FrameSummary], names: Sequence[str]) -> list[str]:
    """List the classes that at least one atom has, in the model's order."""
    return [name for name in names if any(frame.counts[name] for frame in frames)]


def _label(name: str) -> str:
    return escaped(pretty(name))


def _bars(frame: FrameSummary, present: Sequence[str], names: Sequence[str]) -> go.Figure:
    colors, rows = class_colors(names), list(reversed(present))
    share = [frame.fractions[name] for name in rows]
    bars = go.Bar(
        x=share,
        y=[_label(name) for name in rows],
        orientation="h",
        marker={"color": [colors[name] for name in rows]},
        text=[f"{percent(x)} · {frame.counts[name]:,}" for x, name in zip(share, rows, strict=True)],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{text} atoms<extra></extra>",
        width=0.62,
    )
    figure = go.Figure(bars, _layout(height=90 + 44 * max(len(rows), 1)))
    figure.update_layout(margin={"l": 10, "r": 120, "t": 10, "b": 30})
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    return figure.update_yaxes(showgrid=False, automargin=True)


def _curves(frames: Sequence[FrameSummary], present: Sequence[str], names: Sequence[str]) -> go.Figure:
    colors, dashes = class_colors(names), class_dashes(names)
    steps = [frame.timestep for frame in frames]
    by_step = None not in steps and len(set(steps)) == len(steps)
    x = steps if by_step else [frame.frame for frame in frames]
    figure = go.Figure(layout=_layout(height=400))
    for name in present:
        figure.add_scatter(
            x=x,
            y=[frame.fractions[name] if frame.n_atoms else None for frame in frames],
            name=_label(name),
            mode="lines+markers" if len(frames) <= _MARKED_FRAMES else "lines",
            line={"color": colors[name], "width": 2.6, "dash": dashes[name]},
            marker={"size": 6},
            hovertemplate="%{y:.2%}",
        )
    figure.update_layout(
        annotations=_line_ends(frames, present, colors),
        hovermode="x unified",
        margin={"l": 48, "r": 132, "t": 14, "b": 48},
        showlegend=False,
    )
    figure.update_xaxes(
        title={"text": "timestep" if by_step else "frame", "font": {"size": 13}},
        tickformat="~s" if by_step else "d",
        nticks=6,
    )
    return figure.update_yaxes(tickformat=".0%", range=[-0.02, 1.03])


def _line_ends(
    frames: Sequence[FrameSummary], present: Sequence[str], colors: dict[str, str]
) -> list[dict[str, Any]]:
    """Name each curve at its right end, moved apart where the ends meet."""
    last = next((frame for frame in reversed(frames) if frame.n_atoms), frames[-1])
    wanted = sorted((last.fractions[name], name) for name in present)
    heights = spread([height for height, _ in wanted], gap=0.072, low=0.0, high=1.0)
    return [
        {
            "x": 1.0,
            "xref": "paper",
            "xanchor": "left",
            "xshift": 8,
            "y": height,
            "showarrow": False,
            "align": "left",
            "text": f"<span style='color:{colors[name]}'>●</span> {_label(name)[:24]}",
            "font": {"size": 13, "color": _INK},
        }
        for height, (_, name) in zip(heights, wanted, strict=True)
    ]


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Move sorted numbers apart to at least ``gap``: first up, then down from ``high``, not below ``low``."""
    placed: list[float] = []
    for height in wanted:
        placed.append(max(height, placed[-1] + gap) if placed else max(height, low))
    ceiling = high
    for k in range(len(placed) - 1, -1, -1):
        placed[k] = max(min(placed[k], ceiling), low)
        ceiling = placed[k] - gap
    return placed


def confidence_figure(report: Report) -> go.Figure:
    """Draw how many atoms have which confidence, on a logarithmic axis, with the threshold."""
    assigned, unknown = np.asarray(report.histogram, dtype=float) / max(int(np.sum(report.histogram)), 1)
    n_bins = len(assigned)
    centers = (np.arange(n_bins) + 0.5) / n_bins
    figure = go.Figure(layout=_layout(height=300))
    for name, share, color in (("given a structure", assigned, "#4a7bab"), ("unknown", unknown, "#1f2937")):
        figure.add_bar(
            x=centers,
            y=np.where(share > 0, share, np.nan),
            name=name,
            marker={"color": color},
            width=1 / n_bins,
            hovertemplate="confidence %{x:.2f}: %{y:.3%} of atoms",
        )
    threshold = report.model.threshold
    figure.add_vline(x=threshold, line={"color": _INK, "dash": "dash", "width": 1.4})
    left = threshold > 0.6
    figure.add_annotation(
        x=threshold, y=1.02, yref="paper", yanchor="bottom", xanchor="right" if left else "left",
        text=f"unknown below {threshold:.2f}", showarrow=False, font={"color": _INK, "size": 13},
    )  # fmt: skip
    figure.update_layout(
        barmode="overlay",
        bargap=0,
        margin={"l": 10, "r": 14, "t": 26, "b": 44},
        showlegend=False,
    )
    figure.update_xaxes(
        title={"text": "confidence (highest class probability)", "font": {"size": 13}}, range=[0, 1.0]
    )
    return figure.update_yaxes(
        type="log",
        tickvals=[10.0**k for k in range(-8, 1)],
        ticktext=[f"{10.0 ** (k + 2):g}%" for k in range(-8, 1)],
        range=[_log_floor(assigned + unknown), 0.15],
        automargin=True,
    )


def _log_floor(shares: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    lowest = shares[shares > 0].min(initial=1.0)
    return float(np.floor(np.log10(lowest) - 0.3))


def scene_figure(scene: Scene, names: Sequence[str]) -> go.Figure:
    """Draw atoms in space, one trace per class so that the legend switches them, and the edges of the cell.

    Every class has its trace, also without atoms: frames then share their legend and what is hidden in it.
    """
    colors = class_colors(names)
    figure = go.Figure(layout=_layout(height=680))
    size = float(np.interp(len(scene.index), [300, 3000, 15000], [8.0, 4.6, 3.2]))
    for name in names:
        mine = scene.names == name
        figure.add_scatter3d(
            x=scene.positions[mine, 0],
            y=scene.positions[mine, 1],
            z=scene.positions[mine, 2],
            mode="markers",
            name=f"{_label(name)} ({np.count_nonzero(mine):,})",
            marker={
                "size": size,
                "color": colors[name],
                "line": {"width": 0.6, "color": darker(colors[name])},
            },
            customdata=np.stack([scene.index[mine], scene.confidence[mine]], axis=1),
            hovertemplate=f"{_label(name)}<br>atom %{{customdata[0]}}"
            "<br>confidence %{customdata[1]:.3f}<extra></extra>",
            showlegend=bool(mine.any()),
        )
    _add_cell(figure, scene)
    hidden = {"visible": False, "showspikes": False}
    figure.update_layout(
        scene={
            "aspectmode": "data", "xaxis": hidden, "yaxis": hidden, "zaxis": hidden, "dragmode": "turntable",
            "camera": {"eye": {"x": 1.1, "y": -1.25, "z": 0.65}, "projection": {"type": "orthographic"}},
        },
        uirevision="keep",
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        legend={"orientation": "h", "y": 0.0, "yanchor": "top", "x": 0, "itemsizing": "constant"},
    )  # fmt: skip
    return figure


def _add_cell(figure: go.Figure, scene: Scene) -> None:
    corners = scene.origin + _CORNERS @ scene.cell
    lines = [point for a, b in _EDGES for point in (corners[a], corners[b], np.full(3, np.nan))]
    x, y, z = np.array(lines).T if scene.cell.any() else np.empty((3, 0))
    figure.add_scatter3d(
        x=x, y=y, z=z, mode="lines", line={"color": "#7b8794", "width": 2}, hoverinfo="skip", showlegend=False
    )


def _layout(*, height: int) -> go.Layout:
    axis = {
        "gridcolor": _GRID,
        "zeroline": False,
        "linecolor": "#c6ced6",
        "ticks": "outside",
        "tickcolor": "#c6ced6",
    }
    return go.Layout(
        template="none",
        height=height,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={
            "family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
            "size": 13,
            "color": _FAINT,
        },
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "#9aa5b1", "activecolor": _INK},
        hoverlabel={"bgcolor": "white", "font": {"color": _INK}},
        xaxis=axis,
        yaxis=axis,
    )


__all__ = ["UNKNOWN", "confidence_figure", "fractions_figure", "present_classes", "scene_figure", "spread"]
