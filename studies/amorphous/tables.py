"""Fill the tables of docs/amorphous.md from results.json: `python -m studies.amorphous.tables`."""

import json
from pathlib import Path

from studies.amorphous.data import KINDS, LIQUIDS
from studies.page import filled, table

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "amorphous.md"
TASKS = [*map(str, LIQUIDS), "6m"]


def cell(found: dict | None) -> str:
    if found is None:
        return "not run"
    ends = "" if found["low"] is None else f" ({found['low']:.2f} to {found['high']:.2f})"
    return f"{found['auc']:.2f}{ends}"


def data_table(results: dict) -> str:
    made, tasks = results["data"]["trajectories"], results["data"]["tasks"]
    energy = results["data"]["glass_energy"]
    slow, fast = (energy[p]["mean"][0] for p in ("slow", "fast"))
    text = (
        f"{made['fast']} fast coolings (2e5 steps, as published), {made['slow']} slow ones (2e6 steps: ten "
        f"times faster than the published 2e7) and {made['liquid']} liquids held at T = 0.547, of 400 "
        f"particles each. Our deepest glass has an energy of {slow:.3f} per particle (published: -3.903), "
        f"the fast one {fast:.3f} (published: -3.867): the glass of tasks 1 to 5 is shallower."
    )
    rows = []
    for name in TASKS:
        t = tasks[name]
        temperature = 0.547 if name == "6m" else LIQUIDS[int(name)]
        energies = ", ".join(f"{e:.3f}" for e in t["energy"])
        rows.append([name, temperature, f"{t['liquid']}, {t['glass']}", t["trajectories"], energies])
    head = ["task", "liquid at T", "configurations: liquid, glass", "trajectories"]
    return f"{text}\n\n{table([*head, 'mean energy: liquid, glass'], rows)}"


def score_table(results: dict) -> str:
    parts = []
    for kind in KINDS:
        rows = []
        for network in ("mpnn", "cnn", "mpnn_paper"):
            runs = [results["networks"].get(f"task{t}.{kind}.{network}.seed0") for t in TASKS]
            rows.append([network, *(cell(r and r["configuration"]) for r in runs)])
            rows.append([f"{network}, one window", *(cell(r and r["window"]) for r in runs)])
            rows += seed_rows(results, kind, network)
        for name in results["baselines"]["task1.thermal"]:
            rows.append([name, *(cell(results["baselines"][f"task{t}.{kind}"][name]) for t in TASKS)])
        parts.append(f"**{'Thermal positions' if kind == 'thermal' else 'Inherent structures'}**")
        parts.append(table(["AUC of configurations", *TASKS], rows))
    return "\n\n".join(parts)


def seed_rows(results: dict, kind: str, network: str) -> list[list[str]]:
    """The range over the seeds, and all seeds together; none for networks of one seed."""
    found = [results["seeds"].get(f"task{t}.{kind}.{network}") for t in TASKS]
    if not all(f and len(f["auc"]) > 1 for f in found):
        return []
    count = "/".join(sorted({str(len(f["auc"])) for f in found}))
    ranges = [f"{min(f['auc']):.2f} to {max(f['auc']):.2f}" for f in found]
    together = [cell(f["together"]) for f in found]
    return [[f"{network}, range of {count} seeds", *ranges], [f"{network}, their mean logit", *together]]


def attention_table(results: dict) -> str:
    edges = {"shuffled": "species shuffled"}
    rows = [
        [name, edges.get(row, "as they are"), *(f"{values[k]:.2f}" for k in ("11", "12", "22"))]
        for name, found in results["attention"].items()
        if found
        for row, values in found["relative attention"].items()
    ]
    made = table(["network of", "edges", "1-1", "1-2", "2-2"], rows)
    return f"{made}\n\nAttention relative to an even spread over the bonds: 1 means no preference."


def repeats(results: dict) -> str:
    """Other seeds, and fewer trajectories to train on."""
    name = "task6.inherent.mpnn.seed"
    runs = results["networks"]
    found = results["seeds"]["task6.inherent.mpnn"]
    seeds = found["auc"]
    shares = [(share, f"{name}0.share{share}") for share in (0.25, 0.5)] + [(1.0, f"{name}0")]
    curve = [f"{runs[n]['configuration']['auc']:.2f} with {share:.0%}" for share, n in shares if n in runs]
    again = ", ".join(f"{value:.2f}" for value in seeds)
    parts = ", ".join(curve)
    return (
        f"- Task 6, {len(seeds)} seeds of the MPNN: AUC {again}; their mean logit "
        f"{cell(found['together'])}. By training trajectories: {parts} of them."
    )


def verdict(results: dict) -> str:
    """What the hard task says on inherent structures, in words that follow from the numbers.

    A network is the mean logit of its seeds.
    """
    lines = []
    for task in ("6", "6m"):
        found = {n: results["seeds"][f"task{task}.inherent.{n}"]["together"] for n in ("mpnn", "cnn")}
        scores = {name: together for name, together in found.items() if together}
        baselines = results["baselines"][f"task{task}.inherent"]
        best = max(baselines, key=lambda name: baselines[name]["auc"])
        words = [f"{name.upper()} {cell(value)}" for name, value in scores.items()]
        chance = all(value["low"] <= 0.5 <= value["high"] for value in scores.values())
        above = any(value["low"] > baselines[best]["auc"] for value in scores.values())
        width = max((value["high"] - value["low"]) / 2 for value in scores.values()) if scores else 0.0
        meaning = "above the best baseline" if above else "not above the best baseline"
        if chance:
            meaning += (
                f", and not told from chance: only an AUC above about {0.5 + width:.2f} would have been"
            )
        trajectories = results["data"]["tasks"][task]["trajectories"]
        lines.append(
            f"- Task {task}, inherent structures, {trajectories} trajectories: "
            f"{', '.join(words) or 'not run'}; "
            f"best baseline: {best}, {cell(baselines[best])}. The networks are {meaning}."
        )
    return "\n".join([*lines, repeats(results)])


TABLES = {"data": data_table, "scores": score_table, "attention": attention_table, "verdict": verdict}
"""What stands between the marks of the page."""


def main() -> None:
    results = json.loads((HERE / "results.json").read_text())
    blocks = {f"amorphous {name}": make(results) for name, make in TABLES.items()}
    PAGE.write_text(filled(PAGE.read_text(), blocks))


if __name__ == "__main__":
    main()
