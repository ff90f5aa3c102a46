"""The data set of the study: configurations by trajectory and record, the six tasks, the folds."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from mdlens.learning.configurations import Configuration

LIQUIDS = {1: 1.99, 2: 1.756, 3: 0.957, 4: 0.548, 5: 0.44, 6: 0.547}
"""Temperature of the liquid of each task; its glass is at 0.05."""

PUBLISHED = {
    1: (1.0, 1.0, 1.0, 0.925, 0.793, 0.612),
    2: (1.0, 1.0, 0.999, 0.907, 0.772, 0.644),
    3: (1.0, 1.0, 1.0, 0.982, 0.906, 0.828),
    4: (1.0, 1.0, 1.0, 0.996, 0.983, 0.969),
    5: (1.0, 1.0, 1.0, 1.0, 0.984, 0.979),
    6: (1.0, 1.0, 0.996, 0.979, 0.991, 0.985),
}
"""Cross-set AUC of the published code: trained on the row, tested on the column."""

KINDS = ("thermal", "inherent")
FOLDS = 3
CALIPER = 0.001
"""Largest difference of inherent-structure energy within a matched pair."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One file of `generate.py`."""

    name: str
    protocol: str
    temperature: np.ndarray
    energy: np.ndarray
    inherent_energy: np.ndarray
    types: np.ndarray
    box: float
    packed: dict[str, np.ndarray]

    def configuration(self, record: int, kind: str, label: int = -1) -> Configuration:
        positions = np.zeros((len(self.types), 3))
        positions[:, :2] = (self.packed[kind][record] + 0.5) / (1 << 16) * self.box
        cell, pbc = np.diag([self.box, self.box, 1.0]), np.array([True, True, False])
        return Configuration(positions, cell, pbc, self.types - 1, label, self.name)

    @cached_property
    def fold(self) -> int:
        return int(self.name.rsplit("_", 1)[1]) % FOLDS


@dataclass(frozen=True)
class Member:
    """One record of one trajectory in a task."""

    name: str
    record: int
    label: int
    inherent_energy: float

    @property
    def key(self) -> str:
        return f"{self.name}:{self.record}"


def load(source: Path) -> dict[str, Trajectory]:
    """Trajectories of a folder of `generate.py`, or of a file it packed."""
    if source.is_dir():
        files = sorted(source.glob("*.npz"))
        return {f.stem: _trajectory(f.stem, dict(np.load(f, allow_pickle=False))) for f in files}
    with np.load(source, allow_pickle=False) as packed:
        columns: dict[str, dict[str, np.ndarray]] = {}
        for key in packed:
            protocol, name = key.split(".")
            columns.setdefault(protocol, {})[name] = packed[key]
    return {
        str(name): _trajectory(str(name), {k: v[row] for k, v in table.items()})
        for table in columns.values()
        for row, name in enumerate(table["name"])
    }


def _trajectory(name: str, d: dict[str, np.ndarray]) -> Trajectory:
    return Trajectory(
        name=name,
        protocol=name.split("_")[0],
        temperature=d["temperature"],
        energy=d["energy"],
        inherent_energy=d["inherent_energy"],
        types=d["types"].astype(np.int64),
        box=float(d["box"]),
        packed={kind: d[kind] for kind in KINDS},
    )


def members(data: dict[str, Trajectory], task: int) -> list[Member]:
    """Liquid (label 0) and glass (label 1) of a task.

    Glass: the slow coolings at 0.05 in tasks 1-5, the fast ones in task 6. Liquid: of the slow coolings in
    tasks 1-5; of the fast ones too in tasks 1-3, where both are in equilibrium; the last two records of the
    liquids held at 0.547 in tasks 4 and 6.
    """
    chosen = []
    for trajectory in data.values():
        protocol = trajectory.protocol
        at = {round(float(t), 3): i for i, t in enumerate(trajectory.temperature)}
        if protocol == "liquid":
            records = [(2, 0), (3, 0)] if task in (4, 6) else []
        else:
            glass = protocol == ("fast" if task == 6 else "slow")
            liquid = (protocol == "slow" and task != 6) or task <= 3
            records = [(at[LIQUIDS[task]], 0)] if liquid else []
            records += [(at[0.05], 1)] if glass else []
        chosen += [
            Member(trajectory.name, r, label, float(trajectory.inherent_energy[r])) for r, label in records
        ]
    return chosen


def matched(chosen: list[Member]) -> list[Member]:
    """Pairs of liquid and glass with energies within the caliper, each member used once."""
    liquid = sorted((m for m in chosen if m.label == 0), key=lambda m: m.inherent_energy)
    glass = sorted((m for m in chosen if m.label == 1), key=lambda m: m.inherent_energy)
    pairs: list[Member] = []
    i = j = 0
    while i < len(liquid) and j < len(glass):
        gap = liquid[i].inherent_energy - glass[j].inherent_energy
        if abs(gap) <= CALIPER:
            pairs += [liquid[i], glass[j]]
            i, j = i + 1, j + 1
        elif gap < 0:
            i += 1
        else:
            j += 1
    return pairs


def tasks(data: dict[str, Trajectory]) -> dict[str, list[Member]]:
    """The six tasks and "6m": task 6 with energies matched one by one."""
    made = {str(t): members(data, t) for t in LIQUIDS}
    return made | {"6m": matched(made["6"])}
