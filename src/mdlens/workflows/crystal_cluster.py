"""Frames read here, classified on the workers of a Dask cluster, and back in order."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from ase import Atoms

from mdlens.cluster.ordered_map import map_in_order
from mdlens.inference import StructureModel
from mdlens.io import Trajectory
from mdlens.io.dump_reader import FramePlace
from mdlens.workflows.crystal import BATCH, Classification, classify

if TYPE_CHECKING:
    from distributed import Client

K = TypeVar("K")

TOGETHER = 50_000
"""Atoms that make a call worth its overhead, some milliseconds: smaller frames are sent several at once."""


@dataclass(frozen=True, kw_only=True)
class FrameClassifier:
    """Classifies a frame on a worker as `classify` does here; the model travels within it.

    Args:
        model: The model, by the contents of its file.
        embeddings: Whether to send the embeddings back.
        average: Whether to average the probabilities over the first shell.
        batch: Atoms per batch.
    """

    model: StructureModel
    embeddings: bool = False
    average: bool = False
    batch: int = BATCH

    def __call__(self, frame: Atoms | FramePlace, threads: int) -> Classification | None:
        """Classify a frame with so many threads; None if it is in a file that is not seen here."""
        if not isinstance(frame, FramePlace):
            return self.classify(frame, threads)
        return self.classify(frame.read(), threads) if frame.is_seen() else None

    def classify(self, atoms: Atoms, threads: int) -> Classification:
        """Classify a frame that is in memory."""
        result: Classification = classify(
            atoms,
            self.model,
            threads=threads,
            embeddings=self.embeddings,
            average=self.average,
            batch=self.batch,
        )
        return result


def classify_on_cluster(
    client: "Client",
    frames: Iterable[tuple[K, Atoms | FramePlace | None]],
    classifier: FrameClassifier,
    *,
    threads: int = 0,
    place: Callable[[K], str] = str,
) -> Generator[tuple[K, Classification | None], None, None]:
    """Classify frames on the workers of a cluster and give the results in order.

    Args:
        client: The connection to the cluster.
        frames: What to keep here beside each result, and the frame, or where it is in a file that the
            workers see; None keeps its place.
        classifier: What to do with each frame.
        threads: Threads for each frame; 0 is 1: a worker then has as many frames under way as threads.
        place: Names a frame at the beginning of an error's message.

    Raises:
        MdlensError: See `map_in_order`.
    """
    sent = ((key, essential(frame) if isinstance(frame, Atoms) else frame) for key, frame in frames)
    return map_in_order(
        client,
        classifier,
        sent,
        threads=threads or 1,
        weight=lambda atoms: len(atoms) / TOGETHER,
        place=place,
    )


def classify_stream(
    client: "Client", frames: Iterable[Atoms], classifier: FrameClassifier, threads: int = 0
) -> Iterator[Classification]:
    """Classify frames as `classify_on_cluster` does, keeping nothing of them here.

    The frames of a plain dump that every worker sees are read there.
    """
    places = frames.places() if isinstance(frames, Trajectory) else None
    if places is not None and (first := next(places, None)) is not None and _all_see(client, first):
        yield from _classify_places(client, chain([first], places), classifier, threads)
        return
    numbered = ((f"frame {number}: ", atoms) for number, atoms in enumerate(frames))
    results = classify_on_cluster(client, numbered, classifier, threads=threads)
    with closing(results):
        for _, result in results:
            if result is not None:
                yield result


def _classify_places(
    client: "Client", places: Iterable[FramePlace], classifier: FrameClassifier, threads: int
) -> Iterator[Classification]:
    results = classify_on_cluster(
        client,
        (((number, place), place) for number, place in enumerate(places)),
        classifier,
        threads=threads,
        place=lambda key: f"frame {key[0]}: ",
    )
    with closing(results):
        for (_, place), result in results:
            # None: a worker that came later may not see the file, or the file has grown since.
            yield classifier.classify(place.read(), threads or 1) if result is None else result


def _all_see(client: "Client", place: FramePlace) -> bool:
    try:
        answers = client.run(place.is_seen)
    except Exception:  # of a worker that was lost on the way: what is wrong is told when it works
        return False
    return bool(answers) and all(answers.values())


def essential(atoms: Atoms) -> Atoms:
    """Copy what a frame is classified by: positions, cell, periodicity and species."""
    bare = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    if "type" in atoms.arrays:
        bare.arrays["type"] = atoms.arrays["type"]
    return bare


__all__ = ["FrameClassifier", "classify_on_cluster", "classify_stream", "essential"]
