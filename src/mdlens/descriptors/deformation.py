"""Which deformation pattern dominates a window: scores against the start, fixed thresholds, one label.

Pure numpy over per-atom arrays. Every pattern has a score in its own unit; divided by its threshold it says
by how much the pattern is exceeded, and the largest one gives the label.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from mdlens.descriptors.orientations import connected, grain_ids, mean_grain, misorientation, twin_deviation
from mdlens.errors import InputError
from mdlens.types import BoolArray, FloatArray, IntArray

PATTERNS = (
    "elastic",
    "twinning",
    "stacking_faults",
    "lattice_rotation",
    "refinement",
    "coarsening",
    "shear_layer",
)
"""Names of the labels; their numbers are their places here."""

OTHER, MATRIX, TWIN_BOUNDARY, FAULT = 0, 1, 2, 3
"""What an atom is: disordered, fcc, in a coherent twin boundary, in a stacking fault."""

SIGNS = (
    "fault", "twin_boundary", "twinned", "turned", "crystalline", "fault_start", "twin_boundary_start"
)  # fmt: skip
"""What the scores count atoms by: in a fault or a twin boundary; turned into a twin; turned by 5 to 30
degrees together with others; crystalline now and at the start; in a fault or a twin boundary at the start."""

READABLE = ("twinning", "stacking_faults", "lattice_rotation")
"""Patterns whose scores follow from the shares of atoms with each of `SIGNS`."""

GRAIN_ANGLE = 5.0
"""Degrees from atom to atom within a grain."""

TWIN_ANGLE = 8.0
"""Degrees from 60 about <111> that still are a twin."""

ROTATION = (5.0, 30.0)
"""Degrees of a partial rotation."""

_LEAST_EDGE = 0.05  # share of a twinned region that coherent boundaries make up
_LEAST_GRAIN = 30  # atoms
_LEAST_REGION = 50  # atoms turned together
_BIN = 5.0  # Angstrom of depth per value of the velocity profile
_SHEARED = 0.1  # share of the sliding speed


@dataclass(frozen=True, kw_only=True)
class AtomState:
    """A window at one moment; the same atoms in the same order at every moment.

    Attributes:
        kind: `OTHER`, `MATRIX`, `TWIN_BOUNDARY` or `FAULT` (N,).
        q: Orientation (N, 4), scalar first, crystal to laboratory; has a meaning where kind is `MATRIX`.
        pairs: Bonds between neighbours at that moment (M, 2).
        height: Coordinate towards the surface, Angstrom (N,).
        velocity: Along the sliding direction, any unit (N,).
    """

    kind: NDArray[np.int8]
    q: FloatArray
    pairs: IntArray
    height: FloatArray
    velocity: FloatArray

    def __post_init__(self) -> None:
        n = len(self.kind)
        if self.q.shape != (n, 4) or self.height.shape != (n,) or self.velocity.shape != (n,):
            raise InputError(
                f"a state of {n} atoms needs q ({n}, 4), height ({n},) and velocity ({n},), "
                f"got {self.q.shape}, {self.height.shape} and {self.velocity.shape}"
            )


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where a pattern begins; fixed before any training.

    Args:
        twinning: New share of atoms in twins and twin boundaries.
        stacking_faults: New share of atoms in faults.
        lattice_rotation: Share of crystalline atoms turned by 5 to 30 degrees in contiguous regions.
        refinement: Loss of grain size, 1 - d/d0.
        coarsening: Gain of grain size, d/d0 - 1.
        shear_layer: Depth that flows with more than a tenth of the sliding speed, nm.
    """

    twinning: float = 0.03
    stacking_faults: float = 0.02
    lattice_rotation: float = 0.15
    refinement: float = 0.3
    coarsening: float = 0.3
    shear_layer: float = 2.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 < getattr(self, field.name) < np.inf:
                raise InputError(f"thresholds.{field.name} must be positive, got {getattr(self, field.name)}")


