"""Neighbors Maps: one small image per atom, made of the sorted distances among its neighbours."""

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mdlens import _core
from mdlens.descriptors.settings import Channel, NeighborsMapSettings, check_names
from mdlens.errors import InputError
from mdlens.neighbors import validate_system
from mdlens.types import BoolArray, Float32Array, Int32Array, IntArray

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import ArrayLike


class MapSource:
    """Draws the maps of a frame batch by batch, so that they are never all in memory.

    The neighbour search is built once. Walk the atoms in ``order``, in which successive ones are close in
    space, and the processor's caches stay warm.

    Args:
        atoms: The frame. Atoms may lie outside the cell; any cell and any periodicity will do.
        settings: How a map is drawn.
        threads: Worker threads; 0 takes one per processor. The maps do not depend on it.
        isa: Instruction set of the kernel: "automatic", "portable", "avx2" or "avx512". They
            give the same maps.
        search_threads: Threads that sort the atoms, once; ``threads`` by default.

    Raises:
        InputError: If positions or cell are not usable, or a species has no weight in a channel.
    """

    def __init__(
        self,
        atoms: "Atoms",
        settings: NeighborsMapSettings,
        *,
        threads: int = 0,
        isa: str = "automatic",
        search_threads: int | None = None,
    ) -> None:
        self.settings = settings
        self.threads = threads
        self.isa = isa
        positions, cell, pbc = validate_system(atoms.positions, atoms.cell.array, atoms.pbc)
        self._kinds, self._weights = _kinds(atoms, settings.channels)
        self._search = _core.NeighborSearch(
            positions, cell, pbc, threads if search_threads is None else search_threads
        )
        self.order: Int32Array = self._search.spatial_order

    def __len__(self) -> int:
        """Count the atoms of the frame."""
        return len(self._kinds)

    def drawn_by(self, settings: NeighborsMapSettings) -> "MapSource":
        """Draw the same frame in another way; the neighbour search is shared.

        Args:
            settings: How a map is drawn; its channels are those of this source.

        Raises:
            InputError: If it has other channels.
        """
        if settings.channels != self.settings.channels:
            raise InputError(
                f"channels must be those of the source, {self.settings.channels}, got {settings.channels}"
            )
        other = copy(self)
        other.settings = settings
        return other

    def maps(self, indices: "ArrayLike", *, out: Float32Array | None = None) -> Float32Array:
        """Draw the maps of some atoms.

        Args:
            indices: Which atoms, (M,) integers; negative ones count from the end.
            out: Where to draw, (M, C, n, n) contiguous; a new array if None.

        Returns:
            The maps, (M, C, n, n) float32.

        Raises:
            InputError: If an index is not that of an atom or ``out`` does not fit.
        """
        chosen = _checked_indices(indices, len(self))
        shape = (len(chosen), len(self.settings.channels), self.settings.size, self.settings.size)
        if out is None:
            out = np.empty(shape, dtype=np.float32)
        elif out.shape != shape or out.dtype != np.float32 or not out.flags.c_contiguous:
            raise InputError(
                f"out must be a contiguous float32 array of shape {shape}, got {out.dtype} {out.shape}"
            )
        try:
            _core.neighbors_maps(
                self._search, self._options(), self._weights, self._kinds, chosen, out, self.threads, self.isa
            )
        except ValueError as error:
            raise InputError(str(error)) from error
        return out

    def embed(
        self, network: "_core.ByteNetwork", indices: "ArrayLike", *, reach: float, density: float
    ) -> tuple[Float32Array, BoolArray]:
        """Draw the maps of some atoms in bytes and run them through an 8-bit network; no map is kept.

        Args:
            network: Takes maps of these settings, which must be plain (`NeighborsMapSettings.is_plain`).
            indices: Which atoms, (M,) integers; negative ones count from the end.
            reach: Distance of level 0, in local lengths.
            density: Levels per local length.

        Returns:
            The embeddings (M, E), and whether each atom has as many neighbours as a map has columns (M,).

        Raises:
            InputError: If an index is not that of an atom, or maps and network do not fit.
        """
        chosen = _checked_indices(indices, len(self))
        if not self.settings.is_plain:
            raise InputError("maps in bytes are those of plain settings: scale-free, one channel of ones")
        try:
            embeddings, enough = network.embed(
                self._search, self._options(), reach, density, chosen, self.threads, self.isa
            )
        except ValueError as error:
            raise InputError(str(error)) from error
        return embeddings, enough

    def vectors(self, indices: "ArrayLike", count: int) -> Float32Array:
        """Find the vectors from some atoms to their nearest neighbours, for those who draw maps elsewhere.

        Args:
            indices: Which atoms, (M,) integers; negative ones count from the end.
            count: How many neighbours.

        Returns:
            Vectors by distance, (M, count, 3); infinite where the system has no more neighbours.

        Raises:
            InputError: If an index is not that of an atom.
        """
        return self._search.nearest_vectors(count, _checked_indices(indices, len(self)), self.threads)

    def _options(self) -> _core.MapOptions:
        s = self.settings
        return _core.MapOptions(
            s.size, s.gamma, s.beta, s.candidates or 0, s.cutoff or 0.0, s.scale_neighbors or 0
        )

    def shell_mean(self, values: Float32Array, *, neighbors: int = 12, threads: int = 0) -> Float32Array:
        r"""Average over each atom and its nearest neighbours: ``x_i = (x_i + sum_j x_j) / (1 + |N_i|)``.

        Images count one by one. Neighbours tied with the last one count too (squares of distances that agree
        to one part in 1e5), so that the order of the atoms does not matter. An atom with fewer neighbours is
        averaged over those it has.

        Args:
            values: A row per atom, (N, K).
            neighbors: How many neighbours.
            threads: Worker threads; 0 takes one per processor. The result does not depend on it.

        Returns:
            The averages, (N, K) float32.

        Raises:
            InputError: If there is not one row per atom, or a number is negative.

        Source: as Lechner & Dellago, J. Chem. Phys. 129, 114707 (2008), average bond-order parameters.
        """
        if values.ndim != 2 or len(values) != len(self):
            raise InputError(f"values must have one row for each of {len(self)} atoms, got {values.shape}")
        if neighbors < 0 or threads < 0:
            raise InputError(f"neighbors and threads must be 0 or more, got {neighbors} and {threads}")
        return self._search.shell_mean(np.ascontiguousarray(values, np.float32), neighbors, threads)

    def off_center(self, *, neighbors: int = 48, threads: int = 0) -> Float32Array:
        r"""Tell how one-sided the surroundings of each atom are: ``|sum_j r_ij| / sum_j |r_ij|``.

        0 where neighbours stand all around, about 0.4 in a flat surface, more at edges. Neighbours tied with
        the last one count too, as in `shell_mean`; an atom without neighbours has 0.

        Args:
            neighbors: How many nearest neighbours.
            threads: Worker threads; 0 takes one per processor. The result does not depend on it.

        Returns:
            One number per atom, (N,) float32.

        Raises:
            InputError: If a number is negative.
        """
        if neighbors < 0 or threads < 0:
            raise InputError(f"neighbors and threads must be 0 or more, got {neighbors} and {threads}")
        return self._search.off_center(neighbors, threads)


