"""Draw the figures of docs/tribology.md and fill its tables.

    python -m studies.tribology.figures [--runs RUNS/] [--map map.json]

Tables come from results.json. Sections and depth-time maps are drawn from the trajectories that
generate.py made, the map from the numbers of `mdlens tribology map`; what is not given stays as it is.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from studies.page import filled
from studies.tribology.tables import OURS, SPLITS, TABLES, scores_of

from mdlens.descriptors.deformation import PATTERNS
from mdlens.descriptors.ipf import color_key
from mdlens.report.mechanism_map import COLORS
from mdlens.workflows.pattern_labels import trajectory_start
from mdlens.workflows.tomographs import TomographOptions, write_tomographs

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
SHOWN = ("ni000_p0300_t300_s1", "ni000_p1000_t300_s1", "ni100_p0300_t300_s1", "ni100_p1000_t300_s1")
STRUCTURES = {0: (0.93, 0.93, 0.93), 1: (0.62, 0.74, 0.62), 2: (0.85, 0.2, 0.15), 3: (0.2, 0.3, 0.8)}
WORDS = tuple(name.replace("_", " ") for name in PATTERNS)


def title_of(name: str) -> str:
    """What a run is, from the name of its folder."""
    nickel, pressure, temperature, _ = name.split("_")
    return f"{int(nickel[2:])} % Ni, {int(pressure[1:]) / 1000:g} GPa, {temperature[1:]} K"


def layers_of(run: Path, frames: str, pixel: float) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Layers of the middle section of some frames, and the mean differential tomograph by height."""
    middle = 0.5 * float(trajectory_start(run / "trajectory.dump").cell.lengths()[1])
    options = TomographOptions(axis="y", positions=(middle,), pixel=pixel, direction="x")
    with tempfile.TemporaryDirectory() as folder:
        file = write_tomographs(run / "trajectory.dump", Path(folder), options, frames=frames)
        listed = json.loads(file.read_text(encoding="utf-8"))["tomographs"]
        layers = []
        for entry in listed:
            with np.load(file.with_name(f"{entry['name']}.npz")) as saved:
                layers.append({name: saved[name] for name in saved.files})
        with np.load(file.with_name("depth_time.npz")) as saved:
            return layers, saved["degrees"]


def draw_key(axis: Axes) -> None:
    """The colour key with its crystal directions."""
    axis.set_visible(True)
    axis.imshow(color_key(240))
    axis.axis("off")
    axis.text(0.0, -0.04, "[001]", transform=axis.transAxes, ha="center", va="top", fontsize=8)
    axis.text(1.0, -0.04, "[011]", transform=axis.transAxes, ha="center", va="top", fontsize=8)
    axis.text(1.0, 1.02, "[111]", transform=axis.transAxes, ha="center", fontsize=8)
    axis.set_title("along x", fontsize=9, pad=14)


def draw_sections(runs: Path) -> Figure:
    """Sections at the start, half-way and at the end, and the structure at the end."""
    rows = [name for name in SHOWN if (runs / name / "trajectory.dump").exists()]
    figure, axes = plt.subplots(
        len(rows),
        5,
        figsize=(13.5, 1.95 * len(rows) + 0.4),
        layout="constrained",
        width_ratios=(1, 1, 1, 1, 0.3),
    )
    for line, name in zip(np.atleast_2d(axes), rows, strict=True):
        layers, _ = layers_of(runs / name, "::25", 0.5)
        for axis, layer, time in zip(line, layers, ("start", "50 ps", "100 ps"), strict=False):
            axis.imshow(layer["ipf"])
            axis.set_title(time, fontsize=9)
        structure = layers[-1]["structure"]
        colored = np.ones((*structure.shape, 3))
        for number, color in STRUCTURES.items():
            colored[structure == number] = color
        colored[(layers[-1]["ipf"] == 0).all(axis=2)] = 1.0
        line[3].imshow(colored)
        line[3].set_title("100 ps: hcp red, disordered pale", fontsize=9)
        line[0].set_ylabel(title_of(name), fontsize=8)
        for axis in line:
            axis.set(xticks=[], yticks=[])
        line[4].set_visible(False)
    draw_key(np.atleast_2d(axes)[0, 4])
    return figure


