"""Everything the study says, from the networks' logits to results.json: `study.py DATA/ WORK/`."""

import argparse
import json
import math
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import torch
from baselines import FITTED, NUMBERS, features, out_of_fold
from data import KINDS, LIQUIDS, PUBLISHED, Member, Trajectory, load, tasks
from networks import NEIGHBORS, PARTICLES, SEEDS, WINDOWS, Run, attention, plan

from mdlens.descriptors.motifs import metrics_of
from mdlens.learning.auc import bootstrap_auc
from mdlens.neighbors import nearest_graph

HERE = Path(__file__).parent
METRIC_K = 2
METRICS = ("subgraphs", "minority_bonds", "isolated_majority")
COOLED = 20  # trajectories per protocol


def interval(scores: np.ndarray, chosen: list[Member]) -> dict[str, float | None]:
    found = bootstrap_auc(scores, [m.label for m in chosen], [m.name for m in chosen])
    values = {"auc": found.value, "low": found.low, "high": found.high}
    return {name: round(v, 4) if math.isfinite(v) else None for name, v in values.items()}


def logits_of(run: Run, work: Path) -> dict[str, list[float]] | None:
    file = work / f"{run.name}.json"
    return json.loads(file.read_text()) if file.exists() else None


def logits_table(run: Run, chosen: list[Member], work: Path) -> np.ndarray | None:
    """Logits of the windows of some members (members, windows), if the run is done."""
    logits = logits_of(run, work)
    if logits is None or any(m.key not in logits for m in chosen):
        return None
    return np.array([logits[m.key] for m in chosen])


def judged(run: Run, chosen: list[Member], work: Path) -> dict[str, object] | None:
    """AUC of a run on some members: of whole configurations and of single windows."""
    table = logits_table(run, chosen, work)
    if table is None:
        return None
    windows = [m for m in chosen for _ in range(table.shape[1])]
    return {"configuration": interval(table.mean(axis=1), chosen), "window": interval(table.ravel(), windows)}


def network_results(every: dict[str, list[Member]], work: Path) -> dict[str, object]:
    return {
        run.name: {
            "task": run.task,
            "kind": run.kind,
            "network": run.network,
            "seed": run.seed,
            "share": run.share,
            **found,
        }
        for run in plan()
        if (found := judged(run, every[run.task], work)) is not None
    }


def seed_results(every: dict[str, list[Member]], work: Path) -> dict[str, object]:
    """AUC of configurations by every seed, and by the mean logit of all seeds together."""
    found: dict[str, object] = {}
    for task, kind, network in product(every, KINDS, ("mpnn", "cnn")):
        runs = [Run(task, kind, network, seed) for seed in SEEDS]
        tables = [t for t in (logits_table(run, every[task], work) for run in runs) if t is not None]
        means = [table.mean(axis=1) for table in tables]
        found[f"task{task}.{kind}.{network}"] = {
            "auc": [interval(mean, every[task])["auc"] for mean in means],
            "together": interval(np.mean(means, axis=0), every[task]) if means else None,
        }
    return found


def cross_sets(every: dict[str, list[Member]], work: Path) -> dict[str, object]:
    """AUC of networks trained on one task (row) on the configurations of another (column)."""
    matrices: dict[str, object] = {"published": [list(PUBLISHED[t]) for t in LIQUIDS]}
    for kind in KINDS:
        for network in ("mpnn", "cnn"):
            rows = []
            for trained in LIQUIDS:
                found = [judged(Run(str(trained), kind, network), every[str(t)], work) for t in LIQUIDS]
                rows.append([f and f["configuration"]["auc"] for f in found])
            matrices[f"{network} {kind}"] = rows
    return matrices


def baseline_results(data: dict[str, Trajectory], every: dict[str, list[Member]]) -> dict[str, object]:
    table: dict[str, object] = {}
    for kind in KINDS:
        known: dict[str, np.ndarray] = {}
        for task, chosen in every.items():
            for m in chosen:
                if m.key not in known:
                    known[m.key] = features(data[m.name], m.record, kind)
            x = np.array([known[m.key] for m in chosen])
            folds = np.array([data[m.name].fold for m in chosen])
            found = {name: interval(sign * x[:, k], chosen) for k, (name, sign) in enumerate(NUMBERS.items())}
            found |= {
                name: interval(out_of_fold(x[:, part], chosen, folds), chosen)
                for name, part in FITTED.items()
            }
            table[f"task{task}.{kind}"] = found
    return table


def energies(data: dict[str, Trajectory]) -> dict[str, object]:
    """Energy and metrics along both coolings: mean and standard error over trajectories."""
    found: dict[str, object] = {}
    for protocol in ("fast", "slow"):
        group = [t for t in data.values() if t.protocol == protocol]
        temperatures = group[0].temperature
        rows = {"temperature": temperatures.tolist(), "trajectories": len(group)}
        rows["inherent_energy"] = _mean([t.inherent_energy for t in group])
        for kind in KINDS:
            counts = np.array([[network_free(t, r, kind) for r in range(len(temperatures))] for t in group])
            for column, name in enumerate(METRICS):
                rows[f"{name} {kind}"] = _mean(counts[:, :, column])
        found[protocol] = rows
    return found