@dataclass(frozen=True)
class PatternLabel:
    """The verdict over a window.

    Attributes:
        label: Number of the dominant pattern in `PATTERNS`.
        scores: Each pattern's quantity in its own unit, by name.
        relative: Each score over its threshold, by name.
        margin: Largest relative score less the second one; of an elastic window, 1 less the largest.
        ambiguous: Whether the label changes when any one threshold moves by 25 %.
        flips: Label under each moved threshold that changes it, such as {"twinning +25%": "elastic"}.
    """

    label: int
    scores: Mapping[str, float]
    relative: Mapping[str, float]
    margin: float
    ambiguous: bool
    flips: Mapping[str, str]

    @property
    def name(self) -> str:
        """Name of the dominant pattern."""
        return PATTERNS[self.label]


def fault_kinds(structure: IntArray, neighbors: IntArray) -> NDArray[np.int8]:
    """Tell twin boundaries from stacking faults by the neighbours of hcp atoms.

    In a coherent twin boundary, one layer of hcp, 6 of 12 neighbours are hcp; in an intrinsic fault, two
    layers, 9 are. An extrinsic fault, two single layers with one of fcc between, counts as twin boundaries.
    Lone hcp atoms are disorder.

    Args:
        structure: OVITO's numbers, fcc 1 and hcp 2 (N,).
        neighbors: The 12 nearest atoms of each (N, 12), -1 for none.

    Returns:
        `OTHER`, `MATRIX`, `TWIN_BOUNDARY` or `FAULT` (N,).
    """
    hexagonal = structure == 2
    around = (hexagonal[neighbors] & (neighbors >= 0)).sum(axis=1)
    kind = np.zeros(len(structure), np.int8)
    kind[structure == 1] = MATRIX
    kind[hexagonal & (around >= 4) & (around <= 7)] = TWIN_BOUNDARY
    kind[hexagonal & (around >= 8)] = FAULT
    return kind


def pattern_scores(
    start: AtomState, now: AtomState, *, speed: float, dimension: int = 2, signs: BoolArray | None = None
) -> dict[str, float]:
    """Measure every pattern against the start, each in the unit of `Thresholds`.

    Args:
        start: Before the deformation.
        now: The same atoms later.
        speed: Sliding speed, in the unit of the velocities; 0 leaves the shear layer out.
        dimension: 2 where grains are columns, 3 else: how grain sizes follow from numbers of atoms.
        signs: What `atom_signs` gives, where it is known already.

    Raises:
        InputError: If the states hold different numbers of atoms, or none.
    """
    shares = (atom_signs(start, now) if signs is None else signs).mean(axis=0)
    size, size_start = grain_size(now, dimension), grain_size(start, dimension)
    ratio = size / size_start if size_start > 0 and size > 0 else 1.0
    return {
        **dict(zip(READABLE, map(float, read_scores(shares)), strict=True)),
        "refinement": max(1.0 - ratio, 0.0),
        "coarsening": max(ratio - 1.0, 0.0),
        "shear_layer": shear_depth(now.height, now.velocity, speed) if speed > 0 else 0.0,
    }


def atom_signs(start: AtomState, now: AtomState) -> BoolArray:
    """Which of `SIGNS` each atom shows (N, 7).

    Args:
        start: Before the deformation.
        now: The same atoms later.

    Raises:
        InputError: If the states hold different numbers of atoms, or none.
    """
    n = len(now.kind)
    if len(start.kind) != n or n == 0:
        raise InputError(f"states must hold the same atoms, one or more, got {len(start.kind)} and {n}")
    both = (start.kind == MATRIX) & (now.kind == MATRIX)
    twinned = _twinned(start, now, both)
    return np.stack(
        [
            now.kind == FAULT,
            now.kind == TWIN_BOUNDARY,
            twinned,
            _turned(start, now, both & ~twinned),
            both,
            start.kind == FAULT,
            start.kind == TWIN_BOUNDARY,
        ],
        axis=1,
    )


def read_scores(shares: FloatArray) -> FloatArray:
    """Scores of the `READABLE` patterns (..., 3) from the shares of atoms with each of `SIGNS` (..., 7)."""
    fault, boundary, twinned, turned, crystalline, fault_start, boundary_start = np.moveaxis(shares, -1, 0)
    rotation = np.divide(turned, crystalline, out=np.zeros_like(turned), where=crystalline > 0)
    scores = [
        np.maximum(twinned + boundary - boundary_start, 0.0),
        np.maximum(fault - fault_start, 0.0),
        rotation,
    ]
    read: FloatArray = np.stack(scores, axis=-1)
    return read


