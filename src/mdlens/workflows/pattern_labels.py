"""Labelled windows of sliding runs, and of the synthetic generator."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mdlens.descriptors.deformation import (
    MATRIX,
    PATTERNS,
    AtomState,
    PatternLabel,
    Thresholds,
    atom_signs,
    fault_kinds,
    judge,
    pattern_scores,
)
from mdlens.descriptors.ebsd import OrientationImage, ebsd_measures, orientation_image
from mdlens.descriptors.ipf import AXES, ipf_colors
from mdlens.descriptors.pixel_codes import pixel_codes
from mdlens.descriptors.tomograph import DEFECT, Tomograph, cut, ipf_stack
from mdlens.errors import InputError
from mdlens.io import read
from mdlens.learning.pattern_data import COUNTED, FOLD, LEVEL, PatternData, SectionData, save_patterns
from mdlens.learning.ptm import match_orientations
from mdlens.neighbors import find_nearest
from mdlens.simulation.sliding import COUNTERBODY, MOBILE, SlidingRecipe
from mdlens.simulation.synthetic_patterns import PIXEL, SPEED, synthetic_window
from mdlens.types import BoolArray, FloatArray
from mdlens.workflows.tomographs import nearest_spacing, sample_of

SIZE = 64
"""Columns of a window's image."""

ROWS = 16
"""Rows of an image are a multiple of this, as autoencoders halve them four times."""

SECTIONS = 4
"""Fine sections of a window, evenly spaced across the film."""

_FINE = 1.0  # Angstrom: a pixel of them, about; a layer of a crystal is two
_ABOVE = 6.0  # Angstrom of the image above the film
_REACH = 1.3  # of the nearest-neighbour distance: bonds of a window


@dataclass(frozen=True)
class _Frame:
    """A frame of a run with everything that labels and images need."""

    atoms: Atoms
    kind: np.ndarray[Any, np.dtype[np.int8]]
    q: np.ndarray[Any, np.dtype[np.float64]]
    pairs: np.ndarray[Any, np.dtype[np.int64]]


def label_runs(
    folders: Sequence[Path],
    out: Path,
    *,
    windows: int = 2,
    size: int = SIZE,
    frames: str | None = None,
    thresholds: Thresholds | None = None,
    on_frame: Callable[[str, int], None] = lambda run, frame: None,
) -> PatternData:
    """Label the windows of sliding runs and write them with their images.

    A window is a part of the film along the sliding direction; its mobile atoms are compared with themselves
    in the first frame of the file. Velocities are displacements since the last frame that was labelled:
    those of a moment are mostly heat. The image is a section through the middle of the film from the base to
    the surface, the codes are those of `SECTIONS` finer ones; nothing that decides the label but the
    orientations is in them.

    Args:
        folders: Of runs, as ``mdlens simulate sliding`` leaves them.
        out: File of windows (.npz).
        windows: Number of windows side by side.
        size: Columns of a window's image; its rows cover the film.
        frames: Which frames; the first one of the file is always the reference.
        thresholds: Where patterns begin.
        on_frame: Called with the name of the run and the number of the frame.

    Raises:
        InputError: If a folder holds no run, or none has a second frame.
    """
    limits = thresholds or Thresholds()
    rows: list[dict[str, Any]] = []
    starts: list[NDArray[np.uint8]] = []
    recipes = [_recipe(folder) for folder in folders]
    pixel, fine = _pixels(recipes, windows, size)
    for number, (folder, recipe) in enumerate(zip(folders, recipes, strict=True)):
        trajectory = folder / "trajectory.dump"
        start = before = _frame(trajectory_start(trajectory))
        places = [_Place(recipe, window, windows, pixel, fine) for window in range(windows)]
        begun = [_Begun(place, start) for place in places]
        for frame, atoms in read(trajectory, frames).numbered():
            if frame == 0:
                continue
            now = _frame(atoms)
            time = atoms.info["timestep"] * recipe.timestep
            velocity = _mean_velocity(before.atoms, now.atoms, recipe)
            before = now
            for window, place in enumerate(begun):
                try:
                    row = place.row(now, velocity, limits)
                except InputError as error:
                    raise InputError(f"{trajectory}: frame {frame}, window {window}: {error}") from error
                where = (window + 0.5) / windows
                row["metadata"] = (recipe.nickel, recipe.pressure, recipe.temperature, time, where)
                row["place"] = len(starts) + window
                rows.append(row | {"run": number, "region": window, "seed": recipe.seed})
            on_frame(folder.name, frame)
        starts += [_codes_at_start(place.sections, fine) for place in begun]
    if not rows:
        raise InputError("no frame after the first one was found: give runs that have slid")
    names = tuple(folder.name for folder in folders)
    data = _gather(rows, starts, names, "md", limits, (pixel, fine))
    save_patterns(out, data)
    return data


