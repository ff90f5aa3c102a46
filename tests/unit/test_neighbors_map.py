"""The Neighbors Map kernels against a slow, obvious twin and against the geometry of the lattices."""

from functools import cache

import numpy as np
import pytest
from ase import Atoms
from twins.neighbors_map import CELLS, FLOOR, LATTICES, SETTINGS, noised, random_system, twin_maps

from mdlens import _core
from mdlens.descriptors import MapSource, NeighborsMapSettings, neighbors_map
from mdlens.errors import InputError

ISAS = _core.supported_isas()


def assert_close(actual, expected, tolerance=1e-5):
    assert actual.shape == expected.shape
    assert np.isfinite(actual).all()
    scale = np.abs(expected).max() if expected.size else 1.0
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=1e-7 * scale)


def draw(atoms, s, isa="automatic", threads=1):
    return MapSource(atoms, s, threads=threads, isa=isa).maps(np.arange(len(atoms)))


@cache
def expected_of_random(shape, count, seed, name):
    return twin_maps(random_system(shape, count, seed), SETTINGS[name])


# ---- against the twin ----


@pytest.mark.parametrize("name", ["default", "published", "alloy"])
@pytest.mark.parametrize("shape", CELLS)
@pytest.mark.parametrize("count", [0, 1, 2, 5, 17])
@pytest.mark.parametrize("isa", ISAS)
def test_agrees_with_the_twin_in_every_cell(isa, count, shape, name):
    atoms = random_system(shape, count, seed=count)
    assert_close(draw(atoms, SETTINGS[name], isa), expected_of_random(shape, count, count, name))


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("isa", ISAS)
def test_agrees_with_the_twin_for_every_setting(isa, name):
    for seed in range(3):
        atoms = random_system("triclinic", 7, seed)
        assert_close(draw(atoms, SETTINGS[name], isa), expected_of_random("triclinic", 7, seed, name))


@pytest.mark.parametrize("shape", CELLS)
def test_agrees_with_the_twin_over_many_seeds(shape):
    for seed in range(100, 110):
        atoms = random_system(shape, 4, seed)
        for name in ("few", "contrast"):
            assert_close(draw(atoms, SETTINGS[name]), expected_of_random(shape, 4, seed, name))


@pytest.mark.parametrize("sigma", [0.0, 0.1])
@pytest.mark.parametrize("lattice", LATTICES)
@pytest.mark.parametrize("isa", ISAS)
def test_agrees_with_the_twin_on_lattices(isa, lattice, sigma):
    atoms = noised(lattice, (2, 2, 1), sigma)
    weights = {symbol: 1.0 + i for i, symbol in enumerate(sorted(set(atoms.symbols)))}
    for s in (NeighborsMapSettings(), NeighborsMapSettings.published(5.5, channels=(None, weights))):
        assert_close(draw(atoms, s, isa), twin_maps(atoms, s))


def test_agrees_with_the_twin_for_33_atoms_and_a_far_one():
    atoms = random_system("cluster", 33, seed=5)
    atoms.positions[7] += 1e6
    assert_close(neighbors_map(atoms), twin_maps(atoms, NeighborsMapSettings()))


@pytest.mark.parametrize("isa", ISAS)
def test_more_species_than_a_vector_of_lanes_can_tell_apart(isa):
    rng = np.random.default_rng(3)
    symbols = [
        "H",
        "He",
        "Li",
        "Be",
        "B",
        "C",
        "N",
        "O",
        "F",
        "Ne",
        "Na",
        "Mg",
        "Al",
        "Si",
        "P",
        "S",
        "Cl",
        "Ar",
        "K",
    ]
    atoms = Atoms(symbols, positions=rng.uniform(0, 6, (len(symbols), 3)), cell=np.eye(3) * 6, pbc=True)
    for count in (len(symbols), 16, 9, 3):  # 19 kinds, then as many as 4, 4 and 2 bits hold
        channel = {symbol: 0.5 + i % count for i, symbol in enumerate(symbols)}
        s = NeighborsMapSettings(channels=(channel,))
        assert_close(draw(atoms, s, isa), twin_maps(atoms, s))


@pytest.mark.parametrize("isa", ISAS)
def test_coincident_atoms_give_finite_pixels(isa):
    atoms = random_system("cubic", 9, seed=2)
    atoms.positions[3] = atoms.positions[4] = atoms.positions[1]
    for name in ("default", "published", "alloy"):
        maps = draw(atoms, SETTINGS[name], isa)
        assert_close(maps, twin_maps(atoms, SETTINGS[name]))
    assert draw(atoms, SETTINGS["default"], isa)[1, 0, 0, 0] == pytest.approx(1 / FLOOR**2)


def test_atoms_all_at_one_place_have_no_length_and_give_zeros():
    atoms = Atoms("Cu4", positions=np.ones((4, 3)))
    assert not neighbors_map(atoms).any()
    assert not neighbors_map(atoms, NeighborsMapSettings.published(3.0)).any()


# ---- analytic values ----


