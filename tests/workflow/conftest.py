"""A small model made on the spot, crystals, and dumps of them."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from ase import Atoms
from ase.build import bulk
from onnx import TensorProto, helper, numpy_helper

from mdlens.cli import main
from mdlens.descriptors import NeighborsMapSettings, neighbors_map
from mdlens.inference import ModelMetadata, load_model
from mdlens.learning.outliers import attach_distance, fit_gaussians, in_usual_units

SETTINGS = NeighborsMapSettings(size=16, candidates=31)
CLASSES = ("fcc", "hcp", "bcc", "disordered")
IDS = (1, 2, 3, 9)


def crystal(name: str, repeat: int = 4) -> Atoms:
    made = {
        "fcc": lambda: bulk("Cu", "fcc", a=3.6, cubic=True),
        "hcp": lambda: bulk("Mg", "hcp", a=3.2, c=3.2 * np.sqrt(8 / 3)),
        "bcc": lambda: bulk("Fe", "bcc", a=2.87, cubic=True),
    }
    return made[name]().repeat(repeat)


def shaken(atoms: Atoms, sigma: float, seed: int = 0) -> Atoms:
    atoms.positions += np.random.default_rng(seed).normal(0, sigma, atoms.positions.shape)
    return atoms


def disordered(n_atoms: int = 200, seed: int = 0) -> Atoms:
    """Random positions no closer than 2.2, found one after the other."""
    generator, length = np.random.default_rng(seed), (n_atoms * 17.0) ** (1 / 3)
    positions = np.empty((0, 3))
    while len(positions) < n_atoms:
        point = generator.uniform(0, length, 3)
        apart = positions - point
        apart -= length * np.round(apart / length)
        if not len(positions) or np.linalg.norm(apart, axis=1).min() > 2.0:
            positions = np.vstack([positions, point])
    return Atoms(f"Cu{n_atoms}", positions, cell=[length] * 3, pbc=True)


def training_set() -> tuple[np.ndarray, np.ndarray]:
    """Return maps (M, 256) of shaken crystals and random arrangements, and their classes (M,)."""
    maps, labels = [], []
    for k, name in enumerate(CLASSES):
        for sigma in (0.0, 0.05, 0.1, 0.15, 0.2):
            atoms = (
                disordered(seed=int(100 * sigma)) if name == "disordered" else shaken(crystal(name, 3), sigma)
            )
            maps.append(neighbors_map(atoms, SETTINGS).reshape(len(atoms), -1))
            labels.append(np.full(len(atoms), k))
    return np.concatenate(maps), np.concatenate(labels)


def write_linear_model(
    path: Path, sharpness: float = 12.0, threshold: float = 0.7, **metadata: object
) -> Path:
    """Write a model whose logits are the ridge regression of the classes on the maps."""
    maps, labels = training_set()
    center, targets = maps.mean(axis=0), np.eye(len(CLASSES))[labels]
    inputs = (maps - center).astype(np.float64)
    weight = (
        np.linalg.solve(inputs.T @ inputs + 3.0 * np.eye(inputs.shape[1]), inputs.T @ targets) * sharpness
    )
    bias = sharpness * targets.mean(axis=0) - center @ weight
    weight, bias = weight.astype(np.float32), bias.astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["maps"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"]),
        helper.make_node("Relu", ["logits"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [
            helper.make_tensor_value_info(
                "maps", TensorProto.FLOAT, ["batch", 1, SETTINGS.size, SETTINGS.size]
            )
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", len(CLASSES)])
            for name in ("logits", "embedding")
        ],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    about = ModelMetadata(
        name="linear", version="0.1", classes=CLASSES, ids=IDS, descriptor=SETTINGS,
        temperature=1.0, threshold=threshold, threshold_error_rate=0.01, **metadata,
    )  # fmt: skip
    helper.set_model_props(model, {"mdlens": about.to_json()})
    onnx.save(model, path)
    return path


def dump_text(frames: Sequence[Atoms], columns: str = "id type x y z") -> str:
    """Return frames as a LAMMPS dump of orthogonal boxes, timesteps 0, 100, ..."""
    parts = []
    for k, atoms in enumerate(frames):
        bounds = "\n".join(f"0 {length!r}" for length in map(float, atoms.cell.lengths()))
        rows = "\n".join(
            f"{n + 1} 1 {x!r} {y!r} {z!r}" for n, (x, y, z) in enumerate(atoms.positions.tolist())
        )
        parts.append(
            f"ITEM: TIMESTEP\n{100 * k}\nITEM: NUMBER OF ATOMS\n{len(atoms)}\n"
            f"ITEM: BOX BOUNDS pp pp pp\n{bounds}\nITEM: ATOMS {columns}\n{rows}\n"
        )
    return "".join(part.replace("\n\n", "\n") for part in parts)


def melting(n_frames: int = 4, repeat: int = 4, seed: int = 0) -> list[Atoms]:
    """A copper crystal whose atoms are displaced more in every frame."""
    return [shaken(crystal("fcc", repeat), sigma, seed) for sigma in np.linspace(0.02, 0.5, n_frames)]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_linear_model(tmp_path_factory.mktemp("model") / "linear.onnx")


@pytest.fixture(scope="session")
def measuring_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model with a distance that was taught by its own training set."""
    maps, labels = training_set()
    maps = maps.reshape(len(maps), 1, SETTINGS.size, SETTINGS.size)
    file = tmp_path_factory.mktemp("measuring") / "linear.onnx"
    file.write_bytes(tiny_model.read_bytes())
    embeddings = load_model(file).predict(maps)[1]
    gaussians = fit_gaussians(embeddings, labels, len(CLASSES))
    gaussians, limit = in_usual_units(gaussians, embeddings, np.ones(len(labels), np.bool_))
    attach_distance(file, gaussians, limit, maps[:64])
    return file


@pytest.fixture
def write_dump(tmp_path: Path) -> Callable[..., Path]:
    def write(frames: Sequence[Atoms], name: str = "input.dump", cut: int = 0) -> Path:
        text = dump_text(frames)
        path = tmp_path / name
        path.write_text(text[: len(text) - cut])
        return path

    return write


@dataclass(frozen=True)
class Outcome:
    """What a command left on the terminal."""

    code: int
    out: str
    err: str


@pytest.fixture
def mdlens_command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path
) -> Callable[..., Outcome]:
    """Run ``mdlens classify`` in this process, in `tmp_path`; an exception that gets out fails."""

    def run(*words: object, model: object = tiny_model) -> Outcome:
        capfd.readouterr()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["mdlens", "classify", *map(str, words), "--model", str(model)])
        with pytest.raises(SystemExit) as stop:
            main()
        return Outcome(int(stop.value.code or 0), *capfd.readouterr())

    return run


@pytest.fixture
def melting_frames() -> list[Atoms]:
    return melting()
