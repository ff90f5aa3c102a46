"""Draw the figures of docs/accuracy.md and fill its tables, from results.json.

    python -m studies.crystal.figures [--results FILE] [--page FILE] [--figures FOLDER]

A table or figure stands between its marks `<!-- NAME -->` and `<!-- end of NAME -->`.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from studies.crystal.tables import NAMES, blocks, crystals, ours, robust, title
from studies.page import filled

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
STYLE = {
    "mdlens": ("o", "#0b6e4f"),
    "ptm_none": ("s", "#8c8c8c"),
    "ptm_tuned": ("D", "#6f5fb0"),
    "ptm_0.1": ("^", "#c0504d"),
    "acna": ("v", "#e0a030"),
    "ids": ("v", "#e0a030"),
}
MARKS = {"published_dc4": "*", "published_dc3": "P"}
MODELS = {
    "mdlens": "#0b6e4f",
    "mdlens_averaged": "#58b795",
    "mdlens_robust": "#6f5fb0",
    "mdlens_robust_averaged": "#b0a6dd",
}
GRID = "#e8e8e8"
COLUMNS = 4

Results = Mapping[str, Any]


def bare(axis: Axes) -> None:
    """Leave of an axis what is read."""
    axis.grid(color=GRID)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def below(figure: Figure, axes: Sequence[Axes], columns: int) -> None:
    """One legend for all axes, on top of the figure."""
    entries = {
        label: handle for a in axes for handle, label in zip(*a.get_legend_handles_labels(), strict=True)
    }
    figure.legend(entries.values(), entries, loc="outside upper center", ncols=columns, frameon=False)


def draw_temperature(results: Results) -> Figure:
    """Accuracy against temperature, one panel for each crystal, rivals beside."""
    names = crystals(results)
    rows = -(-len(names) // COLUMNS)
    figure, axes = plt.subplots(
        rows, COLUMNS, figsize=(10.5, 2.3 * rows + 0.5), sharey=True, layout="constrained"
    )
    for axis, name in zip(axes.flat, names, strict=False):
        draw_ladder(axis, results["dc3"][name], name)
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("right (%)")
    for axis in axes.flat[max(len(names) - COLUMNS, 0) : len(names)]:
        axis.set_xlabel("temperature / $T_m$")
    below(figure, list(axes.flat[: len(names)]), 8)
    return figure


def draw_ladder(axis: Axes, entry: Results, name: str) -> None:
    """One material: a line for each method, the published figures as marks."""
    ladder = entry["by_temperature"]
    for method, (marker, colour) in STYLE.items():
        points = [(float(x), row[method]["value"]) for x, row in ladder.items() if method in row]
        if points:
            label = "a-CNA (IDS for diamond)" if method in ("acna", "ids") else NAMES[method]
            style = {"color": colour, "markersize": 3.5, "linewidth": 1.2, "label": label}
            axis.plot(*zip(*points, strict=True), marker, linestyle="-", **style)
    for source, marker in MARKS.items():
        if source in entry:
            value = entry[source]["accuracy_at_tm"]["value"]
            axis.plot([1.0], [value], marker, color="black", markersize=7, mfc="white", label=NAMES[source])
    bare(axis)
    axis.axvline(1.0, color="#bbbbbb", linewidth=0.8, zorder=0)
    axis.set_xlim(0, 1.45)
    axis.set_ylim(-3, 104)
    axis.set_title(f"{title(name)}, {entry['structure'].replace('_', ' ')}", fontsize=9)


def draw_missing(results: Results) -> Figure:
    """Accuracy over temperature and missing atoms, one row for each method, one column for each crystal."""
    maps = results["distorted_by_temperature"]
    names = [n for n in ("Al", "Fe", "Zr", "Si") if n in maps]
    methods = (*robust(results), "ptm_none")
    size = (2.5 * len(names) + 1.2, 2.2 * len(methods) + 0.5)
    figure, axes = plt.subplots(len(methods), len(names), figsize=size, squeeze=False, layout="constrained")
    for i, method in enumerate(methods):
        for k, name in enumerate(names):
            picture = draw_map(axes[i, k], maps[name], method)
            if i == 0:
                axes[i, k].set_title(title(name), fontsize=10)
        axes[i, 0].set_ylabel(f"{NAMES[method]}\n\ntemperature / $T_m$")
    for axis in axes[-1]:
        axis.set_xlabel("atoms missing (%)")
    figure.colorbar(picture, ax=axes, label="right (%)", shrink=0.6)
    return figure


def draw_map(axis: Axes, rows: Results, method: str) -> Any:
    """One heat map with its numbers."""
    temperatures = sorted(rows, key=float)
    shares = sorted({s for row in rows.values() for s in row}, key=float)
    values = np.array(
        [[rows[t].get(s, {}).get(method, {}).get("value", np.nan) for s in shares] for t in temperatures]
    )
    picture = axis.imshow(values, origin="lower", aspect="auto", vmin=0, vmax=100, cmap="viridis")
    for (i, k), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "black" if value > 60 else "white"
            text = "100" if value > 99.95 else f"{value:.1f}"
            axis.text(k, i, text, ha="center", va="center", fontsize=6.5, color=colour)
    axis.set_xticks(range(len(shares)), [f"{100 * float(s):.0f}" for s in shares])
    axis.set_yticks(range(len(temperatures)), [f"{float(t):.1f}" for t in temperatures])
    return picture


def draw_confusion(results: Results) -> Figure:
    """What each true class is taken for: at melting, and with half of the atoms missing."""
    confusion = results["confusion"]
    conditions = {"at_tm": "at $T_m$", "0.5_missing": "at $T_m$, 50 % missing"}
    wished = ("mdlens", "ptm_tuned", "ptm_none")
    methods = [m for m in wished if m in confusion["at_tm"]]
    size = (2.6 * len(methods) + 1.4, 6.2)
    figure, axes = plt.subplots(2, len(methods), figsize=size, squeeze=False, layout="constrained")
    for i, (condition, label) in enumerate(conditions.items()):
        for k, method in enumerate(methods):
            axis = axes[i, k]
            draw_matrix(axis, np.array(confusion[condition][method], float), confusion["classes"])
            axis.set_title(f"{NAMES[method]}, {label}", fontsize=9)
            if k:
                axis.set_yticklabels([])
        axes[i, 0].set_ylabel("prepared as")
    return figure


SHORT = {"cubic_diamond": "cd", "hexagonal_diamond": "hd", "disordered": "dis."}


def draw_matrix(axis: Axes, counts: np.ndarray, classes: Sequence[str]) -> None:
    """One matrix, rows in percent."""
    total = counts.sum(axis=1, keepdims=True)
    shares = 100.0 * counts / np.where(total > 0, total, 1.0)
    axis.imshow(shares, vmin=0, vmax=100, cmap="Greens")
    for (i, k), value in np.ndenumerate(shares):
        if value >= 0.05:
            text = "100" if value > 99.95 else f"{value:.1f}"
            colour = "white" if value > 60 else "black"
            axis.text(k, i, text, ha="center", va="center", fontsize=6.5, color=colour)
    labels = [SHORT.get(name, name) for name in classes]
    axis.set_xticks(range(len(labels)), labels, fontsize=8, rotation=45)
    axis.set_yticks(range(len(labels)), labels, fontsize=8)
    axis.tick_params(length=0)


def draw_reliability(results: Results) -> Figure:
    """How often an atom of some confidence is right, by condition."""
    conditions = {"at_tm": "at $T_m$", "0.3_missing": "30 % missing", "0.5_missing": "50 % missing"}
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.5), sharey=True, layout="constrained")
    for axis, (condition, label) in zip(axes, conditions.items(), strict=True):
        axis.plot([0, 100], [0, 100], color="#bbbbbb", linewidth=1)
        for name in ours(results):
            entry = results["calibration"][name].get(condition)
            if entry is None:
                continue
            atoms = sum(b["atoms"] for b in entry["diagram"])
            bins = [b for b in entry["diagram"] if b["atoms"] >= 1e-4 * atoms]
            points = [(b["confidence"], b["accuracy"]) for b in bins]
            style = {"color": MODELS[name], "markersize": 4, "label": NAMES[name]}
            axis.plot(*zip(*points, strict=True), "o-", **style)
        bare(axis)
        axis.set_title(label, fontsize=10)
        axis.set_xlabel("confidence (%)")
        axis.set_xlim(15, 102)
        axis.set_ylim(0, 103)
    axes[0].set_ylabel("right (%)")
    below(figure, list(axes), 4)
    return figure


FIGURES = {
    "accuracy_temperature.png": draw_temperature,
    "accuracy_missing.png": draw_missing,
    "accuracy_confusion.png": draw_confusion,
    "accuracy_reliability.png": draw_reliability,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=HERE / "results.json")
    parser.add_argument("--page", type=Path, default=DOCS / "accuracy.md")
    parser.add_argument("--figures", type=Path, default=DOCS / "figures")
    options = parser.parse_args()
    results = json.loads(options.results.read_text())
    for name, draw in FIGURES.items():
        figure = draw(results)
        figure.savefig(options.figures / name, dpi=140)
        plt.close(figure)
    options.page.write_text(filled(options.page.read_text(), blocks(results)))


if __name__ == "__main__":
    main()
