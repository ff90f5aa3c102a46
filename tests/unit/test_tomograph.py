"""Orientations, their colours, and sections."""

import importlib.util

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from mdlens.descriptors.orientations import (
    CUBIC,
    SIGMA3,
    about,
    crystal_directions,
    from_matrices,
    from_ovito,
    grain_ids,
    inverse,
    misorientation,
    multiply,
    reduced_cubic,
    rotate,
    twin_deviation,
)
from mdlens.descriptors.tomograph import cut, depth_mean, difference, near_sections
from mdlens.errors import InputError

needs_ovito = pytest.mark.skipif(importlib.util.find_spec("ovito") is None, reason="needs the `ovito` extra")
needs_orix = pytest.mark.skipif(importlib.util.find_spec("orix") is None, reason="needs the `ovito` extra")


def random_rotations(n, seed=0):
    q = np.random.default_rng(seed).normal(size=(n, 4))
    return q / np.linalg.norm(q, axis=1, keepdims=True)


def matrix_twin(q):
    """Rotation matrix column by column."""
    return np.stack([rotate(q, e) for e in np.eye(3)], axis=-1)


def angle_twin(a, b):
    """Smallest angle over all pairs of symmetry operations, from traces of matrices."""
    best = 180.0
    for s in CUBIC:
        m = matrix_twin(a).T @ matrix_twin(multiply(b, s))
        best = min(best, np.degrees(np.arccos(np.clip((np.trace(m) - 1) / 2, -1, 1))))
    return best


def test_the_cubic_group_is_a_group():
    assert CUBIC.shape == (24, 4)
    products = multiply(CUBIC[:, None], CUBIC[None]).reshape(-1, 4)
    assert np.allclose(np.abs(products @ CUBIC.T).max(axis=1), 1)


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_misorientation_equals_its_slow_twin(seed):
    a, b = random_rotations(2, seed)
    assert misorientation(a[None], b[None])[0] == pytest.approx(angle_twin(a, b), abs=1e-5)
    assert misorientation(a[None], b[None], CUBIC.copy())[0] == pytest.approx(angle_twin(a, b), abs=1e-5)


def test_misorientation_ignores_symmetry_and_laboratory():
    a, b, turn = random_rotations(50, 1), random_rotations(50, 2), random_rotations(1, 3)
    expected = misorientation(a, b)
    np.testing.assert_allclose(misorientation(multiply(a, CUBIC[7]), b), expected, atol=1e-6)
    np.testing.assert_allclose(misorientation(multiply(turn, a), multiply(turn, b)), expected, atol=1e-6)
    # Mackenzie: no two cubes differ by more than 62.8 degrees.
    assert expected.max() < 62.81


def test_known_misorientations():
    a = random_rotations(6, 4)
    for axis, angle, expected in (
        ((0, 0, 1), 30, 30),
        ((0, 0, 1), 80, 10),
        ((1, 1, 1), 60, 60),
        ((1, 1, 0), 70.5287794, 60),  # the same twin, seen about <110>
        ((1, 1, 2), 180, 60),
        ((1, 0, 0), 7.0, 7.0),
    ):
        b = multiply(a, about(axis, angle))
        np.testing.assert_allclose(misorientation(a, b), expected, atol=1e-5)
    np.testing.assert_allclose(reduced_cubic(about((1, 1, 0), 70.5287794))[0], SIGMA3, atol=1e-7)


def test_twins_are_found_through_noise():
    a = random_rotations(500, 5)
    rng = np.random.default_rng(6)
    noise = about(rng.normal(size=(500, 3)), rng.uniform(0, 4, 500))
    twins = multiply(multiply(a, about((1, -1, 1), 60)), noise)
    assert twin_deviation(a, twins).max() < 4.01
    assert twin_deviation(a, multiply(a, about((1, 0, 0), 30))).min() > 20


def test_matrices_and_back():
    q = random_rotations(40, 7)
    q *= np.where(q[:, :1] < 0, -1, 1)
    np.testing.assert_allclose(from_matrices(np.array([matrix_twin(x) for x in q])), q, atol=1e-9)


