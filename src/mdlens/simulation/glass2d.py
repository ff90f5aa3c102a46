"""A two-dimensional glass former: binary Lennard-Jones, cooled linearly from the liquid (lj units)."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from ase import Atoms

from mdlens.errors import InputError
from mdlens.simulation.session import Session, session
from mdlens.types import FloatArray, IntArray

MAJORITY, MINORITY = 1, 2
PAIRS = {(1, 1): (1.0, 1.0), (1, 2): (1.5, 0.8), (2, 2): (0.5, 0.88)}
"""``epsilon`` and ``sigma`` of each pair of types."""

CUTOFF = 2.5
"""Cutoff of every pair in units of its own sigma; the potential is not shifted."""

_DAMPING = 100
_FORCE_TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Glass2DRecipe:
    """Everything that determines a trajectory: a ramp of the temperature, then an optional hold at its end.

    Lennard-Jones units (mass, epsilon_11, sigma_11 and Boltzmann's constant are 1).

    Args:
        n_atoms: Particles.
        minority: Share of type 2.
        density: Particles per area.
        start: Temperature of the liquid and of the begin of the ramp.
        stop: Temperature at the end of the ramp.
        steps: MD steps of the ramp.
        temperatures: Where on the ramp a record is taken, falling; `even_temperatures` makes them.
        hold: MD steps at ``stop`` after the ramp.
        hold_records: Records of the hold, evenly spaced, the last at its end.
        equilibration: MD steps at ``start`` before the ramp.
        timestep: Of the integrator.
        seed: Of start velocities and types.

    Raises:
        InputError: If a value is out of range.

    Source: model of arXiv 1909.04648; density 1.2 gives the energies published there.
    """

    n_atoms: int = 400
    minority: float = 0.35
    density: float = 1.2
    start: float = 2.0
    stop: float = 0.05
    steps: int = 200_000
    temperatures: tuple[float, ...] = (0.05,)
    hold: int = 0
    hold_records: int = 0
    equilibration: int = 10_000
    timestep: float = 0.005
    seed: int = 1

    def __post_init__(self) -> None:
        if self.n_atoms < 50:
            raise InputError(f"n_atoms must be 50 or more, got {self.n_atoms}: the cutoff needs the room")
        if not 0.0 <= self.minority <= 1.0 or not 0.1 <= self.density <= 2.0:
            raise InputError(
                f"minority must lie in 0...1 and density in 0.1...2, got {self.minority} and {self.density}"
            )
        if not self.start > self.stop > 0.0:
            raise InputError(f"cooling needs start > stop > 0, got {self.start} and {self.stop}")
        if self.steps < 1 or self.hold < 0 or self.equilibration < 0:
            raise InputError("steps must be 1 or more, hold and equilibration 0 or more")
        if not 0 <= self.hold_records <= self.hold:
            raise InputError(
                f"hold_records must lie in 0...hold, got {self.hold_records} for {self.hold} steps"
            )
        falling = all(a > b for a, b in zip(self.temperatures, self.temperatures[1:], strict=False))
        if not falling or not all(self.stop <= t <= self.start for t in self.temperatures):
            raise InputError("temperatures must fall and lie between start and stop")
        if not 0.0 < self.timestep <= 0.01:
            raise InputError(f"timestep must lie in (0, 0.01], got {self.timestep}")
        if not 0 < self.seed < 900_000_000:
            raise InputError(f"seed must lie in 1...899999999, got {self.seed}")

    @property
    def box(self) -> float:
        """Edge of the square box."""
        return sqrt(self.n_atoms / self.density)

    @property
    def cooling_rate(self) -> float:
        """Temperature lost per unit of time."""
        return (self.start - self.stop) / (self.steps * self.timestep)


@dataclass(frozen=True, slots=True)
class Glass2DRecord:
    """One recorded moment.

    Attributes:
        step: MD steps since the begin of the ramp.
        temperature: That of the thermostat.
        energy: Potential energy per particle.
        inherent_energy: The same after minimisation.
        positions: Thermal positions (N, 2) inside the box.
        inherent: Minimised positions (N, 2) inside the box.
        velocities: (N, 2), to go on from here.
    """

    step: int
    temperature: float
    energy: float
    inherent_energy: float
    positions: FloatArray
    inherent: FloatArray
    velocities: FloatArray


def even_temperatures(start: float, stop: float, records: int) -> tuple[float, ...]:
    """Record temperatures of a ramp, evenly spaced, the last one ``stop``."""
    return tuple(max(start + (stop - start) * (k + 1) / records, stop) for k in range(records))


def schedule(recipe: Glass2DRecipe) -> list[tuple[int, float]]:
    """Step and temperature of every record."""
    span = recipe.start - recipe.stop
    ramp = [(round(recipe.steps * (recipe.start - t) / span), t) for t in recipe.temperatures]
    n = recipe.hold_records
    return ramp + [(recipe.steps + recipe.hold * (k + 1) // n, recipe.stop) for k in range(n)]


def types_of(recipe: Glass2DRecipe) -> IntArray:
    """Types 1 and 2 of the particles in random order."""
    types = np.full(recipe.n_atoms, MAJORITY)
    types[: round(recipe.minority * recipe.n_atoms)] = MINORITY
    return np.random.default_rng(recipe.seed).permutation(types)


def glass_atoms(positions: FloatArray, types: IntArray, box: float) -> Atoms:
    """Positions (N, 2) as atoms with ``type`` in the plane z = 0, periodic in x and y."""
    flat = np.zeros((len(positions), 3))
    flat[:, :2] = positions
    atoms = Atoms("X" * len(flat), positions=flat, cell=[box, box, 1.0], pbc=[True, True, False])
    atoms.arrays["type"] = np.asarray(types, dtype=np.int64)
    return atoms


def simulate_glass2d(recipe: Glass2DRecipe, *, last: Glass2DRecord | None = None) -> Iterator[Glass2DRecord]:
    """Cool the liquid in LAMMPS and yield a record at each moment of the `schedule`.

    Minimisation runs in a second LAMMPS instance and leaves the dynamics alone. It uses the shifted
    potential, whose forces are the same: on the unshifted one conjugate gradients stall at the jumps of the
    energy. The energies recorded are unshifted ones.

    Args:
        recipe: What to simulate.
        last: The last record of an interrupted run, to go on from; the thermostat's own variables start anew.

    Raises:
        MissingExtraError: If the ``simulate`` extra is not installed.
        InputError: If LAMMPS refuses the system.
    """
    with ExitStack() as stack:
        dynamics, quencher = (stack.enter_context(session()) for _ in range(2))
        for lmp in (dynamics, quencher):
            _set_up(lmp, recipe)
        step = _begin(dynamics, recipe) if last is None else _restore(dynamics, recipe, last)
        for until, temperature in schedule(recipe):
            if last is None or until > last.step:
                _advance(dynamics, recipe, step, until)
                step = until
                yield _record(dynamics, quencher, recipe, until, temperature)


def _set_up(lmp: Session, recipe: Glass2DRecipe) -> None:
    box = recipe.box
    lmp.run(
        "units lj",
        "dimension 2",
        "atom_style atomic",
        "atom_modify map array",
        "boundary p p p",
        f"region cell block 0 {box!r} 0 {box!r} -0.5 0.5",
        "create_box 2 cell",
    )
    n = ceil(sqrt(recipe.n_atoms))
    grid = (np.indices((n, n)).reshape(2, -1).T[: recipe.n_atoms] + 0.5) * box / n
    lmp.create(types_of(recipe), np.column_stack([grid, np.zeros(len(grid))]))
    lmp.run("mass * 1.0", f"pair_style lj/cut {CUTOFF}")
    for (i, j), (epsilon, sigma) in PAIRS.items():
        lmp.run(f"pair_coeff {i} {j} {epsilon} {sigma} {CUTOFF * sigma}")
    lmp.run(
        "neighbor 0.5 bin",
        "neigh_modify every 1 delay 0 check yes",
        "thermo 100000000",
        f"timestep {recipe.timestep}",
        "fix plane all enforce2d",
    )


def _begin(lmp: Session, recipe: Glass2DRecipe) -> int:
    """Melt the start lattice: positions on it have the energy of no liquid."""
    hot = recipe.start
    lmp.run(
        "minimize 0.0 1e-3 100 1000",
        f"velocity all create {hot} {recipe.seed} mom yes dist gaussian",
        _thermostat(recipe, hot, hot),
        f"run {recipe.equilibration}",
        "reset_timestep 0",
        _thermostat(recipe, hot, recipe.stop),
    )
    return 0


def _restore(lmp: Session, recipe: Glass2DRecipe, last: Glass2DRecord) -> int:
    flat = np.zeros((len(last.positions), 1))
    lmp.set_vectors("x", np.hstack([last.positions, flat]))
    lmp.set_vectors("v", np.hstack([last.velocities, flat]))
    begin = recipe.start if last.step < recipe.steps else recipe.stop
    lmp.run(f"reset_timestep {last.step}", _thermostat(recipe, begin, recipe.stop))
    return last.step


def _thermostat(recipe: Glass2DRecipe, start: float, stop: float) -> str:
    return f"fix motion all nvt temp {start!r} {stop!r} {_DAMPING * recipe.timestep}"


def _advance(lmp: Session, recipe: Glass2DRecipe, step: int, until: int) -> None:
    on_ramp = min(until, recipe.steps) - step
    if on_ramp > 0:
        lmp.run(f"run {on_ramp} start 0 stop {recipe.steps} post no")
        step += on_ramp
    if until > step:
        if step == recipe.steps:
            lmp.run(_thermostat(recipe, recipe.stop, recipe.stop))
        lmp.run(f"run {until - step} post no")


def _record(
    lmp: Session, quencher: Session, recipe: Glass2DRecipe, step: int, temperature: float
) -> Glass2DRecord:
    positions = lmp.vectors("x")
    quencher.set_vectors("x", positions)
    quencher.run(
        "reset_timestep 0",
        "pair_modify shift yes",
        f"minimize 0.0 {_FORCE_TOLERANCE} 5000 50000",
        "pair_modify shift no",
        "run 0 post no",
    )
    return Glass2DRecord(
        step=step,
        temperature=temperature,
        energy=lmp.thermo("pe"),
        inherent_energy=quencher.thermo("pe"),
        positions=positions[:, :2] % recipe.box,
        inherent=quencher.vectors("x")[:, :2] % recipe.box,
        velocities=lmp.vectors("v")[:, :2],
    )
