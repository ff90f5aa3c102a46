"""The tables of docs/tribology.md, as text, from results.json."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from studies.page import table

Results = Mapping[str, Any]

OURS = "sections + measures + metadata"

SPLITS = {"random": "random", "region": "region", "seed": "polycrystal", "condition": "condition"}
"""Splits of the data, and what they hold out in words."""


def scores_of(results: Results, split: str) -> list[Mapping[str, Any]]:
    """Scores of all contestants, for each seed of a split that could be made."""
    found = (results["scores"].get(f"{split} {seed}") for seed in range(100))
    return [scores for scores in found if scores and "left out" not in scores]


def spread(values: Sequence[float]) -> str:
    """Mean and range over the seeds."""
    if not values:
        return "-"
    return f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def score_table(results: Results, key: str) -> str:
    """One score of every contestant by what is held out: mean and range over the seeds."""
    columns = [scores_of(results, split) for split in SPLITS]
    names = next(iter(columns[0]), {})
    rows = [[name, *(spread([s[name][key] for s in column]) for column in columns)] for name in names]
    return table(["", *SPLITS.values()], rows)


def label_table(results: Results) -> str:
    """How many windows have each label."""
    total = sum(results["labels"].values())
    rows = [
        [name.replace("_", " "), str(count), f"{100 * count / total:.0f} %"]
        for name, count in results["labels"].items()
    ]
    return table(["label", "windows", "share"], rows)


def moved_table(results: Results) -> str:
    """Share of labels that change with the thresholds."""
    moved = results["moved_thresholds"]
    names = dict.fromkeys(name.rsplit(" ", 1)[0] for name in moved)
    rows = [
        [name.replace("_", " "), *(f"{100 * moved[f'{name} {sign}']:.0f} %" for sign in ("-25%", "+25%"))]
        for name in names
    ]
    return table(["threshold", "25 % lower", "25 % higher"], rows)


def interval_table(results: Results) -> str:
    """Accuracy of the networks and of two baselines with intervals over runs, first seed."""
    shown = (
        OURS,
        "image + measures + metadata",
        "image + metadata",
        "latent + metadata",
        "metadata alone",
        "PCA-32 + logistic",
    )
    rows = []
    for split, words in SPLITS.items():
        scores = next(iter(scores_of(results, split)), None)
        if scores is not None:
            cells = [f"{scores[n]['accuracy']:.2f} ({_ends(scores[n]['accuracy_95'])})" for n in shown]
            rows.append([words, *cells])
    return table(["held out", *shown], rows)


def _ends(interval: Sequence[float | None]) -> str:
    return " to ".join("-" if end is None else f"{end:.2f}" for end in interval)


def reconstruction_table(results: Results) -> str:
    """How well tomographs are drawn again."""
    rows = [
        [
            size,
            f"{q['psnr']:.1f}",
            f"{q['ssim']:.2f}",
            f"{q['rmse_boundaries']:.3f}",
            f"{q['rmse_grains']:.3f}",
        ]
        for size, q in results["reconstruction"].items()
    ]
    return table(["numbers", "PSNR (dB)", "SSIM", "error at boundaries and twins", "in grains"], rows)


def cell_table(results: Results) -> str:
    """Every condition, predicted from all others."""
    rows = []
    for cell in results["left_out_cells"]:
        members = cell["members"]
        rows.append(
            [
                f"{100 * cell['nickel']:.0f} %",
                f"{cell['pressure']:.1f}",
                f"{cell['temperature']:.0f}",
                f"{cell['found'].replace('_', ' ')} ({100 * cell['found_share']:.0f} %)",
                cell["predicted"].replace("_", " "),
                f"{cell['probability']:.2f} ({min(members):.2f} to {max(members):.2f})",
            ]
        )
    head = ["Ni", "GPa", "K", "found (share of windows)", "predicted", "probability (members)"]
    right = sum(c["found"] == c["predicted"] for c in results["left_out_cells"])
    usual, count = Counter(c["found"] for c in results["left_out_cells"]).most_common(1)[0]
    return (
        f"{table(head, rows)}\n\n{right} of {len(rows)} conditions are predicted right; "
        f"{usual.replace('_', ' ')} everywhere would be right in {count}."
    )


TABLES: Mapping[str, Callable[[Results], str]] = {
    "labels": label_table,
    "thresholds": moved_table,
    "accuracy": lambda results: score_table(results, "accuracy"),
    "accuracy of clear labels": lambda results: score_table(results, "accuracy_clear"),
    "macro-F1": lambda results: score_table(results, "macro_f1"),
    "calibration": lambda results: score_table(results, "calibration_error"),
    "intervals": interval_table,
    "reconstruction": reconstruction_table,
    "cells": cell_table,
}
