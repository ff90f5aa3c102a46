"""Teach a model file new structures from a few labelled snapshots: what `mdlens train crystal --add` runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnx
from ase import Atoms

from mdlens.errors import InputError, ModelError
from mdlens.inference import ModelMetadata, StructureModel, load_model
from mdlens.inference.description import write_metadata
from mdlens.inference.metadata import LONGEST_WORD, check_class_name
from mdlens.inference.structure_model import read_graph
from mdlens.io import read
from mdlens.learning.augment import Augmentation, nearest_neighbor_distance
from mdlens.learning.evaluation import plain_json
from mdlens.learning.gate import fit_gate
from mdlens.learning.graft import graft_class
from mdlens.learning.outliers import extend_distance
from mdlens.learning.sampling import ATOMS_PER_DRAW, MapSample, MapSampler
from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from mdlens.types import BoolArray, Float32Array

Frames: TypeAlias = Atoms | str | Path | Iterable[Atoms | str | Path]
"""What shows a structure: frames, files of frames, or several of either."""

FIRST_ID = 10
"""Number of the first added class in labelled files; those below are OVITO's and "disordered"."""

AUGMENTATION = Augmentation(
    strain=0.02,
    strain_share=0.5,
    vacancies=(0.0, 0.0, 0.0, 0.05, 0.1),
    gaussian=0.08,
    gaussian_share=0.7,
    sphere_share=0.0,
)
"""What is done to copies of the snapshots: so that even one perfect cell shows what heat and strain do."""

_COPIES = 48
"""Disturbed copies in all, at least one of each frame."""

_MOST_COPIES = 256

_EXEMPLARS = 256
"""Exemplars kept of a new class, the average of a trained one."""

_EXAMPLES = 64
"""Maps of each new class on which old and new model are compared."""

_TOLERANCE = 1e-5
"""Largest difference of a probability of a known class, scaled by what the new classes leave."""

_SMALLEST_BLOCK = 256
"""Periodic cells with fewer atoms are repeated, so that disturbed copies have no twins next to them."""


@dataclass(frozen=True, kw_only=True)
class AddedStructure:
    """What is known about a class that was added; travels in the model file.

    Args:
        name: Name of the class.
        files: Names of the files, without folders; "ase.Atoms" for frames from memory.
        frames: Number of snapshots.
        atoms: Number of their atoms.
        maps: Maps of disturbed copies that the gate was fitted to.
        recognised: Share of maps of the new class whose gate is above one half.
        taken: Share of the exemplars of the other classes whose gate is above one half. Both shares come
            from two gates, each fitted to one half and asked about the other half.
        seed: Seed of the disturbances.
    """

    name: str
    files: tuple[str, ...]
    frames: int
    atoms: int
    maps: int
    recognised: float
    taken: float
    seed: int


def add_structures(
    model: str | Path | StructureModel,
    structures: Mapping[str, Frames],
    *,
    out: str | Path,
    frames: str | None = None,
    augmentation: Augmentation = AUGMENTATION,
    seed: int = 0,
    threads: int = 0,
) -> StructureModel:
    """Teach a model new structures from a handful of snapshots, without training its network again.

    Every new class gets a gate on the model's embedding, fitted to maps of disturbed copies of the snapshots
    and to the exemplars of all known classes inside the model file: logit
    ``z_new = T (ln sum exp(z / T) + s(e))``. Embeddings, and the ratios of the probabilities of the known
    classes, stay what they were.

    Args:
        model: Name of an installed model, path of a model file, or a loaded model.
        structures: For each new class, under its name, what shows it: frames or files all of whose atoms have
            that structure. Periodic frames; at a free surface the surface would be learnt too.
        out: Where to write: a file ending in .onnx, or a folder that gets `model.onnx`.
        frames: Which frames of each file, e.g. "0:100:10"; all if None.
        augmentation: How copies of the snapshots are disturbed. More missing atoms make the new class known
            where many are missing, at the cost of known classes there.
        seed: Seed of the disturbances.
        threads: Threads; 0 takes every processor.

    Returns:
        The new model as loaded from its file. Its new classes have the numbers 10, 11, ... as far as free;
        temperature and threshold are those of the old model.

    Raises:
        InputError: If a name is taken or no word, a frame shows too few atoms, or `out` cannot be written.
        FormatError: If a file is damaged.
        ModelError: If the model holds no exemplars, or cannot be loaded.
    """
    if threads < 0:
        raise InputError(f"threads must be 0 (every processor) or more, got {threads}")
    base = model if isinstance(model, StructureModel) else load_model(model)
    target = _target(out)
    _check_names(base, structures)
    sets = {name: _snapshots(name, shown, frames, base) for name, shown in structures.items()}
    graph, exemplars = read_graph(base)
    if exemplars is None:
        raise ModelError(
            f"{base.file}: holds no exemplars of its classes, so none can be added: "
            "use a model that this version of `mdlens train crystal` wrote"
        )
    metadata, examples = base.metadata, []
    for name, snapshots in sets.items():
        sample = _draw(name, snapshots, base, augmentation, np.random.default_rng(seed), threads)
        embeddings = base.predict(sample.maps, threads=threads)[1]
        known = exemplars.by_class()
        graph = graft_class(graph, fit_gate(embeddings, known), temperature=metadata.temperature)
        graph = extend_distance(graph, embeddings, known)
        added = _added(name, snapshots, embeddings, _halves(sample, seed), known, seed)
        metadata = _describe(metadata, added)
        chosen = np.random.default_rng((seed, len(known))).permutation(len(embeddings))[:_EXEMPLARS]
        exemplars = exemplars.extended(embeddings[np.sort(chosen)])
        examples.append(sample.maps[:_EXAMPLES])
    write_metadata(graph, metadata, exemplars)
    return _write(graph, target, base, np.concatenate(examples))


