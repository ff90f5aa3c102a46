"""What a model file says about itself: classes, ids, descriptor, calibration, provenance."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from mdlens.descriptors import NeighborsMapSettings
from mdlens.errors import InputError

FORMAT = 1
KIND = "structure"
KEY = "mdlens"
"""The entry of `metadata_props` that holds the JSON text."""

UNKNOWN_NAME = "unknown"
UNKNOWN_ID = 0

LARGEST_TEXT = 1_000_000
_LARGEST_ID = 2**31 - 1
_MOST_DIGITS = 100
LONGEST_WORD = 64
_WORD = re.compile(rf"[A-Za-z0-9_.+-]{{1,{LONGEST_WORD}}}")


@dataclass(frozen=True, kw_only=True)
class ModelMetadata:
    """The description of a per-atom structure model, checked on construction.

    Args:
        name: Name of the model, one word.
        version: Version of the model, one word.
        classes: Names of the classes in the order of the logits; words, because they go into dump files.
        ids: Number written for each class; 0 is kept for "unknown".
        descriptor: How the maps are to be made.
        temperature: Logits are divided by it before the softmax.
        threshold: An atom whose top probability is lower is "unknown".
        threshold_error_rate: The error rate the threshold was chosen for.
        distance_limit: An atom farther than this from all that the model was taught is "unknown"; None if the
            graph has no output "distance".
        distance_error_rate: Share of rightly named, held-out atoms beyond that limit.
        training: Provenance: data, seeds, settings (free JSON).
        scores: Measured scores with their intervals (free JSON).

    Raises:
        InputError: If a value is out of range; the message names the key.
    """

    name: str
    version: str
    classes: tuple[str, ...]
    ids: tuple[int, ...]
    descriptor: NeighborsMapSettings
    temperature: float = 1.0
    threshold: float = 0.0
    threshold_error_rate: float = 0.0
    distance_limit: float | None = None
    distance_error_rate: float = 0.0
    training: Mapping[str, Any] = field(default_factory=dict, repr=False)
    scores: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        _check_word("name", self.name)
        _check_word("version", self.version)
        _check_classes(self.classes)
        _check_ids(self.ids, len(self.classes))
        _check_range("temperature", self.temperature, 1e-3, 1e3)
        _check_range("threshold", self.threshold, 0.0, 1.0)
        _check_range("threshold_error_rate", self.threshold_error_rate, 0.0, 1.0)
        if self.distance_limit is not None:
            _check_range("distance_limit", self.distance_limit, 1e-3, 1e6)
        _check_range("distance_error_rate", self.distance_error_rate, 0.0, 1.0)

    def to_json(self) -> str:
        """Write the metadata as the JSON text of a model file."""
        values = {
            "format": FORMAT,
            "kind": KIND,
            "name": self.name,
            "version": self.version,
            "classes": list(self.classes),
            "ids": list(self.ids),
            "descriptor": self.descriptor.to_dict(),
            "temperature": self.temperature,
            "threshold": self.threshold,
            "threshold_error_rate": self.threshold_error_rate,
            "training": dict(self.training),
            "scores": dict(self.scores),
        }
        if self.distance_limit is not None:
            values |= {"distance_limit": self.distance_limit, "distance_error_rate": self.distance_error_rate}
        return json.dumps(values, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "ModelMetadata":
        """Read the JSON text of a model file.

        Raises:
            InputError: If the text is not JSON, is too long, or a key is missing, unknown or wrong.
        """
        values = _parse(text)
        _check_keys(values)
        measures_distance = _DISTANCE_KEYS[0] in values
        return cls(
            name=_string(values, "name"),
            version=_string(values, "version"),
            classes=tuple(_list(values, "classes")),
            ids=tuple(_list(values, "ids")),
            descriptor=NeighborsMapSettings.from_dict(_table(values, "descriptor")),
            temperature=_number(values, "temperature"),
            threshold=_number(values, "threshold"),
            threshold_error_rate=_number(values, "threshold_error_rate"),
            distance_limit=_number(values, "distance_limit") if measures_distance else None,
            distance_error_rate=_number(values, "distance_error_rate") if measures_distance else 0.0,
            training=_table(values, "training"),
            scores=_table(values, "scores"),
        )


_KEYS = (
    "format",
    "kind",
    "name",
    "version",
    "classes",
    "ids",
    "descriptor",
    "temperature",
    "threshold",
    "threshold_error_rate",
    "training",
    "scores",
)
_DISTANCE_KEYS = ("distance_limit", "distance_error_rate")
"""Both or neither: models of version 0.1 have no distance."""


def _parse(text: str) -> dict[str, Any]:
    if len(text) > LARGEST_TEXT:
        raise InputError(f"metadata must be at most {LARGEST_TEXT} characters, got {len(text)}")
    try:
        values = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_finite_number, parse_int=_small_integer
        )
    except (ValueError, RecursionError) as error:
        raise InputError(f"metadata must be JSON: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"metadata must be a JSON object, got {type(values).__name__}")
    return values


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of ordinary size")


def _finite_number(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse_constant(text[:40])


def _small_integer(text: str) -> int:
    """Read an integer that a float can hold, so that nothing overflows when it is shown or computed with."""
    return int(text) if len(text) <= _MOST_DIGITS else _refuse_constant(f"an integer of {len(text)} digits")


def _check_keys(values: Mapping[str, Any]) -> None:
    expected = _KEYS + (_DISTANCE_KEYS if any(key in values for key in _DISTANCE_KEYS) else ())
    missing = [key for key in expected if key not in values]
    unknown = [key for key in values if key not in expected]
    if values.get("format") != FORMAT:
        raise InputError(f"metadata 'format' must be {FORMAT}, got {values.get('format')!r:.40}")
    if values.get("kind") != KIND:
        raise InputError(f"metadata 'kind' must be {KIND!r}, got {values.get('kind')!r:.40}")
    if missing:
        raise InputError(f"metadata lacks {', '.join(missing)}")
    if unknown:
        raise InputError(f"metadata has unknown keys: {', '.join(unknown)[:200]}")


def _typed(values: Mapping[str, Any], key: str, good: Callable[[Any], bool], expected: str) -> Any:
    if not good(values[key]):
        raise InputError(f"metadata {key!r} must be {expected}, got {values[key]!r:.60}")
    return values[key]


def _string(values: Mapping[str, Any], key: str) -> str:
    return str(_typed(values, key, lambda value: isinstance(value, str), "a string"))


def _number(values: Mapping[str, Any], key: str) -> float:
    def is_number(value: object) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300

    return float(_typed(values, key, is_number, "a number"))


def _list(values: Mapping[str, Any], key: str) -> list[Any]:
    return list(_typed(values, key, lambda value: isinstance(value, list), "a list"))


def _table(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    return dict(_typed(values, key, lambda value: isinstance(value, dict), "an object"))


def _check_word(key: str, value: object) -> None:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise InputError(
            f"{key!r} must be one word of letters, digits and _.+- (at most 64), got {value!r:.80}"
        )


def _check_classes(classes: tuple[str, ...]) -> None:
    if not 1 <= len(classes) <= 1000:
        raise InputError(f"'classes' must name 1 to 1000 classes, got {len(classes)}")
    for name in classes:
        check_class_name(name)
    if len(set(classes)) != len(classes):
        raise InputError(f"'classes' must be distinct, got {', '.join(classes)[:200]}")


def check_class_name(name: object) -> None:
    """Refuse what cannot be the name of a class.

    Raises:
        InputError: If it is no word, or the name of atoms below the threshold.
    """
    _check_word("classes", name)
    if name == UNKNOWN_NAME:
        raise InputError(f"'classes' must not hold {UNKNOWN_NAME!r}: it names the atoms below the threshold")


def _check_ids(ids: tuple[int, ...], classes: int) -> None:
    if len(ids) != classes:
        raise InputError(f"'ids' must hold one number per class ({classes}), got {len(ids)}")
    for number in ids:
        if type(number) is not int or not 1 <= number <= _LARGEST_ID:
            raise InputError(
                f"'ids' must be integers from 1 to {_LARGEST_ID} (0 is 'unknown'), got {number!r:.40}"
            )
    if len(set(ids)) != len(ids):
        raise InputError(f"'ids' must be distinct, got {list(ids)!r:.200}")


def _check_range(key: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise InputError(f"{key!r} must lie between {low:g} and {high:g}, got {value!r}")
