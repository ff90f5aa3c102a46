"""Measures of orientation images, on sections drawn for the purpose."""

import numpy as np
import pytest

from mdlens.descriptors.ebsd import MEASURES, OrientationImage, ebsd_measures
from mdlens.descriptors.orientations import about, multiply
from mdlens.errors import InputError

PIXEL = 2.0
PLAIN = about((0, 1, 0), 12.0)[0]
TWIN = multiply(PLAIN, about((1, 1, 1), 60.0)[0])


def image(rows=32, columns=24, q=PLAIN):
    return OrientationImage(
        np.broadcast_to(q, (rows, columns, 4)).copy(),
        np.ones((rows, columns), np.bool_),
        np.ones((rows, columns), np.bool_),
    )


def measured(now, start=None, pixel=PIXEL):
    first = start or image(*now.indexed.shape)
    return dict(zip(MEASURES, ebsd_measures(now, first, pixel), strict=True))


def test_one_still_grain_measures_nothing():
    found = measured(image())
    assert found["grain_area"] == found["grain_area_start"] == pytest.approx(1.0)
    assert all(value == 0.0 for name, value in found.items() if not name.startswith("grain_area"))


def test_a_twin_lamella_is_twinned_and_ends_in_sigma_3():
    now = image()
    now.q[8:16] = TWIN
    found = measured(now)
    assert found["twinned"] == found["twinned_regions"] == found["largest_twinned"] == pytest.approx(8 / 32)
    assert found["twinned_2"] == pytest.approx(1.0)
    assert found["turned_far"] == found["twinned"]
    assert found["sigma3"] == pytest.approx(0.5 * 2 / 32)  # two ends, each before one row
    assert found["high_angle"] == found["low_angle"] == 0.0
    assert found["grain_area"] == pytest.approx((16**2 + 8**2 * 2) / 32**2)


@pytest.mark.parametrize("thick", [1, 2, 3, 4])
@pytest.mark.parametrize("inclined", [False, True])
@pytest.mark.parametrize("pixel", [1.0, 2.0])
def test_a_fault_has_the_same_crystal_on_both_sides_and_a_twin_boundary_has_not(thick, inclined, pixel):
    rows, columns = np.indices((32, 24))
    place = rows - columns if inclined else rows
    band = (place >= 10) & (place < 10 + thick)
    fault = image()
    fault.indexed[band] = False
    found = measured(fault, pixel=pixel)
    # Where an inclined band leaves the image, a pixel may have a crystal on one side only.
    room = 0.1 if inclined else 1e-9
    assert found["unindexed"] == pytest.approx(band.mean())
    assert found["fault_like"] == pytest.approx(band.mean(), rel=room)
    assert found["twin_boundary_like"] == found["sigma3"] == 0.0
    boundary = image()
    boundary.indexed[band] = False
    boundary.q[place >= 10 + thick] = TWIN
    found = measured(boundary, pixel=pixel)
    assert found["twin_boundary_like"] == pytest.approx(band.mean(), rel=room)
    assert found["fault_like"] == 0.0
    assert found["sigma3"] > 0.0


def test_what_is_thicker_than_a_fault_is_none():
    now = image()
    now.indexed[10:15] = False
    assert measured(now)["fault_like"] == 0.0


@pytest.mark.parametrize(("angle", "kind"), [(4.0, None), (10.0, "low_angle"), (20.0, "high_angle")])
def test_boundaries_by_their_angle(angle, kind):
    now = image()
    now.q[:, :12] = multiply(PLAIN, about((0, 1, 0), angle)[0])
    found = measured(now)
    for name in ("low_angle", "high_angle"):
        assert found[name] == pytest.approx(0.5 / 24 if name == kind else 0.0)
    assert found["turned"] == pytest.approx(0.5 if kind else 0.0)
    assert found["turned_regions"] == found["largest_turned"] == found["turned"]
    assert found["turned_far"] == found["twinned"] == 0.0


def test_pixels_without_matter_do_not_count_and_mirrors_measure_the_same():
    now = image()
    now.inside[:4], now.indexed[:4] = False, False
    now.q[8:14, 3:9] = TWIN
    rng = np.random.default_rng(0)
    now.indexed[4:] &= rng.random((28, 24)) < 0.8
    found = measured(now)
    assert found["unindexed"] == pytest.approx(1.0 - now.indexed[4:].mean())
    mirrored = OrientationImage(now.q[:, ::-1], now.indexed[:, ::-1], now.inside[:, ::-1])
    np.testing.assert_allclose(ebsd_measures(mirrored, image(), PIXEL), list(found.values()), atol=1e-12)
    assert len(MEASURES) == len(set(MEASURES))


def test_other_shapes_are_refused():
    with pytest.raises(InputError, match="one shape"):
        ebsd_measures(image(), image(columns=20), PIXEL)
    with pytest.raises(InputError, match="positive pixel"):
        ebsd_measures(image(), image(), 0.0)
    with pytest.raises(InputError, match="an orientation image"):
        OrientationImage(np.zeros((4, 4)), np.ones((4, 4), bool), np.ones((4, 4), bool))
    with pytest.raises(InputError, match="matter"):
        OrientationImage(np.zeros((0, 4, 4)), np.zeros((0, 4), bool), np.zeros((0, 4), bool))
