"""A recipe as a folder: trajectory, thermodynamics, checkpoint; an interrupted run goes on."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms

from mdlens.errors import InputError
from mdlens.io import open_writer
from mdlens.simulation.bulk import BulkRecipe, Progress, chunks, simulate_bulk
from mdlens.simulation.run_folder import held_folder, set_aside

_THERMO = "timestep,target_temperature,temperature,potential_energy_per_atom,volume_per_atom\n"


def run_bulk(
    recipe: BulkRecipe, folder: Path, *, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Path:
    """Run a recipe into ``folder`` and return the path of its trajectory.

    The folder gets ``recipe.json``, ``trajectory.dump`` (the recorded frames), ``thermo.csv`` (per recorded
    frame: step, K, K, eV/atom, Angstrom^3/atom) and, while running, ``trajectory.dump.partial`` and
    ``checkpoint.npz``. Called again with the same recipe it goes on from the checkpoint, or returns at once
    when all is done.

    Args:
        recipe: What to simulate.
        folder: Where; made when missing.
        on_progress: Called with (chunks done, chunks in all).

    Raises:
        InputError: If the folder cannot be used, holds a run of another recipe or one that another process
            is at, or LAMMPS refuses the recipe.
    """
    with held_folder(folder, recipe):
        return _run_held(recipe, folder, on_progress)


def _run_held(recipe: BulkRecipe, folder: Path, on_progress: Callable[[int, int], None]) -> Path:
    trajectory = folder / "trajectory.dump"
    total = len(chunks(recipe))
    if trajectory.exists():
        on_progress(total, total)
        return trajectory
    checkpoint = folder / "checkpoint.npz"
    done, recorded, state = _load_checkpoint(checkpoint)
    on_progress(done, total)
    earlier = set_aside(folder, recorded, _THERMO)
    with open_writer(trajectory) as writer, (folder / "thermo.csv").open("a", encoding="utf-8") as thermo:
        for frame in earlier:
            writer.write(frame)
        for progress in simulate_bulk(recipe, first_chunk=done, state=state):
            if progress.record:
                writer.write(_dump_frame(progress.state))
                thermo.write(_thermo_row(progress.state))
                thermo.flush()
                recorded += 1
            _save_checkpoint(checkpoint, progress, recorded)
            on_progress(progress.chunk + 1, total)
    checkpoint.unlink()
    return trajectory


def _dump_frame(state: Atoms) -> Atoms:
    frame = state.copy()
    velocities = frame.arrays.pop("velocities")
    symbols = frame.get_chemical_symbols()
    species = sorted(set(symbols), key=symbols.index)
    frame.arrays["id"] = np.arange(1, len(frame) + 1)
    frame.arrays["type"] = np.array([species.index(s) + 1 for s in symbols])
    for axis, column in zip("xyz", velocities.T, strict=True):
        frame.arrays[f"v{axis}"] = column.copy()
    return frame


def _thermo_row(state: Atoms) -> str:
    info, n = state.info, len(state)
    values = (
        info["target_temperature"],
        info["temperature"],
        info["potential_energy"] / n,
        state.get_volume() / n,
    )
    return f"{info['timestep']}," + ",".join(f"{v:.6f}" for v in values) + "\n"


def _save_checkpoint(path: Path, progress: Progress, recorded: int) -> None:
    partial = path.with_name("checkpoint.partial.npz")
    state = progress.state
    np.savez(
        partial,
        done=progress.chunk + 1,
        recorded=recorded,
        positions=state.positions,
        velocities=state.arrays["velocities"],
        cell=state.cell.lengths(),
        timestep=state.info["timestep"],
    )
    partial.replace(path)


def _load_checkpoint(path: Path) -> tuple[int, int, Atoms | None]:
    if not path.exists():
        return 0, 0, None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as saved:
            state = Atoms(positions=saved["positions"], cell=saved["cell"], pbc=True)
            state.arrays["velocities"] = saved["velocities"]
            state.info["timestep"] = int(saved["timestep"])
            return int(saved["done"]), int(saved["recorded"]), state
    except (EOFError, OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged ({error}): remove it to start the run over") from error
