"""Bulk recipe: a periodic block of one phase, held, heated, cooled or melted in LAMMPS."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ase import Atoms
from ase.data import atomic_numbers

from mdlens.errors import InputError
from mdlens.simulation.engine import Engine, engine
from mdlens.simulation.lattices import build_lattice
from mdlens.simulation.mixtures import push_apart, random_mixture
from mdlens.simulation.potentials import load_potential

RANDOM = "random"
"""The `BulkRecipe.lattice` of a mixture that starts as a melt, with no crystal in its past."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One piece of a temperature schedule: K, linear from ``start`` to ``stop`` over ``steps`` steps.

    ``snapshots`` frames are recorded, evenly spaced, the last one at the end. ``label`` is carried along in
    ``info``.
    """

    start: float
    stop: float
    steps: int
    snapshots: int = 0
    label: str = ""

    def __post_init__(self) -> None:
        if not (self.start > 0 and self.stop > 0):
            raise InputError(f"stage temperatures must be positive (K), got {self.start} and {self.stop}")
        if self.steps < 1 or not 0 <= self.snapshots <= self.steps:
            raise InputError(
                f"a stage needs steps >= 1 and 0 <= snapshots <= steps, got {self.steps} and {self.snapshots}"
            )


@dataclass(frozen=True, kw_only=True)
class BulkRecipe:
    """Everything that determines a bulk run (metal units).

    With the lattice ``random`` the elements are placed at random in their ``fractions``, in a cube with edge
    ``lattice_constant`` for each of ``atoms_at_least`` atoms, and pushed apart by a soft potential.
    """

    lattice: str
    elements: tuple[str, ...]
    lattice_constant: float
    potential: str
    stages: tuple[Stage, ...]
    c_over_a: float | None = None
    atoms_at_least: int = 1000
    repeats: tuple[int, int, int] | None = None
    ensemble: Literal["npt", "nvt"] = "npt"
    pressure: float = 0.0
    coupling: Literal["iso", "aniso"] = "aniso"
    timestep: float = 0.002
    seed: int = 1
    relax_cell: bool = True
    fractions: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        unknown = [e for e in self.elements if e not in atomic_numbers]
        if unknown:
            raise InputError(f"unknown element(s) {', '.join(unknown)}: give chemical symbols such as Cu")
        if self.ensemble not in ("npt", "nvt"):
            raise InputError(f"ensemble must be npt or nvt, got {self.ensemble!r}")
        if not self.stages:
            raise InputError("a bulk recipe needs at least one stage")
        if not 0 < self.timestep <= 0.02:
            raise InputError(f"timestep must lie in (0, 0.02] ps, got {self.timestep}")
        if not 0 < self.seed < 900_000_000:
            raise InputError(f"seed must lie in 1..899999999, got {self.seed}")


def start_structure(recipe: BulkRecipe) -> Atoms:
    """The perfect crystal, or the random mixture, that a recipe starts from."""
    if recipe.lattice == RANDOM:
        return random_mixture(
            recipe.elements,
            recipe.fractions or (1 / len(recipe.elements),) * len(recipe.elements),
            recipe.lattice_constant**3,
            atoms=recipe.atoms_at_least,
            seed=recipe.seed,
        )
    return build_lattice(
        recipe.lattice,
        recipe.elements,
        recipe.lattice_constant,
        c_over_a=recipe.c_over_a,
        repeats=recipe.repeats,
        atoms_at_least=recipe.atoms_at_least,
    )


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A piece of a stage between two points where the state is known outside LAMMPS."""

    start: float
    stop: float
    steps: int
    record: bool
    label: str


def chunks(recipe: BulkRecipe) -> tuple[Chunk, ...]:
    """The schedule cut at every recorded snapshot."""
    pieces = []
    for stage in recipe.stages:
        n = max(stage.snapshots, 1)
        for c in range(n):
            begin, end = stage.steps * c // n, stage.steps * (c + 1) // n
            start, stop = (stage.start + (stage.stop - stage.start) * s / stage.steps for s in (begin, end))
            pieces.append(
                Chunk(
                    start=start, stop=stop, steps=end - begin, record=stage.snapshots > 0, label=stage.label
                )
            )
    return tuple(pieces)


@dataclass(frozen=True)
class Progress:
    """State after one chunk of the schedule.

    ``state`` has velocities, so a run can go on from it; recorded chunks have ``inherent`` on request.
    """

    chunk: int
    state: Atoms
    record: bool
    inherent: Atoms | None = None


def simulate_bulk(
    recipe: BulkRecipe, *, first_chunk: int = 0, state: Atoms | None = None, inherent: bool = False
) -> Iterator[Progress]:
    """Run a recipe in LAMMPS and yield the state after each chunk of its schedule.

    Going on from an earlier ``state`` (with its ``first_chunk``) keeps positions, cell and velocities; the
    thermostat's own variables start anew, so the continuation samples the same ensemble without being the
    same trajectory to the last bit.

    Args:
        recipe: What to simulate.
        first_chunk: Chunks done already.
        state: The `Progress.state` after chunk ``first_chunk - 1``.
        inherent: Also minimise a copy of each recorded state at fixed cell.

    Raises:
        MissingExtraError: If the ``simulate`` extra is not installed.
        InputError: If a value of the recipe or the potential is refused.
    """
    start = start_structure(recipe)
    schedule = chunks(recipe)
    with engine(start, load_potential(recipe.potential, recipe.elements)) as lmp:
        lmp.run(f"timestep {recipe.timestep}")
        _prepare(lmp, recipe) if state is None else lmp.restore(state)
        for number in range(first_chunk, len(schedule)):
            chunk = schedule[number]
            lmp.run(_thermostat(recipe, chunk.start, chunk.stop), f"run {chunk.steps}", "unfix motion")
            snapshot = lmp.snapshot()
            snapshot.info |= {"target_temperature": chunk.stop, "label": chunk.label}
            minimised = _inherent(start, snapshot, recipe) if inherent and chunk.record else None
            yield Progress(number, snapshot, chunk.record, minimised)


def _prepare(lmp: Engine, recipe: BulkRecipe) -> None:
    if recipe.lattice == RANDOM:
        push_apart(
            lmp, recipe.lattice_constant**3, load_potential(recipe.potential, recipe.elements).commands
        )
    elif recipe.relax_cell:
        pressure = f"{recipe.coupling} {recipe.pressure}"
        lmp.run(
            f"fix relax all box/relax {pressure} vmax 0.002", "minimize 1e-10 1e-4 500 5000", "unfix relax"
        )
    # Half of it turns into potential energy: twice the temperature starts a crystal near equilibrium.
    factor = 1 if recipe.lattice == RANDOM else 2
    velocity = (
        f"velocity all create {factor * recipe.stages[0].start} {recipe.seed} mom yes rot no dist gaussian"
    )
    lmp.run("reset_timestep 0", velocity)


def _thermostat(recipe: BulkRecipe, start: float, stop: float) -> str:
    damping = 100 * recipe.timestep
    if recipe.ensemble == "nvt":
        return f"fix motion all nvt temp {start} {stop} {damping}"
    pressure = f"{recipe.coupling} {recipe.pressure} {recipe.pressure} {10 * damping}"
    return f"fix motion all npt temp {start} {stop} {damping} {pressure}"


def _inherent(start: Atoms, snapshot: Atoms, recipe: BulkRecipe) -> Atoms:
    with engine(start, load_potential(recipe.potential, recipe.elements)) as quencher:
        return quencher.minimised(snapshot)
