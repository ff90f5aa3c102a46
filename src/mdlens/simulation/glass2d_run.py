"""The glass recipe as a folder: thermal and inherent-structure trajectories; an interrupted run goes on."""

import dataclasses
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mdlens.errors import InputError
from mdlens.io import open_writer
from mdlens.simulation.glass2d import (
    Glass2DRecipe,
    Glass2DRecord,
    glass_atoms,
    schedule,
    simulate_glass2d,
    types_of,
)
from mdlens.simulation.run_folder import held_folder

_COLUMNS = ("timestep", "temperature", "energy_per_atom", "inherent_energy_per_atom")
_FIELDS = tuple(field.name for field in dataclasses.fields(Glass2DRecord))


def run_glass2d(
    recipe: Glass2DRecipe,
    folder: Path,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Run a recipe into ``folder`` and return the path of its thermal trajectory.

    The folder gets ``recipe.json``, ``trajectory.dump`` (thermal positions), ``inherent.dump`` (the same
    frames minimised) and ``thermo.csv`` (a row per frame: step, temperature, energies per particle; lj
    units). While it runs, ``checkpoint.npz`` holds the records so far; called again with the same recipe it
    goes on from there, or returns at once when all is done.

    Args:
        recipe: What to simulate.
        folder: Where; made when missing.
        on_progress: Called with (steps done, steps in all).

    Raises:
        InputError: If the folder cannot be used, holds a run of another recipe or one that another process
            is at, or LAMMPS refuses the recipe.
    """
    with held_folder(folder, recipe):
        return _run_held(recipe, folder, on_progress)


def _run_held(recipe: Glass2DRecipe, folder: Path, on_progress: Callable[[int, int], None]) -> Path:
    trajectory, checkpoint = folder / "trajectory.dump", folder / "checkpoint.npz"
    total = max((step for step, _ in schedule(recipe)), default=0)
    if trajectory.exists():
        on_progress(total, total)
        return trajectory
    records = _load(checkpoint)
    on_progress(records[-1].step if records else 0, total)
    for record in simulate_glass2d(recipe, last=records[-1] if records else None):
        records.append(record)
        _save(checkpoint, records)
        on_progress(record.step, total)
    _write(recipe, records, folder)
    checkpoint.unlink(missing_ok=True)
    return trajectory


def _save(path: Path, records: Sequence[Glass2DRecord]) -> None:
    partial = path.with_name("checkpoint.partial.npz")
    columns: dict[str, Any] = {name: np.array([getattr(r, name) for r in records]) for name in _FIELDS}
    np.savez(partial, **columns)
    partial.replace(path)


def _load(path: Path) -> list[Glass2DRecord]:
    if not path.exists():
        return []
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as saved:
            columns = [saved[name] for name in _FIELDS]
    except (EOFError, OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged ({error}): remove it to start the run over") from error
    return [
        Glass2DRecord(int(step), float(t), float(e), float(inherent), *arrays)
        for step, t, e, inherent, *arrays in zip(*columns, strict=True)
    ]


def _write(recipe: Glass2DRecipe, records: Sequence[Glass2DRecord], folder: Path) -> None:
    """Write table and inherent structures first: the thermal trajectory is the sign that all is there."""
    rows = [",".join(_COLUMNS)]
    rows += [f"{r.step},{r.temperature:.6f},{r.energy:.6f},{r.inherent_energy:.6f}" for r in records]
    (folder / "thermo.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    types = types_of(recipe)
    for name, field in (("inherent.dump", "inherent"), ("trajectory.dump", "positions")):
        with open_writer(folder / name) as writer:
            for record in records:
                atoms = glass_atoms(getattr(record, field), types, recipe.box)
                atoms.arrays["id"] = np.arange(1, len(atoms) + 1)
                atoms.info["timestep"] = record.step
                writer.write(atoms)
