"""Labelled windows of deformed microstructures, and splits that hold things out."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdlens.descriptors.deformation import PATTERNS, SIGNS, Thresholds
from mdlens.descriptors.ebsd import MEASURES
from mdlens.errors import FormatError, InputError
from mdlens.io.damage import DAMAGE
from mdlens.io.whole_file import write_arrays
from mdlens.types import BoolArray, Float32Array, FloatArray, IntArray

METADATA = ("nickel", "pressure", "temperature", "time", "position")
"""What is known of a window: share of Ni, GPa, K, ps, place along the sliding direction from 0 to 1."""

TOLD = ("nickel", "pressure", "temperature", "time")
"""What a classifier is told, the first columns of `METADATA`: not the place, as no new one was ever seen."""

SPLITS = ("random", "region", "seed", "condition")
"""What is held out: windows at random, a place with its own grains, a polycrystal, or a composition with its
pressure and temperature."""

LEVEL = 17
"""Step between the levels of an image: finer ones are heat, and take twice the room."""

GREY = 68
"""Level of atoms without an orientation in all channels."""

FOLD = 4
"""Rows and columns of fine sections are a multiple of this: the network that reads them halves them twice."""

FEWEST_UNITS = 5
"""Places, polycrystals or conditions that a training part needs before one is kept for calibration."""

_ARRAYS = (
    "images", "measures", "metadata", "labels", "scores", "margins", "ambiguous", "run", "region", "seed"
)  # fmt: skip
_SECTIONS = ("codes", "start", "place", "signs")
_KNOWN = {"patterns": PATTERNS, "metadata": METADATA, "measures": MEASURES, "signs": SIGNS}

COUNTED = len(SIGNS)
"""Bit of a pixel whose atom counts in the scores; those below it are its `SIGNS`."""


@dataclass(frozen=True, kw_only=True)
class SectionData:
    """Fine sections through windows: what each pixel shows, and what its atom is to the scores.

    Attributes:
        codes: As `mdlens.descriptors.pixel_codes.pixel_codes` gives them, (N, sections, rows, columns) uint8.
        start: Codes of places at the start, (places, sections, rows, columns) uint8.
        place: Number of the place of each window (N,).
        signs: A bit for each of `SIGNS`, and `COUNTED`; to be learnt, never shown,
            (N, sections, rows, columns) uint8.
        pixel: Edge of a pixel, Angstrom.
    """

    codes: NDArray[np.uint8]
    start: NDArray[np.uint8]
    place: IntArray
    signs: NDArray[np.uint8]
    pixel: float

    def __post_init__(self) -> None:
        shape = self.codes.shape
        if len(shape) != 4 or self.signs.shape != shape or self.place.shape != shape[:1]:
            raise InputError(
                "sections need codes and signs (windows, sections, rows, columns) and place (windows,), "
                f"got {shape}, {self.signs.shape} and {self.place.shape}"
            )
        if 0 in shape[1:] or shape[2] % FOLD or shape[3] % FOLD:
            raise InputError(
                f"sections are needed whose rows and columns are a multiple of {FOLD}, got {shape[1:]}"
            )
        if any(part.dtype != np.uint8 for part in (self.codes, self.start, self.signs)):
            raise InputError("codes, start and signs of sections must be uint8")
        if self.place.dtype.kind not in "iu" or not 0 < self.pixel < np.inf:
            raise InputError(f"places must be whole numbers and the pixel positive, got {self.pixel}")
        if self.start.shape[1:] != shape[1:] or not np.isin(self.place, np.arange(len(self.start))).all():
            raise InputError(
                f"every window needs sections {shape[1:]} of its place at the start, got {self.start.shape}"
            )

    def shares(self) -> FloatArray:
        """Shares of atoms with each sign (N, signs): what who reads every pixel right would find."""
        axes = (1, 2, 3)
        counted = self.signs >> COUNTED == 1
        found = [(self.signs >> bit & 1).sum(axis=axes, where=counted) for bit in range(COUNTED)]
        shares: FloatArray = np.stack(found, axis=1) / np.maximum(counted.sum(axis=axes), 1)[:, None]
        return shares

    def part(self, index: NDArray[Any]) -> "SectionData":
        """Those of some windows."""
        return replace(self, codes=self.codes[index], signs=self.signs[index], place=self.place[index])


@dataclass(frozen=True, kw_only=True)
class PatternData:
    """Windows.

    Attributes:
        images: Inverse pole figures along x, y and z, (N, rows, columns, 9) uint8.
        measures: What orientation microscopy reads off the same sections, in the order of
            `mdlens.descriptors.ebsd.MEASURES`, (N, measures).
        metadata: In the order of `METADATA` (N, 5).
        labels: Numbers in `mdlens.descriptors.deformation.PATTERNS` (N,).
        scores: In the order of ``PATTERNS[1:]`` (N, 6).
        margins: Of the labels (N,).
        ambiguous: Whether a label hangs on a threshold (N,).
        run: Number of the run (N,).
        region: Number of the place within the run (N,).
        seed: Of the polycrystal (N,).
        runs: Names of the runs.
        source: "md" or "synthetic"; the two are never mixed in a result.
        thresholds: Of the scores, that the labels were given by.
        pixel: Edge of a pixel of the images, Angstrom.
        sections: Finer sections through the same windows.
    """

    images: NDArray[np.uint8]
    measures: Float32Array
    metadata: FloatArray
    labels: IntArray
    scores: FloatArray
    margins: FloatArray
    ambiguous: BoolArray
    run: IntArray
    region: IntArray
    seed: IntArray
    runs: tuple[str, ...]
    source: str
    thresholds: Thresholds
    pixel: float
    sections: SectionData

    def __post_init__(self) -> None:
        n = len(self.labels)
        if len(self.sections.codes) != n:
            raise InputError(f"{n} windows need sections, got those of {len(self.sections.codes)}")
        wrong = [name for name in _ARRAYS if len(getattr(self, name)) != n]
        if wrong:
            raise InputError(f"windows need arrays of one length, {', '.join(wrong)} are not of {n}")
        if self.images.ndim != 4 or self.images.shape[3] != 9:
            raise InputError(f"images must be (windows, rows, columns, 9), got {self.images.shape}")
        for name, names in (("measures", MEASURES), ("metadata", METADATA), ("scores", PATTERNS[1:])):
            if getattr(self, name).shape != (n, len(names)):
                raise InputError(f"{name} must be {(n, len(names))}, got {getattr(self, name).shape}")

        self._check_values(n)

    def _check_values(self, n: int) -> None:
        if self.images.dtype != np.uint8 or not 0 < self.pixel < np.inf:
            raise InputError(f"images must be uint8 and the pixel positive, got {self.pixel}")
        for name, most in (("labels", len(PATTERNS)), ("run", len(self.runs))):
            numbers = getattr(self, name)
            if numbers.dtype.kind not in "iu" or (n and not 0 <= numbers.min() <= numbers.max() < most):
                raise InputError(f"{name} must be whole numbers from 0 to {most - 1}")
        for name in ("measures", "metadata", "scores"):
            if not np.isfinite(getattr(self, name)).all():
                raise InputError(f"{name} must be finite")

    def __len__(self) -> int:
        return len(self.labels)

    def digest(self) -> str:
        """All arrays, in short: the same windows have the same digest."""
        kept = hashlib.sha256()
        for part in (self, self.sections):
            for field in fields(part):
                array = getattr(part, field.name)
                if isinstance(array, np.ndarray):
                    kept.update(np.ascontiguousarray(array).tobytes())
        return kept.hexdigest()[:16]

    @property
    def told(self) -> FloatArray:
        """The metadata that a classifier is given, in the order of `TOLD` (N, 4)."""
        return self.metadata[:, : len(TOLD)]

    @property
    def measured(self) -> FloatArray:
        """What a classifier is told, and the measures of the section, (N, 4 + measures)."""
        return np.concatenate([self.told, self.measures], axis=1)

    @property
    def relative(self) -> FloatArray:
        """Scores over their thresholds (N, 6)."""
        relative: FloatArray = self.scores / np.array(
            [getattr(self.thresholds, name) for name in PATTERNS[1:]]
        )
        return relative

    def part(self, index: NDArray[Any]) -> "PatternData":
        """Some of the windows."""
        parts = {name: getattr(self, name)[index] for name in _ARRAYS}
        return replace(self, **parts, sections=self.sections.part(index))

    def conditions(self) -> IntArray:
        """Number of the composition, pressure and temperature of each window (N,)."""
        return np.asarray(
            np.unique(self.metadata[:, :3], axis=0, return_inverse=True)[1].reshape(-1), np.int64
        )

    def channels(self, image: str) -> NDArray[np.float32]:
        """Images for a network, from 0 to 1, (N, channels, rows, columns); ``image`` is x, y, z or xyz."""
        picked = {"x": slice(0, 3), "y": slice(3, 6), "z": slice(6, 9), "xyz": slice(0, 9)}
        if image not in picked:
            raise InputError(f"image must be x, y, z or xyz, got {image!r:.20}")
        chosen = self.images[..., picked[image]].transpose(0, 3, 1, 2)
        return np.ascontiguousarray(chosen, np.float32) / np.float32(255)


def save_patterns(file: Path, data: PatternData) -> None:
    """Write windows to a compressed file that appears under its name only when whole."""
    about = json.dumps(
        {
            "runs": data.runs,
            "source": data.source,
            "thresholds": asdict(data.thresholds),
            "pixel": data.pixel,
            "section_pixel": data.sections.pixel,
            **_KNOWN,
        }
    )
    arrays: dict[str, Any] = {name: getattr(data, name) for name in _ARRAYS}
    arrays |= {_section(name): getattr(data.sections, name) for name in _SECTIONS}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(file, {"about": np.array(about), **arrays})
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}; choose another place") from error


def _section(name: str) -> str:
    return f"section_{name}"


def load_patterns(files: Sequence[Path]) -> PatternData:
    """Read windows and join them; runs are told apart by their names.

    Raises:
        InputError: If no file is given, or MD and synthetic windows are mixed.
        FormatError: If a file does not hold windows.
    """
    if not files:
        raise InputError("give at least one file of labelled windows")
    parts = [_read(file) for file in files]
    if len({part.source for part in parts}) > 1:
        raise InputError(
            "windows of MD and of the synthetic generator are not joined: their results are apart"
        )
    for what, found in (
        ("thresholds", {part.thresholds for part in parts}),
        ("pixel", {(part.pixel, part.sections.pixel) for part in parts}),
    ):
        if len(found) > 1:
            raise InputError(f"windows labelled with another {what} are not joined: label the runs again")
    shapes = {(part.images.shape[1:], part.sections.codes.shape[1:]) for part in parts}
    if len(shapes) > 1:
        raise InputError(f"images and sections must all have one shape, got {sorted(shapes)}")
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS
    }
    before = np.cumsum([0, *(len(part.runs) for part in parts)])
    joined["run"] = np.concatenate([part.run + n for part, n in zip(parts, before, strict=False)])
    places = np.cumsum([0, *(len(part.sections.start) for part in parts)])
    sections = SectionData(
        place=np.concatenate([part.sections.place + n for part, n in zip(parts, places, strict=False)]),
        pixel=parts[0].sections.pixel,
        **{
            name: np.concatenate([getattr(part.sections, name) for part in parts])
            for name in _SECTIONS
            if name != "place"
        },
    )
    return replace(
        parts[0], **joined, sections=sections, runs=tuple(name for part in parts for name in part.runs)
    )


def _read(file: Path) -> PatternData:
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as saved:
            about = json.loads(str(saved["about"]))
            other = [name for name, known in _KNOWN.items() if tuple(about.get(name, ())) != known]
            if not other:
                return PatternData(
                    **{name: saved[name] for name in _ARRAYS},
                    runs=tuple(map(str, about["runs"])),
                    source=str(about["source"]),
                    thresholds=Thresholds(**about["thresholds"]),
                    pixel=float(about["pixel"]),
                    sections=SectionData(
                        **{name: saved[_section(name)] for name in _SECTIONS},
                        pixel=float(about["section_pixel"]),
                    ),
                )
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror or 'no such file'}") from error
    except DAMAGE as error:
        raise FormatError(f"{file}: holds no labelled windows ({error}); write it with label") from error
    raise FormatError(f"{file}: was written with other {' and '.join(other)}; label the runs again")


def _units(data: PatternData, split: str) -> IntArray:
    """Give the unit that each window belongs to in a split (N,)."""
    found: dict[str, IntArray] = {
        "random": np.arange(len(data)),
        "region": data.region,
        "seed": data.seed,
        "condition": data.conditions(),
    }
    return found[split]


def hold_back(
    data: PatternData, index: IntArray, split: str, *, share: float = 0.15, seed: int = 0
) -> tuple[IntArray, IntArray]:
    """Split a training part again, for calibration: by the same units, or at random where they are few."""
    part = data.part(index)
    few = len(np.unique(_units(part, split))) < FEWEST_UNITS
    fit, kept = hold_out(part, "random" if few else split, share=share, seed=seed)
    return index[fit], index[kept]


def hold_out(
    data: PatternData, split: str, *, share: float = 0.25, seed: int = 0
) -> tuple[IntArray, IntArray]:
    """Split windows into training and test.

    ``random`` deals single windows: frames of one run are nearly the same, so it flatters. The others hold
    out whole places, polycrystals or conditions.

    Args:
        data: The windows.
        split: One of `SPLITS`.
        share: Of the units that are held out; at least one.
        seed: Of the draw.

    Returns:
        Indices of training and test windows.

    Raises:
        InputError: If the split is unknown or there are not two units.
    """
    if split not in SPLITS:
        raise InputError(f"split must be one of {', '.join(SPLITS)}, got {split!r:.40}")
    units = _units(data, split)
    names = np.unique(units)
    if len(names) < 2:
        raise InputError(f"split {split} needs windows of two or more of them, got {len(names)}")
    held = np.random.default_rng(seed).permutation(names)[: max(1, round(share * len(names)))]
    test = np.isin(units, held)
    return np.flatnonzero(~test), np.flatnonzero(test)
