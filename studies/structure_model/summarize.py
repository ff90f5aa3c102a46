"""Turn results.json into the figure and the tables of docs/structure-model.md.

    python studies/structure_model/summarize.py

Writes docs/figures/structure_model.png and replaces what stands between the result marks of the page.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
MARKS = ("<!-- results -->", "<!-- end of results -->")
METHODS = {
    "mdlens": ("mdlens", "o", "#0b6e4f"),
    "ptm_none": ("PTM, no cutoff", "s", "#8c8c8c"),
    "ptm_0.1": ("PTM, RMSD 0.1", "^", "#c0504d"),
    "acna": ("adaptive CNA", "v", "#e0a030"),
}
OTHERS = ("ptm_none", "ptm_0.1", "acna")
MELTING = "1.00 Tm"


def percent(value: float) -> str:
    return f"{value:.2f}" if value > 90 else f"{value:.1f}"


def knows(method: str, system: str) -> bool:
    """Common neighbour analysis has no diamond and no simple cubic among its structures."""
    return method != "acna" or system.endswith(("liquid", "fcc", "bcc", "hcp"))


def cell(entry: dict, method: str) -> str:
    score = entry[method]
    return f"{percent(score['value'])} ({percent(score['low'])}-{percent(score['high'])})"


def melting_table(results: dict) -> list[str]:
    lines = [
        "| at melting | mdlens | PTM, no cutoff | PTM 0.1 | adaptive CNA | accepted | right if accepted |",
        "|---|---|---|---|---|---|---|",
    ]
    for system, rows in results["thermal"].items():
        row = rows.get(MELTING)
        if row is None:
            continue
        right = row["mdlens_accepted_right"]
        others = " | ".join(percent(row[m]["value"]) if knows(m, system) else "-" for m in OTHERS)
        accepted = percent(row["mdlens_accepted"])
        lines.append(f"| {system} | {cell(row, 'mdlens')} | {others} | {accepted} | {percent(right)} |")
    return lines


def missing_table(results: dict) -> list[str]:
    shares = list(next(iter(results["missing_at_melting"].values())))
    head = " | ".join(f"{float(s):.0%} missing" for s in shares)
    lines = [
        f"| at the melting temperature, mdlens (PTM without cutoff) | {head} |",
        "|---" * (len(shares) + 1) + "|",
    ]
    for system, rows in results["missing_at_melting"].items():
        values = " | ".join(
            f"{percent(rows[s]['mdlens']['value'])} ({percent(rows[s]['ptm_none']['value'])})" for s in shares
        )
        lines.append(f"| {system} | {values} |")
    return lines


def noise_table(results: dict) -> list[str]:
    sigmas = list(next(iter(results["noise"].values())))
    head = " | ".join(f"{float(s):.0%}" for s in sigmas)
    lines = [f"| Gaussian noise, mdlens (PTM without cutoff) | {head} |", "|---" * (len(sigmas) + 1) + "|"]
    for structure, rows in results["noise"].items():
        values = " | ".join(
            f"{percent(rows[s]['mdlens']['value'])} ({percent(rows[s]['ptm_none']['value'])})" for s in sigmas
        )
        lines.append(f"| {structure} | {values} |")
    return lines


def draw(results: dict, path: Path) -> None:
    systems = [s for s, rows in results["thermal"].items() if MELTING in rows]
    figure, axis = plt.subplots(figsize=(7.2, 0.28 * len(systems) + 1.6), layout="constrained")
    rows = range(len(systems) - 1, -1, -1)
    for method, (label, marker, colour) in reversed(METHODS.items()):
        known = [(s, row) for s, row in zip(systems, rows, strict=True) if knows(method, s)]
        values = [results["thermal"][s][MELTING][method]["value"] for s, _ in known]
        style = {"color": colour, "label": label, "markersize": 6, "markeredgecolor": "white"}
        axis.plot(values, [row for _, row in known], marker, **style)
    axis.set_yticks(list(rows), systems)
    axis.set_xlim(-2, 102)
    axis.set_xlabel("atoms labelled right at the melting temperature (%)")
    axis.grid(axis="y", color="#e8e8e8")
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, reverse=True)
    figure.savefig(path, dpi=160)
    plt.close(figure)


def main() -> None:
    results = json.loads((HERE / "results.json").read_text())
    tables = [melting_table(results), missing_table(results), noise_table(results)]
    text = "\n\n".join("\n".join(table) for table in tables)
    page = DOCS / "structure-model.md"
    before, rest = page.read_text().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    page.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{after}")
    draw(results, DOCS / "figures" / "structure_model.png")


if __name__ == "__main__":
    main()
