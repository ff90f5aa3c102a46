"""Transition temperatures of a run from its class fractions and its energies."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mdlens.errors import FormatError, InputError
from mdlens.inference.metadata import UNKNOWN_NAME
from mdlens.io.whole_file import write_whole
from mdlens.learning.transitions import Transition, class_transition, energy_kink, energy_step
from mdlens.types import FloatArray

KINDS = ("melting", "glass")
_STEP, _TEMPERATURE, _ENERGY = "timestep", "target_temperature", "potential_energy_per_atom"


@dataclass(frozen=True)
class Ramp:
    """A run whose frames have a temperature.

    Attributes:
        temperature: K (frames,).
        energy: Potential energy per atom, eV (frames,).
        fractions: Share of the atoms in each class (frames,).
    """

    temperature: FloatArray
    energy: FloatArray
    fractions: Mapping[str, FloatArray]


@dataclass(frozen=True)
class RampTransition:
    """A transition seen by the energy and by a class.

    Attributes:
        kind: "melting" (a step of the energy) or "glass" (a kink).
        low_class: The class that is stable at low temperatures.
        by_energy: Transition of the energy (K).
        by_class: Transition of the class (K).
    """

    kind: str
    low_class: str
    by_energy: Transition
    by_class: Transition

    def to_dict(self) -> dict[str, Any]:
        """Give the transition as plain values for JSON."""
        return asdict(self)


def read_ramp(fractions: Path, thermo: Path, between: tuple[float, float] = (0.0, math.inf)) -> Ramp:
    """Join what `mdlens classify --json` and `mdlens simulate` wrote, by time step.

    Args:
        fractions: JSON file of `mdlens classify`.
        thermo: ``thermo.csv`` of the run.
        between: Lowest and highest temperature used (K).

    Raises:
        InputError: If a file cannot be read, or no frame of one is in the other.
        FormatError: If a file is not what it should be.
    """
    rows = _read_thermo(thermo)
    steps, classes = _read_fractions(fractions)
    found = [(k, rows[step]) for k, step in enumerate(steps) if step in rows]
    found = [(k, row) for k, row in found if between[0] <= row[0] <= between[1]]
    if not found:
        raise InputError(
            f"{fractions}: no frame has a time step and a temperature in {thermo}: give the files of one run"
        )
    chosen = [k for k, _ in found]
    return Ramp(
        temperature=np.array([row[0] for _, row in found]),
        energy=np.array([row[1] for _, row in found]),
        fractions={name: values[chosen] for name, values in classes.items()},
    )


def find_transition(ramp: Ramp, kind: str = "melting", low_class: str | None = None) -> RampTransition:
    """Find the transition of a ramp by energy and by class.

    Args:
        ramp: The run.
        kind: "melting" or "glass".
        low_class: Class that is stable at low temperatures; by default the most frequent one in the coldest
            frame.

    Raises:
        InputError: If the kind or the class is unknown, or there are fewer than 8 frames.
    """
    if kind not in KINDS:
        raise InputError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    name = low_class or _most_frequent(ramp, int(np.argmin(ramp.temperature)))
    if name not in ramp.fractions:
        raise InputError(f"{name!r} is none of the classes: {', '.join(ramp.fractions)}")
    by_energy = (energy_step if kind == "melting" else energy_kink)(ramp.temperature, ramp.energy)
    return RampTransition(kind, name, by_energy, class_transition(ramp.temperature, ramp.fractions[name]))


def _most_frequent(ramp: Ramp, frame: int) -> str:
    return max(
        (n for n in ramp.fractions if n != UNKNOWN_NAME), key=lambda n: float(ramp.fractions[n][frame])
    )


def write_transition(file: Path, found: RampTransition) -> None:
    """Write a transition as JSON, whole or not at all."""
    write_whole(file, json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n")


def _read_thermo(file: Path) -> dict[int, tuple[float, float]]:
    """Temperature and energy of each time step."""
    text = _text(file)
    reader = csv.DictReader(text.splitlines())
    if missing := {_STEP, _TEMPERATURE, _ENERGY} - set(reader.fieldnames or ()):
        raise FormatError(
            f"{file}: line 1: no column {', '.join(sorted(missing))}; give the thermo.csv of a run"
        )
    rows = {}
    for row in reader:
        try:
            step, temperature, energy = int(row[_STEP]), float(row[_TEMPERATURE]), float(row[_ENERGY])
        except (TypeError, ValueError) as error:
            raise FormatError(
                f"{file}: line {reader.line_num}: not a row of numbers; mend or cut it"
            ) from error
        if not (math.isfinite(temperature) and math.isfinite(energy)):
            raise FormatError(f"{file}: line {reader.line_num}: a number that is not finite; mend or cut it")
        rows[step] = (temperature, energy)
    return rows


def _read_fractions(file: Path) -> tuple[Sequence[int | None], dict[str, FloatArray]]:
    """Time steps of the frames and fraction of each class along them."""
    text = _text(file)
    try:
        frames = json.loads(text)["frames"]
        steps = [frame["timestep"] for frame in frames]
        names = list(frames[0]["fractions"])
        values = {name: np.array([float(frame["fractions"][name]) for frame in frames]) for name in names}
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise FormatError(
            f"{file}: not what `mdlens classify FILE --json {file.name}` writes; write it anew"
        ) from error
    return steps, values


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{file}: is not a text file: {error.reason} at byte {error.start}") from error
