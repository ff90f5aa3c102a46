"""Sliding recipe: a rough rigid body pressed on and drawn over a polycrystalline film of CuNi (LAMMPS)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from mdlens.errors import InputError
from mdlens.simulation.polycrystals import Film, columnar_film, random_film, rough_body
from mdlens.simulation.potentials import find_potential_file
from mdlens.simulation.session import Session, accelerator, start_lammps
from mdlens.types import IntArray

BASE, MOBILE, COUNTERBODY = 0, 1, 2
"""The array ``region`` of a frame: atoms that are held, that move freely, and of the rigid body."""

EV_PER_GPA = 6.241509074e-3
"""eV per cubic Angstrom in a GPa."""

_ELEMENTS = ("Cu", "Ni")
_BODY = "W"  # stands for any hard body: only its mass enters
_CONSTANTS = {"Cu": 3.615, "Ni": 3.52}  # Angstrom, of the potential
_EXPANSION = 1.65e-5  # 1/K, linear; between copper's and nickel's
_MARGIN, _GAP = 2.0, 2.6  # Angstrom: below the film, and between film and body
_SAMPLE = 10  # steps between two samples of the force on the body
_DAMPING, _BODY_DAMPING, _START_DAMPING = 0.5, 0.5, 0.1  # ps


@dataclass(frozen=True, kw_only=True)
class SlidingRecipe:
    """Everything that determines a sliding run (metal units: Angstrom, ps, eV, K; pressure in GPa).

    Args:
        nickel: Share of nickel, the rest is copper; at random on the lattice.
        pressure: Normal pressure, GPa.
        temperature: Of the thermostat, K; it acts across the sliding direction alone.
        grains: Number of grains.
        columnar: Columns with <110> along y; else grains turned at random in space.
        length: Of the film along x, the sliding direction.
        depth: Of the film along z, the held base with it.
        repeats: Periods a / sqrt(2) of the width along y.
        base: Thickness of what is held.
        speed: Sliding speed, Angstrom/ps.
        frames: Frames recorded after the first, evenly spaced.
        steps_per_frame: MD steps between two frames, a multiple of 10.
        ramp: MD steps in which the load grows from a tenth to its full value.
        equilibration: MD steps at temperature before the body touches the film.
        timestep: ps.
        adhesion: Depth of the Lennard-Jones potential between film and body, eV.
        contact: Its sigma, Angstrom.
        roughness: Height of the cosine on the body's lower face, Angstrom.
        potential: File name or path of a setfl file with Cu and Ni.
        seed: Of centres, orientations, composition and velocities.

    Raises:
        InputError: If a value is out of range.
    """

    nickel: float = 0.25
    pressure: float = 0.6
    temperature: float = 300.0
    grains: int = 5
    columnar: bool = True
    length: float = 130.0
    depth: float = 80.0
    repeats: int = 10
    base: float = 6.0
    speed: float = 2.0
    frames: int = 50
    steps_per_frame: int = 1000
    ramp: int = 5000
    equilibration: int = 5000
    timestep: float = 0.002
    adhesion: float = 0.12
    contact: float = 2.35
    roughness: float = 8.0
    potential: str = "CuNi.eam.alloy"
    seed: int = 1

    def __post_init__(self) -> None:
        for name, low, high in (
            ("nickel", 0.0, 1.0),
            ("pressure", 0.0, 20.0),
            ("temperature", 1.0, 2000.0),
            ("base", 3.0, 0.5 * self.depth),
            ("speed", 0.0, 20.0),
            ("frames", 1, 100_000),
            ("ramp", 1, 10**9),
            ("equilibration", 0, 10**9),
            ("timestep", 1e-5, 0.01),
            ("adhesion", 0.0, 10.0),
            ("contact", 1.0, 10.0),
            ("roughness", 0.0, 1000.0),
            ("seed", 1, 899_999_999),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name} must lie between {low:g} and {high:g}, got {value!r}")
        if self.steps_per_frame < _SAMPLE or self.steps_per_frame % _SAMPLE:
            raise InputError(
                f"steps_per_frame must be a multiple of {_SAMPLE} (the force on the body is averaged over "
                f"every {_SAMPLE}th step), got {self.steps_per_frame}"
            )

    @property
    def lattice_constant(self) -> float:
        """Vegard's law between copper and nickel, with thermal expansion, Angstrom."""
        cold = (1 - self.nickel) * _CONSTANTS["Cu"] + self.nickel * _CONSTANTS["Ni"]
        return cold * (1 + _EXPANSION * self.temperature)

    @property
    def width(self) -> float:
        """Of the film along y, Angstrom."""
        return self.repeats * self.lattice_constant / 2**0.5


def build_film(recipe: SlidingRecipe) -> Film:
    """The grains of a recipe, without species."""
    a, n = recipe.lattice_constant, recipe.grains
    if recipe.columnar:
        return columnar_film(
            a, length=recipe.length, depth=recipe.depth, repeats=recipe.repeats, grains=n, seed=recipe.seed
        )
    return random_film(
        a, length=recipe.length, width=recipe.width, depth=recipe.depth, grains=n, seed=recipe.seed
    )


