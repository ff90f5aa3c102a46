"""Analytic truth: every atom of a perfect crystal, whatever its element, size and description."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.data import chemical_symbols

import mdlens
from mdlens.inference import load_model

MODEL = Path(mdlens.__file__).parent / "pretrained" / "default.onnx"
pytestmark = pytest.mark.skipif(not MODEL.exists(), reason="the shipped model is not there")

STRUCTURES = ("fcc", "hcp", "bcc", "cubic_diamond", "hexagonal_diamond", "sc")
CONSTANTS = np.arange(2.5, 6.51, 0.5)


def crystal(structure: str, a: float, symbol: str = "Cu") -> Atoms:
    """Return the conventional cell; a is its shortest edge, c ideal where there is one."""
    if structure == "hcp":
        return bulk(symbol, "hcp", a=a, c=a * np.sqrt(8 / 3))
    if structure == "hexagonal_diamond":  # lonsdaleite: two hcp lattices, 3/8 c apart
        atoms = bulk(symbol, "hcp", a=a, c=a * np.sqrt(8 / 3))
        other = atoms.copy()
        other.positions[:, 2] += 0.375 * atoms.cell[2, 2]
        return atoms + other
    kind = {"cubic_diamond": "diamond"}.get(structure, structure)
    return bulk(symbol, kind, a=a, cubic=True)


@pytest.fixture(scope="module")
def model():
    return load_model(MODEL)


def names(atoms: Atoms, model: object) -> set[str]:
    return set(mdlens.classify(atoms, model, embeddings=False).names.tolist())


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_lattice_constant(model, structure):
    for a in CONSTANTS:
        assert names(crystal(structure, float(a)), model) == {structure}, a


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_element(model, structure):
    atoms = crystal(structure, 4.0)
    for symbol in chemical_symbols[1:]:
        atoms.symbols[:] = symbol
        assert names(atoms, model) == {structure}, symbol


@pytest.mark.parametrize("structure", STRUCTURES)
def test_an_alloy_on_the_lattice(model, structure):
    atoms = crystal(structure, 3.7).repeat(2)
    atoms.symbols[::2] = "Zr"
    assert names(atoms, model) == {structure}


def rotated(atoms: Atoms) -> Atoms:
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    return Atoms(atoms.symbols, atoms.positions @ turn, cell=atoms.cell.array @ turn, pbc=True)


def shuffled(atoms: Atoms) -> Atoms:
    return atoms[np.random.default_rng(6).permutation(len(atoms))]


def unwrapped(atoms: Atoms) -> Atoms:
    moved = atoms.copy()
    moved.positions += np.random.default_rng(7).integers(-3, 4, (len(atoms), 3)) @ atoms.cell.array
    return moved


def translated(atoms: Atoms) -> Atoms:
    moved = atoms.copy()
    moved.positions += [0.123, 4.56, -7.89]
    moved.wrap()
    return moved


DESCRIPTIONS = {
    "replicated": lambda atoms: atoms.repeat((3, 2, 4)),
    "rotated": rotated,
    "shuffled": lambda atoms: shuffled(atoms.repeat(2)),
    "outside the cell": lambda atoms: unwrapped(atoms.repeat(2)),
    "translated and wrapped": lambda atoms: translated(atoms.repeat(2)),
    "triclinic": lambda atoms: make_supercell(atoms, [[1, 0, 0], [1, 1, 0], [-1, 2, 1]]),
    "strongly skewed": lambda atoms: make_supercell(atoms, [[1, 0, 0], [5, 1, 0], [-4, 3, 1]]),
    "rotated triclinic": lambda atoms: rotated(make_supercell(atoms, [[2, 1, 0], [0, 1, 1], [1, 0, 1]])),
}


@pytest.mark.parametrize("description", DESCRIPTIONS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_description_of_one_crystal(model, structure, description):
    assert names(DESCRIPTIONS[description](crystal(structure, 3.61)), model) == {structure}


@pytest.mark.parametrize("structure", ["fcc", "bcc", "cubic_diamond"])
def test_primitive_cells(model, structure):
    kind = {"cubic_diamond": "diamond"}.get(structure, structure)
    assert names(bulk("Cu", kind, a=3.6), model) == {structure}
