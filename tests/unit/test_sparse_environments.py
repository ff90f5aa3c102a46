"""Atoms with too few neighbours for a map are unknown, whatever the network would say."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

import mdlens


@pytest.mark.parametrize("count", [1, 2, 3, 4, 12, 20, 48])
def test_small_clusters_are_unknown(count):
    positions = np.random.default_rng(count).normal(size=(count, 3)) * 3.0
    result = mdlens.classify(Atoms("Cu" * count, positions=positions))
    assert set(result.names) == {"unknown"}
    np.testing.assert_allclose(result.confidence, 1 / 7, rtol=1e-6)


def test_atoms_all_in_one_place_are_unknown():
    result = mdlens.classify(Atoms("Cu" * 200, positions=np.zeros((200, 3))))
    assert set(result.names) == {"unknown"}


def test_a_small_periodic_cell_has_all_its_images():
    assert set(mdlens.classify(bulk("Cu", "fcc", a=3.6)).names) == {"fcc"}


def test_a_cluster_as_large_as_a_map_is_left_to_the_network():
    positions = np.random.default_rng(0).normal(size=(49, 3)) * 4.0
    result = mdlens.classify(Atoms("Cu" * 49, positions=positions))
    assert (result.confidence > 1 / 7).all()
