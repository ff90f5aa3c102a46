"""Draw the figures of docs/elastic-networks.md and fill its tables, from results.json.

    python -m studies.elastic.figures [--results FILE] [--page FILE] [--figures FOLDER]

A table stands between its marks `<!-- NAME -->` and `<!-- end of NAME -->`.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from studies.elastic.tables import TABLES, pick
from studies.page import filled

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
OURS, PAPER, GREY, BLUE, SAND = "#0b6e4f", "#c0504d", "#8c8c8c", "#6f5fb0", "#e0a030"
GRID = "#e8e8e8"

Results = Mapping[str, Any]


def bare(axis: Axes) -> None:
    """Leave of an axis what is read."""
    axis.grid(color=GRID)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def curve(found: Results, key: str = "mse_relative") -> tuple[list[int], list[float]]:
    """Frames and errors of a rollout."""
    return [int(step) for step in found["curve"]], [values[key] for values in found["curve"].values()]


def draw_rollouts(results: Results) -> Figure:
    """Error of the positions against the frame, and Poisson's ratio at frame 400 beside the truth."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.4), layout="constrained")
    lines = [(f"bonds_{k}", "test", OURS, "ours") for k in (1, 2, 3)]
    lines += [(f"paper_{k}", "test", PAPER, "paper") for k in (1, 2, 3)]
    lines += [("paper_one_step", "test", SAND, "paper, one step"), ("linear_1", "test", BLUE, "linear")]
    for name, part, color, label in lines:
        if name in results:
            first = not name.endswith(("_2", "_3"))
            left.loglog(*curve(results[name][part]), color=color, label=label if first else None)
    left.loglog(*curve(results["baselines"]["affine"]), color=GREY, ls="--", label="affine")
    left.axhline(1.0, color="black", lw=1, ls=":", label="frozen")
    left.set(xlabel="frame", ylabel="squared error of positions / frozen")
    left.legend(frameon=False, fontsize=9)
    for name, part, color, label in (("paper_1", "few", PAPER, "paper"), ("bonds_1", "test", OURS, "ours")):
        if name in results:
            last = results[name][part]["400"]
            text = f"{label}, R² = {last['r2_nu']:.4f}"
            right.plot(last["true"], last["predicted"], "o", ms=3.5, color=color, alpha=0.7, label=text)
    ends = np.array(results["baselines"]["linear_response"]["400"]["true"])
    right.plot([ends.min(), ends.max()], [ends.min(), ends.max()], color="black", lw=1)
    right.set(
        xlabel="Poisson's ratio in MD, frame 400", ylabel="Poisson's ratio in the rollout", ylim=(-1.6, 1.2)
    )
    right.legend(frameon=False)
    for axis in (left, right):
        bare(axis)
    return figure


def draw_learning(results: Results) -> Figure:
    """R^2 of nu at frame 100 against the number of training networks."""
    figure, axis = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
    sizes = [n for n in (5, 10, 20, 50, 100) if f"bonds_of_{n}_1" in results]
    ours = [pick(results, [f"bonds_of_{n}_{k}" for k in (1, 2, 3)], "test", "100", "r2_nu") for n in sizes]
    mean_band(axis, sizes, ours, OURS, "ours (dynamics)")
    found = [
        results[f"static_of_{n}"]["runs"] for n in (5, 10, 20, 50, 100, 0) if f"static_of_{n}" in results
    ]
    counts = [runs[0]["networks"] for runs in found]
    mean_band(axis, counts, [[r["r2_nu"] for r in runs] for runs in found], BLUE, "static network")
    paper = [(n, f"paper_of_{n}") for n in (5, 20) if f"paper_of_{n}" in results]
    points = [(n, results[name]["test"]["100"]["r2_nu"]) for n, name in paper]
    if "paper_1" in results:
        points.append((100, results["paper_1"]["test"]["100"]["r2_nu"]))
    if points:
        axis.plot(*zip(*points, strict=True), "s-", color=PAPER, label="paper (dynamics)")
    axis.set(
        xscale="log", xlabel="training networks", ylabel="R² of Poisson's ratio, frame 100", ylim=(-1, 1.05)
    )
    axis.legend(frameon=False)
    bare(axis)
    return figure


