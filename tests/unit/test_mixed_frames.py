"""Frames of more than one phase: truth, zones and training labels, on crystals built for the purpose."""

import numpy as np
from ase import Atoms

from mdlens.learning.snapshots import IGNORED, OUTSIDE, LabelledSnapshot
from mdlens.simulation.microstructures import Crystal, point_defects, slab

STUDY_FOLDERS = ("structure_model", "crystal")
STUDY_NEEDS = ("ovito", "matplotlib")
COPPER = Crystal(lattice="fcc", elements=("Cu",), lattice_constant=3.6)
FCC, OTHER = 0, 6


def half_and_half() -> tuple[Atoms, np.ndarray]:
    """Copper whose upper half is moved about at random, and which atoms those are."""
    atoms = slab(COPPER, surface="100", vacuum=0.0, atoms_at_least=500).repeat((1, 1, 2))
    upper = atoms.positions[:, 2] > 0.5 * atoms.cell.lengths()[2]
    atoms.positions[upper] += np.random.default_rng(1).normal(0.0, 0.5, (upper.sum(), 3))
    atoms.wrap()
    return atoms, upper


def test_a_surface_layer_is_in_no_crystal(study):
    atoms = slab(COPPER, surface="111", vacuum=12.0, atoms_at_least=600)
    truth = study("microstructure_runs").truth_of(atoms)
    height = atoms.positions[:, 2]
    outer = (height > height.max() - 0.1) | (height < height.min() + 0.1)
    assert (truth[outer] == OTHER).all()
    assert (truth[~outer] == FCC).all()


def test_the_zones_around_a_vacancy(study):
    atoms = point_defects(COPPER.block((6, 6, 6)), vacancies=1, seed=1)
    truth = study("microstructure_runs").truth_of(atoms)
    assert (truth == OTHER).sum() == 12  # its first shell
    snapshot = LabelledSnapshot(
        positions=atoms.positions.astype(np.float32),
        cell=atoms.cell.array,
        pbc=np.ones(3, bool),
        labels=truth,
        system="Cu",
        snapshot="Cu",
        group="Cu",
    )
    zones = study("mixed").zones(snapshot)
    assert (zones["bulk"] ^ zones["near"]).all()
    assert (zones["bulk_shell"] ^ zones["near_shell"]).all()
    assert (zones["bulk"] <= zones["bulk_shell"]).all()
    assert not zones["bulk_shell"][truth == OTHER].any()


def test_a_melt_is_disordered_only_where_there_is_one(study):
    generate = study("generate_mixed")
    atoms, upper = half_and_half()
    truth = study("microstructure_runs").truth_of(atoms)
    frame = study("microstructure_runs").MixedFrame(state=atoms, inherent=atoms, truth=truth)
    molten = generate.labels_of(frame, (FCC, 1), molten=True)
    solid = generate.labels_of(frame, (FCC, 1), molten=False)
    assert (molten[truth == FCC] == FCC).mean() > 0.98
    assert (molten[upper] == OTHER).mean() > 0.6
    assert set(np.unique(molten[truth == OTHER])) == {OUTSIDE, OTHER}
    assert (solid[truth == OTHER] == OUTSIDE).all()
    assert (solid[truth != OTHER] == molten[truth != OTHER]).all()


def test_a_chance_match_is_ignored(study):
    generate = study("generate_mixed")
    atoms = COPPER.block((6, 6, 6))
    truth = np.full(len(atoms), OTHER, np.int8)
    truth[0] = FCC
    frame = study("microstructure_runs").MixedFrame(state=atoms, inherent=atoms, truth=truth)
    labels = generate.labels_of(frame, (FCC, 1), molten=True)
    assert labels[0] == IGNORED
    assert (labels[1:] == OTHER).all()
