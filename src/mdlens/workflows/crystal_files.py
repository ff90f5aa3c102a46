"""Classify files: frame by frame from disk to disk, outputs whole or not at all."""

import json
import os
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from mdlens.descriptors import MapSource
from mdlens.errors import InputError, MdlensError
from mdlens.inference import StructureModel, load_model
from mdlens.io import (
    OUTPUT_SUFFIXES,
    Trajectory,
    TrajectoryWriter,
    check_output,
    inner_suffix,
    open_writer,
    read,
)
from mdlens.io.whole_file import write_whole
from mdlens.report import FrameSummary
from mdlens.workflows.crystal import Classification, classify_maps
from mdlens.workflows.crystal_report import ReportBuilder

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True, kw_only=True)
class Job:
    """A file to classify and the files to write.

    Attributes:
        source: The file to read.
        output: The same frames with ``structure``, ``structure_name`` and ``confidence`` per atom.
        json: A record per frame.
        report: An HTML page.
    """

    source: Path
    output: Path | None = None
    json: Path | None = None
    report: Path | None = None

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The files to write."""
        return tuple(path for path in (self.output, self.json, self.report) if path is not None)


@dataclass(frozen=True)
class Step:
    """How far a job is.

    Attributes:
        job: The job.
        frames: Frames that are done.
        n_frames: Frames to do, None if not known.
        atoms: Atoms done in the frame under way.
        n_atoms: Atoms of that frame.
    """

    job: Job
    frames: int
    n_frames: int | None
    atoms: int
    n_atoms: int


def plan_jobs(
    sources: Sequence[Path], *, output: str | None, json: str | None, report: str | None
) -> tuple[Job, ...]:
    """Pair every input with its outputs.

    An output that is a folder, or ends with a slash, takes one file per input, named after it; in any other,
    ``{name}`` and ``{stem}`` stand for the input's name with and without its suffix.

    Args:
        sources: Files to read.
        output: Where labelled frames go, None for nowhere.
        json: Where records go.
        report: Where pages go.

    Raises:
        InputError: If several inputs would go to one output, or an output is an input.
    """
    jobs = tuple(
        Job(
            source=source,
            output=_target(output, source, None),
            json=_target(json, source, ".json"),
            report=_target(report, source, ".html"),
        )
        for source in sources
    )
    _check_distinct(jobs)
    return jobs


def _target(pattern: str | None, source: Path, suffix: str | None) -> Path | None:
    if pattern is None:
        return None
    stem = source.name.split(".")[0] or source.name
    if pattern.endswith(os.sep) or Path(pattern).is_dir():
        return Path(pattern) / (_labelled_name(source) if suffix is None else f"{stem}{suffix}")
    return Path(pattern.replace("{name}", source.name).replace("{stem}", stem))


def _labelled_name(source: Path) -> str:
    """Name the labelled file like its input, with .xyz added where the input's format cannot be written."""
    return source.name if inner_suffix(source) in OUTPUT_SUFFIXES else f"{source.name}.xyz"


def _check_distinct(jobs: Sequence[Job]) -> None:
    inputs = {job.source.resolve() for job in jobs}
    taken: set[Path] = set()
    for path in (path for job in jobs for path in job.outputs):
        place = path.resolve()
        if place in inputs or place.with_name(place.name + ".partial") in inputs:
            raise InputError(f"{path}: this output is one of the inputs; give it another name")
        if place in taken:
            raise InputError(
                f"{path}: several outputs would go to this file; give a folder, or a name with {{stem}} in it"
            )
        taken.add(place)


def check_writable(path: Path) -> None:
    """Make sure that a file can be written, without leaving a trace.

    Raises:
        InputError: If its folder is missing or cannot be written, or something else than a file is there.
    """
    folder = path.parent
    if not folder.is_dir():
        raise InputError(f"{path}: cannot be written: there is no folder {folder}; make it first")
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: cannot be written: it is there and is no regular file; give another name")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}; choose another folder") from error


