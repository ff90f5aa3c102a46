"""Draw Neighbors Maps of crystals and a random system, clean and noisy (as figure 2 of arXiv 2307.00978).

Run ``python examples/plot_neighbors_maps.py [OUTPUT.png]`` (needs matplotlib).
"""

import sys

import matplotlib as mpl
import numpy as np
from ase import Atoms
from ase.build import bulk
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.image import AxesImage

import mdlens

NOISES = (0.0, 0.05, 0.1)  # standard deviation of each coordinate, in nearest-neighbour distances
CRYSTALS = {
    "bcc": bulk("Fe", "bcc", a=2.87),
    "fcc": bulk("Cu", "fcc", a=3.61),
    "hcp": bulk("Mg", "hcp", a=3.21, c=3.21 * np.sqrt(8 / 3)),
    "cubic diamond": bulk("Si", "diamond", a=5.43),
    "simple cubic": bulk("Po", "sc", a=3.35),
}


def random_system(rng: np.random.Generator, n_atoms: int = 600, density: float = 1.0) -> Atoms:
    """Strew atoms over a periodic cube independently of each other."""
    edge = (n_atoms / density) ** (1 / 3)
    positions = rng.uniform(0, edge, (n_atoms, 3))
    return Atoms(f"Ar{n_atoms}", positions=positions, cell=np.eye(3) * edge, pbc=True)


def with_noise(atoms: Atoms, noise: float, rng: np.random.Generator) -> Atoms:
    """Displace every atom by Gaussian noise, a fraction of the mean distance to the nearest neighbour."""
    # The first pixel of the map of absolute distances is that distance to the power -2.
    nearest = mdlens.neighbors_map(atoms, scale_neighbors=None, size=1, candidates=1)[:, 0, 0, 0] ** -0.5
    noisy = atoms.copy()
    noisy.positions += rng.normal(0.0, noise * nearest.mean(), noisy.positions.shape)
    return noisy


def show_map(axes: Axes, image: np.ndarray) -> AxesImage:
    """Show one map, first neighbour at the top left."""
    axes.set_xticks([0, 15, 31], ["1", "16", "32"])
    axes.set_yticks([0, 15, 31], ["0", "15", "31"])
    return axes.imshow(image, cmap="viridis", norm=LogNorm(0.15, 3.0), interpolation="nearest")


def main(output: str) -> None:
    mpl.use("agg")
    mpl.rcParams["font.size"] = 9
    from matplotlib import pyplot as plt

    rng = np.random.default_rng(2)
    columns = {name: crystal.repeat(8) for name, crystal in CRYSTALS.items()} | {"random": random_system(rng)}
    size = (12.5, 6.4)
    figure, grid = plt.subplots(
        len(NOISES), len(columns), figsize=size, sharex=True, sharey=True, layout="constrained"
    )
    for axes, (name, atoms) in zip(grid.T, columns.items(), strict=True):
        axes[0].set_title(name, fontsize=11)
        for place, noise in zip(axes, NOISES, strict=True):
            shown = show_map(place, mdlens.neighbors_map(with_noise(atoms, noise, rng), indices=[0])[0, 0])
    for place, noise in zip(grid[:, 0], NOISES, strict=True):
        place.set_ylabel(f"noise {noise:.0%}\nrow: node k" if noise else "clean\nrow: node k")
    for place in grid[-1]:
        place.set_xlabel("column: its l-th nearest")
    bar = figure.colorbar(
        shown, ax=grid, shrink=0.85, pad=0.01, extend="both", ticks=[0.15, 0.3, 0.5, 1.0, 2.0, 3.0]
    )
    bar.ax.set_yticklabels(["0.15", "0.3", "0.5", "1", "2", "3"])
    bar.ax.minorticks_off()
    bar.set_label(r"pixel  $d_{0k}^{-1/3} \, / \, d_{kl}^{2}$  (unit of length: mean of the 14 nearest)")
    figure.savefig(output, dpi=130)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "neighbors_maps.png")
