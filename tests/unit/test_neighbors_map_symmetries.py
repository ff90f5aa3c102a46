"""Maps know nothing of the frame of reference, of the order of the atoms, or of a crystal's description."""

import numpy as np
import pytest
from ase.build import make_supercell
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from twins.neighbors_map import LATTICES, SETTINGS, noised, random_system

from mdlens.descriptors import NeighborsMapSettings, neighbors_map

ANGLES = st.tuples(*[st.floats(-3.0, 3.0)] * 3)
NAMES = st.sampled_from(["default", "published", "alloy", "contrast"])
SYSTEMS = st.one_of(
    st.tuples(st.sampled_from(["triclinic", "slab", "cluster"]), st.integers(1, 12), st.integers(0, 99)).map(
        lambda t: random_system(*t)
    ),
    st.sampled_from([LATTICES["B2"].repeat((2, 1, 1)), noised("L1_0", (2, 1, 2), 0.1)]),
)


def assert_same(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=1e-6 * max(np.abs(expected).max(), 1e-30))


@given(SYSTEMS, NAMES, ANGLES, st.tuples(*[st.floats(-50, 50)] * 3))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_rotation_and_translation_change_nothing(atoms, name, angles, offset):
    rotation = Rotation.from_rotvec(angles).as_matrix().T
    moved = atoms.copy()
    moved.set_cell(atoms.cell.array @ rotation)
    moved.positions = atoms.positions @ rotation + offset
    assert_same(neighbors_map(moved, SETTINGS[name]), neighbors_map(atoms, SETTINGS[name]))


@given(SYSTEMS, NAMES, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_permutation_permutes_the_maps(atoms, name, random):
    order = list(range(len(atoms)))
    random.shuffle(order)
    assert_same(neighbors_map(atoms[order], SETTINGS[name]), neighbors_map(atoms, SETTINGS[name])[order])


@given(SYSTEMS, NAMES)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_wrapping_changes_nothing(atoms, name):
    wrapped = atoms.copy()
    wrapped.wrap()
    assert_same(neighbors_map(wrapped, SETTINGS[name]), neighbors_map(atoms, SETTINGS[name]))


@given(SYSTEMS, NAMES, st.tuples(*[st.integers(1, 2)] * 3))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_replication_repeats_the_maps(atoms, name, times):
    times = [t if p else 1 for t, p in zip(times, atoms.pbc, strict=True)]
    expected = np.tile(neighbors_map(atoms, SETTINGS[name]), (int(np.prod(times)), 1, 1, 1))
    assert_same(neighbors_map(atoms.repeat(times), SETTINGS[name]), expected)


@given(SYSTEMS, st.sampled_from(["default", "alloy", "odd", "wide"]), st.floats(-8, 8))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_the_scale_free_form_knows_no_unit(atoms, name, exponent):
    scaled = atoms.copy()
    scaled.set_cell(atoms.cell.array * 10**exponent, scale_atoms=False)
    scaled.positions = atoms.positions * 10**exponent
    assert_same(neighbors_map(scaled, SETTINGS[name]), neighbors_map(atoms, SETTINGS[name]))


@pytest.mark.parametrize("lattice", LATTICES)
def test_every_description_of_a_crystal_gives_the_same_maps(lattice):
    atoms = LATTICES[lattice]
    rng = np.random.default_rng(7)
    other = make_supercell(atoms, [[2, 1, 0], [-1, 2, 1], [0, 1, 2]])
    other.rotate(40, (1, 2, 3), rotate_cell=True)
    other.positions += rng.integers(-2, 3, (len(other), 3)) @ other.cell.array + (0.1, 5, -3)
    other = other[rng.permutation(len(other))]
    weights = {symbol: 1.0 + i for i, symbol in enumerate(sorted(set(atoms.symbols)))}
    for s in (NeighborsMapSettings(), SETTINGS["wide"], NeighborsMapSettings(channels=(weights,))):
        expected = {a.symbol: m for a, m in zip(atoms, neighbors_map(atoms, s), strict=True)}
        assert_same(neighbors_map(other, s), np.array([expected[symbol] for symbol in other.symbols]))
