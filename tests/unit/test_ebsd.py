"""Measures of orientation images, on sections drawn for the purpose."""

import numpy as np
import pytest

from mdlens.descriptors.ebsd import BANDS, MEASURES, SHARES, OrientationImage, ebsd_measures
from mdlens.descriptors.orientations import about, multiply
from mdlens.errors import InputError

PIXEL = 2.0
PLAIN = about((0, 1, 0), 12.0)[0]
TWIN = about((1, 1, 1), 60.0)[0]


def image(rows=32, columns=24, q=PLAIN):
    return OrientationImage(
        np.broadcast_to(q, (rows, columns, 4)).copy(),
        np.ones((rows, columns), np.bool_),
        np.ones((rows, columns), np.bool_),
    )


def measured(now, start=None):
    return dict(zip(MEASURES, ebsd_measures(now, start or image(), PIXEL), strict=True))


def test_one_still_grain_measures_nothing():
    found = measured(image())
    assert found["grain_area"] == found["grain_area_start"] == pytest.approx(1.0)
    assert all(value == 0.0 for name, value in found.items() if not name.startswith("grain_area"))


def test_a_twin_lamella_is_twinned_and_ends_in_sigma_3():
    now = image()
    now.q[8:16] = multiply(PLAIN, TWIN)
    found = measured(now)
    assert found["twinned"] == found["twinned_regions"] == found["largest_twinned"] == pytest.approx(8 / 32)
    assert found["twinned_2"] == pytest.approx(1.0)
    assert found["sigma3"] == pytest.approx(8 / 32)  # both ends, two pixels to each side
    assert found["high_angle"] == found["low_angle"] == 0.0
    assert found["grain_area"] == pytest.approx((16**2 + 8**2 * 2) / 32**2)


def test_a_fault_has_the_same_crystal_on_both_sides_and_a_twin_boundary_has_not():
    fault = image()
    fault.indexed[10:12] = False
    found = measured(fault)
    assert found["fault_like"] == found["unindexed"] == pytest.approx(2 / 32)
    assert found["twin_boundary_like"] == 0.0
    boundary = image()
    boundary.indexed[10] = False
    boundary.q[11:] = multiply(PLAIN, TWIN)
    found = measured(boundary)
    assert found["twin_boundary_like"] == pytest.approx(1 / 32)
    assert found["fault_like"] == pytest.approx(0.0)


def test_a_grain_that_turned_by_ten_degrees_is_a_partial_rotation():
    now = image()
    now.q[:, :12] = multiply(PLAIN, about((0, 1, 0), 10.0)[0])
    found = measured(now)
    assert found["turned_5_30"] == found["turned_8_30"] == found["turned_regions"] == pytest.approx(0.5)
    assert found["turned_far"] == found["twinned"] == 0.0
    assert found["high_angle"] > 0.0


def test_pixels_without_matter_and_images_of_mirrors():
    now = image()
    now.inside[:4], now.indexed[:4] = False, False
    now.q[8:14, 3:9] = multiply(PLAIN, TWIN)
    found = measured(now)
    assert found["empty"] == pytest.approx(4 / 32)
    assert found["empty_1"] == pytest.approx(4 / 8)
    mirrored = OrientationImage(now.q[:, ::-1], now.indexed[:, ::-1], now.inside[:, ::-1])
    np.testing.assert_allclose(ebsd_measures(mirrored, image(), PIXEL), list(found.values()), atol=1e-12)
    assert len(MEASURES) == len(set(MEASURES))
    assert len(SHARES) * (1 + BANDS) < len(MEASURES)


def test_other_shapes_are_refused():
    with pytest.raises(InputError, match="one shape"):
        ebsd_measures(image(), image(columns=20), PIXEL)
    with pytest.raises(InputError, match="positive pixel"):
        ebsd_measures(image(), image(), 0.0)
    with pytest.raises(InputError, match="an orientation image"):
        OrientationImage(np.zeros((4, 4)), np.zeros((4, 4), bool), np.zeros((4, 4), bool))
