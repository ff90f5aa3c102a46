"""A trained per-atom classifier: loading, checking and running it."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import onnx
import onnxruntime

from mdlens.descriptors import NeighborsMapSettings
from mdlens.errors import InputError, ModelError
from mdlens.inference.byte_network import Embedder, FusedNetwork, embedding_to_outputs, read_byte_network
from mdlens.inference.description import read_exemplars, read_metadata
from mdlens.inference.exemplars import Exemplars
from mdlens.inference.graph_check import check_ports, parse_graph
from mdlens.inference.metadata import ModelMetadata
from mdlens.types import Float32Array

DEFAULT_MODEL = "default"
SECOND_OPINIONS = {"default": ("robust", 0.9)}
"""Installed models that leave atoms they are less sure of than this to another installed model."""

LARGEST_FILE = 64 * 2**20
"""Bytes; a per-atom model has some hundred thousand weights, so anything near this is not one."""

BATCH = 256
"""Maps per call of the runtime: activations stay in the L2 cache, memory small whatever the frame."""

_COMPARED = 16
"""Random maps on which core and graph are compared when a file is loaded."""

_REMEDY = "use a file written by `mdlens train crystal`, or download it again"


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """What a model says about each map.

    Attributes:
        probabilities: Probability of each class (atoms, classes).
        embeddings: The model's internal description (atoms, embedding_size).
        distance: Distance from all that the model was taught (atoms,), None if it does not measure it.
    """

    probabilities: Float32Array
    embeddings: Float32Array
    distance: Float32Array | None


class _Session:
    """A graph in the runtime, opened when it is first run: a fused network leaves most of them unused.

    Args:
        data: The graph, checked.
        file: The model file it is from.
    """

    def __init__(self, data: bytes, file: Path) -> None:
        self._data = data
        self._file = file
        self._lock = Lock()
        self._opened: Any = None

    def run(self, names: list[str], values: dict[str, Float32Array]) -> list[Float32Array]:
        """Give the outputs of these names; safe in several threads.

        Raises:
            ModelError: If the runtime refuses the graph.
        """
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
        outputs: list[Float32Array] = self._opened.run(names, values)
        return outputs

    def _open(self) -> Any:
        try:
            return onnxruntime.InferenceSession(
                self._data, _session_options(), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the runtime's exceptions share no base class
            problem = " ".join(str(error).split())[:200]
            raise ModelError(f"{self._file}: the runtime refuses it: {problem}; {_REMEDY}") from error


@dataclass(frozen=True, kw_only=True, eq=False)
class SecondOpinion:
    """A model that is asked about the atoms another is not sure of: the second stage of a cascade.

    Args:
        model: The model, of the same classes.
        below: Confidence of the other one below which it is asked.
    """

    model: "StructureModel"
    below: float


@dataclass(frozen=True, kw_only=True, eq=False)
class StructureModel:
    """A per-atom structure classifier read from a model file; carries no code.

    Args:
        metadata: What the file says about itself.
        embedding_size: Numbers per atom in the embedding.
        file: Where it was read from.
        fused: What makes embeddings without maps in between; None if the network is not of 8 bits.
        second: Who is asked about atoms it is not sure of; None for nobody.
    """

    metadata: ModelMetadata
    embedding_size: int
    file: Path
    fused: Embedder | None = field(repr=False)
    _session: _Session = field(repr=False)
    _tail: _Session | None = field(repr=False)
    _data: bytes = field(repr=False)
    second: SecondOpinion | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.metadata.name

    @property
    def version(self) -> str:
        """Version of the model."""
        return self.metadata.version

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the probabilities."""
        return self.metadata.classes

    @property
    def ids(self) -> tuple[int, ...]:
        """Number of each class in labelled files; 0 means unknown."""
        return self.metadata.ids

    @property
    def threshold(self) -> float:
        """Top probability below which an atom is unknown."""
        return self.metadata.threshold

    @property
    def distance_limit(self) -> float | None:
        """Distance beyond which an atom is unknown; None if the model does not measure it."""
        return self.metadata.distance_limit

    @property
    def temperature(self) -> float:
        """Divisor of the logits before the softmax."""
        return self.metadata.temperature

    @property
    def settings(self) -> NeighborsMapSettings:
        """How the maps of this model are made."""
        return self.metadata.descriptor

    def __reduce__(self) -> tuple[Callable[..., "StructureModel"], tuple[Path, bytes, SecondOpinion | None]]:
        """Travel to another process as the contents of the file: it may not have the file, or another one.

        The runtime's session cannot be copied; it is opened anew, after the checks of `load_model`.
        """
        return _open, (self.file, self._data, self.second)

    def with_second(self, model: "StructureModel", *, below: float) -> "StructureModel":
        """Leave atoms to another model where this one is not sure.

        A cascade of two classifiers, in `mdlens.classify`: the other one's probabilities then take the place
        of this one's, and its distance, in proportion to the limits; threshold, limit and embeddings stay
        this one's. What `predict`, `describe` and `conclude` give is this one's alone.

        Args:
            model: The other one, of the same classes and channels; whom it would ask itself is not asked.
            below: Confidence below which it is asked, above 0 and at most 1.

        Raises:
            InputError: If classes or channels differ, only one of the two measures a distance, or `below` is
                out of range.
        """
        if not 0 < below <= 1:
            raise InputError(f"below must be above 0 and at most 1, got {below}")
        if model.settings.channels != self.settings.channels:
            raise InputError(
                f"{model.file}: draws maps with the channels {model.settings.channels}, "
                f"{self.file} with {self.settings.channels}"
            )
        if (model.classes, model.ids) != (self.classes, self.ids):
            raise InputError(
                f"{model.file}: names other classes than {self.file}: {', '.join(model.classes)}"
            )
        if (model.distance_limit is None) != (self.distance_limit is None):
            raise InputError(f"{self.file}, {model.file}: only one of the two models measures a distance")
        return replace(self, second=SecondOpinion(model=model.alone(), below=below))

    def alone(self) -> "StructureModel":
        """Give this model without a second one."""
        return self if self.second is None else replace(self, second=None)

    def predict(self, maps: Float32Array, *, threads: int = 0) -> tuple[Float32Array, Float32Array]:
        """Classify maps: ``p = softmax(logits / temperature)``.

        Args:
            maps: Neighbors Maps made with `settings`, (atoms, channels, size, size).
            threads: Threads to use; 0 takes every processor of this process.

        Returns:
            Probabilities (atoms, classes) and embeddings (atoms, embedding_size), float32.

        Raises:
            InputError: If the maps have another shape than the model's or `threads` is negative.
            ModelError: If the model gives numbers that are not finite.
        """
        prediction = self.describe(maps, threads=threads)
        return prediction.probabilities, prediction.embeddings

    def describe(self, maps: Float32Array, *, threads: int = 0) -> Prediction:
        """Classify maps as `predict` does, and measure how far they are from all that was taught.

        Args:
            maps: Neighbors Maps made with `settings`, (atoms, channels, size, size).
            threads: Threads to use; 0 takes every processor of this process.

        Raises:
            InputError: If the maps have another shape than the model's or `threads` is negative.
            ModelError: If the model gives numbers that are not finite.
        """
        maps = self._checked_maps(maps)
        probabilities = np.empty((len(maps), len(self.classes)), np.float32)
        embeddings = np.empty((len(maps), self.embedding_size), np.float32)
        distance = None if self.distance_limit is None else np.empty(len(maps), np.float32)
        names = ["logits", "embedding"] if distance is None else ["logits", "embedding", "distance"]

        def run(start: int) -> None:
            part = slice(start, start + BATCH)
            logits, embeddings[part], *rest = self._session.run(names, {"maps": maps[part]})
            probabilities[part] = softmax(logits, self.temperature)
            if distance is not None:
                distance[part] = rest[0]

        _for_each(run, range(0, len(maps), BATCH), _thread_count(threads))
        return self._checked(
            Prediction(probabilities=probabilities, embeddings=embeddings, distance=distance)
        )

    def conclude(self, embeddings: Float32Array) -> Prediction:
        """Give what follows from embeddings that the network made before; single-threaded.

        Args:
            embeddings: Of this very model (atoms, embedding_size).

        Raises:
            InputError: If they have another size than the model's, or the model has no 8-bit network.
            ModelError: If the model gives numbers that are not finite.
        """
        if self._tail is None or embeddings.shape[1:] != (self.embedding_size,):
            raise InputError(
                f"{self.file}: takes embeddings of (atoms, {self.embedding_size}) from its 8-bit network, "
                f"got {embeddings.shape}"
            )
        names = ["logits"] if self.distance_limit is None else ["logits", "distance"]
        logits, *rest = self._tail.run(names, {"embedding": embeddings})
        return self._checked(
            Prediction(
                probabilities=softmax(logits, self.temperature),
                embeddings=embeddings,
                distance=rest[0] if rest else None,
            )
        )

    def _checked(self, prediction: Prediction) -> Prediction:
        for values in (prediction.probabilities, prediction.embeddings, prediction.distance):
            if values is not None and not np.isfinite(values).all():
                raise ModelError(
                    f"{self.file}: the model gave numbers that are not finite: check the maps, or {_REMEDY}"
                )
        return prediction

    def _checked_maps(self, maps: Float32Array) -> Float32Array:
        expected = (len(self.settings.channels), self.settings.size, self.settings.size)
        if maps.ndim != 4 or maps.shape[1:] != expected:
            raise InputError(
                f"maps must have the shape (atoms, {', '.join(map(str, expected))}), got {maps.shape}"
            )
        return np.ascontiguousarray(maps, np.float32)


