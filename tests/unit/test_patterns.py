"""Windows in files, splits, image quality, logistic fits."""

import contextlib
import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from mdlens.descriptors.deformation import PATTERNS, Thresholds
from mdlens.descriptors.ebsd import MEASURES
from mdlens.errors import FormatError, InputError
from mdlens.learning.image_quality import error_at, psnr, ssim
from mdlens.learning.mechanism_map import (
    characteristic_pressures,
    logistic_fit,
    predicted_cells,
    simulated_cells,
)
from mdlens.learning.pattern_data import (
    SPLITS,
    PatternData,
    SectionData,
    hold_back,
    hold_out,
    load_patterns,
    save_patterns,
)


def windows(n=24, source="synthetic", seed=0):
    rng = np.random.default_rng(seed)
    run = np.arange(n) // 2 % 6
    codes = rng.integers(0, 255, (4, n, 2, 8, 4)).astype(np.uint8)
    return PatternData(
        images=rng.integers(0, 255, (n, 16, 16, 9)).astype(np.uint8),
        measures=rng.random((n, len(MEASURES)), np.float32),
        metadata=np.stack(
            [run % 2 * 0.25, 0.3 + run % 3 * 0.3, np.full(n, 300.0), np.arange(n), np.full(n, 0.5)], axis=1
        ),
        labels=rng.integers(0, 7, n),
        scores=rng.random((n, 6)),
        margins=rng.random(n),
        ambiguous=rng.random(n) < 0.5,
        run=run,
        region=np.arange(n) % 2,
        seed=run % 2 + 1,
        runs=tuple(f"run{k}" for k in range(6)),
        source=source,
        thresholds=Thresholds(),
        pixel=2.0,
        sections=SectionData(
            codes=codes[0], start=codes[1, :12], place=np.arange(n) % 12, signs=codes[2], pixel=1.0
        ),
    )


def test_windows_survive_a_file(tmp_path):
    data = windows()
    save_patterns(tmp_path / "a.npz", data)
    again = load_patterns([tmp_path / "a.npz", tmp_path / "a.npz"])
    assert len(again) == 48
    np.testing.assert_array_equal(again.images[:24], data.images)
    assert again.run.max() == 11
    fine = again.part(np.arange(24, 48)).sections
    np.testing.assert_array_equal(fine.codes, data.sections.codes)
    np.testing.assert_array_equal(fine.start[fine.place], data.sections.start[data.sections.place])
    assert again.runs == data.runs * 2
    save_patterns(tmp_path / "b.npz", windows(source="md"))
    with pytest.raises(InputError, match="not joined"):
        load_patterns([tmp_path / "a.npz", tmp_path / "b.npz"])
    save_patterns(tmp_path / "b.npz", replace(data, thresholds=Thresholds(twinning=0.05)))
    with pytest.raises(InputError, match="another thresholds"):
        load_patterns([tmp_path / "a.npz", tmp_path / "b.npz"])
    save_patterns(tmp_path / "b.npz", replace(data, pixel=1.0))
    with pytest.raises(InputError, match="another pixel"):
        load_patterns([tmp_path / "a.npz", tmp_path / "b.npz"])
    (tmp_path / "c.npz").write_bytes(b"nothing")
    with pytest.raises(FormatError, match="no labelled windows"):
        load_patterns([tmp_path / "c.npz"])
    with pytest.raises(InputError, match="cannot be read"):
        load_patterns([tmp_path / "d.npz"])


