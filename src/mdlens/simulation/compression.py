"""Uniaxial compression of elastic networks by molecular dynamics in LAMMPS (reduced units, mass 1)."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mdlens.errors import InputError
from mdlens.io.network_lammps import write_network_data
from mdlens.io.networks import ElasticNetwork, ElasticTrajectory
from mdlens.simulation.session import Session, start_lammps
from mdlens.types import FloatArray

FRAME_SHIFT = 1.3e-3
"""Motion of one box side against the other per frame: 1.1e-4 of the side of a packing of 100 discs."""


@dataclass(frozen=True, kw_only=True)
class CompressionRecipe:
    """How to compress: the published protocol by default, in reduced units.

    Relaxation (conjugate gradients, box free), then Langevin thermostat, pressure 0 along y by an
    extended-system barostat, constant strain rate along x, drift of the whole taken away.

    Args:
        temperature: Of the thermostat and of the start velocities.
        rate: Strain rate, negative in compression.
        strain: Strain along x at which it ends, of the sign of the rate.
        timestep: 0.01 in the published protocol; up to 0.25 gives the same ratios.
        frame_shift: ``|rate| L0`` times the time between frames: the same for all systems, so that the
            velocity of a node per frame does not depend on the size of the system.
        frames: Number of frames after the first; None for as many as the strain holds.
        thermostat_time: Damping time of the Langevin thermostat.
        barostat_time: Damping time of the barostat.
        barostat_temperature: Sets the inertia of the box, ``(N + 1) T barostat_time^2``. Where the published
            inputs leave it out, LAMMPS takes the temperature at the start and refuses one below 1e-6.
        momentum_every: Steps between removals of the drift.
        equilibration: Time at the temperature before compression begins; 0 in the published protocol.
        hold: Time at the last strain after compression; its end is one more frame.
        seed: Of the thermostat and of the start velocities.
        name: What the trajectory's ``protocol`` says.

    Raises:
        InputError: If a number is out of range.
    """

    temperature: float = 1e-7
    rate: float = -1e-5
    strain: float = -0.05
    timestep: float = 0.01
    frame_shift: float = FRAME_SHIFT
    frames: int | None = None
    thermostat_time: float = 10.0
    barostat_time: float = 1000.0
    barostat_temperature: float = 1e-6
    momentum_every: int = 100
    equilibration: float = 0.0
    hold: float = 0.0
    seed: int = 1
    name: str = "published"

    def __post_init__(self) -> None:
        for name in ("timestep", "frame_shift", "thermostat_time", "barostat_time", "barostat_temperature"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("temperature", "equilibration", "hold"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if not (self.rate * self.strain > 0 and -0.5 <= self.strain <= 0.5):
            raise InputError(
                f"strain (-0.5 to 0.5) and rate must have one sign, got {self.strain} and {self.rate}"
            )
        if not 1 <= self.seed < 900_000_000:
            raise InputError(f"seed must be from 1 to 899999999, got {self.seed}")
        if self.frames is not None and self.frames < 1:
            raise InputError(f"frames must be 1 or more, got {self.frames}")

    def steps_per_frame(self, length: float) -> int:
        """Integration steps between frames of a box of this length along x."""
        return max(1, round(self.frame_shift / (abs(self.rate) * length * self.timestep)))


def fast_recipe(**changes: Any) -> CompressionRecipe:
    """The published protocol with a time step of 0.25: the same Poisson's ratios in a 25th of the steps."""
    return CompressionRecipe(**{"timestep": 0.25, "name": "fast", **changes})


def compress(network: ElasticNetwork, recipe: CompressionRecipe) -> ElasticTrajectory:
    """Compress a network along x while the box relaxes along y.

    Args:
        network: The network; its box may be under stress, it is relaxed first.
        recipe: Protocol.

    Returns:
        The trajectory; ``linear_nu`` is left open.

    Raises:
        InputError: If LAMMPS refuses, or the motion becomes unstable.
        MissingExtraError: If the ``simulate`` extra is not installed.

    Source: protocol of arXiv 2505.21125 and the inputs published with it.
    """
    with _network_engine(network) as engine:
        engine.run(*_relax_commands(), *_dynamics_commands(recipe))
        if recipe.equilibration:
            engine.run(f"run {round(recipe.equilibration / recipe.timestep)}")
        frames, boxes = _compress_in_chunks(engine, recipe)
    return ElasticTrajectory(
        network=network,
        positions=np.array(frames),
        boxes=np.array(boxes),
        temperature=recipe.temperature,
        rate=recipe.rate,
        timestep=recipe.timestep,
        seed=recipe.seed,
        protocol=recipe.name,
    )