def test_ovito_order():
    np.testing.assert_allclose(
        from_ovito([[0.1, 0.2, 0.3, 0.927], [0, 0, 0, 0]])[:, 0], [0.927, 1], atol=1e-3
    )


def test_grains_by_misorientation():
    q = np.concatenate([about((0, 0, 1), np.arange(5) * 2.0), about((0, 0, 1), 30 + np.arange(3) * 2.0)])
    pairs = np.array([[k, k + 1] for k in range(7)])
    whole = np.ones(8, bool)
    assert grain_ids(pairs, q, whole).tolist() == [0] * 5 + [1] * 3
    assert grain_ids(pairs, q, whole, least=4).tolist() == [0] * 5 + [-1] * 3
    whole[2] = False
    assert len(set(grain_ids(pairs, q, whole).tolist())) == 4


def test_a_cut_shows_the_nearest_atom():
    rng = np.random.default_rng(0)
    positions = rng.uniform(0, 20, (400, 3))
    section = cut(positions, axis="y", position=9.0, pixel=1.5, low=(0, 0), high=(20, 20), reach=2.0)
    assert section.atom.shape == (14, 14)
    for row in range(14):
        for column in range(14):
            place = np.array([(column + 0.5) * 1.5, 9.0, (13.5 - row) * 1.5])
            distance = np.linalg.norm(positions - place, axis=1)
            expected = distance.argmin() if distance.min() <= 2.0 else -1
            assert section.atom[row, column] == expected
    assert section.heights()[0] > section.heights()[-1]
    values = np.arange(400.0)
    image = section.layer(values, np.nan)
    assert np.isnan(image[~section.inside]).all()
    shown = np.unique(section.atom[section.inside])
    assert near_sections(positions, "y", [9.0], 2.0)[shown].all()


@pytest.mark.parametrize("wrong", [{"axis": "u"}, {"pixel": 0.0}, {"high": (0, 20)}])
def test_a_cut_refuses_nonsense(wrong):
    options = {
        "axis": "y",
        "position": 1.0,
        "pixel": 1.0,
        "low": (0, 0),
        "high": (9, 9),
        "reach": 1.0,
    } | wrong
    with pytest.raises(InputError):
        cut(np.zeros((2, 3)), **options)


def test_difference_is_that_of_the_pixels():
    positions = np.array([[1.0, 0, 1], [3, 0, 1], [1, 0, 3], [3, 0, 3]])
    section = cut(positions, axis="y", position=0.0, pixel=2.0, low=(0, 0), high=(4, 4), reach=1.5)
    start, now = about((0, 0, 1), [0, 0, 0, 0]), about((0, 1, 0), [0, 10, 20, 0])
    whole = np.array([True, True, True, False])
    image = difference(section, now, whole, section, start, np.ones(4, bool))
    np.testing.assert_allclose(image, [[20, np.nan], [0, 10]], atol=1e-5)
    np.testing.assert_allclose(depth_mean(image), [20, 5], atol=1e-5)


def crystal(q, length, a=3.6):
    """A block of fcc with an orientation, cut from a turned lattice, not periodic."""
    n = int(length / a) + 2
    corners = np.indices((2 * n, 2 * n, 2 * n)).reshape(3, -1).T - n
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    points = rotate(q, (corners[None] + basis[:, None]).reshape(-1, 3) * a)
    return points[(np.abs(points) < length / 2).all(axis=1)]


def shaken(points, length, seed=0):
    """Displacements of copper at 300 K: 0.085 Angstrom in each direction (Debye-Waller B of 0.57)."""
    moved = points + np.random.default_rng(seed).normal(0, 0.085, points.shape)
    return Atoms(f"Cu{len(points)}", positions=moved, cell=np.eye(3) * (length + 30), pbc=False)


@needs_ovito
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_orientation_of_a_hot_crystal(seed):
    from mdlens.learning.ptm import match_orientations

    q = random_rotations(1, seed)[0]
    points = crystal(q, 24.0)
    structure, found = match_orientations(shaken(points, 24.0))
    inner = (np.abs(points) < 8).all(axis=1)
    assert (structure[inner] == 1).mean() > 0.95
    errors = misorientation(found[inner & (structure == 1)], q)
    assert np.median(errors) < 3.0


