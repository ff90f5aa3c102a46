"""Which structure is each atom in: Neighbors Maps, made and classified batch by batch."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, local
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
from ase import Atoms

from mdlens.descriptors import MapSource
from mdlens.errors import InputError
from mdlens.inference import Prediction, SecondOpinion, StructureModel, load_model
from mdlens.inference.byte_network import Embedder
from mdlens.inference.metadata import UNKNOWN_ID, UNKNOWN_NAME
from mdlens.io.output_columns import PerAtom, Words
from mdlens.types import BoolArray, Float32Array, Int16Array, Int32Array, IntArray

if TYPE_CHECKING:
    from distributed import Client

SHELL = 12
"""Neighbours that take part in an average: the first shell of close packing."""

AROUND, ONE_SIDED = 48, 0.2
"""An atom whose so many nearest neighbours are off centre by more than this stands at a surface: the atoms
below would outvote the outermost layer, and it would make them doubtful. Measured on the training data by
studies/structure_model/surfaces.py."""

BATCH = 512
"""Atoms per batch: their maps stay in the processor's cache between the kernel and the network."""

_BLOCK = 1 << 16
_REPORT = 0.1  # seconds between reports of progress

_Predict: TypeAlias = Callable[[IntArray], tuple[Prediction, BoolArray]]
"""What the model says of the atoms with these indices, and whether each has enough neighbours for a map."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Classification:
    """The structure of every atom of one frame.

    Attributes:
        labels: Number of each atom's class (N,), 0 where it is unknown.
        probabilities: Probability of each class (N, classes).
        embeddings: The model's internal description of each atom (N, E), None if not asked for.
        classes: Names of the classes, in the order of the probabilities.
        ids: Number of each class, in the same order.
        distance: How far each atom is from all that the model was taught (N,): all but one in a hundred of
            the rightly named atoms it was tried on stay within 1; beyond the model's limit, a little above 1,
            an atom is unknown. None if the model does not measure it.
    """

    labels: Int32Array
    probabilities: Float32Array
    embeddings: Float32Array | None
    classes: tuple[str, ...]
    ids: tuple[int, ...]
    distance: Float32Array | None = None

    def __len__(self) -> int:
        """Count the atoms."""
        return len(self.labels)

    @property
    def confidence(self) -> Float32Array:
        """Highest class probability of each atom (N,)."""
        return np.asarray(self.probabilities.max(axis=1, initial=0.0), dtype=np.float32)

    @property
    def names(self) -> np.ndarray[Any, np.dtype[np.str_]]:
        """Name of each atom's class (N,), ``unknown`` where no class is probable enough."""
        return np.asarray(self._name_table()[self._place()])

    def counts(self) -> dict[str, int]:
        """Count the atoms of each class, every class named, ``unknown`` last."""
        found = [int(np.count_nonzero(self.labels == number)) for number in self.ids]
        return {**dict(zip(self.classes, found, strict=True)), UNKNOWN_NAME: len(self) - sum(found)}

    def fractions(self) -> dict[str, float]:
        """Give the atoms of each class over all atoms; zeros without atoms."""
        return {name: n / len(self) if len(self) else 0.0 for name, n in self.counts().items()}

    def write_to(self, atoms: Atoms) -> None:
        """Set ``structure``, ``structure_name``, ``confidence`` and, if measured, ``distance`` on the frame.

        Args:
            atoms: The frame that was classified; changed in place.

        Raises:
            InputError: If it has another number of atoms.
        """
        if len(atoms) != len(self):
            raise InputError(f"the result is of {len(self)} atoms, got a frame of {len(atoms)}")
        atoms.arrays["structure"] = self.labels.copy()
        atoms.arrays["structure_name"] = self.names
        atoms.arrays["confidence"] = self.confidence.astype(np.float64)
        if self.distance is not None:
            atoms.arrays["distance"] = self.distance.astype(np.float64)

    def columns(self) -> dict[str, PerAtom]:
        """Give what `write_to` sets as columns for a writer, which take a fifth of the memory."""
        columns: dict[str, PerAtom] = {
            "structure": self.labels,
            "structure_name": Words(self._place(), self._name_table()),
            "confidence": self.confidence,
        }
        return columns if self.distance is None else {**columns, "distance": self.distance}

    def _name_table(self) -> np.ndarray[Any, np.dtype[np.str_]]:
        return np.array([UNKNOWN_NAME, *self.classes], dtype=np.str_)

    def _place(self) -> Int16Array:
        """Give each atom's place in (unknown, *classes)."""
        places = np.zeros(len(self), np.int16)
        for place, number in enumerate(self.ids, start=1):
            places[self.labels == number] = place
        return places


