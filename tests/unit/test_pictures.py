"""Images of configurations: dots and Gaussians."""

import numpy as np
import pytest

from mdlens.descriptors.picture import COLORS, WHITE, density_picture, dot_picture
from mdlens.errors import InputError


def test_dots_are_where_the_particles_are():
    places = np.array([[0.25, 0.75], [0.8, 0.1]])
    image = dot_picture(places, [0, 1], size=100, radius=0.05)
    assert image.shape == (100, 100, 3)
    assert tuple(image[25, 25]) == COLORS[0]  # x = 0.25 is column 25, y = 0.75 is row 25 from above
    assert tuple(image[89, 80]) == COLORS[1]
    assert tuple(image[50, 50]) == WHITE
    coloured = (image != 255).any(axis=-1).sum()
    assert coloured == pytest.approx(2 * np.pi * 25, rel=0.05)


def test_dots_at_the_edge_are_cut():
    image = dot_picture([[0.0, 0.0], [1.0, 1.0]], [0, 0], size=50, radius=0.1)
    assert tuple(image[49, 0]) == COLORS[0] == tuple(image[0, 49])


def test_an_empty_picture_is_white():
    assert (dot_picture(np.zeros((0, 2)), np.zeros(0, int), size=8) == 255).all()


def twin(places, species, count, edges, n, width):
    image = np.zeros((count, *n))
    for (x, y), kind in zip(places, species, strict=True):
        for a in range(n[0]):
            for b in range(n[1]):
                d = np.array([(a + 0.5) / n[0] - x, (b + 0.5) / n[1] - y])
                d = (d - np.round(d)) * edges
                image[kind, a, b] += np.exp(-(d @ d) / (2 * width**2))
    return image


def test_densities_are_those_of_the_twin():
    rng = np.random.default_rng(0)
    places, species = rng.random((30, 2)), rng.integers(0, 2, 30)
    image = density_picture(places, species, 2, edges=(6.0, 4.0), pixel=0.5, width=0.3)
    assert image.shape == (2, 12, 8)
    np.testing.assert_allclose(
        image, twin(places, species, 2, (6.0, 4.0), (12, 8), 0.3), rtol=1e-5, atol=1e-6
    )


def test_a_shift_by_a_pixel_shifts_the_image():
    rng = np.random.default_rng(1)
    places = rng.random((30, 2))
    options = {"edges": (5.0, 5.0), "pixel": 0.25, "width": 0.3}
    before = density_picture(places, np.zeros(30, int), 1, **options)
    after = density_picture((places + np.array([0.05, 0.0])) % 1.0, np.zeros(30, int), 1, **options)
    np.testing.assert_allclose(after, np.roll(before, 1, axis=1), atol=1e-5)


def test_open_windows_do_not_wrap():
    options = {"edges": (5.0, 5.0), "pixel": 0.25, "width": 0.3}
    open_ = density_picture([[0.01, 0.5]], [0], 1, periodic=False, **options)
    assert open_[0, -1].max() < 1e-6 < 0.5 < density_picture([[0.01, 0.5]], [0], 1, **options)[0, -1].max()


@pytest.mark.parametrize("wrong", [{"pixel": 0.0}, {"width": -1.0}, {"edges": (0.0, 1.0)}])
def test_wrong_lengths_are_refused(wrong):
    options = {"edges": (5.0, 5.0), "pixel": 0.25, "width": 0.3} | wrong
    with pytest.raises(InputError, match="positive"):
        density_picture([[0.5, 0.5]], [0], 1, **options)


def test_wrong_shapes_and_species_are_refused():
    with pytest.raises(InputError, match="places"):
        dot_picture(np.zeros((2, 3)), [0, 0])
    with pytest.raises(InputError, match="colours"):
        dot_picture(np.zeros((1, 2)), [4])
    with pytest.raises(InputError, match="below 1"):
        density_picture([[0.5, 0.5]], [1], 1, edges=(1.0, 1.0), pixel=0.1, width=0.1)