def _check_names(base: StructureModel, structures: Mapping[str, Frames]) -> None:
    if not structures:
        raise InputError("name at least one new structure, e.g. {'A15': 'a15.dump'}")
    for name in structures:
        check_class_name(name)
        if name in base.classes:
            raise InputError(
                f"the model {base.name!r} knows the class {name!r} already, beside "
                f"{', '.join(other for other in base.classes if other != name)}: give another name"
            )


def _target(out: str | Path) -> Path:
    """Name the model file to write and make its folder."""
    path = Path(out)
    target = path if path.suffix == ".onnx" else path / "model.onnx"
    if path.suffix != ".onnx" and (path / "config.toml").exists():
        raise InputError(f"{path}: holds a training run, which is left alone; give another --out")
    if target.is_dir():
        raise InputError(f"{target}: is a folder; give the name of a file to write")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target.parent}: cannot be made: {error.strerror}; give another --out") from error
    return target


def _snapshots(
    name: str, shown: Frames, frames: str | None, base: StructureModel
) -> tuple[LabelledSnapshot, ...]:
    snapshots = tuple(
        _snapshot(name, atoms, place, number, base)
        for number, (atoms, place) in enumerate(_visit(shown, frames))
    )
    if not snapshots:
        raise InputError(f"{name}: there is no frame to learn it from; check the files and --frames")
    return snapshots


def _visit(shown: Frames, frames: str | None) -> Iterator[tuple[Atoms, str]]:
    """Yield frames and where each comes from."""
    if isinstance(shown, Atoms):
        yield shown, "ase.Atoms"
    elif isinstance(shown, str | Path):
        for number, atoms in read(shown, frames).numbered():
            yield atoms, f"{shown}, frame {number}"
    elif isinstance(shown, Iterable):
        for part in shown:
            yield from _visit(part, frames)
    else:
        raise InputError(f"a structure is shown by ase.Atoms or paths of files, got {shown!r:.80}")


def _snapshot(name: str, atoms: Atoms, place: str, number: int, base: StructureModel) -> LabelledSnapshot:
    """Check one frame, repeated if it is small: enough neighbours for a map, and distances between them."""
    needed = max(base.settings.candidates or 0, base.settings.size) + 1
    if not len(atoms):
        raise InputError(f"{name}: {place}: a frame without atoms shows no structure")
    if not any(atoms.pbc) and len(atoms) < needed:
        raise InputError(
            f"{name}: {place}: has {len(atoms)} atoms and is not periodic; a map takes {needed}: "
            "give a periodic cell or a larger piece"
        )
    while any(atoms.pbc) and len(atoms) < _SMALLEST_BLOCK:
        lengths = np.where(atoms.pbc, atoms.cell.lengths(), np.inf)
        atoms = atoms.repeat(np.where(np.arange(3) == lengths.argmin(), 2, 1))
    snapshot = LabelledSnapshot(
        positions=atoms.positions.astype(np.float32),
        cell=np.asarray(atoms.cell.array, np.float64),
        pbc=np.asarray(atoms.pbc, np.bool_),
        labels=np.zeros(len(atoms), np.int8),
        numbers=atoms.numbers.astype(np.int16),
        system=name,
        snapshot=f"{place} ({number})",
        group=place,
    )
    try:
        spacing = nearest_neighbor_distance(snapshot)
    except InputError as error:
        raise InputError(f"{name}: {place}: {error}") from error
    if not spacing > 0.0:
        raise InputError(f"{name}: {place}: its atoms lie on top of each other")
    return snapshot