@needs_ovito
def test_a_hot_bicrystal_has_the_right_colours():
    """Known colours of the TSL key: [001] red, [011] green, [111] blue."""
    from mdlens.descriptors.ipf import ipf_colors
    from mdlens.descriptors.tomograph import ipf_image
    from mdlens.learning.ptm import match_orientations

    left = np.array([1.0, 0, 0, 0])
    right = about((1, 0, 0), 45)[0]  # <011> along y
    points = np.concatenate(
        [p[p[:, 0] * side > 0.9] for q, side in ((left, -1), (right, 1)) for p in [crystal(q, 40.0)]]
    )
    atoms = shaken(points, 40.0)
    structure, q = match_orientations(atoms)
    fcc = structure == 1
    section = cut(
        atoms.positions, axis="y", position=0.0, pixel=1.0, low=(-12, -12), high=(12, 12), reach=2.5
    )
    image = ipf_image(section, q, fcc, direction="y").astype(float)
    np.testing.assert_allclose(ipf_colors(left, (0, 1, 0)).astype(int), [[255, 0, 0]], atol=2)
    np.testing.assert_allclose(ipf_colors(right, (0, 1, 0)).astype(int), [[0, 255, 0]], atol=2)
    np.testing.assert_allclose(ipf_colors(left, (1, 1, 1)).astype(int), [[0, 0, 255]], atol=2)
    columns = np.median(image, axis=0)
    assert (columns[:8].argmax(axis=1) == 0).all()
    assert (columns[-8:].argmax(axis=1) == 1).all()
    across = misorientation(q[fcc & (points[:, 0] < -6)][:200], q[fcc & (points[:, 0] > 6)][:200])
    assert np.median(across) == pytest.approx(45, abs=3.0)


@needs_orix
def test_colours_agree_with_orix_orientations():
    """By orix's own way in: it wants laboratory to crystal, (w, -x, -y, -z)."""
    from orix.plot import IPFColorKeyTSL
    from orix.quaternion import Orientation, symmetry
    from orix.vector import Vector3d

    from mdlens.descriptors.ipf import ipf_colors, point_group_rotations

    q = random_rotations(200, 9)
    for group, name in ((symmetry.Oh, "m-3m"), (symmetry.D6h, "6/mmm")):
        key = IPFColorKeyTSL(group, direction=Vector3d([0, 1, 0]))
        expected = key.orientation2color(Orientation(inverse(q), group))
        found = ipf_colors(q, (0, 1, 0), point_group=name) / 255
        # The table of m-3m is linear between nodes; other groups are only rounded to bytes.
        np.testing.assert_allclose(found, expected, atol=0.02 if name == "m-3m" else 0.003)
    assert np.allclose(np.abs(point_group_rotations("m-3m") @ CUBIC.T).max(axis=1), 1)
    assert len(point_group_rotations("6/mmm")) == 12
    with pytest.raises(InputError, match="point group"):
        ipf_colors(q, (0, 1, 0), point_group="nonsense")


def test_the_key_has_its_corners_in_the_right_colours():
    from mdlens.descriptors.ipf import color_key

    key = color_key(200).astype(int)
    rows, columns, _ = key.shape
    assert key[rows - 2, 2].argmax() == 0
    assert key[rows - 2, columns - 3].argmax() == 1
    assert key[3, int(0.875 * columns)].argmax() == 2
    assert (key[0, 0] == 255).all()


@needs_orix
def test_the_key_is_drawn(tmp_path):
    from mdlens.descriptors.ipf import draw_color_key

    draw_color_key(tmp_path / "key.png")
    assert (tmp_path / "key.png").read_bytes()[:4] == b"\x89PNG"


def test_directions_in_the_crystal():
    q = about((0, 0, 1), 90)
    np.testing.assert_allclose(crystal_directions(q, (0, 1, 0)), [[1, 0, 0]], atol=1e-12)
