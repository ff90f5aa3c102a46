"""Types of the native core."""

from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdlens.types import BoolArray, Float32Array, FloatArray, Int32Array, IntArray

# ---- neighbors ----

class NeighborSearch:
    """Atoms sorted into cells once, for any number of queries."""

    def __init__(self, positions: FloatArray, cell: FloatArray, pbc: BoolArray, threads: int = 1) -> None: ...
    def __len__(self) -> int: ...
    @property
    def spatial_order(self) -> Int32Array: ...
    def pairs(
        self, cutoff: float, threads: int
    ) -> tuple[IntArray, IntArray, Int32Array, FloatArray, FloatArray]: ...
    def nearest(self, k: int, threads: int) -> tuple[IntArray, Int32Array, FloatArray, FloatArray]: ...
    def nearest_vectors(self, k: int, atoms: IntArray, threads: int) -> Float32Array: ...
    def shell_mean(self, values: Float32Array, k: int, threads: int) -> Float32Array: ...
    def off_center(self, k: int, threads: int) -> Float32Array: ...

# ---- descriptors ----

class MapOptions:
    """How a Neighbors Map is drawn; 0 stands for no cutoff, no candidates or no scale."""

    def __init__(
        self, size: int, gamma: float, beta: float, candidates: int, cutoff: float, scale_neighbors: int
    ) -> None: ...

def neighbors_maps(
    search: NeighborSearch,
    options: MapOptions,
    weights: Float32Array,
    kinds: Int32Array,
    atoms: IntArray,
    out: Float32Array,
    threads: int,
    isa: str,
) -> None: ...
def supported_isas() -> list[str]: ...
def byte_maps(
    search: NeighborSearch,
    options: MapOptions,
    reach: float,
    levels: float,
    atoms: IntArray,
    threads: int,
    isa: str,
) -> NDArray[np.uint8]: ...

class ByteNetwork:
    """8-bit layers (h, w, weights (P, O, I), scale (P, O), bias (P, O)) over byte maps."""

    def __init__(
        self,
        size: int,
        layers: list[tuple[int, int, NDArray[np.int8], Float32Array, Float32Array]],
    ) -> None: ...
    @property
    def size(self) -> int: ...
    @property
    def embedding(self) -> int: ...
    def run(self, maps: NDArray[np.uint8], threads: int, isa: str) -> Float32Array: ...
    def embed(
        self,
        search: NeighborSearch,
        options: MapOptions,
        reach: float,
        levels: float,
        atoms: IntArray,
        threads: int,
        isa: str,
    ) -> tuple[Float32Array, BoolArray]: ...

# ---- io ----

class Rule(Enum):
    coordinate = 0
    real = 1
    integer = 2
    text = 3
    any = 4

class Kind(Enum):
    real = 0
    integer = 1
    text = 2

class Fault(Enum):
    none = 0
    too_few = 1
    too_many = 2
    not_number = 3
    not_finite = 4
    not_integer = 5
    not_word = 6
    changed_kind = 7
    next_item = 8
    cut = 9

class Issue:
    fault: Fault
    row: int
    column: int
    token: bytes

class TableReader:
    def __init__(self, rules: list[Rule], rows: int) -> None: ...
    def feed(self, data: bytes, offset: int, last: bool) -> int: ...
    @property
    def complete(self) -> bool: ...
    @property
    def rows(self) -> int: ...
    @property
    def issue(self) -> Issue: ...
    def kind(self, column: int) -> Kind: ...
    def words(self, column: int) -> list[bytes]: ...
    def take(self, column: int) -> NDArray[Any]: ...

def skip_lines(data: bytes, offset: int, lines: int, last: bool) -> tuple[int, int]: ...
def format_rows(columns: list[tuple[NDArray[Any], int, NDArray[np.uint32] | None]], rows: int) -> bytes: ...
