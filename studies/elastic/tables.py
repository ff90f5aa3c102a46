"""The tables of docs/elastic-networks.md, as text, from results.json."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from studies.page import table

Results = Mapping[str, Any]

MISSING = "-"
SHOWN = ("100", "400", "1200")


def number(values: Sequence[float | None], form: str = ".3f") -> str:
    """A number, or the mean of several with their range."""
    known = [value for value in values if value is not None]
    if not known:
        return MISSING
    mean = sum(known) / len(known)
    if len(known) == 1:
        return f"{mean:{form}}"
    return f"{mean:{form}} ({min(known):{form}} to {max(known):{form}})"


def pick(results: Results, names: Sequence[str], *path: str) -> list[float]:
    """The same number of several jobs, of those that have it."""
    found = []
    for name in names:
        at: Any = results.get(name)
        for key in path:
            at = at.get(key) if isinstance(at, Mapping) else None
        if isinstance(at, int | float):
            found.append(float(at))
    return found


def at(results: Results, names: Sequence[str], part: Sequence[str], step: int, key: str) -> list[float]:
    """A score of a frame; long rollouts that were done on few networks only are taken from there."""
    return pick(results, names, *part, str(step), key) or pick(results, names, "few", str(step), key)


def main_table(results: Results) -> str:
    """In distribution: R^2 of nu and the error of the positions."""
    seeds = {v: [f"{v}_{k}" for k in (1, 2, 3)] for v in ("bonds", "paper")}
    rows = []
    for label, names, part in (
        ("ours, `bonds`", seeds["bonds"], ("test",)),
        ("`paper`", seeds["paper"], ("test",)),
        ("`paper`, trained three times as long", ["paper_long"], ("test",)),
        ("`paper`, one step", ["paper_one_step"], ("test",)),
        ("`paper`, one step, as published", ["paper_published"], ("test",)),
        ("linear, 3 weights", ["linear_1"], ("test",)),
        ("affine, mean ratio", ["baselines"], ("affine",)),
        ("linear response", ["baselines"], ("linear_response",)),
    ):
        cells = [number(at(results, names, part, step, "r2_nu"), ".5f") for step in (20, 100, 400)]
        cells += [number(at(results, names, part, s, "mse_relative"), ".1e") for s in (100, 400)]
        one = number(pick(results, names, *part, "one_step", "mse_relative"), ".1e")
        rows.append([label, *cells, one])
    head = ["", "R² at 20", "R² at 100", "R² at 400", "MSE / frozen at 100", "at 400", "one step / frozen"]
    return table(head, rows)


def sign_table(results: Results) -> str:
    """Mean absolute error of Poisson's ratio of auxetic networks and of the others, frame 100."""
    rows = []
    for label, names, part in (
        ("ours, `bonds`", ["bonds_1", "bonds_2", "bonds_3"], ("test",)),
        ("`paper`", ["paper_1", "paper_2", "paper_3"], ("test",)),
        ("linear, 3 weights", ["linear_1"], ("test",)),
        ("linear response", ["baselines"], ("linear_response",)),
    ):
        keys = ("mae_auxetic", "mae_ordinary", "r2_nu")
        rows.append([label, *(number(at(results, names, part, 100, key), ".4f") for key in keys)])
    return table(["frame 100", "error of auxetic networks", "of the others", "R², all"], rows)


def history_table(results: Results) -> str:
    """The published network with one, two and three displacements of every node as its memory."""
    rows = []
    for history, names in ((1, ["paper_history_1"]), (2, ["paper_history_2"]), (3, ["paper_1"])):
        one = number(pick(results, names, "test", "one_step", "mse_relative"), ".1e")
        errors = [number(pick(results, names, "test", str(s), "mse_relative"), ".2f") for s in (20, 100)]
        scores = [number(pick(results, names, "test", str(step), "r2_nu"), ".4f") for step in (20, 100)]
        rows.append([str(history), one, *errors, *scores])
    head = ["history", "one step / frozen", "MSE / frozen at 20", "at 100", "R² at 20", "R² at 100"]
    return table(head, rows)


def range_table(results: Results) -> str:
    """Out of distribution in nu and in strain: scores on all test networks and on those out of range."""
    rows = []
    for label, kind, outside in (
        ("0.1 and more", "ordinary", lambda nu: nu < 0.1),
        ("0 and less", "auxetic", lambda nu: nu > 0.0),
        ("the first 20 frames", "frames", None),
    ):
        for variant, name in (("bonds", "ours"), ("paper", "`paper`")):
            found = results.get(f"{variant}_{kind}", {}).get("test")
            if found is None:
                continue
            cells = [f"{found['100']['r2_nu']:.4f}"]
            cells.append(partial_r2(found["100"], outside) if outside else MISSING)
            last = found.get("400")
            cells.append(f"{last['r2_nu']:.4f}" if last else MISSING)
            rows.append([label, name, *cells, f"{found['100']['mse_relative']:.1e}"])
    head = ["trained on", "", "R² at 100, all", "R² at 100, outside", "R² at 400, all", "MSE / frozen at 100"]
    return table(head, rows)


