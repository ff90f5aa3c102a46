"""The configuration of `mdlens train crystal`: a TOML file read into frozen, checked tables."""

import math
import sys
import tomllib
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from mdlens.descriptors import NeighborsMapSettings
from mdlens.errors import InputError
from mdlens.learning.augment import Augmentation
from mdlens.learning.fit_settings import FitSettings
from mdlens.learning.label_settings import LabelsConfig

NETWORKS = ("bytes", "compact", "published")

KNOWN_IDS = {
    "fcc": 1, "hcp": 2, "bcc": 3, "sc": 5, "cubic_diamond": 6, "hexagonal_diamond": 7, "disordered": 9,
}  # fmt: skip
"""Numbers of OVITO's PTM for the structures it has; classes that are all among these get these."""

Table = TypeVar("Table")

_KIND_NAMES = {str: "a text", int: "an integer", float: "a finite number", bool: "true or false"}


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """`[model]`: the name the model gets and its network.

    Args:
        name: Name written into the model file.
        version: Version written into the model file.
        classes: Order of the classes; empty takes them from the data.
        ids: Number of each class in labelled files; empty takes OVITO's where all classes have one, else 1,
            2, and so on.
        network: "bytes" (rounded to 8 bits, the fastest; maps of one channel), "compact" or "published".
        width: Width of the compact network or of the one of bytes.
        hidden: Numbers of the hidden layer of the network of bytes.
        depth: Residual convolutions of the compact network.
        dropout: Dropout of the compact network.
    """

    name: str = "structure"
    version: str = "1"
    classes: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    network: str = "compact"
    width: int = 16
    hidden: int = 128
    depth: int = 0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise InputError(f"network must be one of {', '.join(NETWORKS)}, got {self.network!r}")
        if not 1 <= self.width <= 1024 or not 0 <= self.depth <= 64 or not 0.0 <= self.dropout < 1.0:
            raise InputError("width must be 1 to 1024, depth 0 to 64, and dropout 0 or more but below 1")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """`[[data]]`: a data set (.npz), or a trajectory.

    Args:
        file: Path, relative to the configuration file.
        label: Class of every atom of a trajectory; not for a data set.
        labels: Where the labels of a trajectory come from, if not every atom has the same; without it and
            without a label, `TrainingConfig.labels` says so.
        frames: Frames of a trajectory, e.g. "0:100:5".
        system: What was simulated; the file's name if empty.
        group: What is never split; each frame is a group of its own if empty.
        elements: Element of each LAMMPS type, where the file has none and species matter.
        atoms_per_snapshot: Labelled atoms that are used of each snapshot, balanced over its classes; 0 for
            all.
    """

    file: str
    label: str | None = None
    labels: LabelsConfig | None = None
    frames: str | None = None
    system: str = ""
    group: str = ""
    elements: tuple[str, ...] = ()
    atoms_per_snapshot: int = 0

    def __post_init__(self) -> None:
        others = (
            self.label, self.labels, self.frames, self.system, self.group, self.elements,
            self.atoms_per_snapshot,
        )  # fmt: skip
        if self.file.endswith(".npz"):
            if any(others):
                raise InputError(
                    f"{self.file} is a data set with labels of its own: give nothing but its file"
                )
        elif self.label and self.labels:
            raise InputError(f"{self.file}: give a label for all atoms or a table of labels, not both")
        elif self.atoms_per_snapshot < 0:
            raise InputError(f"atoms_per_snapshot must be 0 (all) or more, got {self.atoms_per_snapshot}")

    @property
    def unlabelled(self) -> bool:
        """Whether the labels must come from `TrainingConfig.labels`."""
        return not (self.file.endswith(".npz") or self.label or self.labels)


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """`[split]`: see `split_dataset`; the seed is that of the fit."""

    by: str = "group"
    validation: float = 0.15
    test: float = 0.15
    test_systems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CalibrationConfig:
    """`[calibration]`: how confidence becomes "unknown", and the test.

    Args:
        error_rate: Error rate the threshold is chosen for, see `choose_threshold`.
        prior: How frequent the classes are taken to be, relative to each other, where they are hard to tell
            apart: logits are shifted by ``ln(prior / fit.class_shares)``. Empty keeps the shares of training.
        test_maps: Maps for each condition of the test.
    """

    error_rate: float = 0.01
    prior: tuple[float, ...] = ()
    test_maps: int = 16_384

    def __post_init__(self) -> None:
        if not 0.0 <= self.error_rate <= 0.5:
            raise InputError(f"error_rate must lie between 0 and 0.5, got {self.error_rate!r}")
        if not all(1e-3 <= share <= 1e3 for share in self.prior):
            raise InputError(f"prior must hold numbers between 0.001 and 1000, got {list(self.prior)}")
        if self.test_maps < 1:
            raise InputError(f"test_maps must be 1 or more, got {self.test_maps}")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """A whole configuration file; `labels` are for trajectories that say nothing about theirs."""

    data: tuple[DataConfig, ...]
    labels: LabelsConfig | None = None
    model: ModelConfig = field(default_factory=ModelConfig)
    descriptor: NeighborsMapSettings = field(default_factory=NeighborsMapSettings)
    split: SplitConfig = field(default_factory=SplitConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)
    fit: FitSettings = field(default_factory=FitSettings)
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)

    def __post_init__(self) -> None:
        if not self.data:
            raise InputError("data must list at least one file: add [[data]] with file = '...'")
        self._check_labels()
        if self.model.network == "published" and self.descriptor.size != 32:
            raise InputError(
                f"descriptor.size must be 32 for the published network, got {self.descriptor.size}"
            )
        if self.model.network == "compact" and self.descriptor.size % 8:
            raise InputError(f"descriptor.size must be a multiple of 8, got {self.descriptor.size}")
        if self.descriptor.candidates is not None and self.descriptor.candidates < self.descriptor.size:
            # Otherwise the last column is empty, which `classify` takes for an atom with too few neighbours.
            raise InputError(
                f"descriptor.candidates must be at least descriptor.size, {self.descriptor.size}, "
                f"got {self.descriptor.candidates}"
            )

    def _check_labels(self) -> None:
        bare = [number for number, entry in enumerate(self.data) if entry.unlabelled]
        if bare and self.labels is None:
            raise InputError(
                f"[data[{bare[0]}]] {self.data[bare[0]].file} is a trajectory: give its label, e.g. "
                "label = 'fcc', or [labels]"
            )
        if self.labels is not None and not bare:
            raise InputError("[labels] serves no file: each has labels of its own")


