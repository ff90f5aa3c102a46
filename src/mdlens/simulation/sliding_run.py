"""The sliding recipe as a folder: trajectory, forces, checkpoint; an interrupted run goes on."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms

from mdlens.errors import InputError
from mdlens.io import open_writer
from mdlens.simulation.run_folder import held_folder, set_aside
from mdlens.simulation.sliding import SlidingRecipe, SlidingRecord, build_contact, simulate_sliding

_HEADER = "timestep,time,temperature_y,normal_stress,shear_stress\n"


def run_sliding(
    recipe: SlidingRecipe, folder: Path, *, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Path:
    """Run a recipe into ``folder`` and return the path of its trajectory.

    The folder gets ``recipe.json``, ``trajectory.dump`` (element, grain at the start, region 0 held,
    1 mobile, 2 body, velocities), ``thermo.csv`` (per frame: step, ps, K, GPa, GPa;
    friction is the ratio of the two stresses), ``engine.txt`` (the LAMMPS that ran it, a line for each one)
    and, while running, ``trajectory.dump.partial`` and ``checkpoint.npz``. Called again with the same recipe
    it goes on from the checkpoint, or returns at once when all is done.

    Args:
        recipe: What to simulate.
        folder: Where; made when missing.
        on_progress: Called with (frames done, frames in all).

    Raises:
        InputError: If the folder cannot be used, holds a run of another recipe or one that another process
            is at, or LAMMPS refuses the recipe.
    """
    with held_folder(folder, recipe):
        return _run_held(recipe, folder, on_progress)


def _run_held(recipe: SlidingRecipe, folder: Path, on_progress: Callable[[int, int], None]) -> Path:
    trajectory, checkpoint = folder / "trajectory.dump", folder / "checkpoint.npz"
    total = recipe.frames + 1
    if trajectory.exists():
        on_progress(total, total)
        return trajectory
    recorded, last = _load_checkpoint(checkpoint, recipe)
    on_progress(recorded, total)
    earlier = set_aside(folder, recorded, _HEADER)
    with open_writer(trajectory) as writer, (folder / "thermo.csv").open("a", encoding="utf-8") as thermo:
        for atoms in earlier:
            writer.write(atoms)
        for record in simulate_sliding(recipe, frame=recorded - 1 if recorded else None, last=last):
            writer.write(dump_frame(record.atoms))
            thermo.write(_row(record, recipe))
            thermo.flush()
            _note_engine(folder / "engine.txt", record.engine)
            _save_checkpoint(checkpoint, record)
            on_progress(record.frame + 1, total)
    checkpoint.unlink(missing_ok=True)
    return trajectory


def _note_engine(file: Path, engine: str) -> None:
    """Other kernels give other trajectories, and a run may go on with others than it began with."""
    known = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    if engine not in known:
        file.write_text("\n".join([*known, engine]) + "\n", encoding="utf-8")


def dump_frame(atoms: Atoms) -> Atoms:
    """The atoms of a record as they are written: ids, velocities by component."""
    frame = atoms.copy()
    velocities = frame.arrays.pop("velocities")
    frame.arrays["id"] = np.arange(1, len(frame) + 1)
    for axis, column in zip("xyz", velocities.T, strict=True):
        frame.arrays[f"v{axis}"] = column.copy()
    return frame


def _row(record: SlidingRecord, recipe: SlidingRecipe) -> str:
    step = record.frame * recipe.steps_per_frame
    values = (step * recipe.timestep, record.temperature, record.normal, record.friction)
    return f"{step}," + ",".join(f"{value:.6f}" for value in values) + "\n"


def _save_checkpoint(path: Path, record: SlidingRecord) -> None:
    partial = path.with_name("checkpoint.partial.npz")
    np.savez(
        partial,
        recorded=record.frame + 1,
        positions=record.atoms.positions,
        velocities=record.atoms.arrays["velocities"],
    )
    partial.replace(path)


def _load_checkpoint(path: Path, recipe: SlidingRecipe) -> tuple[int, Atoms | None]:
    if not path.exists():
        return 0, None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as saved:
            atoms = build_contact(recipe)
            atoms.positions = saved["positions"]
            atoms.arrays["velocities"] = saved["velocities"]
            return int(saved["recorded"]), atoms
    except (EOFError, OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged ({error}): remove it to start the run over") from error
