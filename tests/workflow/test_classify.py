"""`mdlens.classify` from Python."""

import time
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111

import mdlens
from mdlens.errors import InputError, ModelError
from mdlens.inference import load_model
from mdlens.io.output_columns import Words
from mdlens.neighbors import find_nearest
from mdlens.workflows.crystal import Classification, _run_all, assign


@pytest.fixture(scope="module")
def model(tiny_model):
    return load_model(tiny_model)


@pytest.fixture
def shaken_copper():
    atoms = bulk("Cu", "fcc", a=3.6, cubic=True).repeat(5)
    atoms.positions += np.random.default_rng(3).normal(0, 0.25, atoms.positions.shape)
    return atoms


@pytest.mark.parametrize(
    ("atoms", "name", "number"),
    [
        (bulk("Cu", "fcc", a=3.6, cubic=True).repeat(3), "fcc", 1),
        (bulk("Fe", "bcc", a=2.87), "bcc", 3),
        (bulk("Ti", "hcp", a=2.95, c=2.95 * np.sqrt(8 / 3)), "hcp", 2),
    ],
)
def test_a_perfect_crystal_is_one_structure(model, atoms, name, number):
    result = mdlens.classify(atoms, model)
    assert set(result.names) == {name}
    assert set(result.labels) == {number}
    assert result.counts()[name] == len(atoms)
    assert result.fractions()[name] == 1.0


def test_shapes_and_types(model, shaken_copper):
    result = mdlens.classify(shaken_copper, model)
    n_atoms = len(shaken_copper)
    assert result.labels.dtype == np.int32
    assert result.probabilities.shape == (n_atoms, 4)
    assert result.probabilities.dtype == np.float32
    np.testing.assert_allclose(result.probabilities.sum(axis=1), 1, atol=1e-5)
    assert result.embeddings.shape == (n_atoms, model.embedding_size)
    assert (result.confidence == result.probabilities.max(axis=1)).all()
    assert sum(result.counts().values()) == n_atoms
    assert list(result.counts())[-1] == "unknown"
    assert ((result.labels == 0) == (result.confidence < np.float32(model.threshold))).all()
    assert ((result.names == "unknown") == (result.labels == 0)).all()


def test_nothing_depends_on_threads_or_batch(model, shaken_copper):
    one = mdlens.classify(shaken_copper, model, threads=1)
    for threads, batch in ((2, 512), (3, 64), (1, 7), (2, 7), (2, 100_000)):
        other = mdlens.classify(shaken_copper, model, threads=threads, batch=batch)
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)
        np.testing.assert_allclose(one.embeddings, other.embeddings, atol=1e-4)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_batches_are_all_reported_and_an_error_ends_them(threads):
    reported = []
    _run_all(lambda start: start, range(1, 101), threads, reported.append)
    assert sorted(reported) == list(range(1, 101))

    def fail(start):
        if start == 5:
            raise InputError("batch 5")
        return start

    begun = []
    with pytest.raises(InputError, match="batch 5"):
        _run_all(lambda start: begun.append(start) or fail(start), range(10_000), threads, lambda _: None)
    assert len(begun) < 10_000

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _run_all(lambda start: time.sleep(0.001) or start, range(10_000), threads, stop)


