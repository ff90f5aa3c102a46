"""Score the shipped models and OVITO's methods on the acceptance set, in one run.

    python studies/crystal/evaluate.py [--models FOLDER] [--jobs 2] [--up-to 0.4] [--cost | --join]

Benchmarks: the DC3 protocol (`dc3`), missing atoms (`distorted`, `distorted_by_temperature`), Gaussian noise
(`noise`), with confusion matrices, calibration and the cost per atom. Every file `results/<part>.json` is
then joined into `results.json`, those of the other studies too; `--join` does that alone. Every frame is
labelled in one thread, `--jobs` frames at a time. `--up-to` leaves the hot snapshots alone: for trying the
script out.

Values are percentages with 95 % intervals: training seeds and independent runs drawn again together.
"""

import argparse
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

os.environ["OVITO_THREAD_COUNT"] = "1"  # read by OVITO when it is imported

from cases import Case, Phase, load_phases, missing_cases, noise_cases, thermal_cases
from contestants import CUTOFFS, MODELS, Verdict, load_models, tuned_cutoffs, verdicts
from cost import measure
from rich.progress import track
from rivals import CLASSES
from scoring import SEED, Confusion, Reliability, Row

from mdlens.inference import StructureModel
from mdlens.io.whole_file import write_json

HERE = Path(__file__).parent
RESULTS = HERE / "results"
CONDITIONS = ("at_tm", "0.3_missing", "0.5_missing")
# Accuracy at melting, percent, as published by their authors; other runs, cells and labels than ours.
PUBLISHED = {
    "published_dc4": {"Al": 99.1, "Ti": 96.2, "Li": 89.2, "Ge": 100.0},
    "published_dc3": {
        "Al": 97.6,
        "Fe": 85.2,
        "Ti": 88.9,
        "Si": 98.8,
        "Li": 84.2,
        "Mg": 97.2,
        "Ge": 100.0,
        "Ar": 98.2,
    },
    "published_ptm_tuned": {
        "Al": 95.9,
        "Fe": 84.3,
        "Ti": 82.8,
        "Si": 99.9,
        "Li": 83.1,
        "Mg": 95.7,
        "Ge": 99.2,
        "Ar": 96.9,
    },
}

Models = Mapping[str, Sequence[StructureModel]]


