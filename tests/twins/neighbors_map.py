"""A slow, obvious Neighbors Map in NumPy, and systems on which the kernels must agree with it."""

from itertools import pairwise, product

import numpy as np
from ase import Atoms
from ase.build import bulk

from mdlens.descriptors import NeighborsMapSettings

TIE = 1e-5  # of squared distances
FLOOR = 0.05  # shortest distance, in local lengths


def images_within(atoms, centre, radius):
    """All images but the atom itself closer than the radius: vectors and indices, by distance."""
    heights = 1 / np.linalg.norm(np.linalg.pinv(atoms.cell.array), axis=0) if atoms.pbc.any() else np.ones(3)
    spread = np.linalg.norm(atoms.positions - atoms.positions[centre], axis=1).max()
    reach = [int(np.ceil((radius + spread) / h)) if p else 0 for h, p in zip(heights, atoms.pbc, strict=True)]
    shifts = np.array(list(product(*(range(-r, r + 1) for r in reach))))
    vectors = (atoms.positions - atoms.positions[centre])[None] + (shifts @ atoms.cell.array)[:, None]
    index = np.broadcast_to(np.arange(len(atoms)), vectors.shape[:2])
    self_image = (index == centre) & (shifts == 0).all(axis=1)[:, None]
    keep = ~self_image & (np.linalg.norm(vectors, axis=2) < radius)
    vectors, index = vectors[keep], index[keep]
    order = np.argsort(np.linalg.norm(vectors, axis=1), kind="stable")
    return vectors[order], index[order]


def nearest_images(atoms, centre, count):
    """At least `count` nearest images, or all there are."""
    radius = 1.0
    while True:
        vectors, index = images_within(atoms, centre, radius)
        everything = not atoms.pbc.any() and len(index) == len(atoms) - 1
        if len(index) >= count or everything:
            return vectors, index
        radius *= 1.3


def tied_runs(squares):
    """Split ascending squared distances into runs of tied ones."""
    cuts = [0, *(i for i in range(1, len(squares)) if squares[i] > squares[i - 1] * (1 + TIE)), len(squares)]
    return [range(a, b) for a, b in pairwise(cuts) if b > a]


def find_candidates(atoms, centre, s):
    scale = s.scale_neighbors or 14
    if s.cutoff is not None:
        vectors, index = images_within(atoms, centre, s.cutoff * np.sqrt(1 + TIE))
        kept = len(index)
    else:
        vectors, index = nearest_images(atoms, centre, max(s.candidates, scale) + 60)
        kept = min(s.candidates, len(index))
    length = np.linalg.norm(vectors[:scale], axis=1).mean() if len(index) else 0.0
    squares = np.maximum((vectors**2).sum(axis=1), (FLOOR * length) ** 2)
    while kept < len(index) and s.cutoff is None and squares[kept] <= squares[kept - 1] * (1 + TIE):
        kept += 1
    return vectors[:kept], index[:kept], length


def twin_row(nodes, weights, row, length, size, gamma):
    """One row without its scale, (channels, size); ties in distance go by ascending weights."""
    others = np.arange(len(nodes)) != row
    squares = np.maximum(((nodes[others] - nodes[row]) ** 2).sum(axis=1), (FLOOR * length) ** 2)
    order = np.argsort(squares, kind="stable")
    squares, near = squares[order], weights[others][order]
    for run in tied_runs(squares):
        near[run] = sorted(near[run].tolist())
    pixels = weights[row][:, None] * near.T / squares ** (gamma / 2)
    line = np.zeros((weights.shape[1], size))
    line[:, : min(size, pixels.shape[1])] = pixels[:, :size]
    return line


def comes_before(a, b):
    """Whether row a has the larger pixel at the first place where the rows differ."""
    a, b = a.ravel(), b.ravel()
    differ = np.flatnonzero(np.abs(a - b) > 2e-5 * np.maximum(np.abs(a), np.abs(b)))
    return len(differ) > 0 and a[differ[0]] > b[differ[0]]


