"""Windows of configurations as networks see them: graphs and pictures."""

import numpy as np
import pytest

from mdlens.errors import InputError
from mdlens.learning.configurations import Configuration, GraphView, PictureView, window_side
from mdlens.learning.fit_configurations import Drawer
from mdlens.neighbors import nearest_graph

BOX = 10.0


def plane(n=100, seed=0, *, box=BOX, pbc=(True, True, False), label=0, group="a", skew=0.0):
    rng = np.random.default_rng(seed)
    cell = np.array([[box, 0, 0], [skew, box, 0], [0, 0, 1.0]])
    positions = np.column_stack([rng.random((n, 2)), np.zeros(n)]) @ cell
    return Configuration(positions, cell, np.array(pbc), rng.integers(0, 2, n), label, group)


def test_windows_hold_as_many_particles_as_asked():
    view, rng = GraphView(2, 25, 3), np.random.default_rng(0)
    sizes = [len(view.draw(plane(400), rng, turn=False).species) for _ in range(200)]
    assert np.mean(sizes) == pytest.approx(25, rel=0.1)
    assert window_side(1000, 125, 3) == pytest.approx(0.5)
    assert window_side(10, 64, 2) == 1.0


def test_bonds_of_a_window_are_those_of_the_whole():
    configuration, rng = plane(), np.random.default_rng(1)
    whole = nearest_graph(configuration.positions, configuration.cell, configuration.pbc, 4)
    sample = GraphView(2, 30, 4).draw(configuration, rng, turn=False)
    assert (sample.i[sample.reverse] == sample.j).all()
    np.testing.assert_allclose(sample.distance[sample.reverse], sample.distance)
    assert np.isin(sample.distance, whole.distance.astype(np.float32)).all()


def test_small_configurations_are_seen_whole():
    sample = GraphView(2, 64, 3).draw(plane(20), np.random.default_rng(0), turn=False)
    assert len(sample.species) == 20


def test_published_windows_stand_alone():
    configuration = plane(200, pbc=(True, False, False))
    view = GraphView(2, 30, 3, absolute=True)
    for seed in range(20):
        sample = view.draw(configuration, np.random.default_rng(seed), turn=False)
        assert len(sample.species) > 3
        assert sample.places.min() >= 0.0
        assert sample.places.max() <= 1.0
        assert np.bincount(sample.i).min() >= 3


def test_batches_join_graphs_end_to_end():
    view, rng = GraphView(2, 20, 3), np.random.default_rng(0)
    samples = [view.draw(plane(80, seed), rng, turn=False) for seed in range(3)]
    batch = view.join(samples)
    assert batch.graphs == 3
    assert (batch.i[batch.reverse] == batch.j).all()
    assert (batch.graph[batch.i] == batch.graph[batch.j]).all()
    assert batch.graph.bincount().tolist() == [len(s.species) for s in samples]


@pytest.mark.parametrize("skew", [0.0, 3.0])
def test_pictures_show_the_density(skew):
    configuration = plane(400, skew=skew)
    view, rng = PictureView(2, 5.0, 20, blur=1.0), np.random.default_rng(0)
    for turn in (False, True):
        images = np.stack([view.draw(configuration, rng, turn=turn) for _ in range(100)])
        assert images.shape == (100, 2, 20, 20)
        # a particle fills 2 pi pixels; 4 particles per unit area are 0.25 per pixel
        assert images.sum(axis=1).mean() == pytest.approx(0.25 * 2 * np.pi, rel=0.05)
        edge, middle = images[..., 0].mean(), images[..., 10].mean()
        assert edge == pytest.approx(middle, rel=0.15)


def test_pictures_of_a_box_smaller_than_the_window_repeat_it():
    view = PictureView(2, 10.0, 40, blur=1.0)
    image = view.draw(plane(12, box=5.0), np.random.default_rng(0), turn=False)
    np.testing.assert_allclose(image[:, :20, :20], image[:, 20:, 20:], atol=1e-4)


def test_published_pictures_are_dots():
    image = PictureView(2, 5.0, 50, dots=True).draw(plane(), np.random.default_rng(0), turn=True)
    assert image.shape == (3, 50, 50)
    assert image.max() == 1.0


def test_other_dimensions_and_few_particles_are_refused():
    rng = np.random.default_rng(0)
    space = Configuration(rng.random((9, 3)), np.eye(3), np.ones(3, bool), np.zeros(9, int))
    for view in (GraphView(2, 64, 3), PictureView(1, 5.0, 20)):
        with pytest.raises(InputError, match=r"in space \(3D\)"):
            view.whole(space)
    with pytest.raises(InputError, match="too few"):
        GraphView(3, 64, 9).whole(space)
    with pytest.raises(InputError, match=r"in the plane \(2D\)"):
        GraphView(3, 64, 9).whole(plane())


def test_classes_and_groups_are_drawn_evenly():
    made = [plane(30, s, label=0, group="a") for s in range(9)] + [plane(30, 10, label=0, group="b")]
    made.append(plane(30, 11, label=1, group="c"))
    seen = []

    class Spy(GraphView):
        def draw(self, configuration, rng, *, turn):
            seen.append(configuration.group)
            return super().draw(configuration, rng, turn=turn)

    _, labels = Drawer(made, Spy(2, 20, 3)).batch(200, np.random.default_rng(0), turn=True)
    assert labels.sum() == 100
    assert seen.count("c") == 100
    assert 30 < seen.count("b") < 70
    with pytest.raises(InputError, match="both classes"):
        Drawer(made[:3], GraphView(2, 20, 3))