class Scores:
    """Rows, confusion matrices and reliability diagrams, filled case by case."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, ...], Row] = {}
        self.confusions = {name: Confusion() for name in CONDITIONS}
        self.reliabilities: dict[tuple[str, str], Reliability] = {}

    def add(self, case: Case, said: Mapping[str, Verdict]) -> None:
        """Count what everybody says of one frame."""
        for key in case.rows:
            self.rows.setdefault(key, Row(case.structure)).add(case.truth, said, case.group)
        for condition in set(case.conditions) & set(CONDITIONS):
            self.confusions[condition].add(case.truth, said)
            for name, verdict in said.items():
                if verdict.confidence is not None:
                    seeds = len(verdict.labels)
                    diagram = self.reliabilities.setdefault((name, condition), Reliability(seeds))
                    diagram.add(case.truth, verdict, case.group)

    def part(self, name: str) -> dict[str, object]:
        """The rows of one benchmark as nested mappings."""
        nested: dict[str, object] = {}
        for key, row in self.rows.items():
            if key[0] == name:
                place = nested
                for step in key[1:]:
                    place = place.setdefault(step, {})
                place |= row.counts() | row.scores()
        return nested

    def calibration(self) -> dict[str, object]:
        """Expected calibration errors and diagrams by model and condition."""
        nested: dict[str, object] = {}
        for (name, condition), diagram in self.reliabilities.items():
            nested.setdefault(name, {})[condition] = diagram.summary()
        if "mdlens" in nested:
            nested["ece"] = nested["mdlens"]["at_tm"]["ece"]
        return nested


def thermal_part(phases: Sequence[Phase], rows: Mapping[str, Mapping[str, Mapping]]) -> dict[str, object]:
    """The DC3 table: by material what each contestant reaches at melting and at 0.8 of it, and the ladder."""
    table: dict[str, object] = {}
    for phase in phases:
        ladder = rows[phase.name]
        at_melting = ladder[f"{phase.reference:.2f}"]
        entry: dict[str, object] = {
            "structure": phase.structure,
            "potential": phase.material["potential"],
            "melting_K": phase.material["melting"],
            "melting_origin": phase.material["origin"],
            "reference": phase.reference,
            "gave_way_at": phase.lost_at,
            "defect_atoms_left_out": phase.ignored,
        }
        entry |= {k: at_melting[k] for k in ("runs", "snapshots", "atoms")}
        for name in contestants_of(at_melting):
            entry[name] = {"accuracy_at_tm": at_melting[name]}
            for rung in ("0.80", "1.20"):
                if rung in ladder:
                    entry[name][f"accuracy_at_{rung.rstrip('0')}_tm"] = ladder[rung][name]
        for source, figures in PUBLISHED.items():
            if phase.name in figures:
                entry[source] = {"accuracy_at_tm": {"value": figures[phase.name]}}
        table[phase.name] = entry | {"by_temperature": ladder}
    return table


def contestants_of(row: Mapping[str, object]) -> list[str]:
    """Names of the contestants of one row."""
    return [name for name, value in row.items() if isinstance(value, Mapping)]


def about(models: Models) -> dict[str, object]:
    """What ran, on what."""
    return {
        "models": {
            key: [
                {
                    "file": m.file.name,
                    "version": m.version,
                    "threshold": m.threshold,
                    "candidates": m.settings.candidates,
                    "size": m.settings.size,
                    "second": m.second and {"file": m.second.model.file.name, "below": m.second.below},
                }
                for m in seeds
            ]
            for key, seeds in models.items()
        },
        "ptm_tuned": json.loads(CUTOFFS.read_text()),
        "seed": SEED,
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "ovito": version("ovito")},
    }


def join() -> None:
    """Put every part into one file: of a part what is named after its file, or else all of it."""
    joined: dict[str, object] = {}
    for path in sorted(RESULTS.glob("*.json")):
        part = json.loads(path.read_text())
        own = {k: v for k, v in part.items() if k == path.stem or k.startswith(f"{path.stem}_")}
        joined |= own or {path.stem: part}
    write_json(HERE / "results.json", joined)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the seed models")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--up-to", type=float, default=float("inf"), help="in melting temperatures")
    parser.add_argument("--cost", action="store_true", help="measure the cost alone, on an idle machine")
    parser.add_argument("--join", action="store_true", help="score nothing")
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    if options.cost:
        write_json(RESULTS / "cost.json", {"cost": measure(loaded(options.models))})
    elif not options.join:
        score(options.models, options.up_to, options.jobs)
    join()


@cache
def loaded(folder: Path) -> Models:
    """The seed models, loaded once in every process."""
    return load_models(folder)


def ask(folder: Path, case: Case) -> dict[str, Verdict]:
    """What everybody says of one frame."""
    return verdicts(case.atoms, loaded(folder), tuned_cutoffs())


def answers(folder: Path, cases: Sequence[Case], jobs: int) -> Iterator[dict[str, Verdict]]:
    """Ask about the frames in order, several at a time; processes are started anew, as OVITO has threads."""
    if jobs == 1:
        yield from map(partial(ask, folder), cases)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(ask, folder), cases)


def score(folder: Path, up_to: float, jobs: int) -> None:
    """Run the benchmarks and write their parts."""
    models, phases, scores = loaded(folder), load_phases(up_to=up_to), Scores()
    cases = [case for phase in phases for make in (thermal_cases, missing_cases) for case in make(phase)]
    cases += noise_cases()
    for case, said in track(
        zip(cases, answers(folder, cases, jobs), strict=True), "scoring", total=len(cases)
    ):
        scores.add(case, said)
    write_json(RESULTS / "dc3.json", {"dc3": thermal_part(phases, scores.part("dc3"))})
    for name in ("distorted", "distorted_by_temperature", "noise"):
        write_json(RESULTS / f"{name}.json", {name: scores.part(name)})
    confusion = {name: matrix.tables() for name, matrix in scores.confusions.items()}
    write_json(RESULTS / "confusion.json", {"confusion": {"classes": CLASSES} | confusion})
    write_json(RESULTS / "calibration.json", {"calibration": scores.calibration()})
    write_json(RESULTS / "cost.json", {"cost": measure(models)})
    write_json(RESULTS / "about.json", {"about": about(models)})


if __name__ == "__main__":
    main()
