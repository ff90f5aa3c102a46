"""Maps and network on a torch device, here the processor, against the core."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

import mdlens
from mdlens.descriptors import MapSource
from mdlens.errors import InputError


def hot(seed: int) -> Atoms:
    atoms = bulk("Cu", cubic=True).repeat((5, 5, 5))
    atoms.rattle(0.2, seed=seed)
    return atoms


@pytest.mark.parametrize("seed", range(3))
def test_labels_are_those_of_the_core(seed: int) -> None:
    atoms = hot(seed)
    here, there = (
        mdlens.classify(atoms, m, threads=1) for m in ("default", mdlens.on_device("default", "cpu"))
    )
    np.testing.assert_array_equal(here.labels, there.labels)
    np.testing.assert_allclose(there.probabilities, here.probabilities, rtol=0, atol=1e-4)


def test_tied_and_few_neighbours_are_left_to_the_core() -> None:
    perfect = bulk("Cu", cubic=True).repeat((3, 3, 3))
    cluster = Atoms("Cu5", positions=np.random.default_rng(0).random((5, 3)) * 4)
    model = mdlens.on_device("default", "cpu")
    for atoms in (perfect, cluster):
        here, there = mdlens.classify(atoms, threads=1), mdlens.classify(atoms, model, threads=1)
        np.testing.assert_array_equal(there.labels, here.labels)
        np.testing.assert_array_equal(there.embeddings, here.embeddings)


def test_vectors_point_to_the_nearest() -> None:
    atoms = hot(0)
    vectors = MapSource(atoms, mdlens.load_model().settings, threads=1).vectors([3, 7], 20)
    expected = atoms.get_distances(7, range(len(atoms)), mic=True)
    np.testing.assert_allclose(np.linalg.norm(vectors[1], axis=1), np.sort(expected)[1:21], rtol=1e-5)
    lone = MapSource(
        Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 2.0]]), mdlens.load_model().settings, threads=1
    )
    assert lone.vectors([0], 3).tolist() == [[[0, 0, 2.0], [np.inf] * 3, [np.inf] * 3]]


@pytest.mark.parametrize("device", ["cuda:99", "toaster"])
def test_missing_device_is_named(device: str) -> None:
    with pytest.raises(InputError, match=f"torch cannot use the device '{device}'"):
        mdlens.on_device("default", device)
