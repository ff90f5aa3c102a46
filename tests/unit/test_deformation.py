"""Scores, labels, and the windows drawn to know them."""

from dataclasses import replace

import numpy as np
import pytest

from mdlens.descriptors.deformation import (
    FAULT,
    MATRIX,
    OTHER,
    PATTERNS,
    READABLE,
    SIGNS,
    TWIN_BOUNDARY,
    AtomState,
    Thresholds,
    fault_kinds,
    grain_size,
    judge,
    pattern_scores,
    read_scores,
    shear_depth,
)
from mdlens.descriptors.orientations import about, multiply
from mdlens.errors import InputError
from mdlens.neighbors import find_nearest
from mdlens.simulation.synthetic_patterns import SPEED, synthetic_window


def chain(n=200):
    """A single crystal in a row."""
    return AtomState(
        kind=np.full(n, MATRIX, np.int8),
        q=np.tile([1.0, 0, 0, 0], (n, 1)),
        pairs=np.stack([np.arange(n - 1), np.arange(1, n)], axis=1),
        height=np.linspace(0, 100, n),
        velocity=np.zeros(n),
    )


def turned(state, part, axis, angle):
    q = state.q.copy()
    q[part] = multiply(q[part], about(axis, angle))
    return replace(state, q=q)


def test_nothing_is_elastic():
    verdict = judge(pattern_scores(chain(), chain(), speed=2.0))
    assert verdict.name == "elastic"
    assert verdict.margin == 1.0
    assert not verdict.ambiguous
    assert set(verdict.scores) == set(PATTERNS[1:])


def test_twins_count_lattice_and_boundaries():
    start = chain()
    now = turned(start, slice(0, 10), (1, 1, 1), 60)
    kind = now.kind.copy()
    kind[10:12] = TWIN_BOUNDARY
    now = replace(now, kind=kind)
    scores = pattern_scores(start, now, speed=2.0)
    assert scores["twinning"] == pytest.approx(12 / 200)
    assert scores["lattice_rotation"] == 0.0
    assert judge(scores).name == "twinning"


def test_only_new_faults_count():
    kind = chain().kind.copy()
    kind[:6] = FAULT
    faulted = replace(chain(), kind=kind)
    assert pattern_scores(chain(), faulted, speed=2.0)["stacking_faults"] == pytest.approx(0.03)
    assert pattern_scores(faulted, faulted, speed=2.0)["stacking_faults"] == 0.0


def test_rotation_needs_contiguous_regions_of_5_to_30_degrees():
    start = chain(400)
    for angle, part, expected in (
        (12.0, slice(100, 200), 0.25),
        (3.0, slice(100, 200), 0.0),
        (44.0, slice(100, 200), 0.0),
        (12.0, slice(100, 130), 0.0),  # fewer than 50
        (12.0, slice(0, 400, 2), 0.0),  # scattered
    ):
        now = turned(start, part, (1, 0, 0), angle)
        assert pattern_scores(start, now, speed=2.0)["lattice_rotation"] == pytest.approx(expected)


def test_grain_size_is_that_of_the_average_atom():
    state = turned(chain(), slice(0, 100), (1, 0, 0), 20)
    assert grain_size(state, 2) == pytest.approx(10.0)
    assert grain_size(chain(), 2) == pytest.approx(200**0.5)
    scores = pattern_scores(chain(), state, speed=0.0)
    assert scores["refinement"] == pytest.approx(1 - 0.5**0.5)
    assert pattern_scores(state, chain(), speed=0.0)["coarsening"] == pytest.approx(2**0.5 - 1)


def test_shear_layers_begin_at_the_surface():
    height = np.linspace(0, 100, 2001)
    assert shear_depth(height, np.where(height > 70, 1.0, 0.0), 2.0) == pytest.approx(3.0)
    assert shear_depth(height, np.where(height < 30, 1.0, 0.0), 2.0) == 0.0
    assert shear_depth(height, np.ones_like(height), 2.0) == pytest.approx(10.0)