@dataclass(frozen=True, kw_only=True)
class InstalledModel:
    """A model file that came with the package, under the name that `load_model` takes."""

    name: str
    file: Path
    metadata: ModelMetadata


def softmax(logits: Float32Array, temperature: float = 1.0) -> Float32Array:
    """Turn logits (atoms, classes) into probabilities: ``exp(z / T) / sum(exp(z / T))``."""
    with np.errstate(over="ignore", invalid="ignore"):  # what comes of infinite logits, `predict` reports
        scaled = (logits - logits.max(axis=1, keepdims=True)) / np.float32(temperature)
        weights = np.exp(scaled, dtype=np.float32)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def load_model(model: str | Path = DEFAULT_MODEL) -> StructureModel:
    """Load a model by the name of an installed one, the path of a model file or the folder of a run.

    The file is treated as untrusted: it is checked before the runtime sees it, and can do nothing but
    arithmetic. Of a file that comes with the package only damage is looked for here; it is run by the tests.
    An installed model of `SECOND_OPINIONS` comes with the other one; a copy of its file elsewhere does not.

    Args:
        model: An installed name (see `installed_models`), the path of an .onnx file, or a folder with a
            ``model.onnx``, as `mdlens train crystal` makes it.

    Raises:
        ModelError: If there is no such model, or the file is damaged, hostile or made for something else.
    """
    file = _find(model)
    loaded = _open(file, _read(file))
    if file.parent != _pretrained() or file.stem not in SECOND_OPINIONS:
        return loaded
    other, below = SECOND_OPINIONS[file.stem]
    return loaded.with_second(load_model(other), below=below)


