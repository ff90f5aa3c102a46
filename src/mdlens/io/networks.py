"""Disordered elastic networks in two dimensions, and trajectories of their compression.

Units are reduced (Lennard-Jones style): every node has mass 1, every length is in the file's own unit.
"""

from dataclasses import dataclass, field

import numpy as np

from mdlens.errors import InputError
from mdlens.types import FloatArray, IntArray

DIMENSIONS = 2


def minimum_image(vectors: FloatArray, box: FloatArray) -> FloatArray:
    """Shift vectors (..., 2) by whole box lengths (..., 2) to the shortest of their periodic images."""
    shortest: FloatArray = vectors - box * np.round(vectors / box)
    return shortest


def _empty_indices() -> IntArray:
    return np.empty((0, 3), dtype=np.int64)


def _no_numbers() -> FloatArray:
    return np.empty(0)


@dataclass(frozen=True, kw_only=True, eq=False)
class ElasticNetwork:
    """Nodes of mass 1 joined by springs in a periodic rectangle.

    The energy is ``sum k (r - l0)^2 + sum k_theta (theta - theta0)^2``, without 1/2, as LAMMPS counts it: the
    force along a bond is ``2 k (r - l0)``.

    Args:
        positions: Cartesian positions (nodes, 2); need not lie inside the box.
        box: Box lengths along x and y (2,); the box reaches from 0 to ``box``.
        bonds: Node indices ``i < j`` of each bond (bonds, 2), each pair once.
        rest_lengths: Rest length l0 of each bond (bonds,).
        stiffness: k of each bond (bonds,), energy / length^2.
        angles: Node indices of each angle (angles, 3), the vertex in the middle; each end is bonded to it.
        rest_angles: theta0 of each angle in radians (angles,).
        angle_stiffness: k_theta of each angle (angles,), energy / rad^2.
        name: Name of this network, unique in a file.
        base: Name of the unpruned network it was made from. Networks of one base share their topology and
            belong on one side of every split.
        target_nu: Poisson's ratio it was pruned for; NaN if none.

    Raises:
        InputError: If shapes disagree, a number is not finite, an index is out of range, or a bond is there
            twice.
    """

    positions: FloatArray
    box: FloatArray
    bonds: IntArray
    rest_lengths: FloatArray
    stiffness: FloatArray
    angles: IntArray = field(default_factory=_empty_indices)
    rest_angles: FloatArray = field(default_factory=_no_numbers)
    angle_stiffness: FloatArray = field(default_factory=_no_numbers)
    name: str = "network"
    base: str = ""
    target_nu: float = float("nan")

    def __post_init__(self) -> None:
        for name in ("positions", "box", "rest_lengths", "stiffness", "rest_angles", "angle_stiffness"):
            _set(self, name, _floats(getattr(self, name), name))
        for name in ("bonds", "angles"):
            _set(self, name, _indices(getattr(self, name), name))
        _set(self, "base", self.base or self.name)
        _check_shapes(self)
        _check_values(self)

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.positions)

    @property
    def n_bonds(self) -> int:
        """Number of bonds."""
        return len(self.bonds)

    def degrees(self) -> IntArray:
        """Number of bonds at each node (nodes,)."""
        return np.bincount(self.bonds.ravel(), minlength=self.n_nodes).astype(np.int64)

    def edge_vectors(self, positions: FloatArray | None = None, box: FloatArray | None = None) -> FloatArray:
        """Minimum-image vectors from ``i`` to ``j`` of every bond.

        Args:
            positions: Positions (..., nodes, 2); the network's own by default.
            box: Box lengths (..., 2); the network's own by default.

        Returns:
            Vectors (..., bonds, 2).
        """
        at = self.positions if positions is None else positions
        lengths = self.box if box is None else box
        vectors = at[..., self.bonds[:, 1], :] - at[..., self.bonds[:, 0], :]
        return minimum_image(vectors, lengths[..., None, :])


@dataclass(frozen=True, kw_only=True, eq=False)
class ElasticTrajectory:
    """Compression of one network along x while the box relaxes along y.

    Positions are **unwrapped**: between frames a node never jumps by a box length. The centre of the box
    stays at ``network.box / 2`` in every frame, so a node that follows the box moves affinely about it.
    Frame 0 is the state before compression: the origin of strain.

    Args:
        network: The network; ``network.positions`` is its state before relaxation.
        positions: Unwrapped positions (frames, nodes, 2).
        boxes: Box lengths (frames, 2).
        temperature: Of the thermostat, reduced units.
        rate: Strain rate d(eps_x)/dt with its sign: negative in compression.
        timestep: Of the integrator.
        seed: Of the thermostat and the start velocities.
        linear_nu: Poisson's ratio of the relaxed network by linear response, of a box that stays a rectangle
            (``C_xy / C_yy``), which compression measures at small strain; NaN if not computed.
        protocol: Name of the settings, such as ``published``.

    Raises:
        InputError: If shapes disagree or a number is not finite.
    """

    network: ElasticNetwork
    positions: FloatArray
    boxes: FloatArray
    temperature: float
    rate: float
    timestep: float
    seed: int
    linear_nu: float = float("nan")
    protocol: str = ""

    def __post_init__(self) -> None:
        for name in ("positions", "boxes"):
            _set(self, name, _floats(getattr(self, name), name))
        frames = len(self.positions)
        if self.positions.shape != (frames, self.network.n_nodes, DIMENSIONS) or frames == 0:
            raise InputError(
                f"positions must be (frames, {self.network.n_nodes}, 2), got {self.positions.shape}"
            )
        if self.boxes.shape != (frames, DIMENSIONS):
            raise InputError(f"boxes must be ({frames}, 2), got {self.boxes.shape}")
        if np.any(self.boxes <= 0):
            raise InputError(f"box lengths must be positive, got {self.boxes.min()}")

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.positions)

    @property
    def centre(self) -> FloatArray:
        """The point that stays where it is while the box deforms (2,)."""
        return self.network.box / 2

    @property
    def strain(self) -> FloatArray:
        """Strain along x of every frame (frames,): ``Lx / Lx[0] - 1``, negative in compression."""
        strain: FloatArray = self.boxes[:, 0] / self.boxes[0, 0] - 1
        return strain

    @property
    def poisson_ratio(self) -> FloatArray:
        """Poisson's ratio from the positions of every frame (frames,); NaN where there is no strain."""
        return poisson_ratio_from_positions(self.positions, self.boxes)


