"""Benchmark (c): frames of more than one phase, and of crystals that end or have defects.

    python studies/crystal/mixed.py generate PARTS/ [--only NAME]
    python studies/crystal/mixed.py score WORK/ [--models FOLDER]
    python studies/crystal/mixed.py figure [--model NAME|PATH]

`generate` simulates every case (one file each in PARTS, left alone when it is there) and packs all into
`data/mixed.npz`. These are acceptance frames: nothing is trained or tuned on them.

`score` asks every contestant (what each says is kept in WORK, so an interrupted run goes on) and writes
`results/mixed.json`. Truth is the inherent structure (see `microstructure_runs.py`); "other" there agrees
with "disordered" and with "unknown". Agreement is counted apart over *bulk* atoms, whose truth all atoms
within 5 Angstrom share, and over those *near* an interface, surface or defect, which are the rest; also with
the 12 nearest neighbours instead of 5 Angstrom (`bulk_shell`, `near_shell`). Intervals (95 %) draw frames and
training seeds again together.
"""

import argparse
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from contestants import KEYS, MODELS, load_models, model_verdicts
from microstructure_runs import Case, read_part, write_part
from rich.progress import track
from rivals import CLASSES, OTHER, adaptive_cna, ptm, with_cutoff
from scoring import Tally

from mdlens.inference import StructureModel, load_model
from mdlens.io.whole_file import write_json, write_whole
from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from mdlens.neighbors import find_nearest, find_pairs
from mdlens.simulation.microstructures import Crystal

HERE = Path(__file__).parent
DATA = HERE / "data" / "mixed.npz"
RESULTS = HERE / "results" / "mixed.json"
NAMES = (*CLASSES[:-1], "other")
ZONES = ("bulk", "near", "bulk_shell", "near_shell")
REACH = 5.0  # Angstrom
GRID = 1024  # positions per Angstrom
SERIES = 3  # raised when the frames are drawn anew because the last ones have been looked at

AL = Crystal(lattice="fcc", elements=("Al",), lattice_constant=4.05)
FE = Crystal(lattice="bcc", elements=("Fe",), lattice_constant=2.855)
MG = Crystal(lattice="hcp", elements=("Mg",), lattice_constant=3.2)
SI = Crystal(lattice="cubic_diamond", elements=("Si",), lattice_constant=5.43)
ICE = Crystal(lattice="hexagonal_diamond", elements=("O",), lattice_constant=4.46)
# Potential and its melting temperature (K).
POTENTIAL = {
    "Al": ("Al_mm.eam.fs", 926.0),
    "Fe": ("Fe_mm.eam.fs", 1772.0),
    "Mg": ("Mg_mm.eam.fs", 914.0),
    "Si": ("Si.edip", 1570.0),
    "O": ("mW", 273.0),
}
LADDER = (0.3, 0.6, 0.9)
HOT = (0.5, 0.7, 0.9)
MELTING_POINT = (1.0,) * 4


def _case(kind: str, name: str, crystal: Crystal, ladder: tuple[float, ...], **options) -> Case:
    potential, melting = POTENTIAL[crystal.elements[0]]
    return Case(
        name=name,
        kind=kind,
        crystal=crystal,
        potential=potential,
        melting=melting,
        options=options,
        ladder=ladder,
        seed=1000 * (1 + SERIES) + sum(map(ord, name)),
        superheat=1.7,
    )


def _coexistence(name: str, crystal: Crystal, surface: str) -> Case:
    options = {"surface": surface, "atoms_at_least": 2000}
    return _case("coexistence", f"coexistence_{name}", crystal, MELTING_POINT, **options)


def _slab(name: str, crystal: Crystal, surface: str) -> Case:
    options = {"surface": surface, "atoms_at_least": 4000}
    return _case("slab", f"surface_{name}_{surface}", crystal, LADDER, **options)


def _defects(name: str, crystal: Crystal) -> Case:
    options = {"surface": "100", "atoms_at_least": 4000, "vacancies": 10, "interstitials": 10}
    return _case("defects", f"point_defects_{name}", crystal, LADDER, clustered=True, **options)


