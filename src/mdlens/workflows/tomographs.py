"""Tomographs of trajectories, streamed: images, grains, misorientation against the start."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from mdlens.descriptors.ipf import AXES, draw_color_key, point_group_rotations
from mdlens.descriptors.orientations import CUBIC, grain_ids, misorientation
from mdlens.descriptors.tomograph import (
    PLANES,
    Tomograph,
    cut,
    depth_mean,
    difference,
    ipf_image,
    near_sections,
)
from mdlens.errors import InputError
from mdlens.io import read
from mdlens.io.whole_file import write_whole
from mdlens.learning.ptm import match_orientations
from mdlens.neighbors import find_nearest, find_pairs
from mdlens.report.images import encode_png
from mdlens.types import BoolArray, FloatArray, IntArray

_SAMPLE = 2000  # atoms whose nearest neighbour sets the length scale
_CRYSTALLINE = (1, 2, 3)  # fcc, hcp, bcc of OVITO
_SHELLS = 3  # nearest-neighbour distances that template matching can reach
_FIRST_SHELL = 1.22  # of the nearest-neighbour distance: between the first two shells of fcc


@dataclass(frozen=True, kw_only=True)
class TomographOptions:
    """How tomographs are made.

    Args:
        axis: Which axis sections cut across: x, y or z.
        count: Number of sections, evenly spaced over the sample.
        positions: Where they are, in place of an even spacing.
        pixel: Edge of a pixel, in the unit of the file.
        direction: Viewing direction of the inverse pole figure: x, y or z.
        structure: Crystal structure that is coloured: fcc, hcp or bcc.
        point_group: Its symmetry, for colour and misorientation.
        grains: Whether grains are numbered.
        leave_out: Elements that are no part of the sample.

    Raises:
        InputError: If a value is out of range.
    """

    axis: str = "y"
    count: int = 8
    positions: tuple[float, ...] = ()
    pixel: float = 1.5
    direction: str = "x"
    structure: str = "fcc"
    point_group: str = "m-3m"
    grains: bool = False
    leave_out: tuple[str, ...] = ("W",)

    def __post_init__(self) -> None:
        if self.axis not in PLANES or self.direction not in AXES:
            raise InputError(f"axis and direction must be x, y or z, got {self.axis!r}, {self.direction!r}")
        if self.structure not in ("fcc", "hcp", "bcc"):
            raise InputError(f"structure must be fcc, hcp or bcc, got {self.structure!r:.40}")
        if self.count < 1 or not self.pixel > 0:
            raise InputError(f"count and pixel must be positive, got {self.count} and {self.pixel}")


@dataclass(frozen=True)
class Sections:
    """Sections of one frame.

    Attributes:
        sections: Which atoms are seen where.
        structure: OVITO's numbers (N,); 0 also where no section is near.
        q: Orientations (N, 4).
        ids: Of the atoms (N,), rising.
        grains: Grain of each atom (N,), where asked for.
    """

    sections: list[Tomograph]
    structure: IntArray
    q: FloatArray
    ids: IntArray
    crystalline: BoolArray
    grains: IntArray | None = field(default=None)


def cut_frame(
    atoms: Atoms, options: TomographOptions, *, extent: "Extent | None" = None, whole: bool = False
) -> Sections:
    """Find orientations and cut the sections of a frame.

    Args:
        atoms: The frame.
        options: How.
        extent: Range of the images; that of the atoms by default.
        whole: Whether every atom gets an orientation, not just those that a section may show.

    Raises:
        InputError: If no atom is left.
    """
    sample = sample_of(atoms, options.leave_out)
    spacing = nearest_spacing(sample)
    chosen = extent or extent_of(sample, options)
    structure, q = _orientations(sample, options, chosen, spacing, whole=whole)
    crystalline = structure == 1 + ("fcc", "hcp", "bcc").index(options.structure)
    sections = [
        cut(
            sample.positions,
            axis=options.axis,
            position=place,
            pixel=options.pixel,
            low=chosen.low,
            high=chosen.high,
            reach=spacing,
        )
        for place in chosen.places
    ]
    grains = _grains(sample, q, crystalline, spacing) if options.grains else None
    return Sections(sections, structure, q, sample.arrays["id"], crystalline, grains)


@dataclass(frozen=True)
class Extent:
    """Range of the images and places of the sections."""

    low: tuple[float, float]
    high: tuple[float, float]
    places: tuple[float, ...]


def extent_of(sample: Atoms, options: TomographOptions) -> Extent:
    """The range of the atoms, and sections evenly spaced in it."""
    low, high = sample.positions.min(axis=0), sample.positions.max(axis=0) + 1e-6
    right, up = PLANES[options.axis]
    across = "xyz".index(options.axis)
    steps = (np.arange(options.count) + 0.5) / options.count
    even = low[across] + steps * (high[across] - low[across])
    places = options.positions or tuple(float(p) for p in even)
    return Extent((float(low[right]), float(low[up])), (float(high[right]), float(high[up])), tuple(places))


def sample_of(atoms: Atoms, leave_out: Iterable[str]) -> Atoms:
    """The atoms of the sample in the order of their ids."""
    numbers = atoms.arrays.get("id")
    ids = np.arange(1, len(atoms) + 1) if numbers is None else np.asarray(numbers, np.int64)
    left = np.flatnonzero(~np.isin(atoms.symbols, list(leave_out)))
    if len(left) == 0:
        raise InputError(f"no atom is left without {', '.join(leave_out)}; name other elements to leave out")
    sample = atoms[left[np.argsort(ids[left], kind="stable")]]
    sample.arrays["id"] = np.sort(ids[left])
    return sample


def nearest_spacing(sample: Atoms) -> float:
    """Median distance of nearest neighbours, from atoms spread over the sample."""
    middle = sample.positions.mean(axis=0)
    nearest = np.argsort(((sample.positions - middle) ** 2).sum(axis=1), kind="stable")[:_SAMPLE]
    found = find_nearest(sample.positions[nearest], np.eye(3), False, 1).distance
    return float(np.median(found))


def _orientations(
    sample: Atoms, options: TomographOptions, extent: Extent, spacing: float, *, whole: bool
) -> tuple[IntArray, FloatArray]:
    """Structure and orientation of all atoms, or only of those that a section may show."""
    if whole:
        return match_orientations(sample)
    # Atoms beside those that are shown are needed as their neighbours.
    reach = (1 + _SHELLS) * spacing
    near = near_sections(sample.positions, options.axis, extent.places, reach)
    structure, q = np.zeros(len(sample), np.int64), np.tile([1.0, 0.0, 0.0, 0.0], (len(sample), 1))
    structure[near], q[near] = match_orientations(sample[near])
    return structure, q


def _grains(sample: Atoms, q: FloatArray, crystalline: BoolArray, spacing: float) -> IntArray:
    chosen = np.flatnonzero(crystalline)
    grains = np.full(len(sample), -1, np.int64)
    pairs = find_pairs(sample.positions[chosen], sample.cell.array, sample.pbc, _FIRST_SHELL * spacing)
    once = pairs.i < pairs.j
    bonds = np.stack([pairs.i[once], pairs.j[once]], axis=1)
    grains[chosen] = grain_ids(bonds, q[chosen], np.ones(len(chosen), np.bool_))
    return grains


def write_tomographs(
    file: Path,
    folder: Path,
    options: TomographOptions,
    *,
    frames: str | None = None,
    on_frame: Callable[[int], None] = lambda number: None,
) -> Path:
    """Write the tomographs of a trajectory into a folder, one frame in memory at a time.

    Per frame and section there is an image (``.png``) and its layers (``.npz``): colours, structure,
    misorientation of every atom against the first frame, the same of every pixel (differential tomograph),
    and grains where asked for. ``key.png`` is the colour key, ``tomographs.json`` the list of all, and
    ``depth_time.npz`` the mean differential tomograph by height and frame, of more than one frame.

    Raises:
        InputError: If the folder cannot be written or a frame holds no sample.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}; choose another folder") from error
    listed: list[dict[str, Any]] = []
    columns: list[FloatArray] = []
    draw_color_key(folder / "key.png", point_group=options.point_group)
    symmetry = CUBIC if options.point_group == "m-3m" else point_group_rotations(options.point_group)
    for number, start, extent, now in _cut_all(read(file, frames).numbered(), options):
        rows = []
        for place, section in enumerate(now.sections):
            name = f"frame{number:06d}_{options.axis}{place:02d}"
            layers = _layers(section, now, start, start.sections[place], options, symmetry)
            (folder / f"{name}.png").write_bytes(encode_png(layers["ipf"]))
            np.savez_compressed(folder / f"{name}.npz", **layers)
            listed.append({"name": name, "frame": number, "position": extent.places[place]})
            rows.append(layers["difference"])
        columns.append(depth_mean(np.concatenate(rows, axis=1).astype(np.float64)))
        on_frame(number)
    if not listed:
        raise InputError(f"{file}: holds no frames")
    if len(columns) > 1:
        np.savez_compressed(folder / "depth_time.npz", degrees=np.stack(columns, axis=1))
    text = json.dumps({"options": asdict(options), "tomographs": listed}, indent=1) + "\n"
    write_whole(folder / "tomographs.json", text)
    return folder / "tomographs.json"


