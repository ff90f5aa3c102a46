"""What the three transformation studies share: class fractions of every frame by every method.

Curves are kept beside the trajectory (`curves_NAME.json`), so an interrupted study goes on where it stopped.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ovito.io.ase import ase_to_ovito
from ovito.modifiers import (
    CommonNeighborAnalysisModifier,
    CoordinationAnalysisModifier,
    PolyhedralTemplateMatchingModifier,
)
from rich.progress import track

import mdlens
from mdlens.inference import StructureModel
from mdlens.learning.transitions import Transition

NAMES = {1: "fcc", 2: "hcp", 3: "bcc"}
Fractions = dict[str, float]
Method = Callable[[Atoms], Fractions]


@dataclass(frozen=True)
class Thermo:
    """Thermodynamics of the recorded frames of a run, one value each (K, eV/atom, Angstrom^3/atom)."""

    timestep: np.ndarray
    temperature: np.ndarray
    energy: np.ndarray
    volume: np.ndarray

    def __getitem__(self, rows: slice | np.ndarray) -> "Thermo":
        return Thermo(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def read_thermo(run: Path) -> Thermo:
    """Read `thermo.csv`; the temperature is that of the thermostat, the ramp's own."""
    with (run / "thermo.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    names = ("timestep", "target_temperature", "potential_energy_per_atom", "volume_per_atom")
    return Thermo(*(np.array([float(row[name]) for row in rows]) for name in names))


def by_model(
    model: StructureModel,
    prepare: Callable[[Atoms], Atoms] = lambda atoms: atoms,
    *,
    average: bool = False,
) -> Method:
    """Fractions by a model of mdlens: every atom its most probable class, as published.

    The share that the model would call unknown stands beside. Near a transition all atoms are between two
    classes: an unknown there is no evidence for either. With `average` an atom's 12 nearest have a say, as
    with `mdlens classify --average`.
    """

    def fractions(atoms: Atoms) -> Fractions:
        result = mdlens.classify(prepare(atoms), model, embeddings=False, average=average)
        shares = np.bincount(result.probabilities.argmax(axis=1), minlength=len(result.classes)) / len(atoms)
        unknown = result.fractions()["unknown"]
        return {**dict(zip(result.classes, shares.tolist(), strict=True)), "unknown": unknown}

    return fractions


def most_probable(atoms: Atoms, model: StructureModel) -> np.ndarray:
    """Name of each atom's most probable class (atoms,)."""
    result = mdlens.classify(atoms, model, embeddings=False)
    return np.array(result.classes)[result.probabilities.argmax(axis=1)]


def by_ptm(cutoff: float) -> Method:
    """Fractions by polyhedral template matching with an RMSD cutoff (0 for none)."""

    return lambda atoms: _fractions(templates(atoms, cutoff))


def templates(atoms: Atoms, cutoff: float) -> np.ndarray:
    """OVITO's number of each atom's structure (atoms,) by polyhedral template matching."""
    return _types(atoms, PolyhedralTemplateMatchingModifier(rmsd_cutoff=cutoff))


def by_cna(atoms: Atoms) -> Fractions:
    """Fractions by adaptive common neighbour analysis."""
    mode = CommonNeighborAnalysisModifier.Mode.AdaptiveCutoff
    return _fractions(_types(atoms, CommonNeighborAnalysisModifier(mode=mode)))


RIVALS: Mapping[str, Method] = {"ptm_0.1": by_ptm(0.1), "ptm_none": by_ptm(0.0), "acna": by_cna}


def _types(atoms: Atoms, modifier: Any) -> np.ndarray:
    data = ase_to_ovito(atoms)
    data.apply(modifier)
    return np.asarray(data.particles["Structure Type"])


def _fractions(types: np.ndarray) -> Fractions:
    found = {name: float(np.mean(types == number)) for number, name in NAMES.items()}
    return {**found, "other": 1.0 - sum(found.values())}


def follow(run: Path, methods: Mapping[str, Method], frames: range) -> dict[str, list[Fractions]]:
    """Class fractions of the chosen frames of a run by every method."""
    curves = {}
    for name, method in methods.items():
        kept = run / f"curves_{name}.json"
        if kept.exists() and (saved := json.loads(kept.read_text()))["frames"] == list(frames):
            curves[name] = saved["fractions"]
            continue
        chosen = mdlens.read(run / "trajectory.dump", _slice(frames))
        curves[name] = [method(atoms) for atoms in track(chosen, f"{run.name} {name}", total=len(frames))]
        kept.write_text(json.dumps({"frames": list(frames), "fractions": curves[name]}))
    return curves


def frame(run: Path, number: int) -> Atoms:
    """One frame of a run."""
    return next(iter(mdlens.read(run / "trajectory.dump", f"{number}:{number + 1}")))


def frames_of(run: Path, numbers: Sequence[int]) -> Iterator[Atoms]:
    """Some frames of a run, in their order there."""
    for number, atoms in enumerate(mdlens.read(run / "trajectory.dump")):
        if number in numbers:
            yield atoms


def _slice(frames: range) -> str:
    return f"{frames.start}:{frames.stop}:{frames.step}"


def curve(fractions: Sequence[Fractions], *classes: str) -> np.ndarray:
    """The summed fraction of some classes along the frames."""
    return np.array([sum(row.get(name, 0.0) for name in classes) for row in fractions])


def radial_distribution(frames: Sequence[Atoms], cutoff: float = 9.0) -> tuple[np.ndarray, np.ndarray]:
    """Mean g(r) of some frames: r (Angstrom), g."""
    tables = []
    for atoms in frames:
        data = ase_to_ovito(atoms)
        data.apply(CoordinationAnalysisModifier(cutoff=cutoff, number_of_bins=300))
        tables.append(data.tables["coordination-rdf"].xy())
    mean = np.mean(tables, axis=0)
    return mean[:, 0], mean[:, 1]


def plain(transition: Transition) -> dict[str, float]:
    """A transition as it stands in results.json (K)."""
    return {name: round(value, 1) for name, value in asdict(transition).items()}
