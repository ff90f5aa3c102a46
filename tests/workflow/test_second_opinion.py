"""A model that leaves atoms it is not sure of to another one."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from typer.testing import CliRunner

import mdlens
from mdlens.cli import app
from mdlens.descriptors import MapSource, NeighborsMapSettings
from mdlens.errors import InputError
from mdlens.inference import SECOND_OPINIONS, StructureModel, load_model
from mdlens.workflows.crystal_report import model_card

BELOW = SECOND_OPINIONS["default"][1]


@pytest.fixture(scope="module")
def default() -> StructureModel:
    return load_model("default")


@pytest.fixture(scope="module")
def hot_copper() -> Atoms:
    """So hot that the default model alone is not sure of a part of the atoms."""
    atoms = bulk("Cu", cubic=True).repeat(7)
    noise = 0.115 * atoms.get_distance(0, 1, mic=True)
    atoms.positions += np.random.default_rng(0).normal(0, noise, atoms.positions.shape)
    return atoms


def test_the_default_model_comes_with_robust(default):
    assert default.second is not None
    assert default.second.model.metadata == load_model("robust").metadata
    assert default.second.below == BELOW
    assert load_model("robust").second is None
    assert load_model(default.file).second is not None


@pytest.mark.parametrize("fused", [True, False])
def test_doubtful_atoms_are_told_by_the_second_and_others_by_the_first(default, hot_copper, fused):
    first, second = default.alone(), default.second.model
    if not fused:
        first, second = replace(first, fused=None), replace(second, fused=None)
    both = mdlens.classify(hot_copper, first.with_second(second, below=BELOW), batch=100)
    one, other = (mdlens.classify(hot_copper, model) for model in (first, second))
    doubtful = one.confidence < np.float32(BELOW)
    assert 0.05 < doubtful.mean() < 0.95
    np.testing.assert_array_equal(both.probabilities[~doubtful], one.probabilities[~doubtful])
    np.testing.assert_array_equal(both.probabilities[doubtful], other.probabilities[doubtful])
    np.testing.assert_array_equal(both.embeddings, one.embeddings)
    np.testing.assert_array_equal(both.distance[~doubtful], one.distance[~doubtful])
    scale = first.distance_limit / second.distance_limit
    np.testing.assert_allclose(both.distance[doubtful], other.distance[doubtful] * scale, rtol=1e-6)
    unknown = (both.confidence < np.float32(first.threshold)) | (both.distance > first.distance_limit)
    np.testing.assert_array_equal(both.labels == 0, unknown)


@pytest.mark.parametrize("average", [False, True])
def test_it_does_not_depend_on_threads_batches_or_the_process(default, hot_copper, average):
    straight = mdlens.classify(hot_copper, default, threads=1, average=average)
    travelled = pickle.loads(pickle.dumps(default))  # noqa: S301  # made here
    other = mdlens.classify(hot_copper, travelled, threads=3, batch=64, average=average)
    np.testing.assert_array_equal(other.probabilities, straight.probabilities)
    np.testing.assert_array_equal(other.labels, straight.labels)


def test_nobody_is_asked_about_sure_atoms(default):
    atoms = bulk("Cu", cubic=True).repeat(5)
    refusing = replace(default.second.model, fused=None, _session=None)
    result = mdlens.classify(atoms, default.with_second(refusing, below=BELOW))
    assert set(result.names) == {"fcc"}


def test_where_the_second_has_too_few_neighbors_the_first_decides(default):
    """A cluster of 56 atoms: enough for maps of 48 columns."""
    atoms = Atoms("Cu56", positions=np.random.default_rng(0).uniform(0, 9.0, (56, 3)))
    alone = mdlens.classify(atoms, default.alone())
    larger = default.second.model.metadata.descriptor.size > 56
    both = mdlens.classify(atoms, default.with_second(default.second.model, below=1.0))
    assert larger
    np.testing.assert_array_equal(both.probabilities, alone.probabilities)


@pytest.mark.parametrize("below", [0.0, -1.0, 1.5, float("nan")])
def test_a_confidence_out_of_range_is_refused(default, below):
    with pytest.raises(InputError, match="below must be above 0 and at most 1"):
        default.with_second(default.second.model, below=below)


def test_a_second_model_asks_nobody_itself(default):
    assert default.with_second(default, below=0.5).second.model.second is None
    assert default.alone().second is None


def test_records_and_cards_name_it(default, tmp_path, mdlens_command, hot_copper):
    file, records = tmp_path / "hot.xyz", tmp_path / "hot.json"
    hot_copper.write(file)
    mdlens_command(file, "--json", records, model="default")
    second = json.loads(records.read_text())["model"]["second"]
    version = default.second.model.version
    assert second == {"name": "robust", "version": version, "below": BELOW}
    assert model_card(default).second == f"robust {version}, where the confidence was below {BELOW:g}"
    assert model_card(default.alone()).second is None
    listed = CliRunner().invoke(app, ["models"], env={"COLUMNS": "200"})
    assert f"robust, where its confidence is below {BELOW:g}" in listed.output


def test_a_model_of_other_classes_is_refused(default, tiny_model):
    with pytest.raises(InputError, match="names other classes than"):
        default.with_second(load_model(tiny_model), below=0.5)


def test_distances_are_measured_by_both_or_neither(tiny_model, measuring_model):
    plain, measuring = load_model(tiny_model), load_model(measuring_model)
    with pytest.raises(InputError, match="only one of the two models measures a distance"):
        plain.with_second(measuring, below=0.5)


def test_another_way_to_draw_shares_the_search():
    atoms = bulk("Cu", cubic=True).repeat(3)
    atoms.rattle(0.1, seed=0)
    small, large = NeighborsMapSettings(size=8, candidates=20), NeighborsMapSettings(size=16, candidates=40)
    source = MapSource(atoms, small)
    np.testing.assert_array_equal(source.drawn_by(large).maps([0, 5]), MapSource(atoms, large).maps([0, 5]))
    assert source.settings == small
    with pytest.raises(InputError, match="channels must be those of the source"):
        source.drawn_by(NeighborsMapSettings(size=8, candidates=20, channels=({"Cu": 1.0},)))