def _codes_at_start(sections: Sequence[OrientationImage], pixel: float) -> NDArray[np.uint8]:
    return np.stack([pixel_codes(section, None, pixel) for section in sections])


def trajectory_start(file: Path) -> Atoms:
    """First frame of a trajectory.

    Raises:
        InputError: If there is none.
    """
    for atoms in read(file, "0"):
        return atoms
    raise InputError(f"{file}: holds no frames")


def synthetic_patterns(
    out: Path, *, runs: int = 48, frames: int = 6, seed: int = 1, size: int = SIZE,
    on_run: Callable[[int, int], None] = lambda done, total: None,
) -> PatternData:  # fmt: skip
    """Draw windows whose patterns depend on composition, pressure, temperature and time, and label them.

    The dependence is invented: copper twins, nickel rotates, pressure refines and shears. The labels are
    those of the scores, not of what was drawn.

    Args:
        out: File of windows (.npz).
        runs: Number of invented runs; conditions and polycrystals repeat among them.
        frames: Frames of each.
        seed: Of everything.
        size: Rows and columns.
        on_run: Called with runs done and runs in all.
    """
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    starts: list[NDArray[np.uint8]] = []
    conditions = [
        (x, p, t) for t in (300.0, 450.0, 600.0) for x in (0.0, 0.25, 0.6, 1.0) for p in (0.3, 0.6, 1.0)
    ]
    names = []
    for run in range(runs):
        nickel, pressure, temperature = conditions[run % len(conditions)]
        grain_seed = 1 + (run // len(conditions) + run) % 4
        names.append(f"synthetic{run:03d}")
        for frame in range(frames):
            time = 100.0 * (frame + 1) / frames
            for region in range(2):
                chances = _invented_chances(nickel, pressure, temperature, time)
                pattern = PATTERNS[rng.choice(len(PATTERNS), p=chances)]
                window = synthetic_window(
                    pattern,
                    seed=int(rng.integers(2**31)),
                    strength=float(rng.uniform(0.7, 1.2)),
                    size=size,
                    grain_seed=100 * seed + 10 * grain_seed + region,
                )
                signs = atom_signs(window.start, window.now)
                verdict = judge(pattern_scores(window.start, window.now, speed=SPEED, signs=signs))
                now, start = _orientations(window.now, size), _orientations(window.start, size)
                row = _row(_picture(window.now, size), ebsd_measures(now, start, PIXEL), verdict)
                row["codes"] = [pixel_codes(now, start, PIXEL)]
                row["signs"] = [_sign_bytes(signs).reshape(size, size)]
                row["place"] = len(starts)
                starts.append(_codes_at_start([start], PIXEL))
                row["metadata"] = (nickel, pressure, temperature, time, 0.25 + 0.5 * region)
                rows.append(row | {"run": run, "region": region, "seed": grain_seed})
        on_run(run + 1, runs)
    data = _gather(rows, starts, tuple(names), "synthetic", Thresholds(), (PIXEL, PIXEL))
    save_patterns(out, data)
    return data


def _invented_chances(
    nickel: float, pressure: float, temperature: float, time: float
) -> np.ndarray[Any, np.dtype[np.float64]]:
    heat, late = (temperature - 300) / 300, time / 100
    scores = np.array(
        [
            2.5 - 2.0 * pressure - 2.0 * late,
            1.5 - 2.0 * nickel,
            1.0 - 1.5 * nickel + 0.5 * heat,
            0.5 + 1.5 * nickel,
            2.5 * pressure - 1.0 + late,
            1.5 * heat - 1.0,
            3.0 * (pressure - 0.6) + late,
        ]
    )
    raised = np.exp(1.5 * scores)
    chances: np.ndarray[Any, np.dtype[np.float64]] = raised / raised.sum()
    return chances


def _picture(state: AtomState, size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    image = np.full((size * size, 9), np.tile(DEFECT, 3), np.uint8)
    matrix = state.kind == MATRIX
    colors = [ipf_colors(state.q[matrix], direction) for direction in AXES.values()]
    image[matrix] = np.concatenate(colors, axis=1)
    return image.reshape(size, size, 9)


def _orientations(state: AtomState, size: int) -> OrientationImage:
    return OrientationImage(
        state.q.reshape(size, size, 4),
        (state.kind == MATRIX).reshape(size, size),
        np.ones((size, size), np.bool_),
    )


def _row(
    image: np.ndarray[Any, np.dtype[np.uint8]], measures: FloatArray, verdict: PatternLabel
) -> dict[str, Any]:
    return {
        "images": (np.rint(image / LEVEL) * LEVEL).astype(np.uint8),
        "measures": measures,
        "labels": verdict.label,
        "scores": [verdict.scores[name] for name in PATTERNS[1:]],
        "margins": verdict.margin,
        "ambiguous": verdict.ambiguous,
    }


def _sign_bytes(signs: BoolArray) -> NDArray[np.uint8]:
    """A byte for each atom that counts: its signs (N, 7), and that it counts."""
    return np.packbits(signs, axis=1, bitorder="little")[:, 0] | np.uint8(1 << COUNTED)


def _gather(
    rows: list[dict[str, Any]], starts: list[NDArray[np.uint8]], runs: tuple[str, ...], source: str,
    thresholds: Thresholds, pixels: tuple[float, float],
) -> PatternData:  # fmt: skip
    def column(name: str, kind: Any) -> Any:
        return np.array([row[name] for row in rows], kind)

    return PatternData(
        images=column("images", np.uint8),
        measures=column("measures", np.float32),
        metadata=column("metadata", np.float64),
        labels=column("labels", np.int64),
        scores=column("scores", np.float64),
        margins=column("margins", np.float64),
        ambiguous=column("ambiguous", np.bool_),
        run=column("run", np.int64),
        region=column("region", np.int64),
        seed=column("seed", np.int64),
        runs=runs,
        source=source,
        thresholds=thresholds,
        pixel=pixels[0],
        sections=SectionData(
            codes=column("codes", np.uint8),
            start=np.array(starts, np.uint8),
            place=column("place", np.int64),
            signs=column("signs", np.uint8),
            pixel=pixels[1],
        ),
    )


def _recipe(folder: Path) -> SlidingRecipe:
    try:
        return SlidingRecipe(**json.loads((folder / "recipe.json").read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"{folder}: holds no run of mdlens simulate sliding: {error.strerror}") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{folder / 'recipe.json'}: is no recipe of a sliding run ({error})") from error


def _frame(atoms: Atoms) -> _Frame:
    """Structure, orientation and bonds of the film."""
    if "region" not in atoms.arrays:
        raise InputError("a frame needs the column region, as mdlens simulate sliding writes it")
    film = sample_of(atoms[np.asarray(atoms.arrays["region"]) != COUNTERBODY], ())
    structure, q = match_orientations(film, structures=("fcc", "hcp"))
    nearest = find_nearest(film.positions, film.cell.array, film.pbc, 12)
    i = np.repeat(np.arange(len(film)), 12)
    j, near = nearest.index.ravel(), nearest.distance.ravel() < _REACH * nearest_spacing(film)
    kept = near & (j >= 0) & (i < j)
    return _Frame(film, fault_kinds(structure, nearest.index), q, np.stack([i[kept], j[kept]], axis=1))


def _pixels(recipes: Sequence[SlidingRecipe], windows: int, size: int) -> tuple[float, float]:
    """Edges of a pixel of images and of fine sections, the same for all runs.

    Raises:
        InputError: If the runs would give different images, or ones that no autoencoder takes.
    """
    if size < ROWS or size % ROWS:
        raise InputError(f"size must be a multiple of {ROWS}, got {size}")
    films = {(recipe.length, recipe.depth) for recipe in recipes}
    if len(films) != 1:
        raise InputError(f"runs must all have films of one size, got {sorted(films)}: label them apart")
    length = recipes[0].length / windows
    return length / size, length / (FOLD * max(1, round(length / (FOLD * _FINE))))


@dataclass(frozen=True)
class _Place:
    """A window of a run, and how it is seen."""

    recipe: SlidingRecipe
    window: int
    windows: int
    pixel: float
    fine: float

    def section(self, frame: _Frame) -> Tomograph:
        """The section of the image, through the middle of the film."""
        return self._cut(frame, 0.5, self.pixel, ROWS)

    def sections(self, frame: _Frame) -> list[Tomograph]:
        """Finer sections, evenly spaced across the film."""
        return [self._cut(frame, (k + 0.5) / SECTIONS, self.fine, FOLD) for k in range(SECTIONS)]

    def _cut(self, frame: _Frame, share: float, pixel: float, fold: int) -> Tomograph:
        """A section from below the base of the film to above its surface, at a share of its width."""
        recipe, top = self.recipe, self.recipe.depth + _ABOVE
        rows = fold * int(np.ceil(top / (fold * pixel)))
        positions = frame.atoms.positions
        wrapped = positions[:, :2] % [recipe.length, recipe.width]
        return cut(
            np.concatenate([wrapped, positions[:, 2:]], axis=1),
            axis="y",
            position=share * recipe.width,
            pixel=pixel,
            low=(self.window * recipe.length / self.windows, top - rows * pixel),
            high=((self.window + 1) * recipe.length / self.windows, top),
            reach=nearest_spacing(frame.atoms),
        )

    def scores(
        self, start: _Frame, now: _Frame, velocity: FloatArray
    ) -> tuple[dict[str, float], NDArray[np.uint8]]:
        """Scores of the mobile atoms of the window, and a byte of signs for every atom of the film."""
        recipe = self.recipe
        place = np.floor(now.atoms.positions[:, 0] % recipe.length / recipe.length * self.windows)
        inside = (place == self.window) & (now.atoms.arrays["region"] == MOBILE)
        then, here = _state(start, inside, np.zeros_like(velocity)), _state(now, inside, velocity)
        signs = atom_signs(then, here)
        dimension = 2 if recipe.columnar else 3
        scores = pattern_scores(then, here, speed=recipe.speed, dimension=dimension, signs=signs)
        film = np.zeros(len(inside), np.uint8)
        film[inside] = _sign_bytes(signs)
        return scores, film


class _Begun:
    """A window with what it showed at the start."""

    def __init__(self, place: _Place, start: _Frame) -> None:
        self.place, self.start = place, start
        self.section = _seen(start, place.section(start))
        self.sections = [_seen(start, section) for section in place.sections(start)]

    def row(self, now: _Frame, velocity: FloatArray, limits: Thresholds) -> dict[str, Any]:
        """What a frame shows of the window, and its label."""
        place, section = self.place, self.place.section(now)
        scores, signs = place.scores(self.start, now, velocity)
        row = _row(
            ipf_stack(section, now.q, now.kind == MATRIX),
            ebsd_measures(_seen(now, section), self.section, place.pixel),
            judge(scores, limits),
        )
        fine = place.sections(now)
        row["codes"] = [
            pixel_codes(_seen(now, section), start, place.fine)
            for section, start in zip(fine, self.sections, strict=True)
        ]
        row["signs"] = [section.layer(signs, 0) for section in fine]
        return row


def _seen(frame: _Frame, section: Tomograph) -> OrientationImage:
    return orientation_image(section, frame.q, frame.kind == MATRIX)


def _mean_velocity(before: Atoms, now: Atoms, recipe: SlidingRecipe) -> FloatArray:
    """Velocity along x between two frames (N,), Angstrom/ps; x is periodic."""
    moved = now.positions[:, 0] - before.positions[:, 0]
    moved -= recipe.length * np.rint(moved / recipe.length)
    steps = now.info["timestep"] - before.info["timestep"]
    velocity: FloatArray = moved / (steps * recipe.timestep)
    return velocity


def _state(frame: _Frame, inside: BoolArray, velocity: FloatArray) -> AtomState:
    """The atoms of a window at one moment; bonds across its edge do not count."""
    place = np.cumsum(inside) - 1
    kept = inside[frame.pairs].all(axis=1)
    return AtomState(
        kind=frame.kind[inside],
        q=frame.q[inside],
        pairs=place[frame.pairs[kept]],
        height=frame.atoms.positions[inside, 2],
        velocity=velocity[inside],
    )