def build_contact(recipe: SlidingRecipe) -> Atoms:
    """Film and body before anything has moved: base first, then what is mobile, then the body.

    The arrays ``grain`` (-1 in the body), ``region`` and ``type`` (1 Cu, 2 Ni, 3 body) go with it.
    """
    film = build_film(recipe).atoms
    order = np.argsort(film.positions[:, 2] >= recipe.base, kind="stable")
    film = film[order]
    body = rough_body(
        recipe.length,
        recipe.width,
        spacing=4.05,
        amplitude=recipe.roughness,
        waves=1,
        thickness=2.5 * recipe.contact,
    )
    top = float(film.positions[:, 2].max()) + _MARGIN
    places = np.concatenate([film.positions + np.array([0, 0, _MARGIN]), body + np.array([0, 0, top + _GAP])])
    types = np.concatenate([_composition(recipe, len(film)), np.full(len(body), 3)])
    names = np.array([*_ELEMENTS, _BODY])[types - 1]
    height = float(places[:, 2].max()) + 10.0
    atoms = Atoms(
        list(names), positions=places, cell=(recipe.length, recipe.width, height), pbc=(True, True, False)
    )
    region = np.where(film.positions[:, 2] < recipe.base, BASE, MOBILE)
    atoms.arrays["type"] = types
    atoms.arrays["grain"] = np.concatenate([film.arrays["grain"], np.full(len(body), -1)])
    atoms.arrays["region"] = np.concatenate([region, np.full(len(body), COUNTERBODY)])
    return atoms


def _composition(recipe: SlidingRecipe, n: int) -> IntArray:
    types = np.ones(n, np.int64)
    types[: round(recipe.nickel * n)] = 2
    return np.random.default_rng(recipe.seed).permutation(types)


@dataclass(frozen=True)
class SlidingRecord:
    """One recorded moment.

    Attributes:
        frame: Its number; 0 is the equilibrated film before the body is loaded.
        atoms: As `build_contact` gives them, with positions and ``velocities`` (Angstrom/ps) of the moment.
        temperature: Of the mobile atoms along y, K.
        normal, friction: Mean pressure and shear stress of the film on the body since the last frame, GPa.
        engine: What computed it: LAMMPS, its version, and the switches that choose its kernels.
    """

    frame: int
    atoms: Atoms
    temperature: float
    normal: float
    friction: float
    engine: str


def simulate_sliding(
    recipe: SlidingRecipe, *, frame: int | None = None, last: Atoms | None = None
) -> Iterator[SlidingRecord]:
    """Run a recipe in LAMMPS and yield its records.

    The body slides at constant speed and moves freely along z under its load. The thermostat acts on y
    alone, so that it does not fight the flow. Going on from the atoms of an earlier record keeps positions
    and velocities; the thermostat's random numbers start anew.

    Args:
        recipe: What to simulate.
        frame: Number of the record to go on from.
        last: Its atoms.

    Raises:
        MissingExtraError: If the ``simulate`` extra is not installed.
        InputError: If LAMMPS refuses the system or loses atoms.

    Source: the kind of set-up of arXiv 2512.05818; sizes and potentials are ours, see docs/tribology.md.
    """
    contact = build_contact(recipe)
    with _engine(contact, recipe) as lmp:
        if frame is None or last is None:
            lmp.equilibrate()
            yield lmp.record(0)
            frame = 0
        else:
            lmp.restore(last, frame * recipe.steps_per_frame)
        lmp.slide()
        for number in range(frame + 1, recipe.frames + 1):
            lmp.run(f"run {recipe.steps_per_frame} post no")
            yield lmp.record(number)