def test_isolated_atom_gives_zeros():
    assert not neighbors_map(Atoms("Cu")).any()
    assert not neighbors_map(
        Atoms("Cu", cell=np.eye(3) * 9, pbc=True), NeighborsMapSettings.published(6.0)
    ).any()
    assert neighbors_map(Atoms()).shape == (0, 1, 32, 32)


def test_dimer():
    expected = np.zeros((4, 4))
    expected[0, 0] = 1 / 2.5**2
    expected[1, 0] = 2.5 ** (-1 / 3) / 2.5**2
    dimer = Atoms("Cu2", positions=[(0, 0, 0), (0, 0, 2.5)])
    absolute = neighbors_map(dimer, NeighborsMapSettings.published(3.0), size=4)
    np.testing.assert_allclose(absolute, np.broadcast_to(expected, (2, 1, 4, 4)), rtol=1e-6)
    scale_free = neighbors_map(dimer, size=4)
    np.testing.assert_allclose(scale_free[:, 0, :2, 0], 1.0, rtol=1e-6)


# (distance / a, number) of the first shells: textbook geometry of the cubic lattices.
SHELLS = {
    "fcc": (3.6, [(np.sqrt(1 / 2), 12), (1, 6), (np.sqrt(3 / 2), 24)]),
    "bcc": (2.9, [(np.sqrt(3 / 4), 8), (1, 6), (np.sqrt(2), 12), (np.sqrt(11 / 4), 24)]),
    "diamond": (5.4, [(np.sqrt(3 / 16), 4), (np.sqrt(1 / 2), 12), (np.sqrt(11 / 16), 12), (1, 6)]),
    "sc": (3.3, [(1, 6), (np.sqrt(2), 12), (np.sqrt(3), 8), (2, 6)]),
}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("lattice", SHELLS)
def test_row_of_the_centre_shows_the_shells(lattice, isa):
    a, shells = SHELLS[lattice]
    distances = np.repeat([a * d for d, _ in shells], [n for _, n in shells])
    published = draw(LATTICES[lattice], NeighborsMapSettings.published(distances[-1] * 1.01), isa)
    np.testing.assert_allclose(published[0, 0, 0], distances[:32] ** -2.0, rtol=2e-6)
    length = distances[:14].mean()
    scale_free = draw(LATTICES[lattice], NeighborsMapSettings(), isa)
    np.testing.assert_allclose(scale_free[0, 0, 0], (length / distances[:32]) ** 2, rtol=2e-6)


def test_first_neighbour_of_fcc_sees_the_centre_and_eleven_more_within_a_large_cutoff():
    a = 3.6
    row = neighbors_map(LATTICES["fcc"], NeighborsMapSettings.published(3 * a))[0, 0, 1]
    nearest = a * np.sqrt(1 / 2)
    np.testing.assert_allclose(row[:12], nearest ** (-1 / 3) / nearest**2, rtol=2e-6)
    np.testing.assert_allclose(row[12:18], nearest ** (-1 / 3) / a**2, rtol=2e-6)


def test_all_atoms_within_the_cutoff_take_part_and_those_at_the_cutoff_too():
    counts = {
        cutoff: np.count_nonzero(neighbors_map(LATTICES["sc"], cutoff=cutoff)[0, 0, 0])
        for cutoff in (3.2, 3.3, 4.6)
    }
    assert counts == {3.2: 0, 3.3: 6, 4.6: 6}


def test_a_tie_with_the_last_candidate_makes_more_candidates():
    for candidates in (7, 10, 18):
        row = neighbors_map(LATTICES["sc"], candidates=candidates, size=20)[0, 0, 0]
        assert np.count_nonzero(row) == 18


# ---- instruction sets and threads ----


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", SETTINGS)
def test_instruction_sets_agree_to_rounding(name, isa):
    atoms = noised("B2", (4, 4, 4), 0.15)
    atoms.symbols[:20] = "Al"
    expected = draw(atoms, SETTINGS[name], "portable")
    np.testing.assert_allclose(draw(atoms, SETTINGS[name], isa), expected, rtol=1e-5, atol=1e-6)


def test_maps_do_not_depend_on_threads_or_batches():
    atoms = noised("fcc", (7, 7, 7), 0.1)
    expected = neighbors_map(atoms, threads=1)
    assert np.array_equal(neighbors_map(atoms, threads=3), expected)
    source = MapSource(atoms, NeighborsMapSettings(), threads=2)
    assert len(source) == len(atoms)
    assert sorted(source.order) == list(range(len(atoms)))
    buffer = np.empty((50, 1, 32, 32), dtype=np.float32)
    for start in range(0, len(atoms) - 50, 50):
        chosen = source.order[start : start + 50]
        assert np.array_equal(source.maps(chosen, out=buffer), expected[chosen])


def test_an_instruction_set_must_exist():
    with pytest.raises(InputError, match="choose automatic, portable, avx2 or avx512"):
        draw(LATTICES["fcc"], NeighborsMapSettings(), "mmx")


def test_the_order_outlives_its_source():
    atoms = noised("fcc", (7, 7, 7), 0.1)
    order = MapSource(atoms, NeighborsMapSettings()).order
    again = MapSource(atoms, NeighborsMapSettings())  # may take memory that was freed
    assert not order.flags.writeable
    np.testing.assert_array_equal(order, again.order)
