"""Figures of the study from results.json, DATA/ and WORK/: `figures.py DATA/ WORK/`."""

import argparse
import json
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from data import LIQUIDS, Trajectory, load
from matplotlib.axes import Axes
from networks import Run, attention
from study import logits_of

HERE = Path(__file__).parent
OUT = HERE.parents[1] / "docs" / "figures"
COLORS = {"thermal": "#c0504d", "inherent": "#2f5d8a"}
WORDS = {"thermal": "thermal positions", "inherent": "inherent structures"}
TASKS = [str(t) for t in LIQUIDS] + ["6m"]


def scores_figure(results: dict) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(13, 4.4), sharey=True)
    for axis, kind in zip(axes, ("thermal", "inherent"), strict=True):
        series = {
            "MPNN": [_network(results, t, kind, "mpnn") for t in TASKS],
            "CNN": [_network(results, t, kind, "cnn") for t in TASKS],
        }
        series |= {
            name: [results["baselines"][f"task{t}.{kind}"][name] for t in TASKS]
            for name in results["baselines"]["task1.thermal"]
            if name != "composition"  # 0.5 everywhere
        }
        for k, (name, values) in enumerate(series.items()):
            x = np.arange(len(TASKS)) + 0.09 * (k - 3.5)
            known = [i for i, v in enumerate(values) if v is not None]
            y = np.array([values[i]["auc"] for i in known])
            low, high = (np.array([values[i][e] or np.nan for i in known]) for e in ("low", "high"))
            marker = "s" if k < 2 else "o"
            axis.errorbar(
                x[known],
                y,
                [y - low, high - y],
                fmt=marker,
                ms=5 if k < 2 else 3.5,
                lw=1,
                label=name,
                color=("k", "#c0504d")[k] if k < 2 else f"C{k - 2}",
            )
        axis.axhline(0.5, color="0.6", lw=0.8, ls="--")
        axis.set(title=WORDS[kind], xlabel="task", xticks=range(len(TASKS)), xticklabels=TASKS)
    axes[0].set_ylabel("AUC per configuration, 95 % over trajectories")
    axes[1].legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _save(figure, "amorphous_scores.png")


def _network(results: dict, task: str, kind: str, network: str) -> dict | None:
    found = results["networks"].get(f"task{task}.{kind}.{network}.seed0")
    return found and found["configuration"]


def cross_figure(results: dict) -> None:
    matrices = results["cross_sets"]
    names = ["published", "mpnn thermal", "mpnn inherent", "cnn thermal", "cnn inherent"]
    figure, axes = plt.subplots(1, len(names), figsize=(15, 3.4))
    for axis, name in zip(axes, names, strict=True):
        table = np.array([[np.nan if v is None else v for v in row] for row in matrices[name]], dtype=float)
        axis.imshow(table, vmin=0.4, vmax=1.0, cmap="viridis")
        for (i, j), value in np.ndenumerate(table):
            if np.isnan(value):
                continue
            axis.text(
                j, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color="w" if value < 0.8 else "k"
            )
        axis.set(title=name, xticks=range(6), yticks=range(6), xlabel="tested on")
        axis.set_xticklabels(range(1, 7))
        axis.set_yticklabels(range(1, 7))
    axes[0].set_ylabel("trained on")
    _save(figure, "amorphous_cross_sets.png")


def cooling_figure(results: dict) -> None:
    """Energy and metrics along both coolings: network-free above, of what attention picks below."""
    names = ["inherent_energy", "subgraphs", "minority_bonds", "isolated_majority"]
    figure, axes = plt.subplots(2, 4, figsize=(14, 6.2))
    for axis, name in zip(axes[0], names, strict=True):
        keys = {name: "k"} if name == "inherent_energy" else {f"{name} {k}": c for k, c in COLORS.items()}
        draw_cooling(axis, results["cooling"], keys)
        axis.set(xlabel="temperature", title=name.replace("_", " ") + " per particle")
    axes[1, 0].axis("off")
    for axis, name in zip(axes[1, 1:], names[1:], strict=True):
        draw_cooling(axis, results["attention_cooling"], {f"{name} {k}": c for k, c in COLORS.items()})
        axis.set(xlabel="temperature", title=name.replace("_", " ") + ", high attention")
    _save(figure, "amorphous_cooling.png")


def draw_cooling(axis: Axes, results: dict, keys: dict[str, str]) -> None:
    """Means with their errors against temperature, dashed for the fast cooling."""
    for protocol, style in (("fast", "--"), ("slow", "-")):
        rows = results[protocol]
        for key, color in keys.items():
            if key in rows:
                label = f"{protocol}, {key.split()[-1]}" if " " in key else protocol
                mean, error = (np.array(rows[key][e]) for e in ("mean", "error"))
                axis.errorbar(rows["temperature"], mean, error, ls=style, color=color, lw=1, ms=2,
                              marker="o", label=label)  # fmt: skip
    axis.legend(fontsize=6)


def attention_figure(data: dict[str, Trajectory], work: Path) -> None:
    shown = [Run("6", "thermal", "mpnn"), Run("4", "inherent", "mpnn")]
    shown = [run for run in shown if logits_of(run, work)]
    if not shown:
        return
    figure, axes = plt.subplots(2, len(shown), figsize=(5.2 * len(shown), 10), squeeze=False)
    for column, run in enumerate(shown):
        for row, protocol in enumerate(("liquid", "slow")):
            trajectory = next(t for t in data.values() if t.protocol == protocol)
            _attention_map(axes[row, column], run, trajectory, work)
            what = "liquid, T = 0.547" if protocol == "liquid" else "glass, slow, T = 0.05"
            axes[row, column].set_title(f"task {run.task}, {WORDS[run.kind]}: {what}", fontsize=9)
    _save(figure, "amorphous_attention.png")


def _attention_map(axis, run: Run, trajectory: Trajectory, work: Path) -> None:
    record = len(trajectory.temperature) - 1
    c = trajectory.configuration(record, run.kind)
    graph, relative = attention(run, trajectory, record, work)
    cap = np.quantile(relative, 0.98)
    for e in np.flatnonzero(graph.i <= graph.j):
        start = c.positions[graph.i[e], :2]
        end = start + graph.vector[e, :2]
        strength = min(relative[e] / cap, 1.0)
        axis.plot(
            *zip(start, end, strict=True), color=plt.cm.inferno_r(strength), lw=0.4 + 2.2 * strength, zorder=1
        )
    axis.scatter(*c.positions[:, :2].T, c=np.array(["orange", "blue"])[c.species], s=9, zorder=2)
    axis.set(aspect="equal", xticks=[], yticks=[], xlim=(0, trajectory.box), ylim=(0, trajectory.box))


def _save(figure, name: str) -> None:
    figure.tight_layout()
    figure.savefig(OUT / name, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    arguments = parser.parse_args()
    results = json.loads((HERE / "results.json").read_text())
    data = load(arguments.data)
    scores_figure(results)
    cross_figure(results)
    cooling_figure(results)
    attention_figure(data, arguments.work)


if __name__ == "__main__":
    main()