def poisson_ratio_from_positions(
    positions: FloatArray, boxes: FloatArray, *, every_origin: bool = True
) -> FloatArray:
    """Poisson's ratio of every frame from how the nodes move, relative to frame 0.

    ``nu = -[sum u_y (y - ybar) / sum (y - ybar)^2] / eps_x`` with the minimum-image displacement ``u_y`` and
    ``eps_x = Lx / Lx[0] - 1``. Where a periodic box begins is arbitrary, and in a network of 100 nodes the
    ratio depends on it by a tenth: by default the sums run over boxes that begin at each of the nodes.

    Args:
        positions: Positions (frames, nodes, 2), wrapped or not; frame 0 inside or near the box.
        boxes: Box lengths (frames, 2).
        every_origin: Whether to pool all origins of the box, or to take the nodes where they are in frame 0.

    Returns:
        Poisson's ratio (frames,); NaN where there is no strain, as in frame 0.

    Source: least squares of the displacement on the position, arXiv 2505.21125, with one origin.
    """
    y, height = positions[0, :, 1], boxes[0, 1]
    moved = minimum_image(positions[..., 1] - y, boxes[:, 1:])
    origins = y[:, None] if every_origin else np.zeros((1, 1))
    above = y - origins
    # with another origin some nodes are seen as images below, which the growing box moves along
    images = np.floor(above / height) if every_origin else np.zeros_like(above)
    place = above - images * height
    place -= place.mean(axis=1, keepdims=True)
    grown = boxes[:, 1] - height
    slope = (moved @ place.sum(axis=0) - grown * (place * images).sum()) / (place**2).sum()
    return _ratio(slope, boxes)


def poisson_ratio_from_box(boxes: FloatArray) -> FloatArray:
    """``-eps_y / eps_x`` of every frame from the box lengths (frames, 2); NaN where there is no strain."""
    return _ratio(boxes[:, 1] / boxes[0, 1] - 1, boxes)


def _ratio(transverse: FloatArray, boxes: FloatArray) -> FloatArray:
    strain = boxes[:, 0] / boxes[0, 0] - 1
    ratio = np.full(len(boxes), np.nan)
    np.divide(-transverse, strain, out=ratio, where=strain != 0)
    return ratio


def _set(target: object, name: str, value: object) -> None:
    object.__setattr__(target, name, value)


def _floats(values: object, name: str) -> FloatArray:
    array = np.array(values, dtype=np.float64)
    if not np.all(np.isfinite(array)):
        raise InputError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")
    array.setflags(write=False)
    return array


def _indices(values: object, name: str) -> IntArray:
    array = np.array(values)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{name} must be integers, got {array.dtype}")
    array = array.astype(np.int64)
    array.setflags(write=False)
    return array


def _check_shapes(network: ElasticNetwork) -> None:
    bonds, angles = len(network.bonds), len(network.angles)
    expected = {
        "positions": (len(network.positions), DIMENSIONS),
        "box": (DIMENSIONS,),
        "bonds": (bonds, 2),
        "rest_lengths": (bonds,),
        "stiffness": (bonds,),
        "angles": (angles, 3),
        "rest_angles": (angles,),
        "angle_stiffness": (angles,),
    }
    for name, shape in expected.items():
        if (got := getattr(network, name).shape) != shape:
            raise InputError(f"{name} must have the shape {shape}, got {got}")


def _check_values(network: ElasticNetwork) -> None:
    if np.any(network.box <= 0):
        raise InputError(f"box lengths must be positive, got {network.box.tolist()}")
    for name in ("rest_lengths", "stiffness"):
        values = getattr(network, name)
        if np.any(values <= 0):
            raise InputError(f"{name} must be positive, got {values.min()}")
    for name in ("bonds", "angles"):
        indices = getattr(network, name)
        if indices.size and not 0 <= indices.min() <= indices.max() < network.n_nodes:
            raise InputError(f"{name} must name nodes 0 to {network.n_nodes - 1}, got {indices.max()}")
    bonds = network.bonds
    if (wrong := bonds[bonds[:, 0] >= bonds[:, 1]]).size:
        raise InputError(f"each bond must be i < j, got {wrong[0].tolist()}")
    pairs, counts = np.unique(bonds, axis=0, return_counts=True)
    if (twice := pairs[counts > 1]).size:
        raise InputError(f"bond {twice[0].tolist()} is listed twice: list each bond once")
