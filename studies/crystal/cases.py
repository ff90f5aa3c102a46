"""The frames of the benchmarks: thermal (DC3 protocol), with atoms missing, with Gaussian noise."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from materials import MATERIALS
from rivals import CLASSES

from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from mdlens.simulation.lattices import build_lattice

HERE = Path(__file__).parent
DATA = HERE / "data"
SEED = 2026
MISSING = (0.1, 0.2, 0.3, 0.4, 0.5)
HEAT_MAPS = ("Al", "Fe", "Zr", "Si")
HEAT_MAP_AT = (0.2, 0.4, 0.6, 0.8)
NOISE = (0.02, 0.04, 0.06, 0.08, 0.10, 0.12)  # of the nearest-neighbour distance, per component
NOISE_DRAWS = 3
# Nearest-neighbour distance over the lattice constant.
SPACING = {
    "fcc": 0.5**0.5,
    "hcp": 1.0,
    "bcc": 3**0.5 / 2,
    "sc": 1.0,
    "cubic_diamond": 3**0.5 / 4,
    "hexagonal_diamond": 0.375 * (8 / 3) ** 0.5,
}


@dataclass(frozen=True, eq=False)
class Case:
    """One frame to be labelled by everybody.

    Attributes:
        atoms: The frame.
        truth: Class index per atom, -1 for atoms that take no part.
        structure: The class this frame is about.
        group: The independent run it comes from.
        rows: Keys of the rows it counts for, each a path into the results.
        conditions: Confusion matrices and reliability diagrams it counts for.
    """

    atoms: Atoms
    truth: np.ndarray
    structure: str
    group: str
    rows: tuple[tuple[str, ...], ...]
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Phase:
    """One phase of one material with its snapshots by relative temperature."""

    name: str
    structure: str
    material: dict[str, object]
    lost_at: dict[str, str | None]
    snapshots: dict[float, list[LabelledSnapshot]]

    @property
    def reference(self) -> float:
        """Relative temperature that stands for melting: 1, or the hottest below with most runs.

        A crystal that gives way below its melting temperature has no snapshot there.
        """
        up_to = [x for x in self.snapshots if x <= 1.0]
        runs = {x: len({s.group for s in self.snapshots[x]}) for x in up_to}
        return max(up_to, key=lambda x: (x == 1.0, runs[x], x)) if up_to else min(self.snapshots)

    @property
    def ignored(self) -> int:
        """Atoms whose inherent structure is a defect."""
        return sum(int((s.labels < 0).sum()) for some in self.snapshots.values() for s in some)


def load_phases(folder: Path = DATA, up_to: float = np.inf) -> list[Phase]:
    """Every phase of the acceptance set, crystals first, then liquids."""
    found = []
    for path in (folder / f"{material.name}.npz" for material in MATERIALS):
        if not path.exists():
            continue
        data = SnapshotDataset.load(path)
        by_name: dict[str, dict[float, list[LabelledSnapshot]]] = {}
        for s in data.snapshots:
            at = float(s.group.split()[1])
            if at <= up_to:
                by_name.setdefault(s.system, {}).setdefault(at, []).append(s)
        for name, snapshots in by_name.items():
            material = data.provenance["material"]
            liquid = name.endswith("_liquid")
            lost = {k: v for k, v in data.provenance["gave_way"].items() if k.split()[0] == name}
            structure = "disordered" if liquid else material["structure"]
            found.append(Phase(name, structure, material, lost, dict(sorted(snapshots.items()))))
    return sorted(found, key=lambda p: p.structure == "disordered")


def frame_of(snapshot: LabelledSnapshot) -> Atoms:
    """The frame as any tool would read it."""
    return Atoms(
        numbers=snapshot.numbers,
        positions=snapshot.positions.astype(float),
        cell=snapshot.cell,
        pbc=snapshot.pbc,
    )


def thermal_cases(phase: Phase) -> Iterator[Case]:
    """Every snapshot as simulated."""
    for at, snapshots in phase.snapshots.items():
        for s in snapshots:
            rows: tuple[tuple[str, ...], ...] = (("dc3", phase.name, f"{at:.2f}"),)
            conditions: tuple[str, ...] = ()
            if at == phase.reference:
                rows += (("distorted", phase.name, "0.0"),)
                conditions = ("at_tm",)
            if phase.name in HEAT_MAPS and at in (*HEAT_MAP_AT, 1.0):
                rows += (("distorted_by_temperature", phase.name, f"{at:.2f}", "0.0"),)
            yield Case(frame_of(s), s.labels, phase.structure, s.group, rows, conditions)


def missing_cases(phase: Phase) -> Iterator[Case]:
    """Snapshots without a share of their atoms, chosen at random.

    At the melting temperature the first snapshot of every run, of every material; colder, all snapshots of
    four of them.
    """
    at_melting = first_of_each(phase.snapshots[phase.reference])
    for share in MISSING:
        for s in at_melting:
            rows: tuple[tuple[str, ...], ...] = (("distorted", phase.name, f"{share:.1f}"),)
            if phase.name in HEAT_MAPS:
                rows += (("distorted_by_temperature", phase.name, "1.00", f"{share:.1f}"),)
            yield without(s, share, phase.structure, rows, (f"{share:.1f}_missing",))
        for at in HEAT_MAP_AT if phase.name in HEAT_MAPS else ():
            for s in first_of_each(phase.snapshots.get(at, [])):
                key = ("distorted_by_temperature", phase.name, f"{at:.2f}", f"{share:.1f}")
                yield without(s, share, phase.structure, (key,), ())


def first_of_each(snapshots: Sequence[LabelledSnapshot]) -> list[LabelledSnapshot]:
    """The first snapshot of every run; both of them where there is one run."""
    groups = {s.group for s in snapshots}
    if len(groups) < 2:
        return list(snapshots)
    return [next(s for s in snapshots if s.group == group) for group in sorted(groups)]


def without(
    s: LabelledSnapshot,
    share: float,
    structure: str,
    rows: tuple[tuple[str, ...], ...],
    conditions: tuple[str, ...],
) -> Case:
    """A snapshot that has lost a share of its atoms."""
    rng = np.random.default_rng([SEED, round(100 * share), zlib.crc32(s.snapshot.encode())])
    keep = np.sort(rng.permutation(len(s))[round(share * len(s)) :])
    return Case(frame_of(s)[keep], s.labels[keep], structure, s.group, rows, conditions)


def noise_cases() -> Iterator[Case]:
    """Ideal lattices of about 2,000 atoms whose atoms are displaced, each component normally distributed."""
    for name, spacing in SPACING.items():
        perfect = build_lattice(name, ["X"], 4.0, atoms_at_least=2000)
        for sigma in NOISE:
            for draw in range(NOISE_DRAWS):
                rng = np.random.default_rng([SEED, round(100 * sigma), draw])
                atoms = perfect.copy()
                atoms.positions += rng.normal(0.0, sigma * spacing * 4.0, atoms.positions.shape)
                truth = np.full(len(atoms), CLASSES.index(name))
                yield Case(atoms, truth, name, str(draw), (("noise", name, f"{sigma:.2f}"),))
