"""What a report shows, as plain frozen data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mdlens.types import Float32Array, FloatArray, Int32Array, IntArray


@dataclass(frozen=True, kw_only=True)
class FrameSummary:
    """The result for one frame.

    Attributes:
        frame: Number of the frame in its file, from 0.
        timestep: Timestep of the simulation, if the file tells.
        n_atoms: Atoms in the frame.
        counts: Atoms per class, every class named, ``unknown`` last.
        mean_confidence: Mean over the atoms of the highest class probability; None without atoms.
    """

    frame: int
    timestep: int | None
    n_atoms: int
    counts: Mapping[str, int]
    mean_confidence: float | None

    @property
    def fractions(self) -> dict[str, float]:
        """Atoms per class over all atoms; zeros without atoms."""
        return {name: n / self.n_atoms if self.n_atoms else 0.0 for name, n in self.counts.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return the record that ``--json`` writes for a frame."""
        return {
            "frame": self.frame,
            "timestep": self.timestep,
            "n_atoms": self.n_atoms,
            "counts": dict(self.counts),
            "fractions": self.fractions,
            "mean_confidence": self.mean_confidence,
        }


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Some atoms of one frame, to be drawn in space.

    Attributes:
        title: What the reader chooses it by.
        note: Which part of the frame this is, in words.
        index: Numbers of the atoms in the frame (M,).
        positions: Cartesian positions (M, 3), in the file's length unit.
        names: Class of each atom (M,).
        confidence: Highest class probability of each atom (M,).
        cell: Cell vectors as rows (3, 3); zero rows where there is none.
        origin: Corner of the cell (3,).
    """

    title: str
    note: str
    index: IntArray
    positions: Float32Array
    names: np.ndarray[Any, np.dtype[np.str_]]
    confidence: Float32Array
    cell: FloatArray
    origin: FloatArray


@dataclass(frozen=True, kw_only=True)
class Exemplar:
    """One atom and its Neighbors Map (C, n, n)."""

    name: str
    confidence: float
    frame: int
    atom: int
    species: str
    map: Float32Array


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What is known of the model: its own words, from its file, and whom it asks where it is not sure."""

    name: str
    version: str
    file: str
    classes: tuple[str, ...]
    threshold: float
    threshold_error_rate: float | None = None
    distance_limit: float | None = None
    distance_error_rate: float | None = None
    temperature: float | None = None
    second: str | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    descriptor: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything on the page.

    Attributes:
        source: The file that was classified, as the user named it.
        frames: One summary per frame, in order.
        histogram: Atoms of all frames by confidence, in equal bins over 0 to 1: rows ``assigned`` and
            ``unknown`` (2, bins).
        scenes: What the 3D view offers; the first is shown first.
        exemplars: The most typical atom of each class, then the least certain one.
        model: The model.
        settings: Name and value of each setting of this run.
        versions: Name and version of the software used.
        cautions: Sentences that the reader should weigh, beyond what the page finds by itself.
    """

    source: str
    frames: tuple[FrameSummary, ...]
    histogram: Int32Array | IntArray
    scenes: tuple[Scene, ...]
    exemplars: tuple[Exemplar, ...]
    model: ModelCard
    settings: Mapping[str, str]
    versions: Mapping[str, str]
    cautions: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every class that an atom can be given, ``unknown`` last."""
        return tuple(self.frames[0].counts) if self.frames else (*self.model.classes, "unknown")
