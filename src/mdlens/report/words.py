"""The sentences of a report: what the numbers say, and what the reader should weigh."""

from collections.abc import Sequence

from mdlens.report.colors import UNKNOWN
from mdlens.report.data import FrameSummary, Report
from mdlens.report.text import percent, pretty

_MOST = 0.5
_MANY_UNKNOWN = 0.1
_LOW_CONFIDENCE = 0.8


def headline(frames: Sequence[FrameSummary]) -> str:
    """Say in one sentence which structure dominates, and whether that changes along the trajectory."""
    filled = [frame for frame in frames if frame.n_atoms]
    if not filled:
        return "No atoms to classify"
    first, last = filled[0], filled[-1]
    a, b = dominant(first), dominant(last)
    if len(filled) == 1:
        return _single(first, a)
    shares = f"{percent(first.fractions[a])} in the first frame, {percent(last.fractions[b])} in the last"
    if a != b:
        return f"From {pretty(a)} to {pretty(b)}: {shares}"
    if min(first.fractions[a], last.fractions[a]) >= _MOST:
        return f"Mostly {pretty(a)} at the start and at the end: {shares}"
    return f"A mixture in which {pretty(a)} leads at the start and at the end: {shares}"


def _single(frame: FrameSummary, name: str) -> str:
    share = frame.fractions[name]
    if share >= _MOST:
        return f"Mostly {pretty(name)}: {percent(share)} of {count(frame.n_atoms, 'atom')}"
    top = sorted(frame.fractions.items(), key=lambda item: -item[1])[:3]
    return "A mixture: " + ", ".join(f"{percent(x)} {pretty(n)}" for n, x in top if x > 0)


def dominant(frame: FrameSummary) -> str:
    """Return the class that most atoms of a frame have; the first of equals."""
    return max(frame.counts, key=lambda name: frame.counts[name])


def count(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 atom``, ``4,000 atoms``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def total_share(frames: Sequence[FrameSummary], name: str) -> float:
    """Return the share of a class over all atoms of all frames."""
    atoms = sum(frame.n_atoms for frame in frames)
    return sum(frame.counts.get(name, 0) for frame in frames) / atoms if atoms else 0.0


def mean_confidence(frames: Sequence[FrameSummary]) -> float | None:
    """Return the mean confidence over all atoms of all frames."""
    filled = [(frame.n_atoms, frame.mean_confidence) for frame in frames if frame.mean_confidence is not None]
    atoms = sum(n for n, _ in filled)
    return sum(n * mean for n, mean in filled) / atoms if atoms else None


def cautions(report: Report) -> list[str]:
    """List what the reader should weigh before trusting the numbers."""
    found = list(report.cautions)
    unknown, mean = total_share(report.frames, UNKNOWN), mean_confidence(report.frames)
    if unknown > _MANY_UNKNOWN:
        found.append(
            f"{percent(unknown)} of the atoms are unknown. Look where they sit in the 3D view: at surfaces, "
            "defects and interfaces this is normal; inside a homogeneous phase it means that the model does "
            "not know it."
        )
    if mean is not None and mean < _LOW_CONFIDENCE:
        found.append(f"The mean confidence is only {mean:.2f}: treat the fractions as rough.")
    empty = sum(frame.n_atoms == 0 for frame in report.frames)
    if empty:
        found.append(f"{count(empty, 'frame')} without atoms: no fractions are drawn there.")
    sizes = {frame.n_atoms for frame in report.frames if frame.n_atoms}
    if len(sizes) > 1:
        found.append(
            f"The number of atoms changes along the trajectory ({min(sizes):,} to {max(sizes):,}): "
            "fractions are of each frame's own atoms."
        )
    if not report.model.scores:
        found.append("The model file states no scores: how often this model is right is not known.")
    return found