@overload
def classify(
    frames: Atoms,
    model: str | Path | StructureModel = ...,
    *,
    threads: int = ...,
    embeddings: bool = ...,
    average: bool = ...,
    batch: int = ...,
    client: "Client | None" = ...,
) -> Classification: ...
@overload
def classify(  # type: ignore[overload-cannot-match]  # the checker takes ase.Atoms for Any
    frames: Iterable[Atoms],
    model: str | Path | StructureModel = ...,
    *,
    threads: int = ...,
    embeddings: bool = ...,
    average: bool = ...,
    batch: int = ...,
    client: "Client | None" = ...,
) -> Iterator[Classification]: ...
def classify(
    frames: Atoms | Iterable[Atoms],
    model: str | Path | StructureModel = "default",
    *,
    threads: int = 0,
    embeddings: bool = True,
    average: bool = False,
    batch: int = BATCH,
    client: "Client | None" = None,
) -> Classification | Iterator[Classification]:
    """Tell which structure each atom is in.

    An atom gets the class of the highest probability, or ``unknown`` (0) where that is below the model's
    calibrated threshold, or where the atom is farther than the model's limit from all that the model was
    taught. An atom with fewer neighbours than a map has columns (a small cluster, an isolated atom) is
    unknown too, all classes equally probable: such maps are outside what a model of the nearest neighbours
    learns from. The model "default" leaves atoms that it is not sure of to "robust". Units are those of
    the frame; a scale-free model needs none.

    Args:
        frames: One frame, or a trajectory: frames are then read and classified one by one as the result is
            iterated.
        model: Name of an installed model, path of a model file or of the folder of a run, or a loaded model.
        threads: Threads to use; 0 takes every processor of this process. The result does not depend on it.
        embeddings: Whether to keep the embeddings (4 E bytes per atom).
        average: Whether each atom's probabilities and distance become the mean over itself and its 12
            nearest neighbours before it is labelled: surer inside a phase, blurred by one shell where two
            phases meet. Atoms at a surface take no part.
        batch: Atoms per batch; a frame's maps are never all in memory.
        client: A connected ``distributed.Client``: frames are classified on its workers, results still come
            in order. `threads` is then for each frame, 0 for 1, so that a worker has as many frames under way
            as it has threads.

    Returns:
        A `Classification` for one frame, an iterator of them for a trajectory.

    Raises:
        InputError: If positions or cell are not usable, or an argument is out of range.
        ModelError: If the model cannot be loaded.
        ClusterError: If the cluster of `client` cannot do the work.
    """
    if isinstance(frames, str | Path) or not isinstance(frames, Atoms | Iterable):
        raise InputError(
            f"classify takes ase.Atoms or frames such as mdlens.read(path) gives, got {frames!r}"
        )
    loaded = model if isinstance(model, StructureModel) else load_model(model)
    _check_at_least(0, threads=threads)
    _check_at_least(1, batch=batch)

    def one(atoms: Atoms) -> Classification:
        source = MapSource(atoms, loaded.settings, threads=1, search_threads=threads)
        return classify_maps(
            source, loaded, threads=threads, embeddings=embeddings, average=average, batch=batch
        )

    if client is None:
        return one(frames) if isinstance(frames, Atoms) else map(one, frames)
    from mdlens.workflows.crystal_cluster import FrameClassifier, classify_stream

    there = FrameClassifier(model=loaded, embeddings=embeddings, average=average, batch=batch)
    stream = classify_stream(client, [frames] if isinstance(frames, Atoms) else frames, there, threads)
    if isinstance(frames, Atoms):
        (result,) = stream
        return result
    return stream