CASES = (
    _coexistence("Al", AL, "100"),
    _coexistence("Fe", FE, "110"),
    _slab("Al", AL, "111"),
    _case("polycrystal", "grain_boundary_Fe", FE, HOT, grains=2, atoms=6000),
    _defects("Al", AL),
    _coexistence("Mg", MG, "0001"),
    _slab("Fe", FE, "110"),
    _case("nanoparticle", "nanoparticle_Al", AL, LADDER, radius=26.0),
    _coexistence("Si", SI, "100"),
    _case("polycrystal", "grain_boundary_Al", AL, HOT, grains=2, atoms=6000),
    _defects("Fe", FE),
    _slab("Mg", MG, "0001"),
    _slab("Al", AL, "100"),
    _coexistence("ice", ICE, "10-10"),
)
KINDS = ("coexistence", "grain_boundary", "point_defects", "surface", "nanoparticle")


def snapshots_of(case: Case, path: Path) -> list[LabelledSnapshot]:
    return [
        LabelledSnapshot(
            positions=(np.round(frame.state.positions * GRID) / GRID).astype(np.float32),
            cell=frame.state.cell.array,
            pbc=np.ones(3, bool),
            labels=frame.truth,
            system=case.name,
            snapshot=f"{case.name} {case.ladder[k]:.2f} Tm {k}",
            group=case.name,
            temperature=float(frame.state.info["temperature"]),
            numbers=frame.state.numbers.astype(np.int16),
        )
        for k, frame in enumerate(read_part(path))
    ]


def pack(parts: Path) -> None:
    """Write the data set out of the parts that are there."""
    cases = [case for case in CASES if (parts / case.part).exists()]
    snapshots = tuple(s for case in cases for s in snapshots_of(case, parts / case.part))
    provenance = {
        "generator": "studies/crystal/mixed.py",
        "potentials": {case.name: case.potential for case in cases},
        "melting_K": {case.name: case.melting for case in cases},
        "label": "PTM (RMSD 0.1) of the inherent structure; acceptance frames, never for training",
    }
    DATA.parent.mkdir(exist_ok=True)
    SnapshotDataset(classes=NAMES, snapshots=snapshots, provenance=provenance).save(DATA)
    print(
        f"{DATA.name}: {len(snapshots)} frames, {sum(map(len, snapshots))} atoms, {DATA.stat().st_size} bytes"
    )


def as_atoms(snapshot: LabelledSnapshot) -> Atoms:
    """The frame of a snapshot."""
    return Atoms(
        snapshot.numbers, positions=snapshot.positions.astype(float), cell=snapshot.cell, pbc=snapshot.pbc
    )


def zones(snapshot: LabelledSnapshot) -> dict[str, np.ndarray]:
    """Which atoms belong to each of `ZONES`."""
    system = snapshot.positions.astype(float), snapshot.cell, snapshot.pbc
    nearest = find_nearest(*system, 12).index
    alike = (snapshot.labels[nearest] == snapshot.labels[:, None]).all(axis=1)
    pairs = find_pairs(*system, REACH)
    differ = snapshot.labels[pairs.i] != snapshot.labels[pairs.j]
    near = np.bincount(pairs.i[differ], minlength=len(snapshot)) > 0
    return dict(zip(ZONES, (~near, near, alike, ~alike), strict=True))


Said = dict[str, np.ndarray]  # contestant -> class index of every atom, (seeds, atoms); unknown is OTHER


def what_models_say(atoms: Atoms, key: str, models: Sequence[StructureModel]) -> Said:
    verdicts = model_verdicts(atoms, key, models)
    return {name: np.where(v.accepted, v.labels, OTHER) for name, v in verdicts.items()}


def what_rivals_say(atoms: Atoms) -> Said:
    labels, rmsd = ptm(atoms)
    said = {"ptm_0.1": with_cutoff(labels, rmsd, 0.1), "ptm_none": labels, "acna": adaptive_cna(atoms)}
    return {name: found[None] for name, found in said.items()}


