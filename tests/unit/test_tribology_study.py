"""The arithmetic of studies/tribology, and that docs/tribology.md says what its results say."""

import json
from pathlib import Path

import numpy as np
import pytest
from studies.page import filled
from studies.tribology.generate import matrix

from mdlens.errors import InputError
from mdlens.learning.pattern_data import load_patterns

pytest.importorskip("torch")
pytest.importorskip("sklearn")
ROOT = Path(__file__).parents[2]
STUDY = ROOT / "studies" / "tribology"
STUDY_FOLDERS = ("tribology",)


def windows():
    return load_patterns([STUDY / "windows.npz"])


def test_the_page_is_up_to_date(study):
    results = json.loads((STUDY / "results.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "tribology.md").read_text(encoding="utf-8")
    assert results["source"] == "md"
    blocks = {name: table(results) for name, table in study("tables").TABLES.items()}
    assert filled(page, blocks) == page


def test_the_matrix_spans_what_the_map_shows():
    runs = matrix()
    assert len(runs) == 44
    conditions = {(r.nickel, r.pressure, r.temperature) for r in runs.values()}
    assert len(conditions) == 20
    assert {r.seed for r in runs.values()} == {1, 2, 3}
    assert all(r.frames * r.steps_per_frame * r.timestep == pytest.approx(100.0) for r in runs.values())


def test_the_results_are_those_of_the_windows(study, tmp_path):
    evaluate = study("evaluate")
    kept = json.loads((STUDY / "results.json").read_text(encoding="utf-8"))
    data = windows()
    assert evaluate.begun(STUDY / "results.json", data, kept["epochs"], kept["pixels"]["half"]) == kept
    with pytest.raises(InputError, match="with other "):
        evaluate.begun(
            STUDY / "results.json", data.part(np.arange(50)), kept["epochs"], kept["pixels"]["half"]
        )


def test_thresholds_that_stay_change_no_label(study):
    moved = study("evaluate").moved_labels(windows())
    assert set(moved) >= {"all -25%", "all +25%", "twinning -25%"}
    assert 0.0 < moved["all +25%"] < 0.5
