"""A slice through two acceptance frames: the truth, and what PTM and the model see (`mixed.py figure`)."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from ase import Atoms
from PIL import Image

from mdlens.inference import StructureModel
from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from mdlens.report.colors import class_colors, darker

mpl.use("Agg")
from matplotlib import pyplot as plt
from mixed import NAMES, as_atoms, what_models_say, what_rivals_say

FIGURE = Path(__file__).parents[2] / "docs" / "figures" / "mixed_frames.png"
SHOWN = ("coexistence_Al", "nanoparticle_Al")
TITLES = {
    "truth": "inherent structure (truth)",
    "ptm_0.1": "PTM, RMSD 0.1",
    "mdlens": "mdlens",
    "mdlens_averaged": "mdlens, averaged",
}
THICKNESS = 5.0  # Angstrom
_LEGEND = {"other": "none of them (mdlens: disordered or unknown)"}


def _panels(snapshot: LabelledSnapshot, model: StructureModel) -> dict[str, np.ndarray]:
    atoms = as_atoms(snapshot)
    said = what_models_say(atoms, "mdlens", [model]) | what_rivals_say(atoms)
    return {"truth": snapshot.labels, **{name: said[name][0] for name in TITLES if name != "truth"}}


def _draw_slice(axes: plt.Axes, atoms: Atoms, labels: np.ndarray, colors: list[str]) -> None:
    edges = atoms.cell.lengths()
    depth = atoms.positions[:, 1] - 0.5 * edges[1]
    chosen = np.flatnonzero(np.abs(depth) < 0.5 * THICKNESS)
    chosen = chosen[np.argsort(-depth[chosen])]
    across, along = atoms.positions[chosen, 2], atoms.positions[chosen, 0]
    faces = [colors[k] for k in labels[chosen]]
    axes.scatter(across, along, s=15, c=faces, edgecolors=[darker(c) for c in faces], linewidths=0.4)
    axes.set(aspect="equal", xticks=[], yticks=[])
    axes.margins(0.02)


def draw(data: SnapshotDataset, model: StructureModel) -> None:
    """Write the figure."""
    last = {snapshot.system: snapshot for snapshot in data.snapshots}
    names = ["disordered" if name == "other" else name for name in NAMES]
    colors = [class_colors(names)[name] for name in names]
    rows = [last[name] for name in SHOWN if name in last]
    heights = [np.ptp(s.positions[:, 0]) / np.ptp(s.positions[:, 2]) for s in rows]
    figure, table = plt.subplots(
        len(rows),
        len(TITLES),
        squeeze=False,
        height_ratios=heights,
        layout="constrained",
        figsize=(13, 3.3 * sum(heights) + 0.8),
    )
    seen: set[int] = set()
    for snapshot, row in zip(rows, table, strict=True):
        for axes, (name, labels) in zip(row, _panels(snapshot, model).items(), strict=True):
            _draw_slice(axes, as_atoms(snapshot), labels, colors)
            axes.set_title(TITLES[name], fontsize=10)
            seen |= set(np.unique(labels).tolist())
        kind, material = snapshot.system.split("_")[:2]
        row[0].set_ylabel(f"{material} {kind}, {snapshot.temperature:.0f} K")
    handles = [
        plt.Line2D([], [], marker="o", linestyle="", color=colors[k], label=_LEGEND.get(NAMES[k], NAMES[k]))
        for k in sorted(seen)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.savefig(FIGURE, dpi=100)
    with Image.open(FIGURE) as drawn:
        small = drawn.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    small.save(FIGURE, optimize=True)