def classify_maps(
    source: MapSource,
    model: StructureModel,
    *,
    threads: int = 0,
    embeddings: bool = False,
    average: bool = False,
    every_class: bool = True,
    batch: int = BATCH,
    progress: Callable[[int], None] | None = None,
) -> Classification:
    """Classify the atoms of a frame whose maps can be drawn.

    Every thread takes its own batch from positions to probabilities, so no map leaves the cache of its
    processor; where the model is of 8 bits, no map ever leaves the native core.

    Args:
        source: Draws the maps with the model's settings.
        model: The model.
        threads: Threads to use; 0 takes every processor of this process.
        embeddings: Whether to keep the embeddings.
        average: Whether to average the probabilities over the first shell.
        every_class: Whether to keep the probability of every class; if not, `Classification.probabilities`
            holds the highest alone, (N, 1), which is what a file needs. Nothing else changes.
        batch: Atoms per batch.
        progress: Called with the number of atoms of each finished batch.
    """
    n_atoms, order = len(source), source.order
    known = np.empty(n_atoms, np.bool_)
    whole = every_class or average
    probabilities = np.empty((n_atoms, len(model.classes) if whole else 1), np.float32)
    labels = np.empty(n_atoms, np.int32)
    embedded = np.empty((n_atoms, model.embedding_size), np.float32) if embeddings else None
    distance = None if model.distance_limit is None else np.empty(n_atoms, np.float32)
    if model.fused is not None:
        batch = max(batch, model.fused.at_once)
    predict = _predictor(source, model, min(batch, n_atoms))
    if model.second is not None:
        predict = _asking_again(predict, source, model, model.second, min(batch, n_atoms))

    def run(start: int) -> int:
        chosen = order[start : start + batch].astype(np.int64)
        part, known[chosen] = predict(chosen)
        probabilities[chosen] = part.probabilities if whole else _highest(part.probabilities)
        labels[chosen] = assign(part.probabilities, model.ids, model.threshold)
        if embedded is not None:
            embedded[chosen] = part.embeddings
        if distance is not None:
            distance[chosen] = part.distance
        return len(chosen)

    _run_all(run, range(0, n_atoms, batch), threads, progress or (lambda _: None))
    if average:
        columns = [probabilities] if distance is None else [probabilities, distance[:, None]]
        means = averaged(source, np.hstack(columns), threads=threads)
        probabilities = np.ascontiguousarray(means[:, : len(model.classes)])
        labels = assign(probabilities, model.ids, model.threshold)
        probabilities = probabilities if every_class else _highest(probabilities)
        distance = None if distance is None else means[:, -1].copy()
    if distance is not None:
        known &= distance <= np.float32(model.distance_limit)
    labels[~known] = UNKNOWN_ID
    return Classification(
        labels=labels,
        probabilities=probabilities,
        embeddings=embedded,
        classes=model.classes,
        ids=model.ids,
        distance=distance,
    )


def averaged(source: MapSource, values: Float32Array, *, threads: int = 0) -> Float32Array:
    """Average what a model says over each atom and its first shell; atoms at a surface take no part.

    They keep their own values, and what they say does not count for those below.

    Args:
        source: Of the frame.
        values: A row per atom, (N, K).
        threads: Threads to use; 0 takes every processor of this process.
    """
    alone = source.off_center(neighbors=AROUND, threads=threads) > ONE_SIDED
    weight = (~alone).astype(np.float32)[:, None]
    sums = source.shell_mean(np.hstack([values * weight, weight]), neighbors=SHELL, threads=threads)
    sums[alone] = np.hstack([values[alone], np.ones((np.count_nonzero(alone), 1), np.float32)])
    return np.asarray(sums[:, :-1] / sums[:, -1:], np.float32)


def _highest(probabilities: Float32Array) -> Float32Array:
    """Reduce probabilities (N, classes) to the highest of each atom (N, 1)."""
    return np.asarray(probabilities.max(axis=1, keepdims=True), np.float32)


def _predictor(source: MapSource, model: StructureModel, batch: int) -> _Predict:
    """Predict what one model says, of at most `batch` atoms at a time."""
    if model.fused is not None:
        return _fused(source, model, model.fused)
    return _by_maps(source, model, batch)


