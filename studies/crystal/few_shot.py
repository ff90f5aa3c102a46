"""Teach the seed models two structures they never saw from one cell, 1, 3 and 10 snapshots, and score them.

    python studies/crystal/few_shot.py [--models FOLDER]   # -> results/few_shot.json, docs/training.md

A15 is taught from tungsten at 1000 K, omega from zirconium at 200 K (`few_shot_data.py`), and tested on
other runs of the same metal, colder and hotter, on another element with another potential, on perfect
crystals under Gaussian noise, and with atoms missing. "cell" is one perfect unit cell and no simulation at
all. What it costs the seven known classes is measured on the acceptance set at the melting temperature and
on ideal lattices under noise. Each seed model is taught from other snapshots. Values are percentages with
95 % intervals over seeds and independent runs.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from cases import NOISE, load_phases, noise_cases, thermal_cases
from contestants import MODELS, load_models
from evaluate import RESULTS
from few_shot_data import DATA, SERIES, STRUCTURES, Series, perfect, unit_cell
from rich.progress import track
from rivals import CLASSES
from scoring import SEED, Tally

import mdlens
from mdlens.descriptors import MapSource
from mdlens.inference import StructureModel
from mdlens.inference.metadata import UNKNOWN_ID
from mdlens.io.whole_file import write_json, write_whole
from mdlens.learning.sampling import to_atoms
from mdlens.learning.snapshots import SnapshotDataset
from mdlens.neighbors import find_nearest
from mdlens.workflows.crystal import assign

MISSING = (0.1, 0.3)
NOISE_DRAWS = 3
MOST_ATOMS = 200  # of a frame of a known class; every k-th one
CELL = "cell"
AMOUNTS = (CELL, 1, 3, 10)
BOTH = "both"
PAGE = Path(__file__).parents[2] / "docs" / "training.md"
ON_PAGE = (
    *(f"noise {sigma:.2f}" for sigma in (0.06, 0.08, 0.1)),
    *(f"{share:.0%} missing" for share in MISSING),
)
MARKS = ("<!-- few-shot results -->", "<!-- end of few-shot results -->")


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame all of whose atoms, or those given, have one structure."""

    atoms: Atoms
    structure: str
    condition: str
    group: str
    indices: np.ndarray | None = None


@dataclass
class Score:
    """Atoms named as they are, those of them that are not unknown, and those called by a new class."""

    right: Tally = field(default_factory=Tally)
    accepted_right: Tally = field(default_factory=Tally)
    called_new: Tally = field(default_factory=Tally)

    def summary(self, *, new: bool) -> dict[str, object]:
        scores = {"right": self.right.interval(), "accepted_and_right": self.accepted_right.interval()}
        if not new:
            scores["called_new"] = self.called_new.interval()
        return scores | {"snapshots": len(self.right.atoms), "atoms": sum(self.right.atoms)}


def taught(series: Series) -> bool:
    return series.teach_at is not None


def teacher(structure: str) -> Series:
    return next(s for s in SERIES if s.structure == structure and taught(s))


def lessons(data: SnapshotDataset, structure: str, amount: int | str, seed: int) -> list[Atoms]:
    """What a seed model is shown: one cell, or so many snapshots of the run that teaches, others by seed."""
    series = teacher(structure)
    if amount == CELL:
        return [unit_cell(structure, series.element, series.edges)]
    shown = [to_atoms(s) for s in data.snapshots if s.group == "run 0" and s.system.startswith(series.name)]
    return [shown[(seed * int(amount) + k) % len(shown)] for k in range(int(amount))]


def new_frames(data: SnapshotDataset) -> Iterator[Frame]:
    """Snapshots of the tested runs, without some of their atoms too, and perfect crystals under noise."""
    rng = np.random.default_rng(SEED)
    for s in data.snapshots:
        if s.group != "run 0":
            structure = data.classes[s.labels[0]]
            yield Frame(to_atoms(s), structure, s.system, s.group)
            series = teacher(structure)
            if s.system == f"{series.name} {series.teach_at:g} K":
                for share in MISSING:
                    kept = to_atoms(s)[rng.random(len(s)) >= share]
                    yield Frame(kept, structure, f"{share:.0%} missing", s.group)
    for structure in STRUCTURES:
        for sigma in NOISE:
            for draw in range(NOISE_DRAWS):
                atoms = perfect(teacher(structure))
                spacing = find_nearest(atoms.positions, atoms.cell.array, np.ones(3, bool), 1).distance.min()
                atoms.positions += rng.normal(0.0, sigma * spacing, atoms.positions.shape)
                yield Frame(atoms, structure, f"noise {sigma:.2f}", f"draw {draw}")


