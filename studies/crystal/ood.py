"""How well structures that were never taught are told from those that were.

    python studies/crystal/ood.py [--models FOLDER] [--without-acceptance] [--out FILE]

Outside: the crystals of `ood_structures.py` with Gaussian noise of 2 to 8 % of the nearest-neighbour
distance, and those of `ood_simulate.py`. Inside: crystals of the acceptance set from 0.4 of the melting
temperature up to it, and its liquids; without that set, ideal lattices with the same noise. From every
frame as many atoms, chosen at random.

Three scores, each by the model alone: one minus the confidence; the distance; and the larger of the two,
each over the limit beyond which an atom is unknown. AUROC is the chance that an atom from outside scores
higher than one from inside, in percent. "flagged" is the share of atoms called unknown. 95 % intervals draw
training seeds, outside frames and inside frames again, together.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from cases import SPACING, first_of_each, frame_of, load_phases
from contestants import MODELS, load_models
from evaluate import RESULTS
from ood_simulate import FILE as SIMULATED
from ood_structures import PROTOTYPES, build, noisy
from rich.progress import track
from scoring import RESAMPLES, SEED, TAIL, percent

from mdlens.descriptors import MapSource
from mdlens.inference import StructureModel
from mdlens.io.whole_file import write_json
from mdlens.learning.snapshots import SnapshotDataset
from mdlens.simulation.lattices import build_lattice
from mdlens.workflows.crystal import averaged, classify_maps

NOISE = (0.02, 0.04, 0.06, 0.08)  # of the nearest-neighbour distance, per component
DRAWS = 3
ATOMS = 200  # of each frame
SIZE = 400  # atoms of a frame made here, at least
INSIDE = (0.4, 0.6, 0.8, 1.0)  # of the melting temperature
SCORES = ("probability", "distance", "both")


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame, its place in the results, and the atoms that count."""

    atoms: Atoms
    structure: str
    condition: str
    chosen: np.ndarray


def frame(atoms: Atoms, structure: str, condition: str, *seeds: int) -> Frame:
    """Choose the atoms that count."""
    chosen = np.random.default_rng([SEED, *seeds]).permutation(len(atoms))[:ATOMS]
    return Frame(atoms, structure, condition, np.sort(chosen))


def outside_frames() -> Iterator[Frame]:
    """Crystals never taught, displaced at random."""
    for number, name in enumerate(PROTOTYPES):
        perfect = build(name, atoms_at_least=SIZE)
        for sigma in NOISE:
            for draw in range(DRAWS):
                atoms = noisy(perfect, sigma, SEED + 100 * number + draw)
                yield frame(atoms, name, f"{sigma:.2f}", number, draw)


def simulated_frames() -> Iterator[Frame]:
    """Crystals never taught, held in LAMMPS."""
    if SIMULATED.exists():
        for number, s in enumerate(SnapshotDataset.load(SIMULATED).snapshots):
            yield frame(frame_of(s), s.system, f"{s.temperature:.0f} K", number)


def acceptance_frames() -> Iterator[Frame]:
    """Crystals and liquids of the acceptance set; only atoms whose class is certain count."""
    for phase in load_phases():
        for at, snapshots in phase.snapshots.items():
            if phase.structure == "disordered" or at in INSIDE:
                for s in first_of_each(snapshots):
                    rng = np.random.default_rng([SEED, len(s), round(100 * at)])
                    certain = rng.permutation(np.flatnonzero(s.labels >= 0))[:ATOMS]
                    yield Frame(frame_of(s), phase.structure, f"{at:.2f} Tm", np.sort(certain))


def ideal_frames() -> Iterator[Frame]:
    """The lattices that were taught, displaced at random."""
    for number, name in enumerate(SPACING):
        perfect = build_lattice(name, ["X"], 4.0, atoms_at_least=SIZE)
        for sigma in NOISE:
            for draw in range(DRAWS):
                yield frame(noisy(perfect, sigma, SEED + draw), name, f"{sigma:.2f}", number, draw)


@dataclass(frozen=True, eq=False)
class Reading:
    """What one model says of the atoms of many frames, each array (frames, atoms)."""

    scores: Mapping[str, np.ndarray]
    flagged: np.ndarray


def readings(model: StructureModel, frames: Sequence[Frame]) -> dict[str, Reading]:
    """Scores of every frame: of each atom alone, and averaged over the first shell."""
    found: dict[str, list[tuple[np.ndarray, np.ndarray | None]]] = {"alone": [], "averaged": []}
    for item in track(frames, description=model.file.stem):
        source = MapSource(item.atoms, model.settings, threads=1)
        result = classify_maps(source, model, threads=1)
        values = result.probabilities, result.distance
        mean = [None if v is None else averaged(source, v.reshape(len(v), -1)) for v in values]
        found["alone"].append(tuple(None if v is None else v[item.chosen] for v in values))
        found["averaged"].append(tuple(None if v is None else v[item.chosen] for v in mean))
    return {how: _reading(model, rows) for how, rows in found.items()}