def tallies(
    data: SnapshotDataset, say: Callable[[Atoms], Said], title: str, file: Path
) -> dict[str, dict[str, list]]:
    """Agreeing atoms of every frame by contestant and zone, each (frames, seeds); kept in a file."""
    if file.exists():
        return json.loads(file.read_text(encoding="utf-8"))
    table: dict[str, dict[str, list]] = {}
    for snapshot in track(data.snapshots, description=title):
        parts = zones(snapshot)
        for name, said in say(as_atoms(snapshot)).items():
            agrees = said == snapshot.labels
            rows = table.setdefault(name, {zone: [] for zone in ZONES})
            for zone, chosen in parts.items():
                rows[zone].append(agrees[:, chosen].sum(axis=1).tolist())
    write_whole(file, json.dumps(table))
    return table


def results(data: SnapshotDataset, table: dict[str, dict[str, list]]) -> dict[str, object]:
    """Agreement of every contestant, by case, by kind of case and over all."""
    sizes = [{zone: int(chosen.sum()) for zone, chosen in zones(s).items()} for s in data.snapshots]
    systems = list(dict.fromkeys(snapshot.system for snapshot in data.snapshots))
    found: dict[str, object] = {}
    for group in (*systems, *KINDS, ""):
        chosen = [k for k, s in enumerate(data.snapshots) if s.system.startswith(group)]
        if not chosen:
            continue
        entry: dict[str, object] = {"frames": len(chosen)}
        for zone in ZONES:
            entry[zone] = {"atoms": sum(sizes[k][zone] for k in chosen)}
            for name, rows in table.items():
                tally = Tally()
                for k in chosen:
                    tally.add(np.array(rows[zone][k]), sizes[k][zone], str(k))
                entry[zone][name] = tally.interval()
        found[group or "all"] = entry
    return found


def sha256(file: Path) -> str:
    """The first digits of a file's digest."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def score(work: Path, folder: Path) -> None:
    """Ask all contestants and write the results."""
    data = SnapshotDataset.load(DATA)
    work.mkdir(parents=True, exist_ok=True)
    frames = sha256(DATA)
    table = tallies(data, what_rivals_say, "OVITO", work / f"rivals_{frames}.json")
    used = {}
    for key, models in load_models(folder).items():
        parts = []
        for model in models:
            files = [m.file for m in (model, model.second and model.second.model) if m is not None]
            digest = "_".join(sha256(file) for file in files)
            used.setdefault(key, []).append([{"file": f.name, "sha256": sha256(f)} for f in files])
            parts.append(
                tallies(
                    data,
                    lambda atoms, key=key, model=model: what_models_say(atoms, key, [model]),
                    model.file.name,
                    work / f"{key}_{digest}_{frames}.json",
                )
            )
        for name in parts[0]:
            table[name] = {
                zone: np.concatenate([part[name][zone] for part in parts], axis=1).tolist() for zone in ZONES
            }
    RESULTS.parent.mkdir(exist_ok=True)
    document = {"mixed": results(data, table), "mixed_models": used}
    write_json(RESULTS, document)
    report(document["mixed"])


def report(found: dict[str, object]) -> None:
    """Print the agreements as a table."""
    for group, entry in found.items():
        for zone in ZONES:
            cells = " ".join(f"{n} {v['value']:.2f}" for n, v in entry[zone].items() if n != "atoms")
            print(f"{group:24s} {zone:10s} {entry[zone]['atoms']:7d}  {cells}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    generate = verbs.add_parser("generate", help="simulate the acceptance frames")
    generate.add_argument("parts", type=Path)
    generate.add_argument("--only", default="", help="cases whose name contains this")
    scoring = verbs.add_parser("score", help="score the models and the geometric methods")
    scoring.add_argument("work", type=Path)
    scoring.add_argument("--models", type=Path, default=MODELS, help=f"folder with {', '.join(KEYS)}_N.onnx")
    drawing = verbs.add_parser("figure", help="draw docs/figures/mixed_frames.png")
    drawing.add_argument("--model", default="default")
    arguments = parser.parse_args()
    if arguments.verb == "generate":
        arguments.parts.mkdir(parents=True, exist_ok=True)
        for case in track([c for c in CASES if arguments.only in c.name], description="simulating"):
            write_part(case, arguments.parts)
        pack(arguments.parts)
    elif arguments.verb == "score":
        score(arguments.work, arguments.models)
    else:
        from mixed_figure import draw

        draw(SnapshotDataset.load(DATA), load_model(arguments.model))


if __name__ == "__main__":
    main()