def known_frames() -> Iterator[Frame]:
    """The acceptance set at melting, and ideal lattices under noise; some atoms of each frame."""
    thermal = [c for phase in load_phases() for c in thermal_cases(phase) if "at_tm" in c.conditions]
    for case in [*thermal, *noise_cases()]:
        used = np.flatnonzero(case.truth == CLASSES.index(case.structure))
        step = -(-len(used) // MOST_ATOMS) or 1
        condition = "at_tm" if "at_tm" in case.conditions else f"noise {case.rows[0][2]}"
        yield Frame(case.atoms, case.structure, condition, case.group, used[::step])


Answers = dict[str, tuple[np.ndarray, np.ndarray]]


def answers(frame: Frame, variants: Sequence[Mapping[str, StructureModel]]) -> list[Answers]:
    """For every seed and model the most probable class of each atom by name, and the number it is given."""
    drawn, settings, said = np.empty(0), None, []
    for models in variants:
        if settings != (settings := models["before"].settings):
            source = MapSource(frame.atoms, settings, threads=1)
            drawn = source.maps(np.arange(len(source)) if frame.indices is None else frame.indices)
        said.append({key: answer(model, drawn) for key, model in models.items()})
    return said


def answer(model: StructureModel, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    said = model.describe(maps, threads=1)
    top = np.array(model.classes)[said.probabilities.argmax(axis=1)]
    numbers = assign(said.probabilities, model.ids, model.threshold)
    if said.distance is not None:
        numbers = np.where(said.distance <= np.float32(model.distance_limit), numbers, UNKNOWN_ID)
    return top, numbers


def teach(base: StructureModel, data: SnapshotDataset, seed: int, folder: Path) -> dict[str, StructureModel]:
    """Every variant of one seed model: untaught, each structure from each amount, both from 3 snapshots."""
    models = {"before": base}
    for structure in STRUCTURES:
        for amount in AMOUNTS:
            shown = {structure: lessons(data, structure, amount, seed)}
            file = folder / f"{seed}_{structure}_{amount}.onnx"
            models[f"{structure} {amount}"] = mdlens.add_structures(base, shown, out=file, threads=1)
    shown = {structure: lessons(data, structure, 3, seed) for structure in STRUCTURES}
    models[BOTH] = mdlens.add_structures(base, shown, out=folder / f"{seed}_both.onnx", threads=1)
    return models


def score(
    frames: Sequence[Frame], variants: Sequence[Mapping[str, StructureModel]]
) -> dict[tuple[str, str, str], Score]:
    """Scores by variant, structure and condition; the seeds of a variant are counted side by side."""
    scores: dict[tuple[str, str, str], Score] = {}
    for frame in track(frames, description="scoring"):
        said = answers(frame, variants)
        for key in said[0]:
            entry = scores.setdefault((key, frame.structure, frame.condition), Score())
            tops, given = ([by_seed[key][k] for by_seed in said] for k in (0, 1))
            numbers = [number_of(models[key], frame.structure) for models in variants]
            size = len(tops[0])
            for tally, hits in (
                (entry.right, [(top == frame.structure).sum() for top in tops]),
                (entry.accepted_right, [(g == n).sum() for g, n in zip(given, numbers, strict=True)]),
                (entry.called_new, [(~np.isin(top, CLASSES)).sum() for top in tops]),
            ):
                tally.add(np.array(hits), size, frame.group)
    return scores


def number_of(model: StructureModel, structure: str) -> int:
    """Number of a class in labelled files; -1 where the model has no such class."""
    return model.ids[model.classes.index(structure)] if structure in model.classes else -1


def report(scores: Mapping[tuple[str, str, str], Score]) -> dict[str, object]:
    """Nest the scores: recognised by structure, amount and condition; the known classes before and after."""
    recognised: dict[str, dict[str, dict[str, object]]] = {}
    known: dict[str, dict[str, dict[str, object]]] = {}
    foreign: dict[str, dict[str, object]] = {}
    for (variant, structure, condition), entry in scores.items():
        if structure in CLASSES:
            place = known.setdefault(condition, {}).setdefault(structure, {})
            place[variant] = entry.summary(new=False)
        elif variant == BOTH or variant.startswith(f"{structure} "):
            place = recognised.setdefault(structure, {}).setdefault(variant.removeprefix(f"{structure} "), {})
            place[condition] = entry.summary(new=True)
        elif variant != "before":
            foreign.setdefault(variant, {})[condition] = entry.called_new.interval()
    return {
        "recognised": recognised,
        "known_classes": known,
        "mean_over_known_classes": {
            condition: mean_of(by_structure) for condition, by_structure in known.items()
        },
        "other_new_structure_called_new": foreign,
    }


def mean_of(by_structure: Mapping[str, Mapping[str, Mapping]]) -> dict[str, float]:
    """Accuracy of every variant, the mean over the classes."""
    rows = list(by_structure.values())
    return {
        variant: round(float(np.mean([row[variant]["right"]["value"] for row in rows])), 3)
        for variant in rows[0]
    }


def page(results: Mapping[str, Mapping]) -> str:
    """The tables of the documentation page: the hottest snapshots of each element, noise, missing atoms."""
    lines = ["| atoms named rightly, percent | one cell | 1 snapshot | 3 | 10 |", "|---|---|---|---|---|"]
    for structure, amounts in results["recognised"].items():
        shown = [amounts[str(amount)] for amount in AMOUNTS]
        hottest = [f"{s.name} {s.temperatures[-1]:g} K" for s in SERIES if s.structure == structure]
        for condition in (*hottest, *ON_PAGE):
            title = condition if condition in hottest else f"{structure}, {condition}"
            cells = [f"{entry[condition]['right']['value']:.2f}" for entry in shown]
            lines.append(f"| {title} | {' | '.join(cells)} |")
    shown = ["before", *(f"{structure} 10" for structure in STRUCTURES), BOTH]
    titles = ["before", *(f"{structure} added" for structure in STRUCTURES), "both added"]
    lines += ["", f"| mean over the known classes | {' | '.join(titles)} |", "|---" * (len(shown) + 1) + "|"]
    for condition, means in results["mean_over_known_classes"].items():
        title = condition.replace("at_tm", "at the melting temperature")
        lines.append(f"| {title} | " + " | ".join(f"{means[variant]:.2f}" for variant in shown) + " |")
    return "\n".join(lines)


def write_page(tables: str) -> None:
    """Put the tables between their marks on the documentation page."""
    before, rest = PAGE.read_text().split(MARKS[0])
    write_whole(PAGE, before + MARKS[0] + "\n\n" + tables + "\n\n" + MARKS[1] + rest.split(MARKS[1])[1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the seed models")
    bases = load_models(parser.parse_args().models)["mdlens"]
    data = SnapshotDataset.load(DATA)
    with tempfile.TemporaryDirectory() as folder:
        variants = [
            teach(base, data, seed, Path(folder)) for seed, base in enumerate(track(bases, "teaching"))
        ]
        scores = score([*new_frames(data), *known_frames()], variants)
        added = {name: model.metadata.training["added"] for name, model in list(variants[0].items())[1:]}
    about = {
        "models": [f"{model.file.name} {model.version}" for model in bases],
        "data": data.provenance,
        "taught_from": {s.structure: f"{s.element} at {s.teach_at:g} K" for s in SERIES if taught(s)},
        "seed": SEED,
        "estimates_of_the_first_seed": added,
    }
    RESULTS.mkdir(exist_ok=True)
    results = report(scores)
    write_json(RESULTS / "few_shot.json", {"few_shot": results | {"about": about}})
    write_page(page(results))


if __name__ == "__main__":
    main()
