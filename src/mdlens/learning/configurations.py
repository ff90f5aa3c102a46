"""Configurations and the random windows of them that networks see, as graphs or as pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, sqrt
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from mdlens.descriptors.picture import density_picture, dot_picture
from mdlens.errors import InputError
from mdlens.models import GraphBatch
from mdlens.neighbors import WindowPlaces, dimensions, nearest_graph, planar, window_places
from mdlens.types import BoolArray, Float32Array, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Configuration:
    """One frame, with its class if that is known.

    Args:
        positions: Cartesian positions, (N, 3).
        cell: Cell vectors as rows, (3, 3).
        pbc: Which are periodic, (3,).
        species: Species of each particle as an index, (N,).
        label: 0 or 1; -1 if unknown.
        group: What is never split: frames of one trajectory are alike.
    """

    positions: FloatArray
    cell: FloatArray
    pbc: BoolArray
    species: IntArray
    label: int = -1
    group: str = ""

    def __len__(self) -> int:
        return len(self.positions)

    @cached_property
    def dimensions(self) -> int:
        """2 in the plane, 3 in space."""
        return dimensions(self.positions)

    @cached_property
    def places(self) -> WindowPlaces:
        """Where windows can be cut."""
        return window_places(self.positions, self.cell, self.pbc)


@dataclass(frozen=True)
class GraphSample:
    """A window as a graph, see `GraphBatch`."""

    species: IntArray
    i: IntArray
    j: IntArray
    reverse: IntArray
    distance: Float32Array
    places: Float32Array

    def part(self, nodes: IntArray) -> "GraphSample":
        """Keep some nodes, ascending, and the bonds between them."""
        place = np.full(len(self.species), -1)
        place[nodes] = np.arange(len(nodes))
        kept = np.flatnonzero((place[self.i] >= 0) & (place[self.j] >= 0))
        number = np.full(len(self.i), -1)
        number[kept] = np.arange(len(kept))
        return GraphSample(
            self.species[nodes], place[self.i[kept]], place[self.j[kept]], number[self.reverse[kept]],
            self.distance[kept], self.places[nodes],
        )  # fmt: skip


class View(Protocol):
    """How a network sees configurations."""

    def whole(self, configuration: Configuration) -> None:
        """Refuse a configuration that cannot be seen.

        Raises:
            InputError: With the reason.
        """
        ...

    def draw(self, configuration: Configuration, rng: np.random.Generator, *, turn: bool) -> Any:
        """Give one random window; ``turn`` it too where the network does not see that by itself."""
        ...

    def join(self, samples: Sequence[Any]) -> Any:
        """Make a batch of windows for the network."""
        ...


def window_side(n: int, particles: int, dimension: int) -> float:
    """Edge of a window that holds about so many of n particles, as a share of that of the system."""
    return float(min(1.0, (particles / max(n, 1)) ** (1.0 / dimension)))


class GraphView:
    """Windows as neighbour graphs. Graphs of whole configurations are found once and kept.

    Bonds are those of the whole system, so the edge of a window makes no false neighbours. With ``absolute``
    they are found within the window and atoms have their coordinates there, as published.

    Args:
        dimension: 2 or 3; other configurations are refused.
        particles: Particles in a window, on average.
        k: Neighbours of each particle.
        absolute: Whether windows stand alone and have coordinates.
    """

    def __init__(self, dimension: int, particles: int, k: int, *, absolute: bool = False) -> None:
        self.dimension, self.particles, self.k, self.absolute = dimension, particles, k, absolute
        self._graphs: dict[int, tuple[Configuration, GraphSample]] = {}

    def whole(self, configuration: Configuration) -> None:
        """Refuse a configuration of the wrong dimension or with too few particles."""
        check_dimension(configuration, self.dimension)
        if len(configuration) <= self.k:
            n = len(configuration)
            raise InputError(f"{n} particles are too few: the model bonds each with {self.k} others")

    def draw(self, configuration: Configuration, rng: np.random.Generator, *, turn: bool) -> GraphSample:
        """Give a random window as a graph; lengths do not change when it is turned."""
        side = window_side(len(configuration), self.particles, self.dimension)
        if self.absolute:
            return self._alone(configuration, side, rng)
        graph = self.graph(configuration)
        if side >= 1.0:
            return graph
        for _ in range(100):
            nodes = configuration.places.draw(side, rng)
            if len(nodes) > self.k:
                return graph.part(nodes)
        return graph

    def join(self, samples: Sequence[GraphSample]) -> GraphBatch:
        """Put graphs end to end."""
        nodes = np.cumsum([0, *(len(s.species) for s in samples)])
        bonds = np.cumsum([0, *(len(s.i) for s in samples)])
        return GraphBatch(
            species=_joined([s.species for s in samples]),
            graph=torch.from_numpy(np.repeat(np.arange(len(samples)), np.diff(nodes))),
            i=_joined([s.i + n for s, n in zip(samples, nodes[:-1], strict=True)]),
            j=_joined([s.j + n for s, n in zip(samples, nodes[:-1], strict=True)]),
            reverse=_joined([s.reverse + n for s, n in zip(samples, bonds[:-1], strict=True)]),
            distance=torch.from_numpy(np.concatenate([s.distance for s in samples])),
            places=torch.from_numpy(np.concatenate([s.places for s in samples])),
            graphs=len(samples),
        )

    def graph(self, configuration: Configuration) -> GraphSample:
        """Give the graph of a whole configuration; it is kept until `forget`.

        Raises:
            InputError: If the configuration cannot be seen.
        """
        kept = self._graphs.get(id(configuration))
        if kept is None or kept[0] is not configuration:
            self.whole(configuration)
            graph = _sample(configuration, self.k, self.dimension)
            kept = self._graphs[id(configuration)] = (configuration, graph)
        return kept[1]

    def forget(self) -> None:
        """Let the graphs found so far go."""
        self._graphs.clear()

    def _alone(self, configuration: Configuration, side: float, rng: np.random.Generator) -> GraphSample:
        self.whole(configuration)
        places = configuration.places
        wrapped = np.where(places.periodic, places.places % 1.0, places.places)
        for _ in range(100):
            corner = rng.random(3) * (1.0 - side)
            offset = (wrapped - corner)[:, : self.dimension]
            nodes = np.flatnonzero(((offset >= 0.0) & (offset <= side)).all(axis=1))
            if len(nodes) > self.k:
                break
        moves = np.where(places.periodic, wrapped - places.places, 0.0) @ configuration.cell
        positions = (configuration.positions + moves)[nodes]
        cut = Configuration(positions, np.zeros((3, 3)), np.zeros(3, bool), configuration.species[nodes])
        sample = _sample(cut, self.k, self.dimension)
        coordinates = (offset[nodes] / side).astype(np.float32)
        return GraphSample(sample.species, sample.i, sample.j, sample.reverse, sample.distance, coordinates)


class PictureView:
    """Windows as pictures, for configurations in the plane.

    Args:
        species: Number of species, one channel each.
        edge: Edge of the square window, in the unit of the positions.
        pixels: Rows and columns.
        blur: Standard deviation of the Gaussians in pixels.
        dots: Draw the published coloured discs on white instead.
    """

    def __init__(
        self, species: int, edge: float, pixels: int, *, blur: float = 1.0, dots: bool = False
    ) -> None:
        self.species, self.edge, self.pixels, self.blur, self.dots = species, edge, pixels, blur, dots

    def whole(self, configuration: Configuration) -> None:
        """Refuse a configuration that is not in the plane."""
        check_dimension(configuration, 2)
        if not len(configuration):
            raise InputError("the configuration has no particles")

    def draw(self, configuration: Configuration, rng: np.random.Generator, *, turn: bool) -> Float32Array:
        """Draw a random window, in a random direction and mirrored or not if it may be turned."""
        self.whole(configuration)
        margin = self.edge * (1.0 + 8.0 * self.blur / self.pixels)
        positions, species = _around(configuration, margin * (sqrt(2.0) if turn else 1.0), rng)
        if turn:
            angle, mirror = rng.random() * 2 * np.pi, rng.choice([-1.0, 1.0])
            c, s = np.cos(angle), np.sin(angle)
            positions = positions @ np.array([[c, -s], [s * mirror, c * mirror]])
        near = (np.abs(positions) <= 0.5 * margin).all(axis=1)
        places = positions[near] / self.edge + 0.5
        if self.dots:
            image = dot_picture(places, species[near], size=self.pixels)
            return np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32) / np.float32(255)
        return density_picture(
            places, species[near], self.species, edges=(1.0, 1.0), pixel=1.000001 / self.pixels,
            width=self.blur / self.pixels, periodic=False,
        )  # fmt: skip

    def join(self, samples: Sequence[Float32Array]) -> Tensor:
        """Stack pictures."""
        return torch.from_numpy(np.stack(samples))


def check_dimension(configuration: Configuration, expected: int) -> None:
    """Refuse a configuration in space for a model of the plane, and the other way round."""
    if len(configuration) and configuration.dimensions != expected:
        kinds = {2: "in the plane (2D)", 3: "in space (3D)"}
        found = kinds[configuration.dimensions]
        raise InputError(
            f"the configuration is {found}, but the model is for configurations {kinds[expected]}"
        )


def _sample(configuration: Configuration, k: int, dimension: int) -> GraphSample:
    graph = nearest_graph(configuration.positions, configuration.cell, configuration.pbc, k)
    places = np.zeros((len(graph), dimension), np.float32)
    distance = graph.distance.astype(np.float32)
    return GraphSample(configuration.species, graph.i, graph.j, graph.reverse, distance, places)


def _joined(parts: Sequence[IntArray]) -> Tensor:
    return torch.from_numpy(np.concatenate(parts).astype(np.int64, copy=False))


def _around(
    configuration: Configuration, edge: float, rng: np.random.Generator
) -> tuple[FloatArray, IntArray]:
    """Particles in a square around a random point, relative to it; copies where the box is smaller."""
    positions, cell, pbc = planar(configuration.positions, configuration.cell, configuration.pbc)
    low, high = positions.min(axis=0), positions.max(axis=0)
    inner = np.minimum(0.5 * edge, 0.5 * (high - low))
    center = np.where(pbc, rng.random(3) @ cell, low + inner + rng.random(3) * (high - low - 2 * inner))
    relative, species = positions - center, configuration.species
    inverse = np.linalg.pinv(cell[pbc])
    for column, axis in enumerate(np.flatnonzero(pbc).tolist()):
        relative = relative - np.floor(relative @ inverse[:, column] + 0.5)[:, None] * cell[axis]
        height = 1.0 / float(np.linalg.norm(inverse[:, column]))
        copies = max(ceil(edge * sqrt(0.5) / height - 0.5), 0)
        moved = [relative + n * cell[axis] for n in range(-copies, copies + 1)]
        relative, species = np.concatenate(moved), np.tile(species, 2 * copies + 1)
    near = (np.abs(relative[:, :2]) <= 0.5 * edge).all(axis=1)
    return relative[near, :2], species[near]
