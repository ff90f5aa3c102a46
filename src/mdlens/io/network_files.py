"""Native files of elastic networks and of their trajectories: ``.npz`` without pickle, many to a file.

Arrays of all networks lie end to end; ``*_counts`` says how long each one's part is.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdlens.errors import FormatError, InputError
from mdlens.io.damage import DAMAGE
from mdlens.io.networks import ElasticNetwork, ElasticTrajectory
from mdlens.types import FloatArray

FORMAT = 1

_PER_NODE = {"positions": (2,)}
_PER_BOND: dict[str, tuple[int, ...]] = {"bonds": (2,), "rest_lengths": (), "stiffness": ()}
_PER_ANGLE: dict[str, tuple[int, ...]] = {"angles": (3,), "rest_angles": (), "angle_stiffness": ()}
_PARTS = (("node_counts", _PER_NODE), ("bond_counts", _PER_BOND), ("angle_counts", _PER_ANGLE))
_TEXTS = ("name", "base", "target_nu")
_FACTS = ("temperature", "rate", "timestep", "seed", "linear_nu", "protocol")


def write_networks(path: Path, networks: Sequence[ElasticNetwork]) -> None:
    """Write networks to one file that appears only when it is complete.

    Raises:
        InputError: If two networks have the same name.
        OSError: If the folder cannot be written.
    """
    check_names([network.name for network in networks])
    _write(path, {"format": np.array(f"mdlens networks {FORMAT}"), **_network_arrays(networks)})


def read_networks(path: Path) -> list[ElasticNetwork]:
    """Read the networks of a file.

    Raises:
        FormatError: If the file is damaged or no file of networks.
    """
    arrays = _read(path, "networks")
    return list(_guarded(path, lambda: _networks(arrays)))


def write_trajectories(path: Path, trajectories: Sequence[ElasticTrajectory]) -> None:
    """Write trajectories, each with its network, to one file that appears only when it is complete.

    Positions are stored in float64: their second differences are a millionth of the positions.

    Raises:
        OSError: If the folder cannot be written.
    """
    arrays = _network_arrays([trajectory.network for trajectory in trajectories])
    arrays["format"] = np.array(f"mdlens trajectories {FORMAT}")
    arrays["frame_counts"] = np.array([t.n_frames for t in trajectories], dtype=np.int64)
    arrays["frame_positions"] = _joined([t.positions.reshape(-1, 2) for t in trajectories], (2,))
    arrays["frame_boxes"] = _joined([t.boxes for t in trajectories], (2,))
    arrays["runs"] = np.array(json.dumps([{f: getattr(t, f) for f in _FACTS} for t in trajectories]))
    _write(path, arrays)


def read_trajectories(path: Path) -> list[ElasticTrajectory]:
    """Read the trajectories of a file.

    Raises:
        FormatError: If the file is damaged or no file of trajectories.
    """
    arrays = _read(path, "trajectories")
    return list(_guarded(path, lambda: _trajectories(arrays)))


def read_trajectory_folder(folder: Path) -> Iterator[ElasticTrajectory]:
    """Read every trajectory of the ``*.npz`` files of a folder, in the order of their names.

    Raises:
        InputError: If there is no such file.
        FormatError: If one is damaged or no file of trajectories.
    """
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise InputError(f"{folder}: no .npz files of trajectories here")
    for file in files:
        yield from read_trajectories(file)


def is_trajectory_file(path: Path) -> bool:
    """Whether a native file holds trajectories (else networks).

    Raises:
        FormatError: If it is neither.
    """
    kind = _kind(path)
    if kind not in ("networks", "trajectories"):
        raise FormatError(f"{path}: not a file of elastic networks or of their trajectories")
    return kind == "trajectories"


def check_names(names: Sequence[str]) -> None:
    """Refuse two networks of one name.

    Raises:
        InputError: If there are such.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"two networks are named {name!r}: names must differ")
        seen.add(name)


def _network_arrays(networks: Sequence[ElasticNetwork]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {"box": _joined([n.box[None] for n in networks], (2,))}
    for counts, fields in _PARTS:
        first = next(iter(fields))
        arrays[counts] = np.array([len(getattr(n, first)) for n in networks], dtype=np.int64)
        for name, shape in fields.items():
            arrays[name] = _joined([getattr(n, name) for n in networks], shape)
    described = [{name: getattr(n, name) for name in _TEXTS} for n in networks]
    arrays["networks"] = np.array(json.dumps(described))
    return arrays


def _joined(parts: Sequence[NDArray[Any]], shape: tuple[int, ...]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty((0, *shape))


def _write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _kind(path: Path) -> str:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            words = str(stored["format"]).split()
    except DAMAGE:
        return ""
    return words[1] if len(words) == 3 and words[0] == "mdlens" and words[2] == str(FORMAT) else ""


def _read(path: Path, kind: str) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
            words = str(arrays["format"]).split()
    except DAMAGE as error:
        raise FormatError(f"{path}: not a whole file of elastic {kind} ({error}); make it again") from error
    if words != ["mdlens", kind, str(FORMAT)]:
        raise FormatError(f"{path}: expected `mdlens {kind} {FORMAT}`, got `{' '.join(words)}`")
    return arrays


def _guarded(path: Path, build: Any) -> Any:
    try:
        return list(build())
    except DAMAGE as error:
        raise FormatError(f"{path}: damaged ({error}); make it again") from error


def _networks(arrays: Mapping[str, NDArray[Any]]) -> Iterator[ElasticNetwork]:
    described = json.loads(str(arrays["networks"]))
    n = len(described)
    if len(arrays["box"]) != n:
        raise InputError(f"{n} networks are described, {len(arrays['box'])} boxes are there")
    parts: dict[str, list[NDArray[Any]]] = {}
    for counts, fields in _PARTS:
        for name in fields:
            parts[name] = _split(arrays[name], arrays[counts], n, name)
    for k, facts in enumerate(described):
        own: dict[str, Any] = {name: values[k] for name, values in parts.items()}
        yield ElasticNetwork(box=arrays["box"][k], **own, **facts)


def _split(values: NDArray[Any], counts: NDArray[Any], n: int, name: str) -> list[NDArray[Any]]:
    if counts.shape != (n,) or np.any(counts < 0) or counts.sum() != len(values):
        raise InputError(f"the rows of {name!r} do not add up")
    return np.split(values, np.cumsum(counts)[:-1]) if n else []


def _trajectories(arrays: Mapping[str, NDArray[Any]]) -> Iterator[ElasticTrajectory]:
    networks = list(_networks(arrays))
    n = len(networks)
    runs, frames = json.loads(str(arrays["runs"])), arrays["frame_counts"]
    rows = frames * np.array([network.n_nodes for network in networks], dtype=np.int64)
    positions: list[FloatArray] = _split(arrays["frame_positions"], rows, n, "frame_positions")
    boxes: list[FloatArray] = _split(arrays["frame_boxes"], frames, n, "frame_boxes")
    for network, run, at, box in zip(networks, runs, positions, boxes, strict=True):
        shaped = at.reshape(len(box), network.n_nodes, 2)
        yield ElasticTrajectory(network=network, positions=shaped, boxes=box, **run)