def _asking_again(
    predict: _Predict, source: MapSource, model: StructureModel, second: SecondOpinion, batch: int
) -> _Predict:
    """Predict with the second model where the first one is not sure, see `StructureModel.with_second`."""
    other = second.model
    ask = _predictor(source.drawn_by(other.settings), other, batch)

    def first_and_second(chosen: IntArray) -> tuple[Prediction, BoolArray]:
        part, enough = predict(chosen)
        doubtful = np.flatnonzero(enough & (part.probabilities.max(axis=1) < np.float32(second.below)))
        if not len(doubtful):
            return part, enough
        again, holds = ask(chosen[doubtful])
        places, probabilities, distance = doubtful[holds], part.probabilities.copy(), part.distance
        probabilities[places] = again.probabilities[holds]
        if distance is not None and again.distance is not None:
            scale = np.float32((model.distance_limit or 1.0) / (other.distance_limit or 1.0))
            distance = distance.copy()
            distance[places] = again.distance[holds] * scale
        return replace(part, probabilities=probabilities, distance=distance), enough

    return first_and_second


def _fused(source: MapSource, model: StructureModel, fused: Embedder) -> _Predict:
    """Predict without maps in between as far as the embedding."""

    def predict(chosen: IntArray) -> tuple[Prediction, BoolArray]:
        embeddings, enough = fused.embed(source, chosen)
        return _undecided(model.conclude(embeddings), enough), enough

    return predict


def _by_maps(source: MapSource, model: StructureModel, batch: int) -> _Predict:
    """Draw maps, each thread into a buffer of its own, and predict from them."""
    shape = (batch, len(model.settings.channels), model.settings.size, model.settings.size)
    buffers = local()

    def predict(chosen: IntArray) -> tuple[Prediction, BoolArray]:
        if not hasattr(buffers, "maps"):
            buffers.maps = np.empty(shape, np.float32)
        maps = source.maps(chosen, out=buffers.maps[: len(chosen)])
        enough = ~too_few_neighbors(maps, model)
        return _undecided(model.describe(maps, threads=1), enough), enough

    return predict


def _undecided(prediction: Prediction, enough: BoolArray) -> Prediction:
    """Make all classes equally probable for atoms with too few neighbours (atoms,)."""
    if enough.all():
        return prediction
    equal = np.float32(1 / prediction.probabilities.shape[1])
    return replace(prediction, probabilities=np.where(enough[:, None], prediction.probabilities, equal))


def too_few_neighbors(maps: Float32Array, model: StructureModel) -> BoolArray:
    """Tell which maps (M, C, n, n) of the nearest neighbours end before their last column, (M,).

    Only a system of at most n atoms without periodicity, or atoms all in one place, can give such a map.
    """
    if model.settings.candidates is None:
        return np.zeros(len(maps), np.bool_)
    return np.asarray(~maps[:, :, 0, -1].any(axis=1))


def _check_at_least(lowest: int, **values: int) -> None:
    for name, value in values.items():
        if value < lowest:
            raise InputError(f"{name} must be {lowest} or more, got {value}")


def assign(probabilities: Float32Array, ids: Sequence[int], threshold: float) -> Int32Array:
    """Give each atom the number of its most probable class, or 0 where that is below the threshold.

    Args:
        probabilities: Probability of each class (N, classes).
        ids: Number of each class.
        threshold: Lowest probability that is believed.
    """
    labels = np.empty(len(probabilities), np.int32)
    numbers = np.asarray(ids, np.int32)
    for begin in range(0, len(labels), _BLOCK):
        part = probabilities[begin : begin + _BLOCK]
        best = numbers[part.argmax(axis=1)]
        sure = part.max(axis=1, initial=0.0) >= np.float32(threshold)
        labels[begin : begin + _BLOCK] = np.where(sure, best, np.int32(UNKNOWN_ID))
    return labels


def _run_all(run: Callable[[int], int], starts: range, threads: int, progress: Callable[[int], None]) -> None:
    workers = min(threads or len(os.sched_getaffinity(0)), len(starts))
    if workers < 2:
        for start in starts:
            progress(run(start))
        return
    left, lock, finished = iter(starts), Lock(), deque[int]()

    def work() -> None:
        # A thread takes its next batch itself: one that hands them out would wait for the interpreter's lock.
        nonlocal left
        while True:
            with lock:
                start = next(left, None)
            if start is None:
                return
            try:
                finished.append(run(start))
            except BaseException:
                left = iter(())
                raise

    with ThreadPoolExecutor(workers) as pool:
        at_work = [pool.submit(work) for _ in range(workers)]
        try:
            waiting = set(at_work)
            while waiting:
                waiting = wait(waiting, timeout=_REPORT).not_done
                while finished:
                    progress(finished.popleft())
            for future in at_work:
                future.result()
        finally:
            left = iter(())
