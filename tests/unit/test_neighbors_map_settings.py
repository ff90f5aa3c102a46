"""Settings, species and arguments of Neighbors Maps: what is taken, what is refused and how."""

import json

import numpy as np
import pytest
from twins.neighbors_map import LATTICES, SETTINGS, random_system

from mdlens.descriptors import MapSource, NeighborsMapSettings, neighbors_map
from mdlens.errors import InputError

# ---- species ----


def test_species_of_equal_weights_are_one_kind():
    atoms = random_system("cubic", 15, seed=1)
    weighted = neighbors_map(atoms, channels=({"Cu": 2.0, "Zr": 2.0, "Al": 2.0}, None))
    np.testing.assert_allclose(weighted[:, :1], 4 * weighted[:, 1:], rtol=1e-6)
    np.testing.assert_allclose(weighted[:, 1:], neighbors_map(atoms), rtol=1e-6)


def test_types_name_the_species_where_symbols_are_unknown():
    atoms = random_system("cubic", 15, seed=1)
    channel = {"Cu": 1.0, "Zr": 2.0, "Al": 3.0}
    expected = neighbors_map(atoms, channels=(channel,))
    numbers = {"Cu": 1, "Zr": 2, "Al": 3}
    atoms.set_array("type", np.array([numbers[symbol] for symbol in atoms.symbols]))
    atoms.symbols[:] = "X"
    typed = neighbors_map(atoms, channels=({str(numbers[k]): v for k, v in channel.items()},))
    assert np.array_equal(typed, expected)


def test_a_species_without_weight_is_named():
    with pytest.raises(InputError, match="species Si has no weight in the channel"):
        neighbors_map(LATTICES["diamond"], channels=({"Cu": 1.0},))


# ---- settings and arguments ----


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_survive_json(name):
    s = SETTINGS[name]
    assert NeighborsMapSettings.from_dict(json.loads(json.dumps(s.to_dict()))) == s


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sise": 32, "gama": 1}, "unknown descriptor settings sise, gama: the settings are size, gamma"),
        ({"candidates": 63, "cutoff": 5.0}, "exactly one of candidates .* and cutoff"),
        ({"candidates": None}, "exactly one of candidates .* and cutoff"),
        ({"size": 0}, "size must be an integer from 1 to 512, got 0"),
        ({"size": 32.0}, "size must be an integer"),
        ({"size": True}, "size must be an integer"),
        ({"size": None}, "size must be an integer"),
        ({"candidates": -1}, "candidates must be an integer"),
        ({"scale_neighbors": 0}, "scale_neighbors must be an integer"),
        ({"gamma": 0}, "gamma must be a positive number of at most 12"),
        ({"beta": 10**400}, "beta must be a positive number"),
        ({"gamma": "2"}, "gamma must be a positive number"),
        ({"beta": float("nan")}, "beta must be a positive number"),
        ({"beta": float("inf")}, "beta must be a positive number"),
        ({"candidates": None, "cutoff": -3.0}, "cutoff must be a positive number"),
        ({"candidates": None, "cutoff": [3.0]}, "cutoff must be a positive number"),
        ({"channels": []}, "channels must be a list of 1 to 16 entries"),
        ({"channels": "ab"}, "channels must be a list"),
        ({"channels": {"Cu": 1.0}}, "channels must be a list"),
        ({"channels": [3]}, "a channel must be None or a mapping"),
        ({"channels": [{}]}, "a channel must be None or a mapping"),
        ({"channels": [{"Cu": float("inf")}]}, "finite weights"),
        ({"channels": [{29: 1.0}]}, "species names to finite weights"),
    ],
)
def test_wrong_settings_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        NeighborsMapSettings.from_dict(values)


def test_settings_must_be_a_mapping():
    with pytest.raises(InputError, match="must be a mapping"):
        NeighborsMapSettings.from_dict([1, 2])


def test_a_cutoff_replaces_the_candidates_and_back():
    atoms = random_system("cubic", 9, seed=0)
    expected = neighbors_map(atoms, NeighborsMapSettings(cutoff=4.0, candidates=None, size=12))
    assert np.array_equal(neighbors_map(atoms, cutoff=4.0, size=12), expected)
    absolute = NeighborsMapSettings.published(4.0)
    expected = neighbors_map(atoms, NeighborsMapSettings(candidates=20, scale_neighbors=None))
    assert np.array_equal(neighbors_map(atoms, absolute, candidates=20), expected)
    with pytest.raises(InputError, match="unknown descriptor setting cutof:"):
        neighbors_map(atoms, cutof=4.0)


def test_indices_choose_atoms():
    atoms = random_system("cubic", 9, seed=0)
    everything = neighbors_map(atoms)
    assert np.array_equal(neighbors_map(atoms, indices=[4, -1, 4]), everything[[4, 8, 4]])
    assert neighbors_map(atoms, indices=[]).shape == (0, 1, 32, 32)


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([9], "atoms 0 to 8, got 9"),
        ([-10], "got -10"),
        ([0.5], "array of integers"),
        ([[1]], "one-dimensional"),
        ([True], "array of integers"),
    ],
)
def test_wrong_indices_are_refused(indices, message):
    with pytest.raises(InputError, match=message):
        neighbors_map(random_system("cubic", 9, seed=0), indices=indices)


def test_out_must_fit():
    source = MapSource(LATTICES["fcc"], NeighborsMapSettings())
    for out in (
        np.empty((2, 1, 32, 32), np.float32),
        np.empty((1, 1, 32, 32)),
        np.empty((1, 1, 32, 64), np.float32)[..., ::2],
    ):
        with pytest.raises(InputError, match="out must be a contiguous float32 array"):
            source.maps([0], out=out)


def test_bad_positions_are_refused():
    atoms = random_system("cubic", 9, seed=0)
    atoms.positions[3, 1] = np.nan
    with pytest.raises(InputError):
        neighbors_map(atoms)
