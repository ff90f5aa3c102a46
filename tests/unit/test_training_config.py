"""The configuration file: what is wrong is named by its path."""

from pathlib import Path

import pytest

from mdlens.descriptors import NeighborsMapSettings
from mdlens.errors import InputError
from mdlens.learning.config import DataConfig, load_config, parse_config

DATA = "[[data]]\nfile = 'a.npz'\n"


def test_a_short_file_takes_the_defaults() -> None:
    config = parse_config(DATA)
    assert config.data == (DataConfig(file="a.npz"),)
    assert config.model.network == "compact"
    assert config.descriptor == NeighborsMapSettings()


def test_a_full_file_is_read() -> None:
    config = parse_config(
        """
        [model]
        name = "mine"
        classes = ["fcc", "bcc"]
        ids = [1, 3]
        width = 32
        [descriptor]
        size = 48
        candidates = 95
        [[data]]
        file = "a.npz"
        [[data]]
        file = "b.dump"
        label = "bcc"
        frames = "0:10"
        elements = ["Fe"]
        [split]
        by = "system"
        validation = 0.2
        test_systems = ["Al fcc"]
        [augmentation]
        vacancies = [0, 0.5]
        [fit]
        epochs = 3
        learning_rate = 1
        [calibration]
        error_rate = 0.02
        """
    )
    assert config.model.ids == (1, 3)
    assert (config.descriptor.size, config.descriptor.candidates) == (48, 95)
    assert config.data[1].elements == ("Fe",)
    assert config.split.test_systems == ("Al fcc",)
    assert config.augmentation.vacancies == (0.0, 0.5)
    assert config.fit.learning_rate == 1.0


def test_false_stands_for_what_toml_cannot_write() -> None:
    table = "candidates = false\ncutoff = 6\nscale_neighbors = false\nchannels = [false, {Cu = 1, Zr = 2}]"
    published = NeighborsMapSettings.published(6, channels=[None, {"Cu": 1.0, "Zr": 2.0}])
    assert parse_config(f"{DATA}[descriptor]\n{table}").descriptor == published


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DATA + "[fit]\nepoch = 3", r"unknown key 'fit\.epoch': the keys are epochs, "),
        (DATA + "colour = 3", r"unknown key 'data\[0\]\.colour'"),
        ("colour = 3\n" + DATA, r"unknown key 'colour'"),
        (DATA + "[descriptor]\ncandidate = 3", r"\[descriptor\] .*candidate"),
        (DATA + "[descriptor]\nsize = false", r"\[descriptor\] size must be an integer"),
        (DATA + "[descriptor]\ncutoff = 3.0", r"\[descriptor\] .*exactly one of"),
        (DATA + "[fit]\nepochs = 2.5", r"'fit\.epochs' must be an integer, got 2\.5"),
        (DATA + "[fit]\nepochs = true", r"'fit\.epochs' must be an integer"),
        (DATA + "[fit]\nepochs = 0", r"\[fit\] epochs must lie between 1 and"),
        (DATA + "[fit]\nlearning_rate = nan", r"'fit\.learning_rate' must be a finite number"),
        (DATA + "[fit]\nlearning_rate = 'fast'", r"'fit\.learning_rate' must be a finite number, got 'fast'"),
        (
            DATA + "[fit]\nlearning_rate = 1" + 400 * "0",
            r"'fit\.learning_rate' must be a finite number, got 1000",
        ),
        (DATA + "[fit]\nepochs = 1" + 5000 * "0", r"is not TOML"),
        (DATA + "[augmentation]\nvacancies = 0.5", r"'augmentation\.vacancies' must be a list"),
        (
            DATA + "[augmentation]\nvacancies = ['a']",
            r"'augmentation\.vacancies\[0\]' must be a finite number",
        ),
        (DATA + "[fit]\nclass_shares = [1, 0]", r"\[fit\] class_shares must lie between"),
        (DATA + "[augmentation]\nstrain = 3", r"\[augmentation\] strain must lie between"),
        (DATA + "[model]\nnetwork = 'huge'", r"\[model\] network must be one of bytes, compact, published"),
        (DATA + "[model]\nnetwork = 'published'\n[descriptor]\nsize = 16", r"descriptor\.size must be 32"),
        (DATA + "[descriptor]\nsize = 30", r"descriptor\.size must be a multiple of 8"),
        (DATA + "[calibration]\nerror_rate = 0.9", r"\[calibration\] error_rate"),
        (DATA + "model = 3", r"unknown key"),
        ("model = 3\n" + DATA, r"model must be a table"),
        ("", r"'data' is missing"),
        ("data = []", r"data must list at least one file"),
        ("data = 'a.npz'", r"'data' must be a list"),
        ("[[data]]\nlabel = 'fcc'", r"'data\[0\]\.file' is missing"),
        ("[[data]]\nfile = 'a.dump'", r"\[data\[0\]\] a\.dump is a trajectory: give its label"),
        ("[[data]]\nfile = 'a.npz'\nlabel = 'fcc'", r"labels of its own"),
        ("[[data]", r"is not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "train.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_config(file)
    assert str(caught.value).startswith(str(file))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.toml: cannot be read: No such file"):
        load_config(tmp_path / "absent.toml")
    with pytest.raises(InputError, match="cannot be read"):
        load_config(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not a text file"):
        load_config(tmp_path / "binary.toml")