def partial_r2(found: Mapping[str, Any], chosen: Callable[[float], bool]) -> str:
    """R^2 over the networks whose true ratio is chosen."""
    pairs = [(p, t) for p, t in zip(found["predicted"], found["true"], strict=True) if chosen(t)]
    mean = sum(t for _, t in pairs) / len(pairs)
    return f"{1.0 - sum((p - t) ** 2 for p, t in pairs) / sum((t - mean) ** 2 for _, t in pairs):.4f}"


def set_table(results: Results) -> str:
    """Other sets: temperature, strain, size."""
    labels = {
        "size": "200 nodes", "strain": "compressed on to 15 %", "hot_1e-9": "temperature 1e-9",
        "hot_1e-8": "temperature 1e-8", "published": "temperature 1e-7", "hot_1e-6": "temperature 1e-6",
        "hot_1e-5": "temperature 1e-5",
    }  # fmt: skip
    rows = []
    for name, label in labels.items():
        ours = results.get(f"bonds_on_{name}", {}).get(name)
        paper = results.get(f"paper_on_{name}", {}).get(name, {})
        if ours is None:
            continue
        r2 = [f"{ours[step]['r2_nu']:.4f}" if step in ours else MISSING for step in SHOWN]
        theirs = paper.get("100", {})
        row = [label, str(ours["networks"]), *r2, f"{ours['100']['mse_relative']:.1e}"]
        row.append(f"{theirs['r2_nu']:.4f}" if theirs else MISSING)
        row.append(f"{theirs['mse_relative']:.1e}" if theirs else MISSING)
        rows.append(row)
    head = ["tested on", "networks", "ours, R² at 100", "at 400", "at 1200", "MSE / frozen at 100"]
    return table([*head, "`paper`, R² at 100", "MSE / frozen at 100"], rows)


def size_table(results: Results) -> str:
    """Learning curves."""
    rows = []
    for size in (5, 10, 20, 50, 100):
        ours = pick(results, [f"bonds_of_{size}_{k}" for k in (1, 2, 3)], "test", "100", "r2_nu")
        paper = pick(results, [f"paper_of_{size}"] if size < 100 else ["paper_1"], "test", "100", "r2_nu")
        rows.append([str(size), number(ours, ".4f"), number(paper), number(static(results, size))])
    runs = results.get("static_of_0", {}).get("runs")
    if runs:
        rows.append([f"{runs[0]['networks']} (all)", MISSING, MISSING, number(static(results, 0))])
    return table(["training networks", "ours", "`paper`", "static network"], rows)


def static(results: Results, size: int) -> list[float]:
    """R^2 of the static network over seeds."""
    return [run["r2_nu"] for run in results.get(f"static_of_{size}", {}).get("runs", [])]


def speed_table(results: Results) -> str:
    """Seconds of one thread."""
    labels = {
        "lammps": "LAMMPS, time step 0.25", "bonds": "ours, 400 frames", "paper": "`paper`, 400 frames",
        "bonds_long_steps": "ours, 5 long steps", "linear_response": "linear response",
        "relaxed_linear_response": "linear response with relaxation before",
    }  # fmt: skip
    found = results.get("speed", {}).get("seconds", {})
    rows = [
        [label, f"{found[name]['one']:.3g}", f"{found[name]['thousand']:.3g}"]
        for name, label in labels.items()
        if name in found
    ]
    return table(["", "one network (s)", "1,000 networks (s)"], rows)


def learned_table(results: Results) -> str:
    """What the numbers of our simulator became."""
    true = {
        "friction_per_spring": ("friction / force constant, bond 0.1 % long", "0.05"),
        "friction": ("friction of the nodes", "0.1"),
        "box_inertia_per_node": ("inertia of the box per node", "1.01"),
        "box_friction": ("friction of the box", "0"),
        "spring_at_-0.05": ("force constant, bond 5 % short", "2"),
        "spring_at_0.001": ("force constant, bond 0.1 % long", "2"),
        "spring_at_0.05": ("force constant, bond 5 % long", "2"),
    }
    names = [f"bonds_{k}" for k in (1, 2, 3)]
    rows = [[label, number(pick(results, names, "learned", key)), t] for key, (label, t) in true.items()]
    return table(["", "learned", "in the simulation"], rows)


def design_table(results: Results) -> str:
    """Designed networks."""
    rows = [
        [str(k), *(f"{row[key]:.3f}" for key in ("md_before", "wanted", "learned_after", "md_after")),
         f"{row['largest_move']:.2f}"]
        for k, row in enumerate(results.get("design", {}).get("rows", []), start=1)
    ]  # fmt: skip
    head = [
        "network",
        "before, MD",
        "wanted",
        "after, simulator",
        "after, MD",
        "largest move of a node",
    ]
    return table(head, rows)


TABLES: Mapping[str, Callable[[Results], str]] = {
    "simulators": main_table,
    "signs": sign_table,
    "histories": history_table,
    "ranges": range_table,
    "sets": set_table,
    "sizes": size_table,
    "speed": speed_table,
    "learned": learned_table,
    "design": design_table,
}