def test_damaged_windows_are_refused_and_nothing_else(tmp_path):
    file = tmp_path / "a.npz"
    save_patterns(file, windows())
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(40):
        data = bytearray(whole)
        at = int(rng.integers(len(data) - 30))
        data[at : at + 30] = rng.integers(0, 256, 30, np.uint8).tobytes()
        file.write_bytes(bytes(data))
        with contextlib.suppress(FormatError):
            load_patterns([file])
            continue
        refused += 1
    assert refused > 20
    with np.load(io.BytesIO(whole)) as saved:
        arrays = dict(saved)
    about = json.loads(str(arrays["about"]))
    for change in ({"thresholds": {"twinning": "much"}}, {"measures": 5}, {"runs": None}, {"pixel": []}):
        np.savez(file, **(arrays | {"about": np.array(json.dumps(about | change))}))
        with pytest.raises(FormatError, match="label"):
            load_patterns([file])
    codes = arrays["section_codes"]
    for change, words in (
        ({"section_codes": codes.astype(np.int64) * 900}, "must be uint8"),
        ({"section_codes": codes[:, :0], "section_signs": codes[:, :0]}, "multiple of 4"),
        ({"section_signs": codes[:5]}, "sections need"),
        ({"section_place": arrays["section_place"] + 50}, "place at the start"),
        ({"section_place": arrays["section_place"] * 1.0}, "whole numbers"),
        ({"section_start": arrays["section_start"][:, :1]}, "place at the start"),
        ({"labels": arrays["labels"] + 7}, "labels must be"),
        ({"run": arrays["run"] - 3}, "run must be"),
        ({"metadata": arrays["metadata"] * np.nan}, "metadata must be finite"),
        ({"images": arrays["images"] * 1.0}, "images must be uint8"),
    ):
        np.savez(file, **(arrays | change))
        with pytest.raises(FormatError, match=words):
            load_patterns([file])
    np.savez(file, **arrays)
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(tmp_path / "b.npz", "w") as other:
        for name in archive.namelist():
            data = archive.read(name)
            other.writestr(
                name, data.replace(b"'shape': (", b"'shape': ((") if name == "labels.npy" else data
            )
    with pytest.raises(FormatError, match="no labelled windows"):
        load_patterns([tmp_path / "b.npz"])
    np.savez(file, **(arrays | {"about": np.array("[" * 100_000)}))
    with pytest.raises(FormatError, match="no labelled windows"):
        load_patterns([file])
    np.savez(file, **(arrays | {"measures": arrays["measures"][:, :3]}))
    with pytest.raises(FormatError, match="measures must be"):
        load_patterns([file])


def test_windows_for_calibration_are_whole_units_where_there_are_enough():
    data = windows(48)
    train, _ = hold_out(data, "condition", seed=1)
    conditions = data.conditions()
    assert len(np.unique(conditions[train])) < 5  # too few: at random
    fit, kept = hold_back(data, train, "condition")
    assert sorted([*fit, *kept]) == sorted(train)
    assert set(conditions[fit]) & set(conditions[kept])
    fit, kept = hold_back(data, np.arange(48), "condition")
    assert sorted([*fit, *kept]) == list(range(48))
    assert not set(conditions[fit]) & set(conditions[kept])


def test_the_place_is_known_but_not_told():
    data = windows()
    assert data.metadata.shape == (24, 5)
    np.testing.assert_array_equal(data.told, data.metadata[:, :4])
    np.testing.assert_array_equal(data.measured[:, 4:], data.measures)


def test_scores_are_compared_with_the_thresholds_of_the_labels():
    data = replace(windows(), thresholds=Thresholds(shear_layer=4.0))
    np.testing.assert_allclose(data.relative[:, 5], data.scores[:, 5] / 4.0)
    np.testing.assert_allclose(data.part(np.array([3, 1])).relative, data.relative[[3, 1]])


def test_channels_are_the_three_directions():
    data = windows(4)
    assert data.channels("y").shape == (4, 3, 16, 16)
    np.testing.assert_allclose(data.channels("z")[0, 2], data.images[0, :, :, 8] / 255, rtol=1e-6)
    assert data.channels("xyz").shape == (4, 9, 16, 16)
    with pytest.raises(InputError, match="image"):
        data.channels("w")


@pytest.mark.parametrize("split", SPLITS)
def test_what_is_held_out_is_nowhere_else(split):
    data = windows()
    train, test = hold_out(data, split, seed=3)
    assert sorted([*train, *test]) == list(range(24))
    assert len(train)
    assert len(test)
    units = {"region": data.region, "seed": data.seed, "condition": data.conditions()}.get(split)
    if units is not None:
        assert not set(units[train]) & set(units[test])
    with pytest.raises(InputError, match="two or more"):
        hold_out(data.part(np.array([0])), split)