def mean_band(axis: Axes, x: list[int], runs: list[list[float]], color: str, label: str) -> None:
    """Mean over seeds with the range of the seeds."""
    if not runs:
        return
    axis.plot(x, [float(np.mean(row)) for row in runs], "o-", color=color, label=label)
    axis.fill_between(
        x, [min(row) for row in runs], [max(row) for row in runs], color=color, alpha=0.15, lw=0
    )


def draw_ranges(results: Results) -> Figure:
    """Predicted against true nu at frame 100 where training saw a part of the range."""
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.8), sharey=True, layout="constrained")
    titles = {
        "ordinary": "trained on 0.1 and more",
        "auxetic": "trained on 0 and less",
        "frames": "trained on 20 frames",
    }
    for axis, (kind, title) in zip(axes, titles.items(), strict=True):
        for variant, color, name in (("paper", PAPER, "paper"), ("bonds", OURS, "ours")):
            key = f"{variant}_{kind}"
            if key in results:
                at = results[key]["test"]["100"]
                axis.plot(at["true"], at["predicted"], "o", ms=3, color=color, alpha=0.7,
                          label=f"{name}, R² = {at['r2_nu']:.3f}")  # fmt: skip
        axis.plot([-1.85, 0.7], [-1.85, 0.7], color="black", lw=1)
        axis.set(title=title, xlabel="Poisson's ratio in MD, frame 100", ylim=(-1.9, 0.8))
        axis.legend(frameon=False, fontsize=9)
        bare(axis)
    axes[0].set_ylabel("in the rollout")
    return figure


def draw_strain(results: Results) -> Figure:
    """Nu against strain for a few networks, and the complexity of the motion against nu."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained")
    for row in results["strain"]["rows"]:
        strain = -100.0 * np.array(row["strain"])
        left.plot(strain, row["true"], color="black", lw=1)
        left.plot(strain, row["bonds"], color=OURS, lw=3, alpha=0.45)
        left.plot(strain, row["paper"], color=PAPER, lw=1, ls="--")
        left.plot(0, row["linear_response"], "o", color=GREY, ms=4)
    left.set(xlabel="compression (%)", ylabel="Poisson's ratio", ylim=(-2.2, 1.2))
    left.legend(left.lines[:4], ("molecular dynamics", "ours", "paper", "linear response"), frameon=False)
    motion = results["motion"]
    right.semilogy(motion["nu"], motion["complexity"], "o", color=BLUE, ms=3.5, alpha=0.7)
    right.set(xlabel="Poisson's ratio, frame 100", ylabel="variance of velocities in time / mean square")
    for axis in (left, right):
        bare(axis)
    return figure


FIGURES = {
    "elastic_strain": (draw_strain, {"strain", "motion"}),
    "elastic_rollouts": (draw_rollouts, {"baselines"}),
    "elastic_learning": (draw_learning, set[str]()),
    "elastic_ranges": (draw_ranges, set[str]()),
}
"""Each figure with the jobs it cannot do without."""


def main() -> None:
    """Draw and fill."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=HERE / "results.json")
    parser.add_argument("--page", type=Path, default=DOCS / "elastic-networks.md")
    parser.add_argument("--figures", type=Path, default=DOCS / "figures")
    options = parser.parse_args()
    results = json.loads(options.results.read_text(encoding="utf-8"))
    for name, (draw, needed) in FIGURES.items():
        if needed <= results.keys():
            draw(results).savefig(options.figures / f"{name}.png", dpi=150)
    blocks = {name: table(results) for name, table in TABLES.items()}
    options.page.write_text(filled(options.page.read_text(encoding="utf-8"), blocks), encoding="utf-8")


if __name__ == "__main__":
    main()
