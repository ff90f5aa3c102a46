"""Fill the tables of docs/transformations.md from the results of the three studies.

python -m studies.transformations.page
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from studies.page import filled, table

STUDIES = Path(__file__).parents[1]
PAGE = STUDIES.parent / "docs" / "transformations.md"

PHASES = ("crystal", "liquid", "amorphous")
BY = ("by_energy", "by_class")
METHODS = {
    "mdlens_1": "this model",
    "mdlens_2": "seed 2",
    "mdlens_3": "seed 3",
    "mdlens_averaged": "this model, averaged over the first shell",
    "shipped": "shipped model",
    "ptm_none": "PTM, no cutoff",
    "ptm_0.1": "PTM 0.1",
    "acna": "adaptive CNA",
}

Results = Mapping[str, Any]


def kelvin(found: Results) -> str:
    """A transition with its interval."""
    return f"{found['temperature']:.0f} ({found['low']:.0f} to {found['high']:.0f})"


def percent(found: Results) -> str:
    """A share with its interval."""
    return f"{100 * found['value']:.2f} ({100 * found['low']:.2f} to {100 * found['high']:.2f})"


def called(name: str) -> str:
    """What a trajectory is called on the page."""
    for start, label in (("nickel_small_", "2,048 atoms, seed "), ("cuzr_small_", "2,000 atoms, seed ")):
        name = name.replace(start, label)
    return name


def melting(results: Results) -> str:
    """Fractions of hcp towards the step, and the transition by every method."""
    shares = {row["temperature"]: row for row in results["hcp_fraction"].values()}.values()
    found = results["melting"]
    fractions = table(
        ["hcp fraction at", *(f"{row['temperature']:.0f} K" for row in shares)],
        ([label, *(f"{row[name]:.3f}" for row in shares)] for name, label in METHODS.items()),
    )
    truth = table(
        ["K", "crystal in the inherent structure", "this model agrees", "PTM 0.1 agrees"],
        (
            [
                f"{row['temperature']:.0f}",
                f"{row['crystal_in_inherent_structure']:.3f}",
                f"{row['agreement']:.3f}",
                f"{row['agreement_of_ptm_0.1']:.3f}",
            ]
            for row in results["inherent_structure"]
        ),
    )
    sentence = (
        f"Melting by energy at {kelvin(found['by_energy'])} K, by class at {kelvin(found['by_class'])} K, "
        f"{found['difference_percent']:.1f} % apart; by PTM 0.1 half of the crystal is gone at "
        f"{found['by_rivals']['ptm_0.1']['temperature']:.0f} K. Truth atom by atom, from minimised frames:"
    )
    return f"{fractions}\n\n{sentence}\n\n{truth}"


def nickel(results: Results) -> str:
    """Transitions of all trajectories, and the scores of frames beyond doubt."""
    runs = {"6,912 atoms": results["transitions"], **results["seeds"]}
    scores = {
        "6,912 atoms, frames not labelled": results["held_out_accuracy"],
        "the same, averaged over the first shell": results["held_out_accuracy_averaged"],
        **{name: run["accuracy"] for name, run in results["seeds"].items()},
    }
    found = table(
        ["trajectory", "melting by energy (K)", "by class (K)", "glass by energy (K)", "by class (K)"],
        (
            [called(name), *(kelvin(run[k][by]) for k in ("melting", "glass") for by in BY)]
            for name, run in runs.items()
        ),
    )
    right = table(
        ["right, % of the atoms", *PHASES],
        ([called(name), *(percent(score[phase]) for phase in PHASES)] for name, score in scores.items()),
    )
    return f"{found}\n\n{right}"


def cuzr(results: Results) -> str:
    """One against two channels, over all trajectories."""
    networks = ("one_channel", "two_channels")
    whole = {
        name: {"glass": results[name]["glass"], "accuracy": results[name]["held_out_accuracy"]}
        for name in networks
    }
    rows = [
        [
            called(run),
            name.replace("_", " "),
            *(kelvin(found[name]["glass"][by]) for by in BY),
            *(percent(found[name]["accuracy"][phase]) for phase in PHASES[1:]),
        ]
        for run, found in {"32,000 atoms": whole, **results["seeds"]}.items()
        for name in networks
    ]
    rows += [
        [
            "32,000 atoms",
            f"{name.replace('_', ' ')}, averaged",
            "",
            "",
            *(percent(results[name]["held_out_accuracy_averaged"][phase]) for phase in PHASES[1:]),
        ]
        for name in networks
    ]
    head = ["trajectory", "network", "glass by energy (K)", "by class (K)", "liquid right, %"]
    return table([*head, "amorphous right, %"], rows)


def controls(ni: Results, alloy: Results) -> str:
    """The controls of both glasses beside the thermal network."""
    one = alloy["one_channel"]
    return table(
        ["", "liquid right, %", "amorphous right, %", "glass by class (K)"],
        [
            *_controls("Ni", ni["controls"], ni["held_out_accuracy"], ni["transitions"]["glass"]),
            *_controls("Cu-Zr", alloy["controls"], one["held_out_accuracy"], one["glass"]),
        ],
    )


def _controls(label: str, found: Results, thermal: Results, glass: Results) -> Iterator[list[str]]:
    still, variance = found["inherent_structure"], found["first_shell_variance"]
    for name, scores, at in (
        ("positions as simulated", thermal, glass["by_class"]),
        ("inherent structures", still["accuracy"], still["glass"].get("by_class", still["glass"])),
        ("first-shell variance", variance["accuracy"], variance["glass"]),
    ):
        yield [f"{label}, {name}", *(percent(scores[phase]) for phase in PHASES[1:]), kelvin(at)]
    for name, moved in found["labels_moved"].items():
        yield [f"{label}, labels moved: {name.replace('_', ' ')}", "", "", kelvin(moved["glass"])]


def tables() -> dict[str, str]:
    """Every block of the page."""
    hcp, ni, alloy = (
        json.loads((STUDIES / name / "results.json").read_text(encoding="utf-8"))
        for name in ("melting_hcp", "vitrification_ni", "vitrification_cuzr")
    )
    return {
        "melting": melting(hcp),
        "nickel": nickel(ni),
        "cuzr": cuzr(alloy),
        "controls": controls(ni, alloy),
    }


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), tables()), encoding="utf-8")