def _cut_all(
    frames: Iterator[tuple[int, Atoms]], options: TomographOptions
) -> Iterator[tuple[int, Sections, Extent, Sections]]:
    """Number, first frame, range and sections of every frame; a lone frame needs few orientations."""
    first = next(frames, None)
    if first is None:
        return
    second = next(frames, None)
    extent = extent_of(sample_of(first[1], options.leave_out), options)
    start = cut_frame(first[1], options, extent=extent, whole=second is not None or options.grains)
    yield first[0], start, extent, start
    if second is None:
        return
    yield second[0], start, extent, cut_frame(second[1], options, extent=extent, whole=options.grains)
    for number, atoms in frames:
        yield number, start, extent, cut_frame(atoms, options, extent=extent, whole=options.grains)


def _layers(
    section: Tomograph, now: Sections, start: Sections, start_section: Tomograph, options: TomographOptions,
    symmetry: FloatArray,
) -> dict[str, Any]:  # fmt: skip
    image = ipf_image(
        section, now.q, now.crystalline, direction=options.direction, point_group=options.point_group
    )
    turned = np.full(len(now.q), np.nan)
    place = np.minimum(np.searchsorted(start.ids, now.ids), len(start.ids) - 1)
    seen = np.zeros(len(now.q), np.bool_)
    seen[section.atom[section.inside]] = True
    both = seen & (start.ids[place] == now.ids) & now.crystalline & start.crystalline[place]
    turned[both] = misorientation(start.q[place[both]], now.q[both], symmetry)
    change = difference(section, now.q, now.crystalline, start_section, start.q, start.crystalline, symmetry)
    layers: dict[str, Any] = {
        "ipf": image,
        "structure": section.layer(now.structure.astype(np.int8), -1),
        "inside": section.inside,
        "misorientation": section.layer(turned, np.nan).astype(np.float16),
        "difference": change.astype(np.float16),
        "id": section.layer(now.ids, 0),
        "height": section.heights(),
    }
    if now.grains is not None:
        layers["grain"] = section.layer(now.grains, -1).astype(np.int32)
    return layers