def _open(file: Path, data: bytes, second: SecondOpinion | None = None) -> StructureModel:
    """Check the contents of a model file and open them; `file` is where they are from."""
    installed = file.parent == _pretrained()
    try:
        graph = parse_graph(data, batch=BATCH, known=installed)
        metadata = read_metadata(graph)
        embedding_size = check_ports(graph.graph, metadata)
        session = _Session(graph.SerializeToString(), file)
        fused, tail = _open_fused(graph, metadata, file)
    except (InputError, UnicodeDecodeError) as error:
        raise ModelError(f"{file}: {error}; {_REMEDY}") from error
    loaded = StructureModel(
        metadata=metadata,
        embedding_size=embedding_size,
        file=file,
        fused=fused,
        _session=session,
        _tail=tail,
        _data=data,
        second=second,
    )
    if fused is None or not installed:
        _probe(loaded)
        compare_fused(loaded)
    return loaded


def read_graph(model: StructureModel) -> tuple[onnx.ModelProto, Exemplars | None]:
    """Read the checked graph of a model, to build another on, and its exemplars if it has any.

    Raises:
        ModelError: If the file has changed since, or its exemplars are damaged.
    """
    try:
        graph = parse_graph(_read(model.file), batch=BATCH)
        same = read_metadata(graph) == model.metadata
        exemplars = read_exemplars(graph, classes=len(model.classes), embedding_size=model.embedding_size)
    except (InputError, UnicodeDecodeError) as error:
        raise ModelError(f"{model.file}: {error}; {_REMEDY}") from error
    if not same:
        raise ModelError(f"{model.file}: has changed since it was loaded; load it again")
    return graph, exemplars