def _draw(
    name: str,
    snapshots: Sequence[LabelledSnapshot],
    base: StructureModel,
    augmentation: Augmentation,
    rng: np.random.Generator,
    threads: int,
) -> MapSample:
    """Draw maps of disturbed copies."""
    dataset = SnapshotDataset(classes=(name,), snapshots=tuple(snapshots))
    sampler = MapSampler(dataset, range(len(snapshots)), base.settings, threads=threads)
    copies = max(_COPIES, min(len(snapshots), _MOST_COPIES))
    return sampler.draw(copies * ATOMS_PER_DRAW, augmentation, rng)


def _halves(sample: MapSample, seed: int) -> BoolArray:
    """Cut a sample in two: by snapshots where there are several."""
    if sample.snapshots.max() > 0:
        return np.asarray(sample.snapshots % 2 == 0)
    return np.asarray(np.random.default_rng(seed).random(len(sample)) < 0.5)


def _added(
    name: str,
    snapshots: Sequence[LabelledSnapshot],
    embeddings: Float32Array,
    halves: BoolArray,
    known: Sequence[Float32Array],
    seed: int,
) -> AddedStructure:
    """Describe a new class, with what gates fitted to one half say about the other half."""
    right, taken = 0, 0
    for part, parity in ((halves, 0), (~halves, 1)):
        gate = fit_gate(embeddings[part], [rows[parity::2] if len(rows) > 1 else rows for rows in known])
        right += int((gate.logits(embeddings[~part]) > 0.0).sum())
        taken += sum(int((gate.logits(rows[1 - parity :: 2]) > 0.0).sum()) for rows in known)
    return AddedStructure(
        name=name,
        files=tuple(dict.fromkeys(Path(s.group.partition(", frame ")[0]).name for s in snapshots)),
        frames=len(snapshots),
        atoms=sum(map(len, snapshots)),
        maps=len(embeddings),
        recognised=right / len(embeddings),
        taken=taken / sum(map(len, known)),
        seed=seed,
    )


def _describe(metadata: ModelMetadata, added: AddedStructure) -> ModelMetadata:
    """Extend the description by a class; a name that would grow too long stays as it is."""
    name = f"{metadata.name}+{added.name}"
    number = next(n for n in count(FIRST_ID) if n not in metadata.ids)
    earlier = metadata.training.get("added")
    return replace(
        metadata,
        name=name if len(name) <= LONGEST_WORD else metadata.name,
        classes=(*metadata.classes, added.name),
        ids=(*metadata.ids, number),
        training={
            **metadata.training,
            "added": [*(earlier if isinstance(earlier, list) else []), plain_json(asdict(added))],
        },
    )


def _write(graph: onnx.ModelProto, target: Path, base: StructureModel, maps: Float32Array) -> StructureModel:
    """Write the model under its name once it is proven to say of the known classes what the old one said."""
    partial = target.with_name(target.name + ".partial")
    try:
        partial.write_bytes(graph.SerializeToString())
        _prove(load_model(partial), base, maps)
        partial.replace(target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}; give another --out") from error
    finally:
        partial.unlink(missing_ok=True)
    return load_model(target)


def _prove(model: StructureModel, base: StructureModel, maps: Float32Array) -> None:
    before, embeddings = base.predict(maps, threads=1)
    after, same = model.predict(maps, threads=1)
    known = after[:, : len(base.classes)]
    rest = known.sum(axis=1, keepdims=True)
    if not np.array_equal(embeddings, same) or np.abs(known - rest * before).max() > _TOLERANCE:
        raise ModelError(f"{model.file}: would change what {base.file} says about the classes it knows")
