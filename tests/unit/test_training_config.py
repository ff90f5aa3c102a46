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


FRAMES = "[[data]]\nfile = 'a.dump'\n"


def test_labels_of_a_file_and_of_all_others() -> None:
    config = parse_config(
        """
        [labels]
        from = "ptm"
        classes = {hcp = "hcp", other = "liquid"}
        whole_shell = true
        [[labels.ranges]]
        class = "hcp"
        frames = "0:5"
        [[labels.ranges]]
        class = "liquid"
        frames = "-5:"
        [[data]]
        file = "a.dump"
        atoms_per_snapshot = 2000
        [[data]]
        file = "b.dump"
        [data.labels]
        from = "frames"
        positions = "inherent_structure"
        potential = "Ni_u3.eam"
        ranges = [{class = "liquid", frames = "0:5"}, {class = "glass", frames = "-5:"}]
        """
    )
    assert config.labels is not None
    assert config.labels.names == ("hcp", "liquid")
    assert (config.labels.cutoff, config.labels.minimises) == (0.1, False)
    assert config.data[0].labels is None
    assert config.data[0].atoms_per_snapshot == 2000
    own = config.data[1].labels
    assert own is not None
    assert own.names == ("liquid", "glass")
    assert own.minimises
    inherent = parse_config(
        f"{FRAMES}[labels]\nfrom = 'inherent_structure'\npotential = 'p.sw'\nclasses = {{other = 'x'}}"
    )
    assert inherent.labels is not None
    assert inherent.labels.cutoff == 0.0


LABELS = FRAMES + "[labels]\n"
PTM = LABELS + "from = 'ptm'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LABELS + "ranges = []", r"'labels\.from' is missing"),
        (LABELS + "from = 'guess'", r"\[labels\] from must be one of frames, ptm, inherent_structure"),
        (LABELS + "from_ = 'ptm'", r"unknown key 'labels\.from_'"),
        (LABELS + "from = 'frames'", r"\[labels\] from = 'frames' needs ranges"),
        (
            LABELS + "from = 'frames'\n[[labels.ranges]]\nclass = 'x'\nframe = '3'",
            r"unknown key 'labels\.ranges\[0\]\.frame': the keys are class, frames",
        ),
        (
            LABELS + "from = 'frames'\n[[labels.ranges]]\nclass = 'x'\nframes = 'all'",
            r"\[labels\.ranges\[0\]\] frames must be a number or a slice",
        ),
        (
            LABELS + "from = 'frames'\nclasses = {fcc = 'x'}\nranges = [{class = 'x', frames = ':'}]",
            r"classes, rmsd_cutoff and whole_shell do not go with from = 'frames'",
        ),
        (PTM, r"\[labels\] from = 'ptm' needs classes"),
        (PTM + "classes = {fcc = 1}", r"'labels\.classes\.fcc' must be a text"),
        (PTM + "classes = 'fcc'", r"'labels\.classes' must be a table"),
        (PTM + "classes = {FCC = 'x'}", r"a key of classes must be one of other, fcc, .*got 'FCC'"),
        (PTM + "classes = {fcc = 'x', other = 'liquid'}", r"say in which frames 'other' is 'liquid'"),
        (
            PTM + "classes = {fcc = 'x'}\nranges = [{class = 'y', frames = ':'}]",
            r"the class of a range must be one of x, got 'y'",
        ),
        (PTM + "classes = {fcc = 'x'}\nrmsd_cutoff = -1", r"rmsd_cutoff must lie between 0 and 1"),
        (PTM + "classes = {fcc = 'x'}\npotential = 'a.sw'", r"potential is for .*leave it out"),
        (LABELS + "from = 'inherent_structure'\nclasses = {fcc = 'x'}", r"give a potential to minimise"),
        (DATA + "[labels]\nfrom = 'ptm'\nclasses = {fcc = 'x'}", r"\[labels\] serves no file"),
        (FRAMES + "label = 'x'\nlabels = {from = 'ptm', classes = {fcc = 'x'}}", r"not both"),
        (FRAMES + "label = 'x'\natoms_per_snapshot = -1", r"atoms_per_snapshot must be 0"),
        (DATA + "[fit]\nclass_weights = [0]", r"\[fit\] class_weights must lie between"),
    ],
)
def test_what_is_wrong_with_labels_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_config(text)


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
        (
            DATA + "[descriptor]\ncandidates = 31",
            r"descriptor\.candidates must be at least descriptor\.size, 32",
        ),
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