def _twinned(start: AtomState, now: AtomState, both: BoolArray) -> BoolArray:
    """Atoms in twins: turned by 60 degrees about <111> in a region that coherent boundaries end.

    Grains that share an axis are twins of each other by chance now and then; when one grows into the other,
    the angle alone would call it twinning.
    """
    turned = np.zeros(len(both), np.bool_)
    turned[both] = twin_deviation(start.q[both], now.q[both]) <= TWIN_ANGLE
    boundary = now.kind == TWIN_BOUNDARY
    members = turned | boundary
    i, j = now.pairs.T
    # Boundaries end a region; they do not join it to the next one.
    bound = members[i] & members[j] & (turned[i] | turned[j])
    region = connected(len(members), i[bound], j[bound], members)
    counts = np.bincount(region[members], minlength=1)
    edges = np.bincount(region[boundary], minlength=len(counts))
    ended = edges >= _LEAST_EDGE * counts
    twinned: BoolArray = turned & ended[np.maximum(region, 0)]
    return twinned


def grain_size(state: AtomState, dimension: int) -> float:
    """Linear size of the grain that an average crystalline atom is in, in atoms to the power 1/dimension."""
    grains = grain_ids(state.pairs, state.q, state.kind == MATRIX, degrees=GRAIN_ANGLE, least=_LEAST_GRAIN)
    return float(mean_grain(grains) ** (1 / dimension))


def shear_depth(height: FloatArray, velocity: FloatArray, speed: float) -> float:
    """Depth from the surface down to which the mean velocity is above a tenth of the speed, nm."""
    top = float(height.max())
    index = np.floor((top - height) / _BIN).astype(np.int64)
    counts = np.bincount(index)
    mean = np.bincount(index, weights=velocity) / np.maximum(counts, 1)
    flows = (mean > _SHEARED * speed) | (counts == 0)
    layers = len(flows) if flows.all() else int(np.argmin(flows))
    return min(layers * _BIN, top - float(height.min())) / 10.0


def judge(scores: Mapping[str, float], thresholds: Thresholds | None = None) -> PatternLabel:
    """Name the dominant pattern, and say how sure that is.

    Args:
        scores: As `pattern_scores` gives them.
        thresholds: Where patterns begin.
    """
    limits = thresholds or Thresholds()
    relative = {name: scores[name] / getattr(limits, name) for name in PATTERNS[1:]}
    label = _dominant(relative)
    flips = {}
    for name in PATTERNS[1:]:
        for sign, factor in (("+", 1.25), ("-", 0.75)):
            moved = replace(limits, **{name: factor * getattr(limits, name)})
            other = _dominant({n: scores[n] / getattr(moved, n) for n in PATTERNS[1:]})
            if other != label:
                flips[f"{name} {sign}25%"] = PATTERNS[other]
    ordered = sorted(relative.values(), reverse=True)
    margin = 1.0 - ordered[0] if label == 0 else ordered[0] - max(ordered[1], 1.0)
    return PatternLabel(label, dict(scores), relative, margin, bool(flips), flips)


def _dominant(relative: Mapping[str, float]) -> int:
    name = max(relative, key=lambda key: relative[key])
    return PATTERNS.index(name) if relative[name] > 1.0 else 0


def _turned(start: AtomState, now: AtomState, candidates: BoolArray) -> BoolArray:
    """Which of the candidates are turned together."""
    turned = np.zeros(len(candidates), np.bool_)
    angle = misorientation(start.q[candidates], now.q[candidates])
    turned[candidates] = (angle >= ROTATION[0]) & (angle <= ROTATION[1])
    i, j = now.pairs.T
    bound = turned[i] & turned[j]
    together: BoolArray = connected(len(turned), i[bound], j[bound], turned, least=_LEAST_REGION) >= 0
    return together
