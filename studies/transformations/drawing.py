"""Figures that the three transformation studies share."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

import mdlens
from mdlens.inference import StructureModel

COLORS = {
    "crystal": "#0b6e4f", "fcc": "#0b6e4f", "hcp": "#0b6e4f", "liquid": "#c0504d", "amorphous": "#6f5fb0",
    "energy": "#333333", "unknown": "#bbbbbb",
}  # fmt: skip


def bare(axis: Axes) -> None:
    """Leave of an axis what is read."""
    axis.grid(color="#e8e8e8")
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def energy_and_classes(
    temperature: np.ndarray,
    energy: np.ndarray,
    curves: Sequence[tuple[str, np.ndarray, str, str]],
    marks: Mapping[str, tuple[float, str]],
    file: Path,
    *,
    title: str,
) -> None:
    """Energy above, fractions below, against the temperature; transitions as vertical lines.

    Args:
        temperature: K (frames,).
        energy: eV per atom (frames,).
        curves: Label, fraction (frames,), colour and line style of each.
        marks: Label: temperature and colour of each transition.
        file: Picture.
        title: Of the figure.
    """
    figure, (above, below) = plt.subplots(
        2, 1, sharex=True, figsize=(7.2, 6.4), height_ratios=(1, 1.5), layout="constrained"
    )
    above.plot(temperature, energy, ".", color=COLORS["energy"], ms=3)
    above.set_ylabel("potential energy (eV/atom)")
    above.set_title(title, loc="left", fontsize=10)
    for label, fraction, color, style in curves:
        below.plot(temperature, fraction, style, color=color, label=label, lw=1.5)
    for label, (t, color) in marks.items():
        above.axvline(t, color=color, lw=1, ls="--")
        below.axvline(t, color=color, lw=1, ls="--", label=f"{label}: {t:.0f} K")
    below.set_xlabel("temperature (K)")
    below.set_ylabel("fraction of the atoms")
    below.set_ylim(-0.02, 1.02)
    for axis in (above, below):
        bare(axis)
    figure.legend(*below.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    save(figure, file)


def radial_distributions(phases: Mapping[str, tuple[np.ndarray, np.ndarray]], file: Path) -> None:
    """g(r) of each phase."""
    figure, axis = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    for label, (r, g) in phases.items():
        axis.plot(r, g, label=label, lw=1.4, color=COLORS.get(label.split(",")[0]))
    axis.set_xlabel("r (Å)")
    axis.set_ylabel("g(r)")
    axis.legend(frameon=False)
    bare(axis)
    save(figure, file)


def example_maps(
    frames: Mapping[str, Atoms], model: StructureModel, file: Path, *, examples: int = 5, seed: int = 0
) -> None:
    """Neighbors Maps of some atoms of a frame of each class, one row per class and channel."""
    rng = np.random.default_rng(seed)
    rows = []
    for label, atoms in frames.items():
        chosen = np.sort(rng.choice(len(atoms), examples, replace=False))
        maps = mdlens.neighbors_map(atoms, model.settings, indices=chosen)
        channels = maps.shape[1]
        rows += [
            (label if channels == 1 else f"{label}\nchannel {c + 1}", maps[:, c]) for c in range(channels)
        ]
    figure, axes = plt.subplots(
        len(rows), examples, figsize=(1.35 * examples + 0.8, 1.35 * len(rows)), layout="constrained"
    )
    for axis_row, (label, pictures) in zip(np.atleast_2d(axes), rows, strict=True):
        for axis, picture in zip(axis_row, pictures, strict=True):
            axis.imshow(picture, cmap="viridis")
            axis.set_xticks([])
            axis.set_yticks([])
        axis_row[0].set_ylabel(label, fontsize=9)
    save(figure, file)


def render(atoms: Atoms, names: np.ndarray, file: Path, *, thickness: float = 7.0) -> None:
    """A slice through a frame, every atom a disc in the colour of its class, deeper ones darker.

    Args:
        atoms: The frame, in an orthogonal cell.
        names: Class of every atom (atoms,).
        file: Picture.
        thickness: Of the slice across the shortest edge, Angstrom.
    """
    positions, edges = atoms.get_positions(wrap=True), atoms.cell.lengths()
    across = int(np.argmin(edges))
    right, up = (axis for axis in range(3) if axis != across)
    depth = positions[:, across] - edges[across] / 2
    inside = np.flatnonzero(np.abs(depth) <= thickness / 2)
    inside = inside[np.argsort(depth[inside])]
    shade = 0.65 + 0.35 * (depth[inside] / thickness + 0.5)
    colors = np.array([to_rgb(COLORS.get(name, COLORS["unknown"])) for name in names[inside]])
    figure, axis = plt.subplots(figsize=(7.2, 7.2 * edges[up] / edges[right] + 0.6), layout="constrained")
    radius = 0.45 * (atoms.get_volume() / len(atoms)) ** (1 / 3)
    discs = [Circle((x, y), radius) for x, y in positions[inside][:, [right, up]]]
    axis.add_collection(
        PatchCollection(discs, facecolors=colors * shade[:, None], edgecolors="white", linewidths=0.2)
    )
    axis.set_xlim(0, edges[right])
    axis.set_ylim(0, edges[up])
    axis.set_aspect("equal")
    axis.set_xticks([])
    axis.set_yticks([])
    present = [name for name in COLORS if name in names[inside]]
    handles = [Line2D([], [], marker="o", ls="", color=COLORS[name], label=name) for name in present]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    save(figure, file)


def save(figure: plt.Figure, file: Path) -> None:
    """Write a figure and close it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=130)
    plt.close(figure)
