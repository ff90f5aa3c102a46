"""What the report of a classification needs, gathered frame by frame in bounded memory."""

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final

import numpy as np
from ase import Atoms
from ase.geometry import complete_cell

from mdlens.descriptors import MapSource
from mdlens.inference import StructureModel
from mdlens.inference.metadata import UNKNOWN_ID
from mdlens.report import Exemplar, FrameSummary, ModelCard, Report, Scene
from mdlens.types import FloatArray, IntArray
from mdlens.workflows.crystal import Classification

MOST_DRAWN: Final = 12_000
BINS: Final = 50
_WORTH_REPLACING = 0.005
_SEED = 1
_WHOLE = "Curves, counts and the histogram are of all atoms."


@dataclass
class ReportBuilder:
    """Takes classified frames one by one and keeps what the page shows of them.

    Args:
        model: The model they were classified with.
        averaged: Whether the probabilities were averaged over the first shell.
    """

    model: StructureModel
    averaged: bool = False
    _histogram: IntArray = field(default_factory=lambda: np.zeros((2, BINS), np.int64))
    _first: tuple[int, tuple[Scene, ...]] | None = None
    _last: tuple[int, tuple[Scene, ...]] | None = None
    _surest: dict[str, Exemplar] = field(default_factory=dict)
    _least: Exemplar | None = None
    _open_directions: str = ""

    def add(self, frame: int, atoms: Atoms, source: MapSource, result: Classification) -> None:
        """Take a frame, its maps and its result."""
        confidence = result.confidence
        unknown = result.labels == UNKNOWN_ID
        for row, chosen in enumerate((~unknown, unknown)):
            self._histogram[row] += np.histogram(confidence[chosen], BINS, (0.0, 1.0))[0]
        scenes = tuple(draw_scenes(frame, atoms, result))
        self._first = self._first or (frame, scenes)
        self._last = (frame, scenes)
        self._open_directions = self._open_directions or _open_directions(atoms)
        if len(result):
            self._keep_exemplars(frame, atoms, source, result)

    def _keep_exemplars(self, frame: int, atoms: Atoms, source: MapSource, result: Classification) -> None:
        confidence, names = result.confidence, result.names
        for name in result.classes:
            mine = np.flatnonzero(names == name)
            if not len(mine):
                continue
            best = int(mine[confidence[mine].argmax()])
            kept = self._surest.get(name)
            if kept is None or confidence[best] > kept.confidence + _WORTH_REPLACING:
                self._surest[name] = _exemplar(best, frame, atoms, source, result)
        least = int(confidence.argmin())
        if self._least is None or confidence[least] < self._least.confidence - _WORTH_REPLACING:
            self._least = _exemplar(least, frame, atoms, source, result)

    def build(self, source: str, frames: Sequence[FrameSummary], settings: Mapping[str, str]) -> Report:
        """Return the report of everything taken so far.

        Args:
            source: The classified file, as the user named it.
            frames: The summaries of its frames.
            settings: Settings of the run, by name.
        """
        surest = [self._surest[name] for name in self.model.classes if name in self._surest]
        return Report(
            source=source,
            frames=tuple(frames),
            histogram=self._histogram,
            scenes=self._scenes(),
            exemplars=(*surest, *([self._least] if self._least else [])),
            model=model_card(self.model),
            settings={**settings, "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"},
            versions={"python": platform.python_version()} | {p: version(p) for p in _PACKAGES},
            cautions=tuple(self._cautions()),
        )

    def _scenes(self) -> tuple[Scene, ...]:
        if self._first is None or self._last is None:
            return ()
        return self._last[1] if self._first[0] == self._last[0] else (*self._last[1], *self._first[1])

    def _cautions(self) -> Iterator[str]:
        if self.averaged:
            yield (
                "Each atom's probabilities are the mean over itself and its 12 nearest neighbours: thin "
                "layers, small clusters and the atoms next to an interface take on what surrounds them."
            )
        if self._open_directions:
            yield (
                f"The cell is not periodic along {self._open_directions}: atoms at a free surface have fewer "
                "neighbours, so they can be unknown or given a wrong structure."
            )


_PACKAGES = ("mdlens", "numpy", "ase", "onnxruntime", "plotly")


def _open_directions(atoms: Atoms) -> str:
    return ", ".join(axis for axis, periodic in zip("abc", atoms.pbc, strict=True) if not periodic)