def load_config(file: Path) -> TrainingConfig:
    """Read the configuration of `mdlens train crystal`, see `read_config`."""
    return read_config(TrainingConfig, file)


def parse_config(text: str) -> TrainingConfig:
    """Read the text of a configuration file, see `load_config`."""
    return _parse(TrainingConfig, text)


def read_config(kind: type[Table], file: Path) -> Table:
    """Read a configuration file into a frozen dataclass; unknown keys are refused by their path.

    Args:
        kind: The dataclass of the whole file.
        file: A TOML file.

    Raises:
        InputError: If the file cannot be read, is not TOML, or a key or a value is wrong; the message names
            it.
    """
    try:
        return _parse(kind, file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}; give the path of a TOML file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is not a text file: {error.reason} at byte {error.start}") from error
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def _parse(kind: type[Table], text: str) -> Table:
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a ValueError also for integers of thousands of digits
        raise InputError(f"is not TOML: {error}") from error
    return read_table(kind, table, "")


def read_table(kind: type[Table], table: Any, path: str) -> Table:
    """Build a frozen dataclass from a TOML table, checking names and types of its keys.

    Args:
        kind: The dataclass.
        table: What the file holds there.
        path: Path of the table in the file, for messages; empty at the top.

    Raises:
        InputError: If a key is unknown or missing, or a value has the wrong type or range.
    """
    if not isinstance(table, Mapping):
        raise InputError(f"{path or 'the file'} must be a table, got {table!r:.60}")
    if kind is NeighborsMapSettings:
        return _named(path, lambda: kind.from_dict(_without_false(table)))  # type: ignore[attr-defined, no-any-return]
    hints = {_key(name): hint for name, hint in get_type_hints(kind).items()}
    for key in table:
        if key not in hints:
            raise InputError(f"unknown key {_join(path, key)!r}: the keys are {', '.join(hints)}")
    for option in fields(kind):  # type: ignore[arg-type]
        key = _key(option.name)
        if key not in table and option.default is MISSING and option.default_factory is MISSING:
            raise InputError(f"{_join(path, key)!r} is missing")
    values = {
        option.name: _read_value(hints[key], table[key], _join(path, key))
        for option in fields(kind)  # type: ignore[arg-type]
        if (key := _key(option.name)) in table
    }
    return _named(path, lambda: kind(**values))


def _without_false(table: Mapping[str, Any]) -> dict[str, Any]:
    """Turn false into None, which TOML cannot write: no candidates, no scale, a channel of ones."""

    def plain(value: Any) -> Any:
        return None if value is False else value

    return {
        key: [plain(item) for item in value] if isinstance(value, list) else plain(value)
        for key, value in table.items()
    }


def _read_value(hint: Any, value: Any, path: str) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(option for option in get_args(hint) if option is not type(None))
    if is_dataclass(hint):
        return read_table(hint, value, path)  # type: ignore[arg-type]
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise InputError(f"{path!r} must be a list, got {value!r:.60}")
        return tuple(_read_value(get_args(hint)[0], item, f"{path}[{i}]") for i, item in enumerate(value))
    if get_origin(hint) is Mapping:
        if not isinstance(value, Mapping):
            raise InputError(f"{path!r} must be a table, got {value!r:.60}")
        return {key: _read_value(get_args(hint)[1], item, _join(path, key)) for key, item in value.items()}
    if hint is float and type(value) is int and abs(value) <= sys.float_info.max:
        value = float(value)
    if type(value) is not hint or (hint is float and not math.isfinite(value)):
        raise InputError(f"{path!r} must be {_KIND_NAMES[hint]}, got {value!r:.60}")
    return value


def _named(path: str, build: Callable[[], Table]) -> Table:
    try:
        return build()
    except InputError as error:
        raise InputError(f"[{path}] {error}" if path else str(error)) from error


def _key(name: str) -> str:
    """Give the key of a field: `from` and `class` are words of Python, so their fields end in "_"."""
    return name.removesuffix("_")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