def classify_files(
    jobs: Sequence[Job],
    model: str | Path | StructureModel = "default",
    *,
    frames: str | None = None,
    average: bool = False,
    threads: int = 0,
    progress: Callable[[Step], None] | None = None,
    client: "Client | None" = None,
) -> Iterator[tuple[Job, tuple[FrameSummary, ...]]]:
    """Classify files one after the other; every output appears under its name when it is whole.

    Args:
        jobs: Inputs and outputs. Outputs are checked before anything is computed.
        model: Name of an installed model, path of a model file or of the folder of a run, or a loaded model.
        frames: Which frames, such as ``"0:100:5"``, ``"-1"``; all if None.
        average: Whether to average the probabilities over the first shell, see `classify`.
        threads: Threads to use; 0 takes every processor of this process.
        progress: Called after every batch of atoms, or every frame from a cluster; frames are then counted
            beforehand.
        client: A connection to a Dask cluster whose workers classify the frames, those of a next file while
            the last of a file are under way; see `classify` for `threads`. The outputs are the same.

    Yields:
        Each job with the summaries of its frames, when its outputs are in place.

    Raises:
        MdlensError: If an input, the model or an output is wrong. Whole frames classified before that stay in
            ``OUTPUT.partial``, and the message says so.
        KeyboardInterrupt: When interrupted; its message says what was kept.
    """
    if threads < 0:
        raise InputError(f"threads must be 0 (every processor) or more, got {threads}")
    trajectories = [read(job.source, frames) for job in jobs]
    for job in jobs:
        if job.output is not None:
            check_output(job.output, job.source)
        for path in job.outputs:
            check_writable(path)
    loaded = model if isinstance(model, StructureModel) else load_model(model)
    runs = [
        _Run(job, trajectory, loaded, average, threads, progress)
        for job, trajectory in zip(jobs, trajectories, strict=True)
    ]
    there = None if client is None else _on_cluster(client, runs)
    with nullcontext() if there is None else closing(there):
        for run in runs:
            summaries = run.classify(run.here() if there is None else run.from_cluster(there))
            run.finish(summaries, frames)
            yield run.job, summaries


@dataclass(frozen=True)
class _Sent:
    """A frame that a cluster has under way; `atoms` stays here, to be labelled and written."""

    run: "_Run"
    number: int
    atoms: Atoms


_Done = tuple[int, Atoms, Classification]
"""The number of a frame in its file, the frame, and what it was found to be."""

_Stream = Generator[tuple[_Sent | None, Classification | None], None, None]


def _on_cluster(client: "Client", runs: "Sequence[_Run]") -> _Stream:
    """Classify the frames of all files as one stream, a None behind those of each file."""
    from mdlens.workflows.crystal_cluster import FrameClassifier, classify_on_cluster

    def frames() -> Iterator[tuple[_Sent | None, Atoms | None]]:
        for run in runs:
            for number, atoms in run.frames():
                yield _Sent(run, number, atoms), atoms
            yield None, None

    return classify_on_cluster(
        client,
        frames(),
        FrameClassifier(model=runs[0].model, average=runs[0].average),
        threads=runs[0].threads,
        place=lambda sent: "" if sent is None else sent.run.place(sent.number),
    )


def _count(trajectory: Trajectory) -> int | None:
    """Count the frames; a damaged file is told about when the damaged frame is reached."""
    try:
        return len(trajectory)
    except MdlensError:
        return None