def model_card(model: StructureModel) -> ModelCard:
    """Return what the model's file says about it, as a report shows it."""
    about = model.metadata
    return ModelCard(
        name=about.name,
        version=about.version,
        file=model.file.name,
        classes=about.classes,
        threshold=about.threshold,
        threshold_error_rate=about.threshold_error_rate or None,
        distance_limit=about.distance_limit,
        distance_error_rate=about.distance_error_rate,
        temperature=about.temperature,
        second=_second(model),
        training=about.training,
        scores=about.scores,
        descriptor=about.descriptor.to_dict(),
    )


def _second(model: StructureModel) -> str | None:
    if model.second is None:
        return None
    other = model.second.model
    return f"{other.name} {other.version}, where the confidence was below {model.second.below:g}"


def _exemplar(atom: int, frame: int, atoms: Atoms, source: MapSource, result: Classification) -> Exemplar:
    return Exemplar(
        name=str(result.names[atom]),
        confidence=float(result.confidence[atom]),
        frame=frame,
        atom=atom,
        species=str(atoms.symbols[atom]),
        map=source.maps([atom])[0],
    )


def draw_scenes(frame: int, atoms: Atoms, result: Classification) -> Iterator[Scene]:
    """Choose the atoms that are drawn: all of them, or for a large frame a random sample and a slice.

    Args:
        frame: Number of the frame in its file.
        atoms: The frame.
        result: Its classification.
    """
    n_atoms = len(atoms)
    if n_atoms <= MOST_DRAWN:
        yield _scene(f"frame {frame}", f"All {n_atoms:,} atoms.", np.arange(n_atoms), atoms, result)
        return
    sample = np.sort(np.random.default_rng(_SEED).permutation(n_atoms)[:MOST_DRAWN])
    note = f"{MOST_DRAWN:,} of {n_atoms:,} atoms, drawn at random. {_WHOLE}"
    yield _scene(f"frame {frame}, sample", note, sample, atoms, result)
    chosen, thickness = middle_slice(atoms, MOST_DRAWN)
    note = (
        f"A slice through the middle, {thickness:.3g} thick in the file's unit of length: the "
        f"{MOST_DRAWN:,} of {n_atoms:,} atoms nearest to its plane. {_WHOLE}"
    )
    yield _scene(f"frame {frame}, slice", note, chosen, atoms, result)


def _scene(title: str, note: str, chosen: IntArray, atoms: Atoms, result: Classification) -> Scene:
    return Scene(
        title=title,
        note=note,
        index=chosen,
        positions=wrapped(atoms)[chosen].astype(np.float32),
        names=result.names[chosen],
        confidence=result.confidence[chosen],
        cell=np.asarray(atoms.cell.array, dtype=np.float64),
        origin=_origin(atoms),
    )


def _origin(atoms: Atoms) -> FloatArray:
    return np.asarray(atoms.get_celldisp(), dtype=np.float64).reshape(3)


def wrapped(atoms: Atoms) -> FloatArray:
    """Return the positions (N, 3) with every atom moved into the cell along its periodic directions."""
    cell = np.array(atoms.cell.array)
    if np.linalg.matrix_rank(cell) < np.count_nonzero(cell.any(axis=1)):
        cell[~atoms.pbc] = (
            0.0  # vectors that are not periodic may be parallel to others; atoms do not move along them
        )
    cell = complete_cell(cell)
    origin = _origin(atoms)
    fractional = np.linalg.solve(cell.T, (atoms.positions - origin).T)
    fractional[atoms.pbc] %= 1.0
    return np.asarray(fractional.T @ cell + origin)


def middle_slice(atoms: Atoms, most: int) -> tuple[IntArray, float]:
    """Choose the atoms nearest to the middle plane across the thinnest extent of a frame.

    Args:
        atoms: The frame, of more than `most` atoms.
        most: How many atoms to choose.

    Returns:
        Numbers of the atoms in ascending order (most,), and the thickness of the slice.
    """
    positions = wrapped(atoms)
    low, high = positions.min(axis=0), positions.max(axis=0)
    axis = int(np.argmin(high - low))
    distance = np.abs(positions[:, axis] - (low[axis] + high[axis]) / 2)
    chosen = np.sort(np.argpartition(distance, most - 1)[:most])
    return chosen, float(2 * distance[chosen].max())


__all__ = ["BINS", "MOST_DRAWN", "ReportBuilder", "draw_scenes", "middle_slice", "model_card", "wrapped"]