def neighbors_map(
    atoms: "Atoms",
    settings: NeighborsMapSettings | None = None,
    *,
    indices: "ArrayLike | None" = None,
    threads: int = 0,
    **overrides: Any,
) -> Float32Array:
    r"""Draw the Neighbors Maps of a frame's atoms.

    .. math::
        M_{kl} = \alpha_k w_k w_{kl} / d_{kl}^\gamma, \quad \alpha_0 = 1, \quad \alpha_k = d_{0k}^{-1/\beta}

    Row 0 is seen from the atom, rows k = 1..n-1 from its k-th nearest neighbour; each row has the n nearest
    nodes among the candidates and the atom. What is missing is 0, so the map of an isolated atom is 0
    throughout. Distances are in units of the mean distance of the 14 nearest, unless ``scale_neighbors`` is
    None: then in the unit of the positions. A distance below 0.05 of that mean counts as 0.05 of it, so
    coincident atoms give finite pixels.

    Distances whose squares agree to one part in 1e5 are tied. Ties go by weight and tied rows by their
    pixels, and what is tied with the last candidate is a candidate too: no map depends on the order of the
    atoms. All maps are held at once, 4 C n^2 bytes per atom: use `MapSource` for large frames.

    Args:
        atoms: The frame.
        settings: How a map is drawn; the default if None.
        indices: Which atoms, all if None.
        threads: Worker threads; 0 takes one per processor.
        **overrides: Single settings to change, such as ``size=16`` or ``cutoff=6.0``.

    Returns:
        The maps, (N, C, n, n) float32.

    Raises:
        InputError: If a setting, the positions, the cell or an index is wrong, or a species has no weight.

    Source: arXiv 2307.00978, section 2; the scale-free form is ours.
    """
    source = MapSource(atoms, override(settings or NeighborsMapSettings(), overrides), threads=threads)
    return source.maps(np.arange(len(source)) if indices is None else indices)


