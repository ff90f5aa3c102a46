"""Draw where the model puts structures it was taught, and those it was not: docs/figures/embedding_map.png.

    python studies/crystal/embedding_map.py [--model NAME|PATH]

Ideal lattices and the crystals of `ood_structures.py`, displaced by 3 % of the nearest-neighbour distance,
and liquids of the training set. Left: the first two principal components of the taught classes'
embeddings, each number scaled to unit variance; what was never taught is only projected onto them. Right: the
distance that the model gives, of nine atoms in ten of each structure.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from ase import Atoms
from cases import SPACING, frame_of
from matplotlib.axes import Axes
from ood_structures import PROTOTYPES, build, noisy
from sklearn.decomposition import PCA

from mdlens import classify, load_model
from mdlens.inference import StructureModel
from mdlens.learning.snapshots import SnapshotDataset
from mdlens.report.colors import class_colors
from mdlens.simulation.lattices import build_lattice

HERE = Path(__file__).parent
TRAINING = HERE.parent / "structure_model" / "train.npz"
FIGURE = HERE.parents[1] / "docs" / "figures" / "embedding_map.png"
NOISE = 0.03
SIZE = 400
ATOMS = 150
LIQUIDS = 6
FOREIGN = "#262626"
FLOOR = 0.05  # of the overall deviation: numbers that hardly vary are not blown up
INNER = (0.05, 0.5, 0.95)

Points = Mapping[str, np.ndarray]


def taught_frames() -> dict[str, list[Atoms]]:
    """Frames of every taught class."""
    lattices = {name: build_lattice(name, ["X"], 4.0, atoms_at_least=SIZE) for name in SPACING}
    frames = {name: [noisy(perfect, NOISE, 1)] for name, perfect in lattices.items()}
    first = {s.system: s for s in reversed(SnapshotDataset.load(TRAINING).snapshots)}
    liquids = sorted(name for name in first if name.endswith(" liquid"))
    spaced = liquids[:: max(len(liquids) // LIQUIDS, 1)]
    return frames | {"disordered": [frame_of(first[name]) for name in spaced]}


def foreign_frames() -> dict[str, list[Atoms]]:
    """Frames of every structure that was never taught."""
    return {name: [noisy(build(name, atoms_at_least=SIZE), NOISE, 1)] for name in PROTOTYPES}


def describe(frames: Mapping[str, Sequence[Atoms]], model: StructureModel) -> tuple[Points, Points]:
    """Embeddings and distances of some atoms of each structure."""
    embeddings, distances = {}, {}
    for name, some in frames.items():
        results = [classify(atoms, model, threads=1) for atoms in some]
        chosen = np.random.default_rng(0).permutation(sum(map(len, results)))[:ATOMS]
        embeddings[name] = np.concatenate([r.embeddings for r in results])[chosen]
        distances[name] = np.concatenate([r.distance for r in results])[chosen]
    return embeddings, distances


def draw_map(axis: Axes, taught: Points, foreign: Points) -> None:
    """The taught classes in colour, the centres of the others by name."""
    known = np.concatenate(list(taught.values()))
    scale = known.std(axis=0) + FLOOR * known.std()
    components = PCA(2).fit(known / scale)
    colors = class_colors(list(taught))
    for points in foreign.values():
        x, y = components.transform(points / scale).T
        axis.scatter(x, y, s=5, color=FOREIGN, alpha=0.18, linewidths=0)
    for name, points in taught.items():
        x, y = components.transform(points / scale).T
        axis.scatter(x, y, s=9, color=colors[name], alpha=0.7, linewidths=0, label=name.replace("_", " "))
    centres = np.array(
        [np.median(components.transform(points / scale), axis=0) for points in foreign.values()]
    )
    axis.scatter(*centres.T, marker="x", s=28, color=FOREIGN, linewidths=1.2, label="never taught", zorder=3)
    spread_labels(axis, centres, [name.replace("_", " ") for name in foreign])
    axis.set(xlabel="first principal component", ylabel="second principal component", xticks=[], yticks=[])
    axis.legend(frameon=False, fontsize=8, markerscale=1.6, loc="best")


def spread_labels(axis: Axes, points: np.ndarray, names: Sequence[str]) -> None:
    """Write names beside points, moved apart upwards where they would lie on each other."""
    high, wide = np.ptp(axis.get_ylim()) / 38.0, np.ptp(axis.get_xlim()) / 6.0
    placed: list[tuple[float, float]] = []
    for k in np.argsort(points[:, 1]):
        x, y = points[k]
        while any(abs(x - a) < wide and abs(y - b) < high for a, b in placed):
            y += high / 4.0
        placed.append((x, y))
        axis.annotate(
            names[k],
            points[k],
            (x + wide / 14.0, y),
            fontsize=7.5,
            va="center",
            arrowprops={"arrowstyle": "-", "color": "#9a9a9a", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2},
        )


def draw_distances(axis: Axes, taught: Points, foreign: Points, limit: float) -> None:
    """Nine atoms in ten and the median of each structure, on a logarithmic axis, and the limit."""
    colors = class_colors(list(taught)) | dict.fromkeys(foreign, FOREIGN)
    rows = [*taught, *sorted(foreign, key=lambda name: float(np.median(foreign[name])))]
    for row, name in enumerate(rows):
        values = taught[name] if name in taught else foreign[name]
        low, middle, high = np.quantile(values, INNER)
        axis.plot([low, high], [row, row], color=colors[name], linewidth=3.5, solid_capstyle="round")
        axis.plot(middle, row, "o", color="white", markeredgecolor=colors[name], markersize=5)
    axis.axvline(limit, color="#c81e3a", linewidth=1.2, linestyle="--")
    axis.annotate(
        "unknown beyond", (limit, -0.9), (4, 0), textcoords="offset points", color="#c81e3a", fontsize=8
    )
    axis.set_yticks(range(len(rows)), [name.replace("_", " ") for name in rows], fontsize=8)
    axis.set(xlabel="distance from what was taught", xscale="log", ylim=(len(rows) - 0.4, -1.5))
    axis.set_xticks([0.25, 0.5, 1, 2, 4], ["0.25", "0.5", "1", "2", "4"])
    axis.minorticks_off()
    axis.grid(axis="x", color="#e8e8e8")
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="default")
    parser.add_argument("--out", type=Path, default=FIGURE)
    options = parser.parse_args()
    model = load_model(options.model)
    taught, near = describe(taught_frames(), model)
    foreign, far = describe(foreign_frames(), model)
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(12.5, 6.2), width_ratios=(1.5, 1), layout="constrained"
    )
    draw_map(left, taught, foreign)
    draw_distances(right, near, far, model.distance_limit)
    figure.savefig(options.out, dpi=130)


if __name__ == "__main__":
    main()
