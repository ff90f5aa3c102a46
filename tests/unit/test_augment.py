"""Disturbances: their size, their share, their seed."""

import numpy as np
import pytest
from ase.build import bulk

from mdlens.errors import InputError
from mdlens.learning.augment import Augmentation, Disturbance, disturb, nearest_neighbor_distance
from mdlens.learning.snapshots import LabelledSnapshot


def crystal(name: str = "fcc", repeat: int = 5) -> LabelledSnapshot:
    elements = {"fcc": "Cu", "bcc": "Fe", "diamond": "Si"}
    atoms = bulk(elements[name], name, cubic=True) * (repeat, repeat, repeat)
    return LabelledSnapshot(
        positions=atoms.positions.astype(np.float32),
        cell=atoms.cell.array,
        pbc=atoms.pbc,
        labels=(np.arange(len(atoms)) % 2).astype(np.int8),
        numbers=atoms.numbers.astype(np.int16),
        system=name,
        snapshot=name,
        group=name,
    )


@pytest.mark.parametrize(
    ("name", "distance"), [("fcc", 3.61 / 2**0.5), ("bcc", 2.87 * 0.75**0.5), ("diamond", 5.43 * 0.1875**0.5)]
)
def test_nearest_neighbor_distance_of_perfect_crystals(name: str, distance: float) -> None:
    assert nearest_neighbor_distance(crystal(name)) == pytest.approx(distance, rel=1e-5)


def test_no_disturbance_changes_nothing() -> None:
    same = disturb(crystal(), Disturbance(), np.random.default_rng(0), spacing=2.5)
    np.testing.assert_array_equal(same.positions, crystal().positions)
    np.testing.assert_array_equal(same.cell, crystal().cell)
    np.testing.assert_array_equal(same.labels, crystal().labels)


def test_displacements_have_the_size_asked_for() -> None:
    rng = np.random.default_rng(0)
    moved = disturb(crystal(repeat=9), Disturbance(gaussian=0.1), rng, spacing=2.5)
    shifts = moved.positions - crystal(repeat=9).positions
    assert shifts.std() == pytest.approx(0.25, rel=0.03)
    moved = disturb(crystal(repeat=9), Disturbance(sphere=0.2), rng, spacing=2.5)
    radii = np.linalg.norm(moved.positions - crystal(repeat=9).positions, axis=1)
    assert radii.max() <= 0.5 + 1e-5
    # in a uniform ball of radius R the mean distance from the centre is 3 R / 4
    assert radii.mean() == pytest.approx(0.375, rel=0.03)


def test_strain_is_affine_and_symmetric() -> None:
    strained = disturb(crystal(), Disturbance(strain=0.05), np.random.default_rng(3), spacing=2.5)
    deformation = np.linalg.solve(crystal().cell, strained.cell)
    np.testing.assert_allclose(deformation, deformation.T, atol=1e-12)
    assert 0.001 < np.abs(deformation - np.eye(3)).max() < 0.3
    np.testing.assert_allclose(strained.positions, crystal().positions @ deformation, atol=1e-4)


def test_vacancies_keep_positions_labels_and_species_together() -> None:
    full = crystal()
    left = disturb(full, Disturbance(vacancies=0.4), np.random.default_rng(1), spacing=2.5)
    assert len(left) == pytest.approx(0.6 * len(full), rel=0.1)
    rows = {tuple(row): index for index, row in enumerate(full.positions)}
    kept = [rows[tuple(row)] for row in left.positions]
    np.testing.assert_array_equal(left.labels, full.labels[kept])
    assert left.numbers is not None
    assert len(left.numbers) == len(left)


def test_the_same_seed_gives_the_same_disturbances() -> None:
    settings = Augmentation()
    one, two, other = (settings.draws(np.random.default_rng(seed)) for seed in (5, 5, 6))
    first, second, third = ([next(stream) for _ in range(40)] for stream in (one, two, other))
    assert first == second
    assert first != third


def test_vacancy_levels_come_in_rounds_and_shares_hold() -> None:
    settings = Augmentation(vacancies=(0.0, 0.1, 0.5), gaussian_share=0.5, sphere_share=0.25)
    stream = settings.draws(np.random.default_rng(0))
    drawn = [next(stream) for _ in range(3000)]
    for start in range(0, 3000, 3):
        assert sorted(d.vacancies for d in drawn[start : start + 3]) == [0.0, 0.1, 0.5]
    assert np.mean([d.gaussian > 0 for d in drawn]) == pytest.approx(0.5, abs=0.04)
    assert np.mean([d.sphere > 0 for d in drawn]) == pytest.approx(0.25, abs=0.04)
    assert not any(d.gaussian > 0 and d.sphere > 0 for d in drawn)


@pytest.mark.parametrize(
    "changes",
    [
        {"strain": -0.1},
        {"vacancies": ()},
        {"vacancies": (1.0,)},
        {"gaussian": float("nan")},
        {"gaussian_share": 0.7, "sphere_share": 0.6},
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Augmentation(**changes)


def test_a_share_of_the_atoms_is_displaced() -> None:
    """The published noise: a third of the atoms of a copy, each by the same standard deviation."""
    published = Augmentation(
        strain=0.0, vacancies=(0.0,), gaussian=0.07, gaussian_least=0.07, gaussian_share=1.0,
        sphere_share=0.0, displaced=0.33,
    )  # fmt: skip
    rng = np.random.default_rng(3)
    draw = next(published.draws(rng))
    assert (draw.gaussian, draw.displaced) == (pytest.approx(0.07), 0.33)
    still = crystal(repeat=12)
    moved = disturb(still, draw, rng, spacing=2.5)
    shift = moved.positions - still.positions
    displaced = np.abs(shift).max(axis=1) > 0
    assert displaced.mean() == pytest.approx(0.33, abs=0.03)
    assert shift[displaced].std() == pytest.approx(0.07 * 2.5, rel=0.05)


def test_the_strength_lies_between_its_ends() -> None:
    rng = np.random.default_rng(0)
    draws = Augmentation(
        vacancies=(0.0,), gaussian=0.1, gaussian_least=0.06, gaussian_share=1.0, sphere_share=0.0
    ).draws(rng)
    strengths = [next(draws).gaussian for _ in range(200)]
    assert 0.06 <= min(strengths) < 0.065
    assert 0.095 < max(strengths) <= 0.1


def test_options_of_displacements_are_checked() -> None:
    with pytest.raises(InputError, match=r"gaussian_least must lie between 0 and 0\.1"):
        Augmentation(gaussian=0.1, gaussian_least=0.2)
    with pytest.raises(InputError, match="displaced must lie between 0 and 1"):
        Augmentation(displaced=33.0)
