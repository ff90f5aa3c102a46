"""Random mixtures: atoms placed at random, pushed apart, ready to be a melt."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, reference_states

from mdlens.errors import InputError
from mdlens.simulation.engine import Engine

_PUSH = 30.0  # eV: height of the soft potential, far above any thermal energy
_CORE = 0.95  # its reach over the edge of the cube per atom, about the first-neighbour distance of a melt


def random_mixture(
    elements: Sequence[str],
    fractions: Sequence[float],
    volume_per_atom: float,
    *,
    atoms: int,
    seed: int,
) -> Atoms:
    """Place atoms at random in a periodic cube; they overlap until `push_apart` has moved them.

    Args:
        elements: Chemical symbols.
        fractions: Share of the atoms of each element; they add up to 1.
        volume_per_atom: Cubic Angstrom.
        atoms: Number of atoms; each element gets its share rounded, the last one the rest.
        seed: Of places and order.

    Raises:
        InputError: If shares do not fit the elements or do not add up, or there are no atoms or no volume.
    """
    if len(fractions) != len(elements) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise InputError(
            f"fractions must hold a share for each of {', '.join(elements)} that add up to 1, "
            f"got {', '.join(map(str, fractions))}"
        )
    if atoms < 1 or not 0 < volume_per_atom < np.inf:
        raise InputError(
            f"a mixture needs atoms and a positive volume per atom, got {atoms} and {volume_per_atom}"
        )
    rng = np.random.default_rng(seed)
    edges = np.rint(np.cumsum(fractions) * atoms).astype(int)
    kinds = np.searchsorted(edges, np.arange(atoms), side="right")
    edge = float(atoms * volume_per_atom) ** (1 / 3)
    symbols = [elements[k] for k in rng.permutation(kinds)]
    return Atoms(symbols, positions=rng.uniform(0, edge, (atoms, 3)), cell=[edge] * 3, pbc=True)


def push_apart(lmp: Engine, volume_per_atom: float, commands: Sequence[str]) -> None:
    """Minimise under a soft repulsion, then hand over to the potential of ``commands``.

    An embedded-atom potential cannot start from overlapping atoms: its forces are without bounds there.
    """
    reach = _CORE * volume_per_atom ** (1 / 3)
    lmp.run(
        f"pair_style soft {reach}",
        f"pair_coeff * * {_PUSH}",
        "minimize 0.0 1e-2 500 5000",
        *commands,
        "minimize 0.0 1e-1 50 500",
    )


def volume_of_elements(elements: Sequence[str], fractions: Sequence[float]) -> float:
    """Volume per atom (cubic Angstrom) of the elements' own crystals, mixed linearly.

    Raises:
        InputError: If an element has no crystal on record.
    """
    return sum(x * _volume(e) for e, x in zip(elements, fractions, strict=True))


def _volume(element: str) -> float:
    reference = reference_states[atomic_numbers.get(element, 0)] or {}
    a = float(reference.get("a", 0.0) or 0.0)
    volume = {
        "fcc": a**3 / 4,
        "bcc": a**3 / 2,
        "sc": a**3,
        "diamond": a**3 / 8,
        "hcp": a**3 * float(reference.get("c/a", 0.0) or 0.0) * 3**0.5 / 4,
    }.get(str(reference.get("symmetry")), 0.0)
    if not volume:
        raise InputError(f"{element} has no simple crystal on record: give the volume per atom")
    return volume