def draw_depth_time(runs: Path) -> Figure:
    """Mean angle against the start by depth and time."""
    rows = [name for name in SHOWN if (runs / name / "trajectory.dump").exists()]
    figure, axes = plt.subplots(
        1, len(rows), figsize=(3.1 * len(rows), 3.0), layout="constrained", sharey=True
    )
    for axis, name in zip(np.atleast_1d(axes), rows, strict=True):
        _, degrees = layers_of(runs / name, "::2", 1.5)
        depth = 1.5 * degrees.shape[0] / 10
        drawn = axis.imshow(degrees, aspect="auto", cmap="magma", vmin=0, vmax=40, extent=(0, 100, depth, 0))
        axis.set(title=title_of(name), xlabel="time (ps)")
        axis.title.set_fontsize(9)
    np.atleast_1d(axes)[0].set_ylabel("depth (nm)")
    figure.colorbar(drawn, ax=axes, label="mean angle to the start (°)")
    return figure


def draw_confusions(results: Mapping[str, Any], who: str = OURS) -> Figure:
    """Confusion matrices of a contestant, all seeds together, for everything that is held out."""
    shown = {words: scores for split, words in SPLITS.items() if (scores := scores_of(results, split))}
    figure, axes = plt.subplots(
        1, len(shown), figsize=(3.6 * len(shown), 5.0), layout="constrained", sharey=True, squeeze=False
    )
    for axis, (words, found) in zip(axes[0], shown.items(), strict=True):
        counts = np.sum([scores[who]["confusion"] for scores in found], axis=0)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(shares, cmap="Greens", vmin=0, vmax=1)
        for i, j in np.argwhere(counts > 0):
            color = "white" if shares[i, j] > 0.6 else "black"
            axis.text(j, i, f"{100 * shares[i, j]:.0f}", ha="center", va="center", fontsize=7, color=color)
        axis.set(title=f"held out: {words}", xlabel="predicted")
        axis.set_xticks(range(len(WORDS)), WORDS, rotation=60, ha="right", fontsize=8)
        axis.set_yticks(range(len(WORDS)), WORDS, fontsize=8)
    axes[0, 0].set_ylabel("label")
    return figure


def draw_map(record: Mapping[str, Any]) -> Figure:
    """The mechanism map of the lowest temperature.

    Squares are simulated, circles predicted; crosses are characteristic pressures that most samples of the
    bootstrap have, shifted along x so that they do not hide each other.
    """
    figure, axis = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    for cell in (c for c in record["cells"] if c["slider"] == min(c["slider"] for c in record["cells"])):
        color = COLORS[cell["pattern"]]
        face, shape = (color, "s") if cell["simulated"] else ("white", "o")
        size = 60 + 500 * cell["confidence"] ** 2
        axis.scatter(
            100 * cell["nickel"],
            cell["pressure"],
            s=size,
            marker=shape,
            facecolor=face,
            edgecolor=color,
            lw=2,
        )
    for mark in record["characteristic_pressures"]:
        if mark["value"] is not None and mark["found"] > 0.5:
            ends = (mark["value"] - mark["low"], mark["high"] - mark["value"])
            error = np.maximum(ends, 0.0)[:, None]  # the ends are those of other samples
            axis.errorbar(
                100 * mark["nickel"] + 2 * (mark["pattern"] - 3), mark["value"], yerr=error, fmt="x",
                color=COLORS[mark["pattern"]], capsize=3,
            )  # fmt: skip
    for number, word in enumerate(WORDS):
        axis.scatter([], [], color=COLORS[number], label=word, marker="s")
    axis.set(xlabel="Ni (%)", ylabel="normal pressure (GPa)", xlim=(-12, 112), ylim=(0.15, 1.15))
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def main() -> None:
    """Draw what is given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--map", type=Path)
    parser.add_argument("--results", type=Path, default=HERE / "results.json")
    options = parser.parse_args()
    results = json.loads(options.results.read_text(encoding="utf-8"))
    figures = {"confusion": draw_confusions(results)}
    if options.runs:
        figures |= {"sections": draw_sections(options.runs), "depth_time": draw_depth_time(options.runs)}
    if options.map:
        figures["map"] = draw_map(json.loads(options.map.read_text(encoding="utf-8")))
    for name, figure in figures.items():
        figure.savefig(DOCS / "figures" / f"tribology_{name}.png", dpi=110)
    page, blocks = DOCS / "tribology.md", {name: table(results) for name, table in TABLES.items()}
    page.write_text(filled(page.read_text(encoding="utf-8"), blocks), encoding="utf-8")


if __name__ == "__main__":
    main()