def installed_models() -> list[InstalledModel]:
    """List the models that came with the package, by name.

    Raises:
        ModelError: If one of them is damaged.
    """
    files = sorted(_pretrained().glob("*.onnx"))
    return [InstalledModel(name=file.stem, file=file, metadata=load_model(file).metadata) for file in files]


def _pretrained() -> Path:
    return Path(__file__).parents[1] / "pretrained"


def _find(model: str | Path) -> Path:
    if isinstance(model, str):
        installed = _pretrained() / f"{model}.onnx"
        if Path(model).name == model and installed.is_file():
            return installed
    file = Path(model)
    if not file.exists():
        names = ", ".join(path.stem for path in sorted(_pretrained().glob("*.onnx"))) or "none"
        raise ModelError(f"{model}: no such model file or installed model: give a path or one of: {names}")
    return _in_folder(file).absolute() if file.is_dir() else file.absolute()


def _in_folder(folder: Path) -> Path:
    file = folder / "model.onnx"
    if not file.exists():
        why = "its training is not finished" if (folder / "config.toml").exists() else "it holds no run"
        raise ModelError(
            f"{folder}: a folder without model.onnx, {why}: give a path of a model file or of a finished run"
        )
    return file


def _read(file: Path) -> bytes:
    if not file.is_file():
        raise ModelError(f"{file}: a model must be a regular file; {_REMEDY}")
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror}; check its permissions") from error
    if len(data) > LARGEST_FILE:
        raise ModelError(
            f"{file}: larger than {LARGEST_FILE >> 20} MB, so it is no per-atom model; {_REMEDY}"
        )
    if not data:
        raise ModelError(f"{file}: the file is empty; {_REMEDY}")
    return data


def _session_options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = (
        1  # `predict` spreads whole batches over threads instead, which scales better
    )
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return options


def _probe(model: StructureModel) -> None:
    """Run two blank maps: a model that cannot run is refused here, not in the middle of a trajectory."""
    size = model.settings.size
    try:
        blank = np.zeros((2, len(model.settings.channels), size, size), np.float32)
        embeddings = model.predict(blank, threads=1)[1]
        if model.fused is not None:
            model.conclude(embeddings)
    except ModelError:
        raise
    except Exception as error:  # see `_Session`
        raise ModelError(
            f"{model.file}: it does not run: {' '.join(str(error).split())[:200]}; {_REMEDY}"
        ) from error


def _open_fused(
    graph: onnx.ModelProto, metadata: ModelMetadata, file: Path
) -> tuple[Embedder | None, _Session | None]:
    """Hand the 8-bit network of a graph to the core, and what follows the embedding to the runtime."""
    network = read_byte_network(graph.graph)
    if network is None or not metadata.descriptor.is_plain:
        return None, None
    if network.size != metadata.descriptor.size:
        raise InputError(
            f"its 8-bit network takes maps of {network.size} pixels a side, not its description's"
        )
    return FusedNetwork(network), _Session(embedding_to_outputs(graph).SerializeToString(), file)


def compare_fused(model: StructureModel) -> None:
    """Refuse a file whose 8-bit arrays are not what its graph computes with.

    `load_model` does so with every file but those that come with the package, which its tests compare.

    Raises:
        ModelError: If core and graph give different embeddings.
    """
    if not isinstance(model.fused, FusedNetwork):
        return
    size = model.settings.size
    distances = np.sort(np.random.default_rng(0).uniform(0.7, 3.5, (_COMPARED, 1, size, size)), axis=3)
    maps = (distances**-2).astype(np.float32)
    embeddings = model.predict(maps, threads=1)[1]
    difference = np.abs(model.fused.run(maps) - embeddings).max()
    if not difference <= 1e-4 * max(1.0, float(np.abs(embeddings).max())):
        raise ModelError(
            f"{model.file}: its 8-bit network differs from its graph by {difference:.1e}; {_REMEDY}"
        )


def _thread_count(threads: int) -> int:
    if threads < 0:
        raise InputError(f"threads must be 0 (every processor) or more, got {threads}")
    return threads or len(os.sched_getaffinity(0))


def _for_each(run: Callable[[int], None], starts: range, threads: int) -> None:
    if threads == 1 or len(starts) < 2:
        for start in starts:
            run(start)
        return
    with ThreadPoolExecutor(min(threads, len(starts))) as pool:
        for _ in pool.map(run, starts):
            pass