def override(settings: NeighborsMapSettings, changes: dict[str, Any]) -> NeighborsMapSettings:
    """Change single settings; a cutoff replaces the number of candidates and the other way round.

    Raises:
        InputError: If a name is unknown or a value is not valid.
    """
    check_names(changes)
    for given, other in (("cutoff", "candidates"), ("candidates", "cutoff")):
        if changes.get(given) is not None:
            changes = {other: None} | changes
    return replace(settings, **changes)


def species_names(atoms: "Atoms") -> list[str]:
    """Name the species of each atom: its symbol, or its ``type`` as text where that is unknown ("X")."""
    names: list[str] = atoms.get_chemical_symbols()
    types = atoms.arrays.get("type")
    if types is None:
        return names
    return [str(kind) if name == "X" else name for name, kind in zip(names, types, strict=True)]


def _kinds(atoms: "Atoms", channels: tuple[Channel, ...]) -> tuple[Int32Array, Float32Array]:
    """Return `_kinds_and_weights` of the atoms, without a look at their species where all weigh the same."""
    if all(channel is None for channel in channels):
        return np.zeros(len(atoms), np.int32), np.ones((1, len(channels)), np.float32)
    return _kinds_and_weights(species_names(atoms), channels)


def _kinds_and_weights(names: list[str], channels: tuple[Channel, ...]) -> tuple[Int32Array, Float32Array]:
    """Group species of equal weights into kinds, (N,), in ascending order of their weights, (kinds, C)."""
    species, inverse = np.unique(np.array(names, dtype=np.str_), return_inverse=True)
    table = np.array(
        [[_weight(str(name), channel) for channel in channels] for name in species], dtype=np.float32
    )
    if not len(species):
        table = np.ones((1, len(channels)), dtype=np.float32)
    weights, kinds = np.unique(table, axis=0, return_inverse=True)
    return kinds.reshape(-1)[inverse].astype(np.int32), np.ascontiguousarray(weights)


def _weight(species: str, channel: Channel) -> float:
    if channel is None:
        return 1.0
    if species not in channel:
        raise InputError(
            f"species {species} has no weight in the channel {dict(channel)}: "
            "add it, or use a model made for these species"
        )
    return channel[species]


def _checked_indices(indices: "ArrayLike", count: int) -> IntArray:
    chosen = np.asarray(indices)
    if chosen.size == 0:
        return np.zeros(0, dtype=np.int64)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
        raise InputError(
            f"indices must be a one-dimensional array of integers, got {chosen.dtype} {chosen.shape}"
        )
    if chosen.min() < -count or chosen.max() >= count:
        wrong = chosen[(chosen < -count) | (chosen >= count)][0]
        raise InputError(f"indices must name atoms 0 to {count - 1}, got {wrong}")
    return np.ascontiguousarray(np.where(chosen < 0, chosen + count, chosen), dtype=np.int64)