def test_averaging_is_the_mean_over_thirteen_atoms(model, shaken_copper):
    alone = mdlens.classify(shaken_copper, model)
    averaged = mdlens.classify(shaken_copper, model, average=True)
    nearest = find_nearest(shaken_copper.positions, shaken_copper.cell.array, shaken_copper.pbc, 12).index
    shell = np.column_stack([np.arange(len(shaken_copper)), nearest])
    expected = alone.probabilities.astype(np.float64)[shell].mean(axis=1)
    np.testing.assert_allclose(averaged.probabilities, expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(averaged.labels, assign(averaged.probabilities, model.ids, model.threshold))
    np.testing.assert_array_equal(averaged.embeddings, alone.embeddings)


def test_atoms_at_a_surface_take_no_part_in_averages(model):
    slab = fcc111("Cu", (8, 8, 10), vacuum=10.0)
    slab.rattle(0.1, seed=0)
    alone, averaged = (mdlens.classify(slab, model, average=average) for average in (False, True))
    height = slab.positions[:, 2]
    outermost = (height < height.min() + 1.0) | (height > height.max() - 1.0)
    assert outermost.sum() == 128
    np.testing.assert_array_equal(averaged.probabilities[outermost], alone.probabilities[outermost])
    nearest = find_nearest(slab.positions, slab.cell.array, slab.pbc, 12).index
    for atom in np.flatnonzero(~outermost):
        shell = np.array([atom, *nearest[atom]])
        expected = alone.probabilities[shell[~outermost[shell]]].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(averaged.probabilities[atom], expected, rtol=0, atol=1e-5)


def test_averages_do_not_depend_on_order_or_threads(model, shaken_copper):
    one = mdlens.classify(shaken_copper, model, average=True, threads=1)
    order = np.random.default_rng(2).permutation(len(shaken_copper))
    other = mdlens.classify(shaken_copper[order], model, average=True, threads=3, batch=64)
    np.testing.assert_allclose(other.probabilities, one.probabilities[order], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(other.labels, one.labels[order])


@pytest.mark.parametrize("lattice", ["fcc", "bcc", "sc"])
def test_a_perfect_crystal_is_averaged_to_itself(lattice):
    atoms = bulk("Cu", lattice, a=3.6, cubic=True).repeat(3)
    alone, averaged = (mdlens.classify(atoms, average=average) for average in (False, True))
    np.testing.assert_array_equal(averaged.labels, alone.labels)
    np.testing.assert_allclose(averaged.probabilities, alone.probabilities, rtol=0, atol=1e-6)


@pytest.mark.parametrize("n_atoms", [0, 1, 2, 12])
def test_averages_over_fewer_atoms_than_a_shell(model, n_atoms):
    atoms = Atoms(f"Cu{n_atoms}", positions=np.random.default_rng(0).normal(0, 3, (n_atoms, 3)))
    result = mdlens.classify(atoms, model, average=True)
    np.testing.assert_allclose(result.probabilities, np.full((n_atoms, 4), 0.25), atol=1e-6)
    assert set(result.labels) <= {0}


@pytest.fixture(scope="module")
def measuring(measuring_model):
    return load_model(measuring_model)


def test_what_was_never_taught_is_unknown(model, measuring, shaken_copper):
    chain = Atoms("Cu300", positions=np.arange(300)[:, None] * [1.0, 0, 0], cell=[300, 60, 60], pbc=True)
    named, refused = (mdlens.classify(chain, m) for m in (model, measuring))
    assert named.distance is None
    assert refused.distance.dtype == np.float32
    np.testing.assert_array_equal(refused.probabilities, named.probabilities)
    assert refused.distance.min() > measuring.distance_limit
    assert set(refused.labels) == {0}
    known = mdlens.classify(shaken_copper, measuring)
    beyond = known.distance > np.float32(measuring.distance_limit)
    expected = np.where(beyond, 0, mdlens.classify(shaken_copper, model).labels)
    np.testing.assert_array_equal(known.labels, expected)
    assert 0.0 < beyond.mean() < 0.5  # it is shaken more than what taught the model


def test_distances_are_averaged_with_the_probabilities(measuring, shaken_copper):
    alone, averaged = (mdlens.classify(shaken_copper, measuring, average=a) for a in (False, True))
    nearest = find_nearest(shaken_copper.positions, shaken_copper.cell.array, shaken_copper.pbc, 12).index
    shell = np.column_stack([np.arange(len(shaken_copper)), nearest])
    np.testing.assert_allclose(averaged.distance, alone.distance[shell].mean(axis=1), rtol=1e-5)


@pytest.mark.parametrize("suffix", ["dump", "xyz"])
def test_distances_are_written(measuring, shaken_copper, tmp_path, suffix):
    result = mdlens.classify(shaken_copper, measuring)
    result.write_to(shaken_copper)
    with mdlens.open_writer(tmp_path / f"out.{suffix}") as writer:
        writer.write(shaken_copper)
    (again,) = mdlens.read(tmp_path / f"out.{suffix}")
    np.testing.assert_allclose(again.arrays["distance"], result.distance, atol=5.1e-4)
    import_file = pytest.importorskip("ovito.io").import_file
    particles = import_file(str(tmp_path / f"out.{suffix}")).compute(0).particles
    np.testing.assert_allclose(np.sort(particles["distance"]), np.sort(result.distance), atol=5.1e-4)


def test_embeddings_can_be_left_out(model, shaken_copper):
    assert mdlens.classify(shaken_copper, model, embeddings=False).embeddings is None


def test_no_atoms(model):
    result = mdlens.classify(Atoms(cell=[5, 5, 5], pbc=True), model)
    assert len(result) == 0
    assert result.probabilities.shape == (0, 4)
    assert result.counts() == {"fcc": 0, "hcp": 0, "bcc": 0, "disordered": 0, "unknown": 0}
    assert set(result.fractions().values()) == {0.0}


@pytest.mark.parametrize("n_atoms", [1, 2, 5])
def test_a_few_atoms_without_a_cell(model, n_atoms):
    atoms = Atoms(f"Cu{n_atoms}", positions=np.arange(3 * n_atoms).reshape(-1, 3) * 1.1)
    result = mdlens.classify(atoms, model)
    assert len(result) == n_atoms
    assert np.isfinite(result.probabilities).all()


def test_a_trajectory_is_classified_as_it_is_read(model, shaken_copper):
    read = []

    def frames():
        for k in range(3):
            read.append(k)
            yield shaken_copper

    results = mdlens.classify(frames(), model)
    assert read == []
    first = next(results)
    assert read == [0]
    assert isinstance(first, Classification)
    assert len(list(results)) == 2


def test_a_file_read_with_mdlens(model, write_dump, shaken_copper):
    path = write_dump([shaken_copper, shaken_copper])
    expected = mdlens.classify(shaken_copper, model).labels
    results = list(mdlens.classify(mdlens.read(path), model))
    assert len(results) == 2
    np.testing.assert_array_equal(results[1].labels, expected)


def test_results_go_onto_the_frame(model, shaken_copper):
    result = mdlens.classify(shaken_copper, model)
    result.write_to(shaken_copper)
    np.testing.assert_array_equal(shaken_copper.arrays["structure"], result.labels)
    np.testing.assert_array_equal(shaken_copper.arrays["structure_name"], result.names)
    np.testing.assert_allclose(shaken_copper.arrays["confidence"], result.confidence)
    with pytest.raises(InputError, match="500 atoms, got a frame of 1"):
        result.write_to(Atoms("Cu"))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"threads": -1}, "threads must be 0 or more"), ({"batch": 0}, "batch must be 1 or more")],
)
def test_options_out_of_range(model, shaken_copper, options, message):
    with pytest.raises(InputError, match=message):
        mdlens.classify(shaken_copper, model, **options)


