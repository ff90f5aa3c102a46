"""Pairs closer than a cutoff, and the k nearest neighbours."""

from dataclasses import dataclass

from numpy.typing import ArrayLike

from mdlens import _core
from mdlens.errors import InputError
from mdlens.neighbors.system import validate_system
from mdlens.types import FloatArray, Int32Array, IntArray


@dataclass(frozen=True, slots=True)
class Pairs:
    """Directed pairs ``i -> j``, sorted by ``(i, distance, j, shift)``.

    Attributes:
        i: Central atom, int64 (P,).
        j: Neighbour, int64 (P,).
        shift: Periodic image of ``j``, int32 (P, 3): it sits at ``positions[j] + shift @ cell``.
        vector: ``positions[j] + shift @ cell - positions[i]``, float64 (P, 3), in the unit of the positions.
        distance: ``|vector|``, float64 (P,).
    """

    i: IntArray
    j: IntArray
    shift: Int32Array
    vector: FloatArray
    distance: FloatArray

    def __len__(self) -> int:
        return len(self.i)


@dataclass(frozen=True, slots=True)
class Nearest:
    """The k nearest neighbours of every atom, each row sorted by ``(distance, index, shift)``.

    Attributes:
        index: Neighbour, int64 (N, k); -1 where the system has no more atoms.
        shift: Its periodic image, int32 (N, k, 3), as in `Pairs`; 0 where there is none.
        vector: From the atom to that image, float64 (N, k, 3); 0 where there is none.
        distance: ``|vector|``, float64 (N, k); infinite where there is none.
    """

    index: IntArray
    shift: Int32Array
    vector: FloatArray
    distance: FloatArray

    def __len__(self) -> int:
        return len(self.index)


def find_pairs(
    positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike, cutoff: float, *, threads: int = 0
) -> Pairs:
    """List every directed pair ``i -> j`` with ``|r_ij| < cutoff``.

    Any length unit, the same in all arguments. A pair appears once per periodic image, self images included,
    so cells smaller than the cutoff are exact. Different atoms at one place are neighbours at distance 0. The
    result does not depend on the number of threads.

    Args:
        positions: Cartesian positions, (N, 3); need not lie inside the cell.
        cell: Cell vectors as **rows**, (3, 3); one that is not periodic may be zero.
        pbc: Which cell vectors are periodic, (3,), or one value for all.
        cutoff: Largest distance kept (exclusive).
        threads: Threads to use; 0 means one per core.

    Raises:
        InputError: If ``cutoff`` is not a positive number or `validate_system` refuses the system.

    Source: linked cells, Allen & Tildesley, *Computer Simulation of Liquids* (2017), ch. 5; cells that follow
        the atoms, Bentley, *Commun. ACM* 18, 509 (1975).
    """
    if not 0.0 < cutoff < float("inf"):
        raise InputError(f"cutoff must be a positive length, got {cutoff}")
    search = _core.NeighborSearch(*validate_system(positions, cell, pbc), threads)
    return Pairs(*search.pairs(float(cutoff), threads))


def find_nearest(
    positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike, k: int, *, threads: int = 0
) -> Nearest:
    """Find the ``k`` nearest neighbours of every atom, counting periodic images one by one.

    Any length unit, the same in all arguments. An atom's own images count, the atom itself does not. Among
    images at equal distance those with the smaller ``(index, shift)`` are kept. The result does not depend on
    the number of threads.

    Args:
        positions: Cartesian positions, (N, 3); need not lie inside the cell.
        cell: Cell vectors as **rows**, (3, 3); one that is not periodic may be zero.
        pbc: Which cell vectors are periodic, (3,), or one value for all.
        k: Neighbours per atom.
        threads: Threads to use; 0 means one per core.

    Raises:
        InputError: If ``k`` is negative or `validate_system` refuses the system.

    Source: Friedman, Bentley & Finkel, *ACM Trans. Math. Softw.* 3, 209 (1977).
    """
    if k < 0:
        raise InputError(f"k must not be negative, got {k}")
    search = _core.NeighborSearch(*validate_system(positions, cell, pbc), threads)
    return Nearest(*search.nearest(int(k), threads))
