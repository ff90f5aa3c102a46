"""The arithmetic of studies/crystal, and that docs/accuracy.md says what its results file says."""

import json
from pathlib import Path

import numpy as np
import pytest
from studies.page import filled

from mdlens.learning.metrics import expected_calibration_error

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "studies" / "crystal" / "results.json"
STUDY_FOLDERS = ("crystal",)
STUDY_NEEDS = ("ovito",)


def test_an_interval_covers_seeds_and_runs(study):
    tally = study("scoring").Tally()
    for run, right in (("a", [90, 80]), ("b", [100, 70])):
        tally.add(np.array(right), 100, run)
    found = tally.interval()
    assert found["value"] == 85.0
    assert (found["low"], found["high"]) == (70.0, 100.0)


def test_a_single_run_of_a_single_seed_draws_its_snapshots(study):
    tally = study("scoring").Tally()
    tally.add(np.array([90]), 100, "a")
    assert tally.interval() == {"value": 90.0}
    tally.add(np.array([70]), 100, "a")
    assert tally.interval() == {"value": 80.0, "low": 70.0, "high": 90.0}


def test_ignored_atoms_take_no_part_and_methods_are_asked_what_they_know(study):
    verdict = study("contestants").Verdict
    row = study("scoring").Row("fcc")
    labels = np.array([[0, 1, 0, 0]])
    said = {"mdlens": verdict(labels, np.ones((1, 4)), labels == 0), "ids": verdict(labels)}
    row.add(np.array([0, 0, 0, -1]), said, "run")
    scores = row.scores()
    assert list(scores) == ["mdlens"]
    assert scores["mdlens"] == {"value": 66.667, "accepted": 66.667, "right_if_accepted": 100.0}
    assert row.counts() == {"runs": 1, "snapshots": 1, "atoms": 3}


def test_calibration_error_is_that_of_the_package(study):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(7), 500)
    truth = rng.integers(7, size=500)
    verdict = study("contestants").Verdict(
        probabilities.argmax(axis=1)[None], probabilities.max(axis=1)[None]
    )
    diagram = study("scoring").Reliability(1)
    diagram.add(truth[:200], part(verdict, slice(0, 200)), "a")
    diagram.add(truth[200:], part(verdict, slice(200, 500)), "b")
    found = diagram.summary()["ece"]
    assert found["value"] == pytest.approx(100 * expected_calibration_error(probabilities, truth), abs=1e-3)
    assert found["low"] <= found["value"] <= found["high"]


def part(verdict, where):
    return type(verdict)(verdict.labels[:, where], verdict.confidence[:, where])


def test_ptm_cutoffs_by_lattice(study):
    rivals = study("rivals")
    labels, rmsd = np.array([0, 2, 6]), np.array([0.15, 0.15, 0.0])
    cutoffs = dict.fromkeys(rivals.PTM_NUMBER, 0.1) | {"bcc": 0.2}
    assert rivals.with_cutoff(labels, rmsd, cutoffs).tolist() == [6, 2, 6]


def test_missing_atoms_are_an_exact_share_and_the_same_every_time(study):
    from mdlens.learning.snapshots import LabelledSnapshot

    snapshot = LabelledSnapshot(
        positions=np.arange(300, dtype=np.float32).reshape(100, 3),
        cell=np.eye(3) * 300.0,
        pbc=np.ones(3, bool),
        labels=np.zeros(100, np.int8),
        numbers=np.ones(100, np.int16),
        system="Al",
        snapshot="Al 1.00 Tm run 1 snapshot 0",
        group="Al 1.00 Tm run 1",
    )
    first, second = (study("cases").without(snapshot, 0.3, "fcc", (), ()) for _ in range(2))
    assert len(first.atoms) == len(first.truth) == 70
    assert np.array_equal(first.atoms.positions, second.atoms.positions)


@pytest.mark.skipif(not RESULTS.exists(), reason="not scored yet")
def test_the_page_says_what_the_results_say(study):
    blocks = study("tables").blocks(json.loads(RESULTS.read_text(encoding="utf-8")))
    page = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    assert filled(page, blocks) == page