def test_labels_and_their_margins():
    quiet = dict.fromkeys(PATTERNS[1:], 0.0)
    verdict = judge(quiet | {"twinning": 0.09, "shear_layer": 3.0})
    assert verdict.name == "twinning"
    assert verdict.margin == pytest.approx(1.5)
    assert not verdict.ambiguous
    near = judge(quiet | {"twinning": 0.033})
    assert near.ambiguous
    assert near.flips == {"twinning +25%": "elastic"}
    assert judge(quiet | {"twinning": 0.029}).flips == {"twinning -25%": "twinning"}
    assert judge(quiet | {"twinning": 0.033}, Thresholds(twinning=0.05)).name == "elastic"
    with pytest.raises(InputError, match="refinement"):
        Thresholds(refinement=0.0)
    with pytest.raises(InputError, match="same atoms"):
        pattern_scores(chain(), chain(10), speed=1.0)


def stacked(sequence, a=3.6, cells=6):
    """Close-packed layers in a sequence of A, B, C."""
    d = a / 2**0.5
    layer = np.array([[i + 0.5 * j, j * 3**0.5 / 2, 0] for i in range(cells) for j in range(cells)]) * d
    shift = {"A": (0, 0), "B": (0.5, 0.5 / 3**0.5), "C": (1.0, 1 / 3**0.5)}
    parts = []
    for k, name in enumerate(sequence):
        move = np.array([*shift[name], 0]) * d + [0, 0, k * a / 3**0.5]
        parts.append(layer + move)
    cell = np.array([[cells, 0, 0], [cells / 2, cells * 3**0.5 / 2, 0], [0, 0, len(sequence) / 1.0]]) * d
    cell[2, 2] = len(sequence) * a / 3**0.5
    return np.concatenate(parts), cell, np.repeat(np.arange(len(sequence)), cells**2)


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ("ABCABCABC", {}),
        ("ABCABACBAC", {4: TWIN_BOUNDARY}),
        ("ABCABABCABC", {4: FAULT, 5: FAULT}),
    ],
)
def test_twin_boundaries_and_faults_by_stacking(sequence, expected):
    positions, cell, layers = stacked(sequence)
    letters = list(sequence)
    # hcp where both neighbouring layers are the same; the ends of the stack are not looked at.
    structure = np.array(
        [
            2 if 0 < k < len(letters) - 1 and letters[k - 1] == letters[k + 1] else 1
            for k in range(len(letters))
        ]
    )[layers]
    neighbors = find_nearest(positions, cell, [True, True, False], 12).index
    kind = fault_kinds(structure, neighbors)
    inner = (layers > 1) & (layers < len(letters) - 2)
    for k in range(2, len(letters) - 2):
        wanted = expected.get(k, MATRIX)
        assert set(kind[inner & (layers == k)]) == {wanted}


def test_drawn_windows_show_what_was_asked_for():
    right = 0
    for pattern in PATTERNS:
        for seed in range(8):
            window = synthetic_window(pattern, seed=seed)
            verdict = judge(pattern_scores(window.start, window.now, speed=SPEED))
            right += verdict.name == pattern
    assert right >= 0.85 * 8 * len(PATTERNS)


def test_drawn_windows_are_reproducible():
    a, b = (synthetic_window("twinning", seed=3, size=32) for _ in range(2))
    np.testing.assert_array_equal(a.now.q, b.now.q)
    assert set(np.unique(a.now.kind)) <= {OTHER, MATRIX, TWIN_BOUNDARY, FAULT}
    with pytest.raises(InputError, match="pattern"):
        synthetic_window("melting", seed=1)


def test_scores_follow_from_the_shares_of_signs():
    signs = np.zeros((4, len(SIGNS)), np.bool_)
    signs[0, SIGNS.index("fault")] = signs[:, SIGNS.index("crystalline")] = True
    signs[1, SIGNS.index("turned")] = signs[2, SIGNS.index("twin_boundary_start")] = True
    np.testing.assert_allclose(read_scores(signs.mean(axis=0)), [0.0, 0.25, 0.25])
    np.testing.assert_array_equal(read_scores(np.zeros((2, len(SIGNS)))), np.zeros((2, 3)))
    assert PATTERNS[1:4] == READABLE
