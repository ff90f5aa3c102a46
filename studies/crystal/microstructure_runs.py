"""Simulate crystals with surfaces, grain boundaries, defects or their own melt, and tell what each atom is.

Shared by `mixed.py` (acceptance frames) and `studies/structure_model/generate_mixed.py` (training frames).
The truth of an atom is its structure in the inherent structure of the frame: a copy minimised at fixed cell,
then polyhedral template matching with every crystal structure switched on and an RMSD cutoff of 0.1.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from rivals import ptm_method

from mdlens.simulation.engine import Engine, engine
from mdlens.simulation.microstructures import (
    Crystal,
    melt_half,
    nanoparticle,
    point_defects,
    polycrystal,
    slab,
)
from mdlens.simulation.potentials import load_potential

PTM_RMSD = 0.1
WARM_UP, HOLD, MELT = 1500, 700, 2500  # steps
# Directions without pressure; the others keep their length.
FREE = {"slab": "xy", "nanoparticle": "", "polycrystal": "xyz", "defects": "xyz", "coexistence": "z"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One trajectory: what is built, under which potential, and the temperatures of its frames.

    ``options`` go to the builder of ``kind``; ``ladder`` has one recorded frame per entry, in units of the
    melting temperature (K), rising.
    """

    name: str
    kind: str
    crystal: Crystal
    potential: str
    melting: float
    options: Mapping[str, Any]
    ladder: tuple[float, ...]
    timestep: float = 0.002
    seed: int = 0
    superheat: float = 2.0  # of the melt beside the crystal, when it is made

    @property
    def part(self) -> str:
        """Name of the file that holds its frames."""
        return f"{self.name.replace(' ', '_')}.npz"


@dataclass(frozen=True, kw_only=True)
class MixedFrame:
    """A recorded frame, its inherent structure and the truth of its atoms.

    The truth is an index into `CLASSES`, `OTHER` where no crystal structure matches.
    """

    state: Atoms
    inherent: Atoms
    truth: np.ndarray


def build(case: Case) -> Atoms:
    """The structure a case starts from."""
    options = dict(case.options)
    if case.kind == "nanoparticle":
        return nanoparticle(case.crystal, vacuum=14.0, **options)
    if case.kind == "polycrystal":
        return polycrystal(case.crystal, seed=case.seed, **options)
    if case.kind == "slab":
        return slab(case.crystal, vacuum=14.0, **options)
    atoms = slab(
        case.crystal, vacuum=0.0, surface=options.pop("surface"), atoms_at_least=options.pop("atoms_at_least")
    )
    if case.kind == "defects":
        return point_defects(atoms, seed=case.seed, **options)
    return atoms.repeat((1, 1, 2))


def simulate(case: Case) -> Iterator[MixedFrame]:
    """Run a case in LAMMPS and yield its frames."""
    start, potential = build(case), load_potential(case.potential, case.crystal.elements)
    with ExitStack() as stack:
        lmp, quencher = (stack.enter_context(engine(start, potential)) for _ in range(2))
        _prepare(lmp, case)
        for relative in case.ladder:
            _hold(lmp, case, relative * case.melting, HOLD, FREE[case.kind])
            state = lmp.snapshot()
            state.info["target_temperature"] = relative * case.melting
            inherent = quencher.minimised(state)
            yield MixedFrame(state=state, inherent=inherent, truth=truth_of(inherent))


def truth_of(inherent: Atoms) -> np.ndarray:
    """Class index of every atom of an inherent structure, `OTHER` where no crystal structure matches."""
    return ptm_method(PTM_RMSD)(inherent).astype(np.int8)


def _prepare(lmp: Engine, case: Case) -> None:
    temperature = case.ladder[0] * case.melting
    seed = 1 + case.seed
    lmp.run(
        f"timestep {case.timestep}",
        "minimize 0.0 1e-2 200 1000",
        "reset_timestep 0",
        # Half of it turns into potential energy.
        f"velocity all create {2 * temperature} {seed} mom yes rot no dist gaussian",
    )
    _hold(lmp, case, temperature, WARM_UP, "xyz" if case.kind == "coexistence" else FREE[case.kind])
    if case.kind == "coexistence":
        melt_half(
            lmp,
            melting=temperature,
            steps=MELT,
            timestep=case.timestep,
            seed=seed,
            superheat=case.superheat,
        )
        _hold(lmp, case, temperature, WARM_UP, FREE[case.kind])


def _hold(lmp: Engine, case: Case, temperature: float, steps: int, free: str) -> None:
    damping = 100 * case.timestep
    thermostat = f"temp {temperature} {temperature} {damping}"
    pressure = " ".join(f"{axis} 0.0 0.0 {10 * damping}" for axis in free)
    lmp.run(
        f"fix motion all {'npt' if free else 'nvt'} {thermostat} {pressure}", f"run {steps}", "unfix motion"
    )


def write_part(case: Case, folder: Path) -> Path:
    """Simulate a case into its .npz file, whole or not at all; one that is there already is left alone."""
    path = folder / case.part
    if path.exists():
        return path
    frames = list(simulate(case))
    partial = path.with_suffix(".partial.npz")
    np.savez_compressed(
        partial,
        table=json.dumps({"name": case.name, "temperature": [f.state.info["temperature"] for f in frames]}),
        positions=np.array([f.state.get_positions(wrap=True) for f in frames]),
        inherent=np.array([f.inherent.get_positions(wrap=True) for f in frames]),
        cells=np.array([f.state.cell.lengths() for f in frames]),
        truth=np.array([f.truth for f in frames], np.int8),
        numbers=frames[0].state.numbers.astype(np.int16),
    )
    partial.rename(path)
    return path


def read_part(path: Path) -> list[MixedFrame]:
    """Frames of a file that `write_part` wrote."""
    with np.load(path, allow_pickle=False) as saved:
        arrays = {name: saved[name] for name in saved.files}
    temperatures = json.loads(str(arrays["table"]))["temperature"]
    frames = []
    for k, cell in enumerate(arrays["cells"]):
        state, inherent = (
            Atoms(arrays["numbers"], positions=arrays[name][k], cell=cell, pbc=True)
            for name in ("positions", "inherent")
        )
        state.info["temperature"] = temperatures[k]
        frames.append(MixedFrame(state=state, inherent=inherent, truth=arrays["truth"][k]))
    return frames