def network_free(trajectory: Trajectory, record: int, kind: str) -> tuple[float, float, float]:
    c = trajectory.configuration(record, kind)
    return metrics_of(nearest_graph(c.positions, c.cell, c.pbc, METRIC_K), c.species == 1).per_particle()


def _mean(values: object) -> dict[str, list[float]]:
    table = np.array(values)
    error = (
        table.std(axis=0, ddof=1) / math.sqrt(len(table))
        if len(table) > 1
        else np.full(table.shape[1], np.nan)
    )
    return {
        "mean": np.round(table.mean(axis=0), 5).tolist(),
        "error": np.round(np.nan_to_num(error), 5).tolist(),
    }


def attention_of(
    run: Run, data: dict[str, Trajectory], chosen: list[Member], work: Path
) -> dict[str, object] | None:
    """Attention by edge type relative to an even spread, against shuffled species; metrics from attention."""
    if logits_of(run, work) is None:
        return None
    rng = np.random.default_rng(0)
    totals = {name: Counter() for name in ("network", "shuffled")}
    counts, metrics = Counter(), {0: [], 1: []}
    for m in chosen[:: max(len(chosen) // 60, 1)]:
        graph, relative = attention(run, data[m.name], m.record, work)
        species = data[m.name].types - 1
        for name, shown in (("network", species), ("shuffled", rng.permutation(species))):
            kind = shown[graph.i] + shown[graph.j]
            for k in range(3):
                totals[name][k] += float(relative[kind == k].sum())
                counts[name, k] += int((kind == k).sum())
        metrics[m.label].append(metrics_of(graph, species == 1, relative > 1.0).per_particle())
    names = ("11", "12", "22")
    shares = {n: {names[k]: round(totals[n][k] / max(counts[n, k], 1), 3) for k in range(3)} for n in totals}
    means = {label: np.round(np.mean(rows, axis=0), 4).tolist() for label, rows in metrics.items() if rows}
    return {"relative attention": shares, "metrics of high attention, liquid and glass": means}


def attention_cooling(data: dict[str, Trajectory], work: Path) -> dict[str, object]:
    """The metrics of the bonds with more than their share of attention, along both coolings."""
    found: dict[str, object] = {}
    for protocol in ("fast", "slow"):
        group = [t for t in data.values() if t.protocol == protocol][:COOLED]
        rows: dict[str, object] = {
            "temperature": group[0].temperature.tolist(),
            "trajectories": len(group),
        }
        for run in (Run("6", "thermal", "mpnn"), Run("4", "inherent", "mpnn")):
            if logits_of(run, work) is None:
                continue
            counts = np.array([attended(run, t, work) for t in group])
            for column, name in enumerate(METRICS):
                rows[f"{name} {run.kind}"] = _mean(counts[:, :, column])
        found[protocol] = rows
    return found


def attended(run: Run, trajectory: Trajectory, work: Path) -> list[tuple[float, float, float]]:
    """The three metrics of what attention picks in every record, by the network that did not see it."""
    rows = []
    for record in range(len(trajectory.temperature)):
        graph, relative = attention(run, trajectory, record, work)
        rows.append(metrics_of(graph, trajectory.types == 2, relative > 1.0).per_particle())
    return rows


def kept(work: Path, name: str, make: Callable[[], object]) -> object:
    """What does not depend on the networks: computed once, remove WORK/NAME.kept.json to compute it again."""
    file = work / f"{name}.kept.json"
    if not file.exists():
        file.write_text(json.dumps(make()))
    return json.loads(file.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = load(arguments.data)
    every = tasks(data)
    results = {
        "data": {
            "trajectories": Counter(t.protocol for t in data.values()),
            "particles": 400,
            "glass_energy": {
                p: _mean([t.inherent_energy[-1:] for t in data.values() if t.protocol == p])
                for p in ("fast", "slow")
            },
            "tasks": {
                name: {
                    "liquid": sum(m.label == 0 for m in chosen),
                    "glass": sum(m.label == 1 for m in chosen),
                    "trajectories": len({m.name for m in chosen}),
                    "energy": [
                        round(float(np.mean([m.inherent_energy for m in chosen if m.label == k])), 4)
                        for k in (0, 1)
                    ],
                }
                for name, chosen in every.items()
            },
        },
        "settings": {"particles per window": PARTICLES, "k": NEIGHBORS, "windows per configuration": WINDOWS},
        "networks": network_results(every, arguments.work),
        "seeds": seed_results(every, arguments.work),
        "baselines": kept(arguments.work, "baselines", lambda: baseline_results(data, every)),
        "cross_sets": cross_sets(every, arguments.work),
        "cooling": kept(arguments.work, "cooling", lambda: energies(data)),
        "attention_cooling": attention_cooling(data, arguments.work),
        "attention": {
            name: attention_of(Run(task, kind, "mpnn"), data, every[task], arguments.work)
            for task, kind in (("4", "inherent"), ("6", "thermal"), ("6m", "inherent"))
            for name in (f"task{task}.{kind}",)
        },
    }
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
