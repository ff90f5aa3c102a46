"""Codes of pixels, on sections drawn for the purpose."""

import numpy as np
import pytest

from mdlens.descriptors.ebsd import OrientationImage
from mdlens.descriptors.orientations import about, multiply
from mdlens.descriptors.pixel_codes import NOW, OF_START, code_table, mirrored_codes, pixel_codes
from mdlens.errors import InputError

PLAIN = about((0, 1, 0), 12.0)[0]
TWIN = multiply(PLAIN, about((1, 1, 1), 60.0)[0])


def image(rows=16, columns=12, q=PLAIN):
    masks = np.ones((rows, columns), np.bool_), np.ones((rows, columns), np.bool_)
    return OrientationImage(np.broadcast_to(q, (rows, columns, 4)).copy(), *masks)


def told(now, start=None, pixel=1.0):
    """What the codes say, by name."""
    numbers = code_table()[pixel_codes(now, start, pixel)]
    return {name: numbers[..., k] for k, name in enumerate(NOW)}


def test_a_still_crystal_is_matter_with_an_orientation_and_nothing_else():
    found = told(image(), image())
    assert all((found[name] == (name in ("matter", "indexed"))).all() for name in NOW)
    empty = image()
    empty.inside[:4], empty.indexed[:4] = False, False
    codes = pixel_codes(empty, None, 1.0)
    assert (codes[:4] == 0).all()
    assert (codes[4:] == 3).all()


def test_a_fault_goes_on_on_its_other_side_and_a_twin_boundary_does_not():
    fault = image()
    fault.indexed[6:10] = False
    found = told(fault)
    assert not any(found[f"{step}_down"].any() for step in ("low_angle", "high_angle", "twin"))
    assert found["high_angle_across"][6:10].all()  # nothing to compare with in their rows
    boundary = image()
    boundary.indexed[6:8] = False
    boundary.q[8:] = TWIN
    found = told(boundary)
    assert found["twin_down"][5:8].all()
    assert found["twin_down"].sum() == 3 * 12


@pytest.mark.parametrize(("pixel", "known"), [(1.0, True), (2.0, False)])
def test_what_is_thicker_than_a_boundary_compares_nothing(pixel, known):
    thick = image()
    thick.indexed[4:10] = False
    assert told(thick, pixel=pixel)["high_angle_down"][4:10].all() == (not known)


@pytest.mark.parametrize(
    ("degrees", "step", "change"),
    [
        (4, None, None),
        (10, "low_angle", "turned"),
        (25, "high_angle", "turned"),
        (40, "high_angle", "turned_far"),
    ],
)
def test_steps_and_changes_have_the_angles_of_the_labels(degrees, step, change):
    now = image()
    now.q[8:] = multiply(PLAIN, about((0, 1, 0), float(degrees))[0])
    found = told(now, image())
    assert [n for n in ("low_angle", "high_angle", "twin") if found[f"{n}_down"].any()] == [step] * bool(step)
    assert [n for n in ("turned", "turned_far") if found[n].any()] == [change] * bool(change)
    if step:
        assert found[f"{step}_down"].sum() == 12
        assert found[change].sum() == 8 * 12


def test_a_new_twin_is_a_change_and_turning_the_sample_changes_no_code():
    now, start = image(), image()
    now.q[4:8] = TWIN
    assert told(now, start)["twin"].sum() == 4 * 12
    turn = about((0.3, 1, 0.2), 77.0)[0]
    turned = [OrientationImage(multiply(turn, x.q), x.indexed, x.inside) for x in (now, start)]
    np.testing.assert_array_equal(pixel_codes(*turned, 1.0), pixel_codes(now, start, 1.0))


def test_the_start_has_not_changed():
    changes = ("turned", "turned_far", "twin")
    assert NOW[OF_START] == tuple(name for name in NOW if name not in ("matter", *changes))
    assert code_table().shape == (256, len(NOW))


def test_other_shapes_are_refused():
    with pytest.raises(InputError, match="one shape"):
        pixel_codes(image(), image(columns=8), 1.0)
    with pytest.raises(InputError, match="positive pixel"):
        pixel_codes(image(), None, 0.0)


def test_codes_from_behind_are_those_of_the_mirrored_section():
    rng = np.random.default_rng(0)
    now, start = image(24, 40), image(24, 40)
    turns = about((0, 1, 0), rng.uniform(0, 40, 6))
    now.q[:] = turns[np.sort(rng.integers(0, 6, (24, 40)), axis=1)]
    now.q[:, 20:28] = TWIN
    now.inside[:] = rng.random((24, 40)) < 0.97
    now.indexed[:] = now.inside & (rng.random((24, 40)) < 0.7)
    now.indexed[5:9, 8:20] = False  # thicker than a boundary
    flipped = [OrientationImage(x.q[:, ::-1], x.indexed[:, ::-1], x.inside[:, ::-1]) for x in (now, start)]
    codes = pixel_codes(now, start, 1.0)
    np.testing.assert_array_equal(mirrored_codes(codes), pixel_codes(*flipped, 1.0))
    np.testing.assert_array_equal(mirrored_codes(mirrored_codes(codes)), codes)
