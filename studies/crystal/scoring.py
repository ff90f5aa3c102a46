"""Counting what is right, with intervals over training seeds and independent runs drawn again together."""

from dataclasses import dataclass, field

import numpy as np
from contestants import Verdict, knows
from rivals import CLASSES

SEED = 2026
RESAMPLES = 1000
TAIL = 0.025
BINS = 15


@dataclass
class Tally:
    """Right atoms of each seed and snapshot, gathered snapshot by snapshot."""

    right: list[np.ndarray] = field(default_factory=list)
    atoms: list[int] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def add(self, right: np.ndarray, atoms: int, group: str) -> None:
        """Add one snapshot: the number of right atoms by seed, of so many, from one independent run."""
        self.right.append(right)
        self.atoms.append(atoms)
        self.groups.append(group)

    def interval(self) -> dict[str, float]:
        """Percentage right with its 95 % interval.

        Seeds and independent runs are drawn again together, 1,000 times; where there is a single run, its
        snapshots are drawn instead. One seed and one snapshot leave the ends empty.
        """
        right, atoms = np.array(self.right, float).T, np.array(self.atoms, float)
        names = self.groups if len(set(self.groups)) > 1 else list(map(str, range(len(atoms))))
        _, unit = np.unique(names, return_inverse=True)
        hits = np.array([np.bincount(unit, weights=row) for row in right])
        sizes = np.bincount(unit, weights=atoms)
        value = {"value": percent(hits.sum() / (sizes.sum() * len(hits)))}
        if hits.size == 1:
            return value
        rng = np.random.default_rng(SEED)
        seeds = rng.integers(len(hits), size=(RESAMPLES, len(hits)))
        units = rng.integers(len(sizes), size=(RESAMPLES, len(sizes)))
        drawn = hits[seeds[:, :, None], units[:, None, :]].sum(axis=(1, 2))
        low, high = np.quantile(drawn / (sizes[units].sum(axis=1) * len(hits)), [TAIL, 1.0 - TAIL])
        return value | {"low": percent(low), "high": percent(high)}


def percent(share: float) -> float:
    """A share as a percentage with three decimals."""
    return round(100.0 * float(share), 3)


@dataclass
class Row:
    """Scores of every contestant on the same snapshots of one truth."""

    structure: str
    tallies: dict[str, Tally] = field(default_factory=dict)
    accepted: dict[str, Tally] = field(default_factory=dict)
    accepted_right: dict[str, Tally] = field(default_factory=dict)
    snapshots: int = 0
    atoms: int = 0

    def add(self, truth: np.ndarray, said: dict[str, Verdict], group: str) -> None:
        """Add one snapshot; atoms with the truth -1 take no part."""
        used = truth >= 0
        self.snapshots += 1
        self.atoms += int(used.sum())
        for name, verdict in said.items():
            if not knows(name, self.structure):
                continue
            right = (verdict.labels == truth)[:, used]
            self.tallies.setdefault(name, Tally()).add(right.sum(axis=1), right.shape[1], group)
            if verdict.accepted is None:
                continue
            taken = verdict.accepted[:, used]
            self.accepted.setdefault(name, Tally()).add(taken.sum(axis=1), right.shape[1], group)
            kept = (right & taken).sum(axis=1)
            self.accepted_right.setdefault(name, Tally()).add(kept, right.shape[1], group)

    def scores(self) -> dict[str, dict[str, float]]:
        """Accuracy by contestant; models also with the accepted share and the accuracy among those."""
        made = {}
        for name, tally in self.tallies.items():
            made[name] = tally.interval()
            if name in self.accepted:
                taken = np.sum(self.accepted[name].right)
                kept = np.sum(self.accepted_right[name].right)
                made[name]["accepted"] = percent(taken / (np.sum(tally.atoms) * len(tally.right[0])))
                made[name]["right_if_accepted"] = percent(kept / taken) if taken else None
        return made

    def counts(self) -> dict[str, int]:
        """What the scores rest on; runs are independent, snapshots of one run are 2 ps apart."""
        runs = {g for t in self.tallies.values() for g in t.groups}
        return {"runs": len(runs), "snapshots": self.snapshots, "atoms": self.atoms}


@dataclass
class Confusion:
    """Counts of (true class, class said), summed over seeds."""

    counts: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, truth: np.ndarray, said: dict[str, Verdict]) -> None:
        """Add one snapshot."""
        used, size = truth >= 0, len(CLASSES)
        for name, verdict in said.items():
            pairs = truth[used].astype(np.int64) * size + verdict.labels[:, used]
            table = np.bincount(pairs.ravel(), minlength=size * size).reshape(size, size)
            self.counts[name] = self.counts.get(name, 0) + table

    def tables(self) -> dict[str, list[list[int]]]:
        """A row for each true class, in the order of the classes."""
        return {name: table.tolist() for name, table in self.counts.items()}


@dataclass
class Reliability:
    """Atoms, right ones and summed confidence by bin of confidence, for one model and condition."""

    seeds: int
    table: list[tuple[str, np.ndarray]] = field(default_factory=list)

    def add(self, truth: np.ndarray, verdict: Verdict, group: str) -> None:
        """Add one snapshot: for every seed and bin the atoms, the right ones, the sum of confidence."""
        used = truth >= 0
        right = (verdict.labels == truth)[:, used].astype(float)
        confidence = verdict.confidence[:, used].astype(float)
        index = np.minimum((confidence * BINS).astype(int), BINS - 1)
        rows = [
            [np.bincount(k, weights=w, minlength=BINS) for w in (np.ones_like(r), r, c)]
            for k, r, c in zip(index, right, confidence, strict=True)
        ]
        self.table.append((group, np.array(rows)))

    def summary(self) -> dict[str, object]:
        """Expected calibration error with its interval, and the diagram: confidence and accuracy by bin.

        ``sum over bins |right - confidence| / atoms``, in percent, for each seed, averaged over the seeds.

        Source: Guo et al., ICML 2017, arXiv 1706.04599, equation 3.
        """
        names = sorted({g for g, _ in self.table})
        units = np.array([sum(t for g, t in self.table if g == name) for name in names])
        rng = np.random.default_rng(SEED)
        drawn = [
            _error(units[rng.integers(len(units), size=len(units))].sum(axis=0), self._seeds(rng))
            for _ in range(RESAMPLES)
        ]
        total = units.sum(axis=0)
        low, high = np.quantile(drawn, [TAIL, 1.0 - TAIL])
        atoms, right, confidence = total.sum(axis=0)
        diagram = [
            {
                "confidence": percent(confidence[b] / atoms[b]),
                "accuracy": percent(right[b] / atoms[b]),
                "atoms": int(atoms[b]),
            }
            for b in range(BINS)
            if atoms[b]
        ]
        error = _error(total, np.arange(self.seeds))
        ece = {"value": percent(error), "low": percent(low), "high": percent(high)}
        return {"ece": ece, "diagram": diagram, "atoms": int(atoms.sum() / self.seeds)}

    def _seeds(self, rng: np.random.Generator) -> np.ndarray:
        return rng.integers(self.seeds, size=self.seeds)


def _error(table: np.ndarray, seeds: np.ndarray) -> float:
    atoms, right, confidence = np.moveaxis(table[seeds], 1, 0)
    return float(np.mean(np.abs(right - confidence).sum(axis=1) / atoms.sum(axis=1)))
