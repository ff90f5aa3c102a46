"""Turn results/published.json into the heat maps and the table of docs/published-experiment.md.

    python -m studies.crystal.published_figure

Writes docs/figures/published_experiment.png and replaces what stands between the result marks of the page.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from studies.page import filled

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
PICTURE = "![Accuracy over temperature and missing atoms](figures/published_experiment.png)"
ROWS = (
    (("mdlens",), "published network"),
    (("ptm_none",), "PTM, no cutoff"),
    (("ptm_0.1",), "PTM, RMSD 0.1"),
    (("acna", "ids"), "adaptive CNA (Si: IDS)"),
)
TARGET = 99.5
TITLES = {"fcc": "fcc", "bcc": "bcc", "hcp": "hcp", "cubic_diamond": "diamond"}


def percent(value: float) -> str:
    return f"{value:.2f}" if value > 90 else f"{value:.1f}"


def accuracy(record: dict, methods: tuple[str, ...]) -> float:
    return next(record[method]["value"] for method in methods if method in record)


def coldest_to_hottest(results: dict, material: str) -> dict:
    return results["published_by_temperature"][material]


def worst(results: dict, material: str, fraction: str) -> float:
    """The lowest accuracy of the network at any one temperature."""
    return min(row[fraction]["mdlens"]["value"] for row in coldest_to_hottest(results, material).values())


def in_words(results: dict) -> str:
    """The worst of all cells, and how the trainings went."""
    cells = [
        (row["mdlens"]["value"], f"{material.split(' ')[0]} with {float(fraction):.0%} missing at {step} T_m")
        for material, table in results["published_by_temperature"].items()
        for step, rows in table.items()
        for fraction, row in rows.items()
    ]
    low, where = min(cells)
    short = sum(value < TARGET for value, _ in cells)
    logs = [training["log"] for training in results["training"].values()]
    kept = [min(log, key=lambda entry: entry["val_loss"]) for log in logs]
    epochs = ", ".join(str(entry["epoch"]) for entry in kept)
    last = ", ".join(percent(100 * log[-1]["val_accuracy"]) for log in logs)
    return (
        f"The lowest accuracy of the network in any of the {len(cells)} combinations of material, "
        f"temperature and fraction is {percent(low)} % ({where}); {short} of them are below {TARGET} %.\n"
        f"With the {len(logs)} seeds, epochs {epochs} of {len(logs[0])} validated best and were kept; "
        f"the last epochs had {last} % of the validation maps right."
    )


def tables(results: dict) -> str:
    lines = [
        "| | missing | published network | worst temperature | PTM, no cutoff | PTM 0.1 | adaptive CNA |",
        "|---|---|---|---|---|---|---|",
    ]
    for material, rows in results["published"].items():
        for fraction, record in rows.items():
            mdlens = record["mdlens"]
            cells = [
                material.replace("_", " "),
                f"{float(fraction):.0%}",
                f"{percent(mdlens['value'])} ({percent(mdlens['low'])}-{percent(mdlens['high'])})",
                percent(worst(results, material, fraction)),
                *(percent(accuracy(record, methods)) for methods, _ in ROWS[1:]),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def panel(axis: plt.Axes, values: np.ndarray) -> object:
    image = axis.imshow(values, vmin=0, vmax=100, cmap="viridis", aspect="auto", origin="lower")
    for (y, x), value in np.ndenumerate(values):
        # Rounded down, so that 100 means every atom of every copy.
        text = f"{np.floor(value * 10) / 10:.1f}" if 99 <= value < 100 else f"{np.floor(value):.0f}"
        colour = "black" if value > 60 else "white"
        axis.text(x, y, text, ha="center", va="center", fontsize=6, color=colour)
    return image


def draw(results: dict, file: Path) -> None:
    materials = list(results["published"])
    figure, axes = plt.subplots(
        len(ROWS), len(materials), figsize=(9.6, 10.4), sharex=True, sharey=True, layout="constrained"
    )
    for column, material in enumerate(materials):
        table = coldest_to_hottest(results, material)
        for (methods, label), axis in zip(ROWS, axes[:, column], strict=True):
            values = np.array([[accuracy(r, methods) for r in row.values()] for row in table.values()])
            image = panel(axis, values)
            if column == 0:
                axis.set_ylabel(f"{label}\nT / T$_m$")
        element, lattice = material.split(" ")
        axes[0, column].set_title(f"{element} {TITLES[lattice]}")
        axes[-1, column].set_xlabel("atoms missing (%)")
    fractions = list(next(iter(table.values())))
    axes[0, 0].set_xticks(range(len(fractions)), [f"{100 * float(x):.0f}" for x in fractions])
    axes[0, 0].set_yticks(range(1, len(table), 2), list(table)[1::2])
    figure.colorbar(image, ax=axes, shrink=0.4, label="atoms labelled right (%)")
    figure.savefig(file, dpi=150)
    plt.close(figure)


def main() -> None:
    results = json.loads((HERE / "results" / "published.json").read_text())
    page = DOCS / "published-experiment.md"
    text = "\n\n".join((in_words(results), tables(results), PICTURE))
    page.write_text(filled(page.read_text(), {"results": text}))
    draw(results, DOCS / "figures" / "published_experiment.png")


if __name__ == "__main__":
    main()
