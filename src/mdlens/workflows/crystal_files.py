"""Classify files: frame by frame from disk to disk, outputs whole or not at all."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

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
) -> Iterator[tuple[Job, tuple[FrameSummary, ...]]]:
    """Classify files one after the other; every output appears under its name when it is whole.

    Args:
        jobs: Inputs and outputs. Outputs are checked before anything is computed.
        model: Name of an installed model, path of a model file, or a loaded model.
        frames: Which frames, such as ``"0:100:5"``, ``"-1"``; all if None.
        average: Whether to average the probabilities over the first shell, see `classify`.
        threads: Threads to use; 0 takes every processor of this process.
        progress: Called after every batch of atoms; frames are then counted beforehand.

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
    for job, trajectory in zip(jobs, trajectories, strict=True):
        run = _Run(job, loaded, average, threads, progress, _count(trajectory) if progress else None)
        summaries = run.classify(trajectory)
        run.finish(summaries, frames)
        yield job, summaries


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
        model: StructureModel,
        average: bool,
        threads: int,
        progress: Callable[[Step], None] | None,
        n_frames: int | None,
    ) -> None:
        self.job = job
        self.model = model
        self.average = average
        self.threads = threads
        self.progress = progress
        self.n_frames = n_frames
        self.builder = ReportBuilder(model, averaged=average) if job.report else None

    def classify(self, trajectory: Trajectory) -> tuple[FrameSummary, ...]:
        """Classify every frame and write it, if an output was asked for."""
        summaries: list[FrameSummary] = []
        with _writer(self.job, self.threads) as writer, _telling_what_is_kept(self.job, writer):
            for number, atoms in trajectory.numbered():
                self.refuse_empty(number, atoms)
                result = self.one_frame(number, atoms, len(summaries))
                summaries.append(summarize(number, atoms, result))
                if writer is not None:
                    writer.write(atoms, result.columns())
            if not summaries:
                raise InputError(f"{self.job.source}: none of its frames was chosen; choose others")
        return tuple(summaries)

    def refuse_empty(self, number: int, atoms: Atoms) -> None:
        """Refuse a frame without atoms: it is a slip, such as the dump of a group that selects none."""
        if not len(atoms):
            step = atoms.info.get("timestep")
            place = f"frame {number}" if step is None else f"frame {number} (timestep {step})"
            raise InputError(
                f"{self.job.source}, {place}: has no atoms to classify; leave it out with --frames, or dump "
                "a group that holds atoms"
            )

    def one_frame(self, number: int, atoms: Atoms, done: int) -> Classification:
        """Classify a frame and show it to the report."""
        finished = 0

        def advance(n_atoms: int) -> None:
            nonlocal finished
            finished += n_atoms
            if self.progress is not None:
                self.progress(Step(self.job, done, self.n_frames, finished, len(atoms)))

        try:
            source = MapSource(atoms, self.model.settings, threads=1)
        except InputError as error:
            raise InputError(f"{self.job.source}, frame {number}: {error}") from error
        result = classify_maps(
            source, self.model, average=self.average, threads=self.threads, progress=advance
        )
        if self.builder is not None:
            self.builder.add(number, atoms, source, result)
        return result

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
    document = {
        "model": {"name": model.name, "version": model.version},
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