class _NetworkEngine(Session):
    """A LAMMPS instance that holds one network."""

    def __init__(self, lmp: Any, network: ElasticNetwork) -> None:
        super().__init__(lmp)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.data"
            write_network_data(path, network)
            self.run(*_setup_commands(network, path))

    def frame(self) -> tuple[FloatArray, FloatArray]:
        """Unwrapped positions (nodes, 2), the first box's lower corner as origin, and box lengths (2,)."""
        low, high = (np.array(corner[:2]) for corner in self._lmp.extract_box()[:2])
        wrapped = self.vectors("x")[:, :2]
        images = np.array(self._lmp.gather_atoms("image", 0, 3), dtype=float).reshape(-1, 3)[:, :2]
        return wrapped + images * (high - low), high - low


@contextmanager
def _network_engine(network: ElasticNetwork) -> Iterator[_NetworkEngine]:
    lmp = start_lammps()
    try:
        yield _NetworkEngine(lmp, network)
    finally:
        lmp.close()


def _setup_commands(network: ElasticNetwork, path: Path) -> tuple[str, ...]:
    reach = 1.5 * float(np.linalg.norm(network.edge_vectors(), axis=1).max(initial=1.0))
    angles = ("angle_style harmonic",) if len(network.angles) else ()
    return (
        "units lj",
        "dimension 2",
        f"atom_style {'molecular' if angles else 'bond'}",
        "atom_modify map array",
        "boundary p p p",
        "bond_style harmonic",
        *angles,
        f"comm_modify cutoff {2 * reach!r}",
        f'read_data "{path}"',
        "thermo 1000000000",
        "thermo_modify lost error",
    )


def _relax_commands() -> tuple[str, ...]:
    return (
        "fix plane all enforce2d",
        "fix box all box/relax x 0 y 0",
        "min_style cg",
        "minimize 0 1e-12 10000 100000",
        "unfix box",
    )


def _dynamics_commands(recipe: CompressionRecipe) -> tuple[str, ...]:
    t = recipe.temperature
    return (
        "reset_timestep 0",
        f"timestep {recipe.timestep!r}",
        f"velocity all create {t!r} {recipe.seed} mom yes dist gaussian",
        f"fix heat all langevin {t!r} {t!r} {recipe.thermostat_time!r} {recipe.seed}",
        f"fix move all nph y 0 0 {recipe.barostat_time!r} ptemp {recipe.barostat_temperature!r}",
        f"fix drift all momentum {recipe.momentum_every} linear 1 1 0",
        "unfix plane",
        "fix plane all enforce2d",  # last, so that it sees the thermostat's forces
    )


def _compress_in_chunks(
    engine: _NetworkEngine, recipe: CompressionRecipe
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Run frame by frame; ``start`` and ``stop`` tell `fix deform` that all chunks are one run."""
    first = engine.frame()
    every = recipe.steps_per_frame(float(first[1][0]))
    total = recipe.frames or int(abs(recipe.strain / recipe.rate) / recipe.timestep / every + 1e-9)
    if not total:
        raise InputError("the strain is smaller than that of one frame: raise it or lower frame_shift")
    records = [first]
    engine.run("reset_timestep 0", f"fix squeeze all deform 1 x erate {recipe.rate!r} units box remap x")
    for frame in range(total):
        pre = "yes" if frame == 0 else "no"
        engine.run(f"run {every} pre {pre} post no start 0 stop {total * every}")
        records.append(engine.frame())
        if not np.all(np.isfinite(records[-1][0])):
            raise InputError(
                f"the motion became unstable at frame {frame + 1}: lower the timestep, {recipe.timestep}"
            )
    if recipe.hold:
        engine.run("unfix squeeze", f"run {round(recipe.hold / recipe.timestep)}")
        records.append(engine.frame())
    positions, boxes = zip(*records, strict=True)
    return list(positions), list(boxes)