@pytest.mark.parametrize("frames", ["melt.dump", Path("melt.dump"), 5, None])
def test_what_is_no_frame(model, frames):
    with pytest.raises(InputError, match=r"mdlens\.read"):
        mdlens.classify(frames, model)


def test_a_model_is_shown_in_few_words():
    assert len(repr(load_model("default"))) < 1000


def test_positions_that_are_no_numbers(model, shaken_copper):
    shaken_copper.positions[7, 1] = np.nan
    with pytest.raises(InputError, match="7"):
        mdlens.classify(shaken_copper, model)


def test_a_periodic_cell_without_volume(model, shaken_copper):
    shaken_copper.cell[2] = 0
    with pytest.raises(InputError, match=r"volume|zero|length"):
        mdlens.classify(shaken_copper, model)


def test_a_model_that_is_not_there(shaken_copper):
    with pytest.raises(ModelError, match=r"nowhere\.onnx"):
        mdlens.classify(shaken_copper, "nowhere.onnx")


def test_the_threshold_decides_and_equality_is_enough():
    probabilities = np.array([[0.2, 0.8], [0.45, 0.55], [0.3, 0.7]], np.float32)
    assert assign(probabilities, (4, 6), 0.7).tolist() == [6, 0, 6]
    assert assign(probabilities, (4, 6), 0.0).tolist() == [6, 6, 6]


def test_labels_of_an_earlier_run_are_replaced_whole(model):
    """The names of the earlier run may be shorter than those of this one."""
    atoms = bulk("Cu", "fcc", a=3.6, cubic=True)
    atoms.arrays["structure_name"] = np.array(["a", "b", "a", "b"])
    mdlens.classify(atoms, model).write_to(atoms)
    assert set(atoms.arrays["structure_name"]) == {"fcc"}


def test_columns_are_what_is_set_on_the_frame(measuring_model, shaken_copper):
    result = mdlens.classify(shaken_copper, load_model(measuring_model))
    result.write_to(shaken_copper)
    for name, column in result.columns().items():
        values = column.table[column.places] if isinstance(column, Words) else column
        np.testing.assert_array_equal(shaken_copper.arrays[name], values)