class _Run:
    """One job under way."""

    def __init__(
        self,
        job: Job,
        trajectory: Trajectory,
        model: StructureModel,
        average: bool,
        threads: int,
        progress: Callable[[Step], None] | None,
    ) -> None:
        self.job = job
        self.trajectory = trajectory
        self.model = model
        self.average = average
        self.threads = threads
        self.progress = progress
        self.builder = ReportBuilder(model, averaged=average) if job.report else None

    def classify(self, done: Iterator[_Done]) -> tuple[FrameSummary, ...]:
        """Summarize every frame and write it, if an output was asked for."""
        summaries: list[FrameSummary] = []
        with _writer(self.job, self.threads) as writer, _telling_what_is_kept(self.job, writer):
            for number, atoms, result in done:
                summaries.append(summarize(number, atoms, result))
                if writer is not None:
                    writer.write(atoms, result.columns())
            if not summaries:
                raise InputError(f"{self.job.source}: none of its frames was chosen; choose others")
        return tuple(summaries)

    def frames(self) -> Iterator[tuple[int, Atoms]]:
        """Read the frames, none without atoms."""
        for number, atoms in self.trajectory.numbered():
            self.refuse_empty(number, atoms)
            narrow(atoms)
            yield number, atoms

    def refuse_empty(self, number: int, atoms: Atoms) -> None:
        """Refuse a frame without atoms: it is a slip, such as the dump of a group that selects none."""
        if not len(atoms):
            step = atoms.info.get("timestep")
            place = f"frame {number}" if step is None else f"frame {number} (timestep {step})"
            raise InputError(
                f"{self.job.source}, {place}: has no atoms to classify; leave it out with --frames, or dump "
                "a group that holds atoms"
            )

    def here(self) -> Iterator[_Done]:
        """Classify the frames in this process."""
        advance = self._advance()
        for number, atoms in self.frames():
            yield number, atoms, self.one_frame(number, atoms, partial(advance, n_atoms=len(atoms)))

    def one_frame(self, number: int, atoms: Atoms, progress: Callable[[int], None]) -> Classification:
        """Classify a frame and show it to the report."""
        try:
            source = MapSource(atoms, self.model.settings, threads=1, search_threads=self.threads)
        except InputError as error:
            raise InputError(f"{self.place(number)}{error}") from error
        result = classify_maps(
            source,
            self.model,
            average=self.average,
            every_class=False,
            threads=self.threads,
            progress=progress,
        )
        if self.builder is not None:
            self.builder.add(number, atoms, source, result)
        return result

    def from_cluster(self, results: _Stream) -> Iterator[_Done]:
        """Take the frames of this file off the stream of all."""
        advance = self._advance()
        for frame, result in results:
            if frame is None or result is None:
                return
            if self.builder is not None:
                source = MapSource(frame.atoms, self.model.settings, threads=1, search_threads=self.threads)
                self.builder.add(frame.number, frame.atoms, source, result)
            advance(len(frame.atoms), n_atoms=len(frame.atoms))
            yield frame.number, frame.atoms, result

    def place(self, number: int) -> str:
        """Name a frame at the beginning of a message."""
        return f"{self.job.source}, frame {number}: "

    def _advance(self) -> Callable[..., None]:
        """Return what takes a number of atoms just done, out of ``n_atoms``, and tells how far the job is."""
        progress = self.progress
        if progress is None:
            return lambda finished, n_atoms: None
        n_frames, frames, atoms = _count(self.trajectory), 0, 0
        progress(Step(self.job, 0, n_frames, 0, 1))

        def advance(finished: int, n_atoms: int) -> None:
            nonlocal frames, atoms
            atoms += finished
            progress(Step(self.job, frames, n_frames, atoms, n_atoms))
            if atoms >= n_atoms:
                frames, atoms = frames + 1, 0

        return advance

    def finish(self, summaries: Sequence[FrameSummary], frames: str | None) -> None:
        """Write the records and the page."""
        source = str(self.job.source)
        if self.job.json is not None:
            with _telling(self.job.json):
                write_whole(self.job.json, json_text(source, self.model, summaries, averaged=self.average))
        if self.job.report is not None and self.builder is not None:
            settings = {
                "file": source,
                "frames": frames or "all",
                "probabilities": "averaged over the first shell" if self.average else "of each atom alone",
                "threads": str(self.threads or "all"),
            }
            from mdlens.report import write_report  # slow to import, and most runs make no page

            with _telling(self.job.report):
                write_report(self.job.report, self.builder.build(source, summaries, settings))


def narrow(atoms: Atoms) -> None:
    """Hold integers in 32 bits where they fit: a frame waits in memory until it is classified and written."""
    limits = np.iinfo(np.int32)
    for name, array in atoms.arrays.items():
        wide = array.dtype == np.int64 and name != "numbers" and array.size
        if wide and limits.min <= array.min() and array.max() <= limits.max:
            atoms.arrays[name] = array.astype(np.int32)


def summarize(frame: int, atoms: Atoms, result: Classification) -> FrameSummary:
    """Return the counts of a classified frame.

    Args:
        frame: Number of the frame in its file.
        atoms: The frame.
        result: Its classification.
    """
    step = atoms.info.get("timestep")
    return FrameSummary(
        frame=frame,
        timestep=int(step) if isinstance(step, int | np.integer) else None,
        n_atoms=len(result),
        counts=result.counts(),
        mean_confidence=float(result.confidence.mean(dtype=np.float64)) if len(result) else None,
    )


def json_text(
    source: str, model: StructureModel, summaries: Sequence[FrameSummary], *, averaged: bool = False
) -> str:
    """Return the records of a file as JSON: the model, the file, and one record per frame."""
    used: dict[str, object] = {"name": model.name, "version": model.version}
    if model.second is not None:
        other = model.second.model
        used["second"] = {"name": other.name, "version": other.version, "below": model.second.below}
    document = {
        "model": used,
        "file": source,
        "averaged": averaged,
        "frames": [summary.to_dict() for summary in summaries],
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _writer(job: Job, threads: int) -> AbstractContextManager[TrajectoryWriter | None]:
    if job.output is None:
        return nullcontext()
    return open_writer(job.output, like=job.source, threads=threads or len(os.sched_getaffinity(0)))


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: could not be written: {error.strerror}; free some space or choose another"
        ) from error


@contextmanager
def _telling_what_is_kept(job: Job, writer: TrajectoryWriter | None) -> Iterator[None]:
    """Add to an error or an interruption what stays of the output."""
    try:
        yield
    except KeyboardInterrupt:
        where = f"interrupted while classifying {job.source}"
        raise KeyboardInterrupt(where + _remainder(writer)) from None
    except MdlensError as error:
        error.args = (f"{error}{_remainder(writer)}",)
        raise


def _remainder(writer: TrajectoryWriter | None) -> str:
    return "" if writer is None else f"; {writer.remainder}"