def twin_map(atoms, centre, s, weights):
    n = s.size
    image = np.zeros((len(s.channels), n, n))
    vectors, index, length = find_candidates(atoms, centre, s)
    if length == 0:
        return image
    unit = length if s.scale_neighbors else 1.0
    nodes = np.concatenate([np.zeros((1, 3)), vectors])
    w = weights[np.concatenate([[centre], index])]
    distances = np.maximum(np.linalg.norm(vectors, axis=1), FLOOR * length) / unit
    image[:, 0] = twin_row(nodes / unit, w, 0, length / unit, n, s.gamma)
    k = 1
    for run in tied_runs(distances**2):
        lines = []
        for j in sorted(run, key=lambda j: w[j + 1].tolist()) if k < n else []:
            line = distances[j] ** (-1 / s.beta) * twin_row(nodes / unit, w, j + 1, length / unit, n, s.gamma)
            place = len(lines)
            key = w[j + 1].tolist()
            while place > 0 and lines[place - 1][0] == key and comes_before(line, lines[place - 1][1]):
                place -= 1
            lines.insert(place, (key, line))
        for _, line in lines[: max(n - k, 0)]:
            image[:, k] = line
            k += 1
    return image


def twin_maps(atoms, s):
    names = atoms.get_chemical_symbols()
    weights = np.array([[1.0 if c is None else c[name] for c in s.channels] for name in names])
    weights = weights.reshape(len(atoms), len(s.channels))
    return np.array([twin_map(atoms, i, s, weights) for i in range(len(atoms))]).reshape(
        len(atoms), len(s.channels), s.size, s.size
    )


CELLS = {
    "cubic": (np.eye(3) * 8.0, True),
    "triclinic": (np.array([[7.0, 0, 0], [3.0, 6.5, 0], [-2.0, 2.5, 7.5]]), True),
    "thin": (np.array([[1.5, 0, 0], [0, 9.0, 0], [0, 0, 10.0]]), True),
    "small": (np.array([[2.3, 0.2, 0], [0, 2.6, 0.4], [0.3, 0, 2.9]]), True),
    "slab": (np.array([[7.0, 1.0, 0], [0, 7.0, 0], [0, 0, 9.0]]), (True, True, False)),
    "wire": (np.diag([6.0, 9.0, 9.0]), (True, False, False)),
    "cluster": (np.zeros((3, 3)), False),
}
ALLOY = {"Cu": 1.0, "Zr": 2.0, "Al": -0.5}
SETTINGS = {
    "default": NeighborsMapSettings(),
    "published": NeighborsMapSettings.published(4.5),
    "alloy": NeighborsMapSettings(channels=(None, ALLOY)),
    "few": NeighborsMapSettings(size=8, candidates=12, scale_neighbors=5),
    "length-beyond-candidates": NeighborsMapSettings(size=9, candidates=6, scale_neighbors=30),
    "one-row": NeighborsMapSettings(size=1, candidates=20),
    "odd": NeighborsMapSettings(size=17, candidates=40, gamma=1.5, beta=2.0),
    "wide": NeighborsMapSettings(size=48, candidates=95),
    "beyond-the-lanes": NeighborsMapSettings(size=70, candidates=80),
    "many": NeighborsMapSettings(candidates=150),
    "absolute": NeighborsMapSettings(scale_neighbors=None, gamma=3.0, beta=5.0),
    "scaled-cutoff": NeighborsMapSettings(cutoff=5.0, candidates=None),
    "contrast": NeighborsMapSettings.published(
        4.0, channels=[{"Cu": 0.5, "Zr": 2.0, "Al": 2.0}, None, {"Cu": 1, "Zr": 0, "Al": 3}]
    ),
    "alloy-power": NeighborsMapSettings(size=20, gamma=4.0, channels=(ALLOY,)),
}
LATTICES = {
    "fcc": bulk("Cu", "fcc", a=3.6),
    "bcc": bulk("Fe", "bcc", a=2.9),
    "hcp": bulk("Mg", "hcp", a=3.2, c=3.2 * np.sqrt(8 / 3)),
    "diamond": bulk("Si", "diamond", a=5.4),
    "sc": bulk("Po", "sc", a=3.3),
    "B2": bulk("CuZr", "cesiumchloride", a=3.2),
    "L1_0": Atoms("CuAl", [(0, 0, 0), (1.4, 1.4, 1.9)], cell=np.diag([2.8, 2.8, 3.8]), pbc=True),
}


def random_system(shape, count, seed):
    """Strew atoms over a cell, some outside it; axes that are not periodic span 8."""
    rng = np.random.default_rng(seed)
    cell, pbc = CELLS[shape]
    basis = cell if np.any(cell) else np.eye(3) * 8.0
    positions = rng.uniform(-0.3, 1.3, (count, 3)) @ basis
    return Atoms(rng.choice(["Cu", "Zr", "Al"], count), positions=positions, cell=cell, pbc=pbc)


def noised(name, repeat, sigma, seed=0):
    atoms = LATTICES[name].repeat(repeat)
    atoms.positions += np.random.default_rng(seed).normal(0, sigma, atoms.positions.shape)
    return atoms