def _reading(model: StructureModel, rows: Sequence[tuple[np.ndarray, np.ndarray | None]]) -> Reading:
    doubt = np.array([(1.0 - p.max(axis=1)) / (1.0 - model.threshold) for p, _ in rows])
    scores = {"probability": doubt}
    if model.distance_limit is not None:
        far = np.array([d.reshape(-1) / model.distance_limit for _, d in rows])
        scores |= {"distance": far, "both": np.maximum(doubt, far)}
    worst = scores.get("both", doubt)
    return Reading(scores, worst > 1.0)


def auroc_table(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Chance that an atom of an outside frame scores higher than one of an inside frame, (outside, inside).

    The mean of the table is the AUROC of all atoms together, because all frames count as many atoms.
    """
    table = np.empty((len(outside), len(inside)))
    for row, values in zip(table, outside, strict=True):
        ordered = np.sort(values)
        below = np.searchsorted(ordered, inside, side="left")
        not_above = np.searchsorted(ordered, inside, side="right")
        row[:] = 1.0 - (below + not_above).mean(axis=1) / (2 * len(values))
    return table


def interval(values: np.ndarray) -> dict[str, float]:
    """Mean of (seeds, frames, ...) in percent with its 95 % interval: every axis is drawn again."""
    made = {"value": percent(values.mean())}
    if values.size == 1:
        return made
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(RESAMPLES):
        weights = [np.bincount(rng.integers(n, size=n), minlength=n) / n for n in values.shape]
        mean = values
        for weight in weights:
            mean = np.tensordot(weight, mean, axes=(0, 0))
        drawn.append(float(mean))
    low, high = np.quantile(drawn, [TAIL, 1.0 - TAIL])
    return made | {"low": percent(low), "high": percent(high)}


class Comparison:
    """Tables of one kind of model, all its seeds, against the inside."""

    def __init__(self, seeds: Sequence[tuple[Reading, Reading]]) -> None:
        names = seeds[0][0].scores
        self.tables = {
            name: np.array([auroc_table(i.scores[name], o.scores[name]) for i, o in seeds]) for name in names
        }
        self.flagged = np.array([o.flagged.mean(axis=1) for _, o in seeds])
        self.inside = np.array([i.flagged.mean(axis=1) for i, _ in seeds])

    def scores(self, rows: Sequence[int]) -> dict[str, object]:
        """AUROC by score and the share flagged, of some outside frames."""
        chosen = list(rows)
        auroc = {name: interval(table[:, chosen]) for name, table in self.tables.items()}
        return {"auroc": auroc, "flagged": interval(self.flagged[:, chosen])}


def part(comparisons: Mapping[str, Comparison], outside: Sequence[Frame], made: int) -> dict[str, object]:
    """Everything by structure and condition; the first `made` frames are those with Gaussian noise."""
    first = next(iter(comparisons.values()))
    best = "both" if "both" in first.tables else "probability"
    result: dict[str, object] = {
        "auroc": interval(first.tables[best][:, :made]),
        "score": best,
        "inside_flagged": {key: interval(c.inside) for key, c in comparisons.items()},
        "all": {key: c.scores(range(made)) for key, c in comparisons.items()},
        "by_noise": {},
    }
    for sigma in NOISE:
        rows = [k for k in range(made) if outside[k].condition == f"{sigma:.2f}"]
        result["by_noise"][f"{sigma:.2f}"] = {key: c.scores(rows) for key, c in comparisons.items()}
    for name in dict.fromkeys(item.structure for item in outside):
        entry: dict[str, object] = {}
        for condition in dict.fromkeys(f.condition for f in outside if f.structure == name):
            rows = [k for k, f in enumerate(outside) if (f.structure, f.condition) == (name, condition)]
            entry[condition] = {key: c.scores(rows) for key, c in comparisons.items()}
        result[name] = entry
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the seed models")
    parser.add_argument("--without-acceptance", action="store_true", help="inside is ideal lattices alone")
    parser.add_argument("--out", type=Path, default=RESULTS / "ood.json")
    options = parser.parse_args()
    inside = [] if options.without_acceptance else list(acceptance_frames())
    kind = "acceptance set" if inside else "ideal lattices"
    inside = inside or list(ideal_frames())
    noise, held = list(outside_frames()), list(simulated_frames())
    outside = [*noise, *held]
    comparisons: dict[str, Comparison] = {}
    for key, seeds in load_models(options.models).items():
        pairs = [(readings(m, inside), readings(m, outside)) for m in seeds]
        for how, name in (("alone", key), ("averaged", f"{key}_averaged")):
            comparisons[name] = Comparison([(i[how], o[how]) for i, o in pairs])
    result = part(comparisons, outside, len(noise))
    result["inside"] = {"what": kind, "frames": len(inside)}
    result["atoms_of_each_frame"] = ATOMS
    options.out.parent.mkdir(exist_ok=True)
    write_json(options.out, {"ood": result})


if __name__ == "__main__":
    main()
