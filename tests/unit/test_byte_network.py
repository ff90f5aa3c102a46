"""Byte maps and 8-bit networks against NumPy, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from twins import byte_network as twin
from twins.neighbors_map import CELLS, LATTICES, noised, random_system

from mdlens import _core
from mdlens.descriptors import NeighborsMapSettings
from mdlens.descriptors.maps import MapSource
from mdlens.inference import load_model
from mdlens.workflows.crystal import classify_maps

ISAS = _core.supported_isas()
REACH, LEVELS = 3.45, 88.0
PLANS = {
    "three": [(4, 4, 32), (2, 2, 64), (0, 0, 64)],
    "dense": [(8, 8, 64), (0, 0, 128), (0, 0, 64)],
    "odd widths": [(4, 2, 48), (2, 1, 16), (2, 2, 80), (0, 0, 112)],
    "gathered": [(2, 1, 16), (4, 8, 16), (0, 0, 32)],
    "one": [(0, 0, 16)],
    "several patches at the end": [(8, 16, 16)],
}


def search_of(atoms):
    pbc = np.broadcast_to(atoms.pbc, 3).astype(bool)
    return _core.NeighborSearch(np.ascontiguousarray(atoms.positions, float), atoms.cell.array.copy(), pbc)


def options(size, candidates=None, cutoff=0.0):
    return _core.MapOptions(size, 2.0, 3.0, (2 * size - 1 if candidates is None else candidates), cutoff, 14)


def draw(atoms, size, isa, threads=1, **chosen):
    everyone = np.arange(len(atoms))
    return _core.byte_maps(search_of(atoms), options(size, **chosen), REACH, LEVELS, everyone, threads, isa)


def expected_maps(atoms, size, **chosen):
    """Maps in floats, rounded: on every instruction set the same."""
    chosen = {"candidates": 2 * size - 1} | chosen
    source = MapSource(atoms, NeighborsMapSettings(size=size, **chosen), isa="portable")
    maps = source.maps(np.arange(len(atoms)))
    return twin.byte_maps(maps[:, 0], REACH, LEVELS)


# ---- byte maps ----


@pytest.mark.parametrize("size", [16, 32, 48, 64, 20])
@pytest.mark.parametrize("isa", ISAS)
def test_byte_maps_of_a_hot_crystal(isa, size):
    for lattice in ("fcc", "bcc", "diamond"):
        atoms = noised(lattice, (5, 5, 5), 0.15)
        expected = expected_maps(atoms, size)
        assert 20 < np.median(expected) < 240
        assert np.array_equal(draw(atoms, size, isa), expected)


@pytest.mark.parametrize("lattice", LATTICES)
@pytest.mark.parametrize("isa", ISAS)
def test_byte_maps_of_perfect_crystals_are_exact(isa, lattice):
    atoms = LATTICES[lattice].repeat(2)
    for size in (16, 48):
        assert np.array_equal(draw(atoms, size, isa), expected_maps(atoms, size))


@pytest.mark.parametrize("shape", CELLS)
@pytest.mark.parametrize("isa", ISAS)
def test_byte_maps_in_every_cell_of_few_atoms(isa, shape):
    for count in (0, 1, 2, 5, 17, 33):
        atoms = random_system(shape, count, seed=count)
        for size in (16, 32, 48):
            assert np.array_equal(draw(atoms, size, isa), expected_maps(atoms, size))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("candidates", [1, 15, 16, 40, 48, 96, 97, 200])
def test_any_number_of_candidates(isa, candidates):
    atoms = noised("bcc", (5, 5, 5), 0.2)
    expected = expected_maps(atoms, 48, candidates=candidates)
    assert np.array_equal(draw(atoms, 48, isa, candidates=candidates), expected)


@pytest.mark.parametrize("isa", ISAS)
def test_candidates_within_a_cutoff(isa):
    atoms = noised("fcc", (5, 5, 5), 0.1)
    expected = expected_maps(atoms, 32, candidates=None, cutoff=5.0)
    assert np.array_equal(draw(atoms, 32, isa, candidates=0, cutoff=5.0), expected)


@pytest.mark.parametrize("isa", ISAS)
def test_far_and_coincident_atoms(isa):
    atoms = random_system("cluster", 40, seed=5)
    atoms.positions[7:9] += 1e6
    atoms.positions[20:23] = atoms.positions[20]
    for size in (16, 32, 48):
        assert np.array_equal(draw(atoms, size, isa), expected_maps(atoms, size))


@pytest.mark.parametrize("scale", [(3.45, 1e3), (3.45, 1e6), (60.0, 4.0), (1e6, 1e6)])
@pytest.mark.parametrize("isa", ISAS)
def test_bytes_of_any_scale(isa, scale):
    atoms = noised("fcc", (4, 4, 4), 0.1)
    everyone = np.arange(len(atoms))
    drawn = _core.byte_maps(search_of(atoms), options(48), *scale, everyone, 1, isa)
    floats = MapSource(atoms, NeighborsMapSettings(size=48, candidates=95), isa="portable").maps(everyone)
    assert np.array_equal(drawn, twin.byte_maps(floats[:, 0], *scale))


def test_every_byte_of_every_distance():
    pair = Atoms("Cu2", positions=[(0, 0, 0), (1, 0, 0)])
    assert draw(pair, 16, "automatic")[0, 0, 0] == round(LEVELS * (REACH - 1))
    assert np.count_nonzero(draw(pair, 16, "automatic")) == 4  # two rows that see one node, for both atoms


@pytest.mark.parametrize("wrong", [(1.0, 3.0, 14), (2.0, 2.0, 14), (2.0, 3.0, 0)])
def test_maps_that_have_no_bytes_are_refused(wrong):
    gamma, beta, scale = wrong
    search = search_of(LATTICES["fcc"])
    with pytest.raises(ValueError, match="scale-free, with gamma 2 and beta 3"):
        _core.byte_maps(
            search, _core.MapOptions(16, gamma, beta, 31, 0.0, scale), 3.0, 80.0, np.arange(1), 1, "automatic"
        )
    with pytest.raises(ValueError, match="must be positive"):
        _core.byte_maps(search, options(16), float("nan"), 80.0, np.arange(1), 1, "automatic")
    with pytest.raises(IndexError):
        _core.byte_maps(search, options(16), 3.0, 80.0, np.arange(2), 1, "automatic")


@pytest.mark.parametrize("isa", ISAS)
def test_shipped_model_says_what_its_graph_says_of_float_maps(isa):
    model = load_model()
    atoms = noised("fcc", (4, 4, 4), 0.15)
    source = MapSource(atoms, model.settings, threads=1, isa=isa)
    fused = classify_maps(source, model, threads=1)
    graph = classify_maps(source, replace(model, fused=None), threads=1)
    np.testing.assert_allclose(fused.probabilities, graph.probabilities, rtol=0, atol=1e-4)


# ---- network ----


def random_maps(count, size, seed):
    rng = np.random.default_rng(seed)
    maps = rng.integers(0, 256, (count, size, size)).astype(np.uint8)
    maps[::5] = 255
    return maps


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("size", [16, 48])
@pytest.mark.parametrize("isa", ISAS)
def test_network_gives_the_bits_of_the_twin(isa, size, plan):
    layers = twin.random_layers(size, PLANS[plan], seed=size)
    network = _core.ByteNetwork(size, layers)
    for count in (0, 1, 23, 25, 200):
        maps = random_maps(count, size, seed=count)
        expected = twin.run_network(maps, layers)
        assert network.embedding == expected.shape[1]
        actual = network.run(maps, 2, isa)
        assert np.array_equal(actual, expected)
        assert count < 25 or np.mean(actual > 0) > 0.2


@pytest.mark.parametrize("isa", ISAS)
def test_patches_of_any_size(isa):
    for size, plan in (
        (45, [(3, 5, 16), (5, 3, 16), (0, 0, 16)]),
        (12, [(6, 3, 32), (1, 2, 16)]),
        (1, [(1, 1, 16)]),
    ):
        layers = twin.random_layers(size, plan, seed=1)
        maps = random_maps(30, size, seed=2)
        assert np.array_equal(
            _core.ByteNetwork(size, layers).run(maps, 1, isa), twin.run_network(maps, layers)
        )


@pytest.mark.parametrize("isa", ISAS)
def test_values_far_beyond_the_bytes_are_clipped(isa):
    first, last = twin.random_layers(16, [(4, 4, 32), (0, 0, 16)], seed=3)
    first = (*first[:3], first[3] * np.float32(1e30), first[4])
    maps = random_maps(30, 16, seed=2)
    assert np.array_equal(
        _core.ByteNetwork(16, [first, last]).run(maps, 1, isa), twin.run_network(maps, [first, last])
    )


def test_layers_that_do_not_fit_are_refused():
    (h, w, weights, scale, bias), last = twin.random_layers(16, [(4, 4, 32), (0, 0, 16)], seed=0)
    for wrong, message in (
        ((3, 4, weights, scale, bias), "do not divide an image of 16 x 16"),
        ((h, 0, weights, scale, bias), "do not divide"),
        ((8, 8, weights, scale, bias), "must be for 4 patches of 64 inputs, got 16 of 16"),
        ((h, w, weights[:, :8], scale[:, :8].copy(), bias[:, :8].copy()), "multiple of 16, got 8"),
        ((h, w, weights, scale[:, :16].copy(), bias), r"must be \(patches, outputs\)"),
        ((h, w, weights, scale * np.float32(np.inf), bias), "must be finite"),
    ):
        with pytest.raises(ValueError, match=message):
            _core.ByteNetwork(
                16, [tuple(np.ascontiguousarray(a) if isinstance(a, np.ndarray) else a for a in wrong), last]
            )
    with pytest.raises(ValueError, match="at least one layer"):
        _core.ByteNetwork(16, [])
    with pytest.raises(ValueError, match="of the network's size"):
        _core.ByteNetwork(16, [(h, w, weights, scale, bias), last]).run(
            np.zeros((1, 8, 8), np.uint8), 1, "automatic"
        )


# ---- positions to embeddings ----


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("isa", ISAS)
def test_embedding_is_that_of_the_byte_map(isa, threads):
    atoms = noised("fcc", (6, 6, 6), 0.1)
    search = search_of(atoms)
    chosen = search.spatial_order[:203].copy()
    for size in (16, 48):
        layers = twin.random_layers(size, PLANS["three"], seed=4)
        network = _core.ByteNetwork(size, layers)
        embedded, enough = network.embed(search, options(size), REACH, LEVELS, chosen, threads, isa)
        maps = _core.byte_maps(search, options(size), REACH, LEVELS, chosen, threads, isa)
        assert np.array_equal(embedded, twin.run_network(maps, layers))
        assert enough.all()


@pytest.mark.parametrize("isa", ISAS)
def test_few_neighbours_are_told(isa):
    layers = twin.random_layers(16, PLANS["one"], seed=4)
    network = _core.ByteNetwork(16, layers)
    for count in (0, 1, 2, 16, 17, 18):
        atoms = random_system("cluster", count, seed=count)
        everyone = np.arange(count)
        search = search_of(atoms)
        embedded, enough = network.embed(search, options(16), REACH, LEVELS, everyone, 1, isa)
        assert enough.tolist() == [count > 16] * count
        maps = _core.byte_maps(search, options(16), REACH, LEVELS, everyone, 1, isa)
        assert np.array_equal(embedded, twin.run_network(maps, layers))
    with pytest.raises(ValueError, match="reads maps of size 16, got 32"):
        network.embed(search, options(32), REACH, LEVELS, everyone, 1, isa)