def ssim_twin(x, y, w=7):
    """One channel, window by window."""
    values = []
    for i in range(x.shape[0] - w + 1):
        for j in range(x.shape[1] - w + 1):
            a, b = x[i : i + w, j : j + w].ravel(), y[i : i + w, j : j + w].ravel()
            cov = np.cov(a, b)
            values.append(
                (2 * a.mean() * b.mean() + 1e-4)
                * (2 * cov[0, 1] + 9e-4)
                / ((a.mean() ** 2 + b.mean() ** 2 + 1e-4) * (cov[0, 0] + cov[1, 1] + 9e-4))
            )
    return np.mean(values)


def test_image_quality():
    rng = np.random.default_rng(0)
    x = rng.random((2, 3, 12, 12)).astype(np.float32)
    y = np.clip(x + 0.1 * rng.normal(size=x.shape), 0, 1).astype(np.float32)
    np.testing.assert_allclose(ssim(x, x), 1.0)
    expected = np.mean([ssim_twin(x[1, c].astype(float), y[1, c].astype(float)) for c in range(3)])
    assert ssim(x, y)[1] == pytest.approx(expected, rel=1e-6)
    assert psnr(x, np.clip(x, 0, 1) * 0 + x + 0.1)[0] == pytest.approx(20.0, abs=1e-4)
    mask = np.zeros((2, 12, 12), bool)
    assert np.isnan(error_at(x, y, mask))
    mask[0, 0, 0] = True
    assert error_at(x, y, mask) == pytest.approx(np.sqrt(((x - y)[0, :, 0, 0] ** 2).mean()), rel=1e-5)


def test_logistic_fit_finds_what_was_drawn():
    x = np.linspace(0.1, 2.0, 40)
    p = 1 / (1 + np.exp(-6 * (x - 0.8)))
    a, b = logistic_fit(x, 1000 * p, np.full(40, 1000.0))
    assert -a / b == pytest.approx(0.8, abs=0.01)
    assert b == pytest.approx(6, rel=0.05)


def test_characteristic_pressures_have_intervals():
    rng = np.random.default_rng(1)
    pressure = np.repeat(np.linspace(0.2, 1.4, 12), 10)
    labels = np.where(rng.random(120) < 1 / (1 + np.exp(-8 * (pressure - 0.7))), 4, 0)
    run = np.repeat(np.arange(12), 10)
    found = characteristic_pressures(labels, np.full(120, 0.25), pressure, run, seed=0, samples=100)
    rising = next(f for f in found if f.pattern == 4)
    falling = next(f for f in found if f.pattern == 0)
    assert rising.rising
    assert not falling.rising
    assert rising.value == pytest.approx(0.7, abs=0.12)
    assert rising.low < rising.value < rising.high
    assert falling.value == pytest.approx(rising.value, abs=1e-6)
    assert rising.found > 0.9
    assert not characteristic_pressures(labels[:10], np.zeros(10), pressure[:10], run[:10], seed=0)


def test_cells_tell_simulated_from_predicted():
    cells = simulated_cells(
        np.array([1, 1, 2]), np.array([0, 0, 1.0]), np.array([0.3, 0.3, 0.6]), np.full(3, 300.0)
    )
    assert [(c.pattern, c.windows, c.simulated) for c in cells] == [(1, 2, True), (2, 1, True)]
    assert cells[0].confidence == 1.0
    chances = np.full((1, len(PATTERNS)), 0.1)
    chances[0, 3] = 0.4
    (cell,) = predicted_cells(chances, np.array([0.5]), np.array([0.45]), np.array([300.0]))
    assert (cell.pattern, cell.confidence, cell.simulated) == (3, 0.4, False)
    with pytest.raises(InputError, match="one length"):
        simulated_cells(np.array([1]), np.zeros(2), np.zeros(2), np.zeros(2))
