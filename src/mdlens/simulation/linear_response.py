"""Elastic constants of a network at vanishing strain, by linear response."""

from dataclasses import dataclass

import numpy as np

from mdlens.errors import InputError
from mdlens.io.networks import ElasticNetwork
from mdlens.simulation.springs import STRAINS, derivatives
from mdlens.types import FloatArray

_BALANCED = 1e-5
"""Largest force and stress, relative to a typical stiffness times a typical bond, of a relaxed network."""

_FLOPPY = 1e-10
"""Modes softer than this part of the stiffest one count as free."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearResponse:
    """Elastic constants of one network, energy per area, strains ``(eps_xx, eps_yy, gamma_xy)``.

    Attributes:
        C: Stiffness matrix (3, 3), relaxed with respect to the nodes.
        free_modes: Number of motions that cost no energy, the two translations left out.
    """

    C: FloatArray
    free_modes: int = 0

    @property
    def B(self) -> float:  # noqa: N802  # the field's name
        """Bulk modulus ``(C_xx + C_yy + 2 C_xy) / 4``."""
        return bulk_modulus(self.C)

    @property
    def G(self) -> float:  # noqa: N802
        """Shear modulus averaged over directions, ``[(C_xx + C_yy - 2 C_xy) / 4 + C_ss] / 2``."""
        return shear_modulus(self.C)

    @property
    def nu(self) -> float:
        """Poisson's ratio of the direction average in two dimensions, ``(B - G) / (B + G)``."""
        return poisson_ratio(self.C)

    @property
    def nu_xy(self) -> float:
        """Poisson's ratio for stress along x with y and shear free, ``-S_yx / S_xx`` of ``S = C^-1``."""
        return -float(self._compliance[1, 0] / self._compliance[0, 0])

    @property
    def nu_yx(self) -> float:
        """Poisson's ratio for stress along y with x and shear free, ``-S_xy / S_yy``."""
        return -float(self._compliance[0, 1] / self._compliance[1, 1])

    @property
    def nu_box(self) -> float:
        """Poisson's ratio along x in a box that relaxes along y and stays a rectangle, ``C_xy / C_yy``.

        This is what compression in a rectangular box measures.
        """
        return float(self.C[0, 1] / self.C[1, 1])

    @property
    def anisotropy(self) -> float:
        """``|C - C_iso| / |C|`` in the Frobenius norm; 0 for an isotropic network."""
        return anisotropy(self.C)

    @property
    def _compliance(self) -> FloatArray:
        return np.asarray(np.linalg.pinv(self.C, hermitian=True), dtype=np.float64)


def bulk_modulus(C: FloatArray) -> float:
    """``(C_xx + C_yy + 2 C_xy) / 4`` of a stiffness matrix (3, 3)."""
    return float(C[0, 0] + C[1, 1] + 2 * C[0, 1]) / 4


def shear_modulus(C: FloatArray) -> float:
    """``[(C_xx + C_yy - 2 C_xy) / 4 + C_ss] / 2`` of a stiffness matrix (3, 3)."""
    return float((C[0, 0] + C[1, 1] - 2 * C[0, 1]) / 4 + C[2, 2]) / 2


def poisson_ratio(C: FloatArray) -> float:
    """``(B - G) / (B + G)`` of a stiffness matrix (3, 3); NaN where both moduli vanish."""
    b, g = bulk_modulus(C), shear_modulus(C)
    return (b - g) / (b + g) if b + g > 0 else float("nan")


def anisotropy(C: FloatArray) -> float:
    """``|C - C_iso| / |C|`` of a stiffness matrix (3, 3) and the isotropic one of the same moduli."""
    b, g = bulk_modulus(C), shear_modulus(C)
    isotropic = np.array([[b + g, b - g, 0], [b - g, b + g, 0], [0, 0, g]])
    return float(np.linalg.norm(C - isotropic) / np.linalg.norm(C))


def linear_response(network: ElasticNetwork) -> LinearResponse:
    """Elastic constants of a relaxed network: exact second derivatives, dense solve.

    ``C = (E_ee - E_eu E_uu^-1 E_ue) / A``: subscripts are derivatives by strain and by displacement, A the
    area of the box.

    Args:
        network: A network without net forces or stress, such as `generate_networks` or `relax` gives.

    Raises:
        InputError: If forces or the stress do not vanish: relax it first.

    Source: Lutsko, J. Appl. Phys. 65, 2991 (1989); for networks Reid et al., PNAS 115, E1384 (2018).
    """
    state = derivatives(network)
    _check_relaxed(network, state.gradient)
    nodes = slice(0, -STRAINS)
    mixed = state.hessian[nodes, -STRAINS:]
    moved, free = _solve(state.hessian[nodes, nodes], mixed)
    C = (state.hessian[-STRAINS:, -STRAINS:] - mixed.T @ moved) / float(np.prod(network.box))
    return LinearResponse(C=(C + C.T) / 2, free_modes=free)


def _check_relaxed(network: ElasticNetwork, gradient: FloatArray) -> None:
    scale = float(np.mean(network.stiffness * network.rest_lengths)) if network.n_bonds else 1.0
    force = np.abs(gradient[:-STRAINS]).max(initial=0.0) / scale
    stress = np.abs(gradient[-STRAINS:]).max() / max(network.n_bonds, 1) / scale
    if max(force, stress) > _BALANCED:
        raise InputError(
            f"network {network.name!r} is not relaxed (force {force:.1e}, stress {stress:.1e} relative to "
            "stiffness times length): relax it first with mdlens.elastic.relax"
        )


def _solve(hessian: FloatArray, right: FloatArray) -> tuple[FloatArray, int]:
    """Solve ``H x = right`` orthogonal to the modes that cost nothing, and count these but translations."""
    shift = float(np.trace(hessian)) / max(len(hessian), 1) or 1.0
    along = np.tile(np.eye(2), (len(hessian) // 2, 1)) * np.sqrt(2 / max(len(hessian), 1))
    try:
        lower = np.linalg.cholesky(hessian + shift * along @ along.T)
    except np.linalg.LinAlgError:
        lower = None
    if lower is not None and np.diag(lower).min() ** 2 > _FLOPPY * shift:
        x: FloatArray = np.linalg.solve(lower.T, np.linalg.solve(lower, right))
        return x, 0
    values, modes = np.linalg.eigh(hessian)
    stiff = values > _FLOPPY * max(values.max(initial=0.0), np.finfo(float).tiny)
    kept = modes[:, stiff]
    return kept @ ((kept.T @ right) / values[stiff, None]), int((~stiff).sum()) - 2