class _Contact(Session):
    """Film and body inside LAMMPS."""

    def __init__(self, lmp: Any, atoms: Atoms, recipe: SlidingRecipe) -> None:
        super().__init__(lmp)
        self._atoms, self._recipe = atoms, recipe
        self._sliding = False
        x, y, z = (float(edge) for edge in atoms.cell.lengths())
        self.run(
            "units metal",
            "atom_style atomic",
            "atom_modify map array",
            "boundary p p m",
            f"region cell block 0 {x!r} 0 {y!r} 0 {z!r}",
            "create_box 3 cell",
        )
        self.create(atoms.arrays["type"], atoms.get_positions())
        self.run(*_interactions(recipe), *_groups(atoms.arrays["region"]))
        self.run(
            "neighbor 1.0 bin",
            "neigh_modify every 1 delay 5 check yes exclude group body body",
            "thermo 1000000",
            "thermo_modify lost error",
            f"timestep {recipe.timestep}",
            "compute across mobile temp/partial 0 1 0",
            "compute push body reduce sum fx fz",
        )

    def equilibrate(self) -> None:
        """Bring the film to temperature while the body hangs above it, out of touch."""
        r = self._recipe
        self.run(
            "velocity all set 0 0 0",
            "fix still base setforce 0 0 0",
            "fix hang body setforce 0 0 0",
            "minimize 1e-6 1e-2 200 2000",
            "unfix still",
            "unfix hang",
            f"velocity mobile create {2 * r.temperature} {r.seed} mom yes rot no dist gaussian",
        )
        if r.equilibration:
            self.run(
                "fix motion mobile nve",
                f"fix heat mobile langevin {r.temperature} {r.temperature} {_START_DAMPING} {r.seed}",
                f"run {r.equilibration} post no",
                "unfix heat",
                "unfix motion",
            )
        self.run("reset_timestep 0", f"velocity body set {r.speed} 0 0")

    def restore(self, atoms: Atoms, step: int) -> None:
        """Put the atoms of an earlier record back."""
        self.run(f"reset_timestep {step}")
        self.set_vectors("x", atoms.positions)
        self.set_vectors("v", atoms.arrays["velocities"])

    def slide(self) -> None:
        """Load the body and let everything go."""
        r = self._recipe
        count = int((self._atoms.arrays["region"] == COUNTERBODY).sum())
        per_atom = r.pressure * EV_PER_GPA * r.length * r.width / count
        drag = _mass(_BODY) * 1.0364270e-4 / _BODY_DAMPING  # g/mol to eV ps^2 / Angstrom^2
        seed = 1 + (r.seed + 7919 * int(self._lmp.extract_global("ntimestep"))) % 899_999_998
        self.run(
            f"variable load equal -{per_atom!r}*(0.1+0.9*((step<{r.ramp})*step/{r.ramp}+(step>={r.ramp})))",
            "fix motion mobile nve",
            f"fix heat mobile langevin {r.temperature} {r.temperature} {_DAMPING} {seed}",
            "fix_modify heat temp across",
            # The drag takes the bounce out of the fall. Along x there is none: it would count as friction.
            f"variable pull atom v_load-{drag!r}*vz",
            "fix load body addforce 0.0 0.0 v_pull",
            "fix rigid body rigid single force 1 off off on torque 1 off off off",
            f"fix mean all ave/time {_SAMPLE} {r.steps_per_frame // _SAMPLE} {r.steps_per_frame} "
            "c_push[1] c_push[2] v_load",
        )
        self._sliding = True

    def record(self, frame: int) -> SlidingRecord:
        """The present moment."""
        atoms = self._atoms.copy()
        atoms.positions = self.vectors("x")
        atoms.arrays["velocities"] = self.vectors("v")
        atoms.info["timestep"] = frame * self._recipe.steps_per_frame
        return SlidingRecord(frame, atoms, _temperature_along_y(atoms), *self._stresses(), self.engine)

    def _stresses(self) -> tuple[float, float]:
        if not self._sliding:
            return 0.0, 0.0
        push, lift, load = (self._lmp.extract_fix("mean", 0, 1, k) for k in range(3))
        count = int((self._atoms.arrays["region"] == COUNTERBODY).sum())
        area = self._recipe.length * self._recipe.width * EV_PER_GPA
        # The sum over the body holds the load, and the drag of its slow fall.
        return float(lift - count * load) / area, float(-push) / area


def _temperature_along_y(atoms: Atoms) -> float:
    mobile = atoms.arrays["region"] == MOBILE
    masses = atomic_masses[atoms.numbers[mobile]] * 1.0364270e-4
    along = atoms.arrays["velocities"][mobile, 1]
    return float(np.mean(masses * along**2) / 8.617333e-5)


def _interactions(recipe: SlidingRecipe) -> tuple[str, ...]:
    path = find_potential_file(recipe.potential)
    cutoff = 2.5 * recipe.contact
    return (
        *(f"mass {k} {_mass(name)}" for k, name in enumerate((*_ELEMENTS, _BODY), start=1)),
        f"pair_style hybrid eam/alloy lj/cut {cutoff}",
        f'pair_coeff * * eam/alloy "{path}" {" ".join(_ELEMENTS)} NULL',
        f"pair_coeff 1*2 3 lj/cut {recipe.adhesion} {recipe.contact}",
        "pair_coeff 3 3 none",
    )


def _groups(region: IntArray) -> tuple[str, ...]:
    ends = np.cumsum(np.bincount(region, minlength=3))
    names: tuple[Literal["base", "mobile", "body"], ...] = ("base", "mobile", "body")
    return tuple(
        f"group {name} id {begin + 1}:{end}"
        for name, begin, end in zip(names, (0, *ends[:-1]), ends, strict=True)
    )


def _mass(element: str) -> float:
    return float(atomic_masses[atomic_numbers[element]])


@contextmanager
def _engine(atoms: Atoms, recipe: SlidingRecipe) -> Iterator[_Contact]:
    lmp = start_lammps(accelerator())
    try:
        yield _Contact(lmp, atoms, recipe)
    finally:
        lmp.close()
