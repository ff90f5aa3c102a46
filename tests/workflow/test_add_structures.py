"""Teaching a model new structures from a few snapshots: from Python and with `mdlens train crystal --add`."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from ase.spacegroup import crystal as spacegroup_crystal
from onnx import TensorProto, helper, numpy_helper

import mdlens
from mdlens.cli import main
from mdlens.descriptors import NeighborsMapSettings, neighbors_map
from mdlens.errors import InputError, ModelError
from mdlens.inference import ModelMetadata, StructureModel, load_model
from mdlens.inference.description import write_metadata
from mdlens.inference.exemplars import KEY, Exemplars
from mdlens.inference.structure_model import read_graph
from mdlens.learning.augment import Augmentation

SETTINGS = NeighborsMapSettings(size=16, candidates=31)
CLASSES = ("fcc", "bcc")
NUMBERS = 24


def crystal(name: str, repeat: int = 4, sigma: float = 0.0, seed: int = 0) -> Atoms:
    """Give a crystal with a nearest-neighbour distance of 2.5 or so, shaken."""
    atoms = {
        "fcc": lambda: bulk("Cu", "fcc", a=3.6, cubic=True),
        "bcc": lambda: bulk("Fe", "bcc", a=2.87, cubic=True),
        "sc": lambda: bulk("Po", "sc", a=2.5, cubic=True) * (2, 1, 1),
        "diamond": lambda: bulk("Si", "diamond", a=5.43, cubic=True),
    }[name]().repeat(repeat)
    atoms.positions += np.random.default_rng(seed).normal(0.0, sigma, atoms.positions.shape)
    return atoms


def write_model(file: Path, *, exemplars: bool = True) -> Path:
    """Write a model of two classes: principal components of the maps, and a ridge regression on them."""
    sigmas = (0.0, 0.05, 0.1, 0.15, 0.2)
    maps = [neighbors_map(crystal(n, 3, s), SETTINGS).reshape(-1, 256) for n in CLASSES for s in sigmas]
    labels = np.repeat([0, 1], [5 * 108, 5 * 54])
    inputs = np.concatenate(maps).astype(np.float64)
    components = np.linalg.svd(inputs - inputs.mean(axis=0), full_matrices=False)[2][: NUMBERS // 2].T
    project = np.concatenate([components, -components], axis=1)
    offset = -inputs.mean(axis=0) @ project
    embedding = np.maximum(inputs @ project + offset, 0.0)
    signs = np.where(np.eye(2)[labels] > 0, 8.0, -8.0)
    head = np.linalg.solve(embedding.T @ embedding + np.eye(NUMBERS), embedding.T @ signs)
    weights = {"project": project, "offset": offset, "head": head}
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["maps"], ["flat"], axis=1),
            helper.make_node("Gemm", ["flat", "project", "offset"], ["projected"]),
            helper.make_node("Relu", ["projected"], ["embedding"]),
            helper.make_node("MatMul", ["embedding", "head"], ["logits"]),
        ],
        "projection",
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["batch", 1, 16, 16])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])
            for name, size in (("logits", 2), ("embedding", NUMBERS))
        ],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    about = ModelMetadata(
        name="two", version="1", classes=CLASSES, ids=(1, 3), descriptor=SETTINGS, temperature=1.7,
        threshold=0.6, threshold_error_rate=0.01,
    )  # fmt: skip
    shown = Exemplars.grouped(embedding.astype(np.float32), labels, 2)
    write_metadata(model, about, shown if exemplars else None)
    onnx.save(model, file)
    return file


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> StructureModel:
    return load_model(write_model(tmp_path_factory.mktemp("base") / "two.onnx"))


@pytest.fixture(scope="module")
def taught(base: StructureModel) -> StructureModel:
    frame = crystal("sc", sigma=0.1, seed=1)
    return mdlens.add_structures(base, {"sc": frame}, out=base.file.parent / "three.onnx", threads=1)


@pytest.mark.parametrize("name", ["fcc", "bcc", "sc"])
def test_the_new_class_is_recognised_and_the_known_ones_still_are(taught: StructureModel, name: str) -> None:
    result = mdlens.classify(crystal(name, sigma=0.12, seed=7), taught, threads=1)
    assert result.fractions()[name] > 0.97


def test_the_new_model_describes_itself(base: StructureModel, taught: StructureModel) -> None:
    assert (taught.name, taught.classes, taught.ids) == ("two+sc", ("fcc", "bcc", "sc"), (1, 3, 10))
    assert (taught.temperature, taught.threshold) == (base.temperature, base.threshold)
    added = taught.metadata.training["added"]
    assert [(entry["name"], entry["frames"], entry["atoms"]) for entry in added] == [("sc", 1, 256)]
    assert added[0]["recognised"] > 0.97
    assert added[0]["taken"] < 0.03


@pytest.mark.parametrize("name", ["fcc", "bcc", "sc", "diamond"])
def test_embeddings_and_ratios_of_known_classes_stay(
    base: StructureModel, taught: StructureModel, name: str
) -> None:
    maps = neighbors_map(crystal(name, 3, 0.2), SETTINGS)
    (before, old), (after, new) = base.predict(maps, threads=1), taught.predict(maps, threads=1)
    np.testing.assert_array_equal(new, old)
    np.testing.assert_allclose(after[:, :2], before * (1.0 - after[:, 2:]), atol=2e-6)


def test_one_perfect_cell_is_enough(base: StructureModel, tmp_path: Path) -> None:
    one_atom = bulk("Po", "sc", a=3.3)
    model = mdlens.add_structures(base, {"sc": one_atom}, out=tmp_path / "one.onnx", threads=1)
    assert mdlens.classify(crystal("sc", sigma=0.12), model, threads=1).fractions()["sc"] > 0.97
    assert len(one_atom) == 1


def test_what_was_too_far_away_is_near_once_it_is_taught(tmp_path: Path) -> None:
    def beta_manganese(repeat: int, sigma: float) -> Atoms:
        sites = [(0.0636, 0.0636, 0.0636), (0.125, 0.2022, 0.4522)]
        atoms = spacegroup_crystal(["Mn", "Mn"], sites, spacegroup=213, cellpar=[6.315] * 3 + [90.0] * 3)
        atoms = atoms.repeat(repeat)
        atoms.positions += np.random.default_rng(repeat).normal(0.0, sigma, atoms.positions.shape)
        return atoms

    before = mdlens.classify(beta_manganese(3, 0.05), threads=1)
    assert before.fractions()["unknown"] > 0.97
    model = mdlens.add_structures("default", {"A13": beta_manganese(1, 0.0)}, out=tmp_path / "mn.onnx")
    after = mdlens.classify(beta_manganese(3, 0.05), model, threads=1)
    assert after.fractions()["A13"] > 0.97
    copper = crystal("fcc", sigma=0.1)
    known, still = (mdlens.classify(copper, m, threads=1) for m in ("default", model))
    np.testing.assert_array_equal(still.labels, known.labels)
    np.testing.assert_allclose(still.distance, known.distance, rtol=1e-4)


def test_several_structures_one_after_another_and_at_once(
    base: StructureModel, taught: StructureModel, tmp_path: Path
) -> None:
    shown = {"sc": crystal("sc", sigma=0.1, seed=1), "diamond": crystal("diamond", 2)}
    later = mdlens.add_structures(taught, {"diamond": shown["diamond"]}, out=tmp_path / "later", threads=1)
    assert later.file == tmp_path / "later" / "model.onnx"
    at_once = mdlens.add_structures(base, shown, out=tmp_path / "once.onnx", threads=1)
    for model in (later, at_once):
        assert (model.classes, model.ids) == (("fcc", "bcc", "sc", "diamond"), (1, 3, 10, 11))
        for name in model.classes:
            assert mdlens.classify(crystal(name, sigma=0.1), model, threads=1).fractions()[name] > 0.95
    exemplars = read_graph(later)[1]
    assert exemplars is not None
    assert exemplars.counts == (540, 270, 256, 256)


def test_the_same_seed_gives_the_same_file(
    base: StructureModel, taught: StructureModel, tmp_path: Path
) -> None:
    frame, data = crystal("sc", sigma=0.1, seed=1), taught.file.read_bytes()
    again = mdlens.add_structures(base, {"sc": [frame]}, out=tmp_path / "again.onnx", threads=2)
    assert again.file.read_bytes() == data
    other = mdlens.add_structures(base, {"sc": frame}, out=tmp_path / "other.onnx", seed=1, threads=1)
    assert other.file.read_bytes() != data


def test_it_needs_no_training_stack() -> None:
    code = "import sys, mdlens; mdlens.add_structures; assert not {'torch', 'lightning'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_copies_may_be_disturbed_otherwise(base: StructureModel, tmp_path: Path) -> None:
    damaged = Augmentation(vacancies=(0.0, 0.3, 0.5))
    frame = crystal("sc", sigma=0.1, seed=1)
    model = mdlens.add_structures(
        base, {"sc": frame}, out=tmp_path / "damaged.onnx", augmentation=damaged, threads=1
    )
    holed = frame[np.random.default_rng(0).random(len(frame)) > 0.3]
    assert mdlens.classify(holed, model, threads=1).fractions()["sc"] > 0.9


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["mdlens", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


def test_the_command_line_adds_structures(
    base: StructureModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path / "sc.xyz", [crystal("sc", sigma=0.1, seed=k) for k in range(3)], format="extxyz")
    write(tmp_path / "si.xyz", crystal("diamond", 2), format="extxyz")
    out = tmp_path / "mine.onnx"
    pairs = [
        word
        for n, f in (("sc", "sc"), ("sc", "si"), ("d", "si"))
        for word in ("--add", f"{n}={tmp_path / f}.xyz")
    ]
    words = ("--model", base.file, "--frames", "::2", "--threads", 1, "--out", out)
    assert command(monkeypatch, "train", "crystal", *pairs, *words) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "fcc (1), bcc (3), sc (10), d (11)" in text
    assert "sc: 3 frames of sc.xyz, si.xyz" in text
    added = load_model(out).metadata.training["added"]
    assert [(entry["files"], entry["frames"]) for entry in added] == [
        (["sc.xyz", "si.xyz"], 3),
        (["si.xyz"], 1),
    ]
    assert [file.name for file in tmp_path.glob("*.partial")] == []


WRONG = {
    "known": (["--add", "fcc=sc.xyz"], "knows the class 'fcc' already"),
    "unknown": (["--add", "unknown=sc.xyz"], "must not hold 'unknown'"),
    "two words": (["--add", "two words=sc.xyz"], "must be one word"),
    "no name": (["--add", "=sc.xyz"], "NAME=FILE"),
    "no file": (["--add", "sc="], "NAME=FILE"),
    "no equals": (["--add", "sc.xyz"], "NAME=FILE"),
    "absent": (["--add", "sc=absent.xyz"], "absent.xyz"),
    "no atoms": (["--add", "sc=none.xyz"], "without atoms"),
    "cluster": (["--add", "sc=cluster.xyz"], "is not periodic; a map takes 32"),
    "one place": (["--add", "sc=place.xyz"], "on top of each other"),
    "no frame": (["--add", "sc=sc.xyz", "--frames", "5:"], "no frame to learn it from"),
    "bare model": (["--add", "sc=sc.xyz", "--model", "bare.onnx"], "holds no exemplars"),
    "both": (["a.toml", "--add", "sc=sc.xyz"], "either a CONFIG.toml"),
    "neither": ([], "either a CONFIG.toml"),
    "stray option": (["a.toml", "--frames", "1:"], "--frames goes with --add"),
    "a run": (["--add", "sc=sc.xyz", "--out", "run"], "holds a training run"),
    "under a file": (["--add", "sc=sc.xyz", "--out", "sc.xyz/a.onnx"], "give another --out"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_clear_line(
    base: StructureModel,
    case: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write("sc.xyz", crystal("sc", 2), format="extxyz")
    write("none.xyz", Atoms(cell=[5.0] * 3, pbc=True), format="extxyz")
    write("cluster.xyz", Atoms("Po5", np.eye(5, 3) * 3.0), format="extxyz")
    write("place.xyz", Atoms("Po40", np.zeros((40, 3))), format="extxyz")
    write_model(Path("bare.onnx"), exemplars=False)
    Path("run").mkdir()
    Path("run/config.toml").touch()
    words, message = WRONG[case]
    words = [
        *words,
        *(
            ()
            if "--model" in words or "--frames" in words[:2] or "a.toml" in words
            else ("--model", base.file)
        ),
    ]
    words = [*words, *(() if "--out" in words else ("--out", "new.onnx"))]
    assert command(monkeypatch, "train", "crystal", *words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error
    assert not Path("new.onnx").exists()


def test_out_is_needed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(monkeypatch, "train", "crystal", "--add", "sc=sc.xyz") == 2
    assert "--out is missing" in capsys.readouterr().err


def test_what_shows_no_structure_is_refused(base: StructureModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one new structure"):
        mdlens.add_structures(base, {}, out=tmp_path / "a.onnx")
    with pytest.raises(InputError, match=r"ase\.Atoms or paths"):
        mdlens.add_structures(base, {"sc": 3}, out=tmp_path / "a.onnx")


@pytest.mark.parametrize(
    "text", ["{}", "[1]", '{"counts": [2, 2], "float16": "AAAA"}', '{"counts": [0, 4], "float16": ""}', "{"]
)
def test_damaged_exemplars_are_refused(base: StructureModel, tmp_path: Path, text: str) -> None:
    graph = onnx.load(base.file)
    kept = {entry.key: entry.value for entry in graph.metadata_props if entry.key == "mdlens"}
    del graph.metadata_props[:]
    helper.set_model_props(graph, {**kept, KEY: text})
    onnx.save(graph, tmp_path / "damaged.onnx")
    with pytest.raises(ModelError, match=r"damaged\.onnx: its exemplars .*use a file written by"):
        mdlens.add_structures(tmp_path / "damaged.onnx", {"sc": crystal("sc")}, out=tmp_path / "a.onnx")


def test_changed_exemplars_do_not_fit_the_digest(base: StructureModel, tmp_path: Path) -> None:
    graph = onnx.load(base.file)
    for entry in graph.metadata_props:
        if entry.key == KEY:
            entry.value = entry.value.replace("A", "B", 1)
    onnx.save(graph, tmp_path / "changed.onnx")
    with pytest.raises(ModelError, match="changed or damaged"):
        load_model(tmp_path / "changed.onnx")
