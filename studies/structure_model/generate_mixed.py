"""Training frames with surfaces, grain boundaries, defects and crystal beside melt, labelled atom by atom.

    python studies/structure_model/generate_mixed.py PARTS/ [--only NAME] [--out FILE.npz]

One file per case in PARTS, left alone when it is there, so an interrupted run goes on where it stopped; then
all parts that are there are packed into one data set (`mixed.npz` beside this script by default). No element
of the acceptance set occurs.

Labels come from the inherent structure (see `studies/crystal/microstructure_runs.py`):
- an atom in a crystal structure gets its class if at least `SUPPORT` of its 12 nearest neighbours have it
  too, or its stacking partner (fcc and hcp, cubic and hexagonal diamond), so that stacking faults and twins
  count; `FOREIGN_SUPPORT` if it is not a structure of the material. With fewer it is a chance match in a melt
  or a boundary: -1.
- beside a melt, an atom in none is "disordered", unless most of its 12 nearest neighbours are crystalline or
  it is at a free surface: then it is -2, outside all classes, as is every atom in none of the other frames:
  surfaces, grain boundaries, defects.
- frames of coexistence follow their inherent structure up to the interface: that a layer is hard to call is
  learnt as such from frames that differ.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from rich.progress import track
from systems import MELTING

from mdlens.learning.snapshots import IGNORED, OUTSIDE, LabelledSnapshot, SnapshotDataset
from mdlens.neighbors import find_nearest
from mdlens.simulation.microstructures import Crystal

sys.path.append(str(Path(__file__).parents[1] / "crystal"))
from microstructure_runs import Case, MixedFrame, read_part, write_part
from rivals import CLASSES, OTHER

PARTNER = {"fcc": "hcp", "hcp": "fcc", "cubic_diamond": "hexagonal_diamond"}
PARTNER["hexagonal_diamond"] = "cubic_diamond"
SUPPORT, FOREIGN_SUPPORT = 3, 6  # of the 12 nearest neighbours
DEEP = 5.0  # Angstrom from the nearest crystalline atom: nothing but melt
MOSTLY = 6  # crystalline ones of 12 neighbours, from which a disordered atom is one of an interface
LOPSIDED = 0.2  # mean vector to the 40 nearest neighbours over their reach; 0.375 on a flat surface
GRID = 1024  # positions per Angstrom

NI = Crystal(lattice="fcc", elements=("Ni",), lattice_constant=3.52)
AG = Crystal(lattice="fcc", elements=("Ag",), lattice_constant=4.09)
AU = Crystal(lattice="fcc", elements=("Au",), lattice_constant=4.08)
PD = Crystal(lattice="fcc", elements=("Pd",), lattice_constant=3.89)
NI_HCP = Crystal(lattice="hcp", elements=("Ni",), lattice_constant=2.49)
CO = Crystal(lattice="hcp", elements=("Co",), lattice_constant=2.51)
W = Crystal(lattice="bcc", elements=("W",), lattice_constant=3.165)
TA = Crystal(lattice="bcc", elements=("Ta",), lattice_constant=3.304)
V = Crystal(lattice="bcc", elements=("V",), lattice_constant=3.03)
C = Crystal(lattice="cubic_diamond", elements=("C",), lattice_constant=3.566)
C_HEX = Crystal(lattice="hexagonal_diamond", elements=("C",), lattice_constant=2.52)
CDTE = Crystal(lattice="zincblende", elements=("Cd", "Te"), lattice_constant=6.48)
CDTE_HEX = Crystal(lattice="wurtzite", elements=("Cd", "Te"), lattice_constant=4.58)
NABR = Crystal(lattice="rocksalt", elements=("Na", "Br"), lattice_constant=5.97)
POTENTIAL = {
    "Ni": "Ni_u3.eam",
    "Ag": "Ag_u3.eam",
    "Au": "Au_u3.eam",
    "Pd": "Pd_u3.eam",
    "Co": "CoAl.eam.alloy",
    "W": "W_zhou.eam.alloy",
    "Ta": "CuTa.eam.alloy",
    "V": "VFe_mm.eam.fs",
    "C": "SiC.tersoff",
    "CdTe": "CdTe.sw",
    "NaBr": "fumi-tosi",
}
STRUCTURE = {"zincblende": "cubic_diamond", "wurtzite": "hexagonal_diamond", "rocksalt": "sc"}
COLD, WARM, HOT = (0.3, 0.6, 0.85), (0.4, 0.7, 0.9), (0.5, 0.8, 0.95)


def _case(crystal: Crystal, kind: str, title: str, ladder: tuple[float, ...], **options) -> Case:
    material = "".join(crystal.elements)
    name = f"{material} {crystal.lattice} {title}"
    return Case(
        name=name,
        kind=kind,
        crystal=crystal,
        potential=POTENTIAL[material],
        melting=MELTING[POTENTIAL[material]],
        options=options,
        ladder=ladder,
        timestep=0.001 if material == "C" else 0.002,
        seed=sum(map(ord, name)),
    )


def _slab(crystal: Crystal, surface: str, ladder: tuple[float, ...]) -> Case:
    return _case(crystal, "slab", f"slab {surface}", ladder, surface=surface, atoms_at_least=1800)


def _particle(crystal: Crystal, radius: float, ladder: tuple[float, ...]) -> Case:
    return _case(crystal, "nanoparticle", "particle", ladder, radius=radius)


def _grains(crystal: Crystal, grains: int, ladder: tuple[float, ...]) -> Case:
    return _case(crystal, "polycrystal", f"{grains} grains", ladder, grains=grains, atoms=2400)


def _defects(crystal: Crystal, title: str, ladder: tuple[float, ...], **options) -> Case:
    surface = "0001" if crystal.lattice in ("hcp", "wurtzite", "hexagonal_diamond") else "100"
    return _case(crystal, "defects", title, ladder, surface=surface, atoms_at_least=1400, **options)


def _coexistence(crystal: Crystal, surface: str) -> Case:
    title = f"melt {surface}"
    return _case(crystal, "coexistence", title, (1.0,) * 3, surface=surface, atoms_at_least=900)


# In the order in which they are run: every structure early, the slow ones last.
CASES = (
    _coexistence(NI, "100"),
    _slab(W, "110", WARM),
    _grains(CO, 2, WARM),
    _coexistence(CDTE, "110"),
    _particle(AU, 20.0, WARM),
    _coexistence(TA, "110"),
    _slab(PD, "111", HOT),
    _coexistence(CO, "0001"),
    _defects(CDTE_HEX, "vacancies", WARM, vacancies=10),
    _grains(AG, 3, HOT),
    _slab(C, "111", WARM),
    _grains(V, 2, HOT),
    _coexistence(PD, "111"),
    _defects(NI, "vacancies and interstitials", WARM, vacancies=8, interstitials=6),
    _coexistence(CDTE_HEX, "10-10"),
    _slab(CO, "0001", HOT),
    _defects(W, "interstitial cluster", WARM, interstitials=6, clustered=True),
    _grains(CDTE, 2, WARM),
    _slab(NABR, "100", COLD),
    _coexistence(AG, "110"),
    _particle(W, 18.0, HOT),
    _slab(CDTE_HEX, "10-10", WARM),
    _coexistence(V, "100"),
    _defects(CO, "vacancies and interstitials", HOT, vacancies=8, interstitials=4),
    _grains(C, 2, WARM),
    _slab(AU, "100", WARM),
    _grains(W, 3, COLD),
    _particle(PD, 17.0, HOT),
    _slab(TA, "100", HOT),
    _coexistence(C, "100"),
    _defects(AU, "void", HOT, vacancies=20, clustered=True),
    _grains(NI, 4, COLD),
    _slab(CDTE, "110", HOT),
    _defects(TA, "vacancies and interstitials", HOT, vacancies=8, interstitials=6),
    _coexistence(W, "111"),
    _slab(CO, "10-10", WARM),
    _particle(CO, 17.0, HOT),
    _grains(C_HEX, 2, WARM),
    _defects(PD, "interstitial cluster", COLD, interstitials=6, clustered=True),
    _slab(NI, "110", WARM),
    _defects(V, "void", WARM, vacancies=16, clustered=True),
    _slab(C_HEX, "10-10", WARM),
    _grains(CDTE_HEX, 2, COLD),
    _particle(TA, 17.0, COLD),
    _defects(C, "vacancies", HOT, vacancies=10),
    _slab(AG, "111", COLD),
    _slab(V, "110", COLD),
    _grains(NI_HCP, 2, COLD),
    _coexistence(AU, "111"),
    _defects(CDTE, "vacancies", HOT, vacancies=10),
    _coexistence(NABR, "100"),
)


def expected_labels(case: Case) -> tuple[int, ...]:
    """Classes that are structures of the material itself, stacking faults included."""
    own = STRUCTURE.get(case.crystal.lattice, case.crystal.lattice)
    return tuple(CLASSES.index(name) for name in (own, PARTNER.get(own, own)))


def labels_of(frame: MixedFrame, expected: Sequence[int], *, molten: bool) -> np.ndarray:
    """Training label of every atom: a class index, -1 (ignored) or -2 (outside all classes).

    Only a frame that is partly molten has disordered atoms.
    """
    truth, atoms = frame.truth, frame.state
    around = truth[find_nearest(atoms.positions, atoms.cell.array, True, 12).index]
    family = np.arange(len(CLASSES))
    for name, partner in PARTNER.items():
        family[CLASSES.index(name)] = min(CLASSES.index(name), CLASSES.index(partner))
    alike = (family[around] == family[truth][:, None]).sum(axis=1)
    crystalline = truth != OTHER
    supported = alike >= np.where(np.isin(truth, expected), SUPPORT, FOREIGN_SUPPORT)
    labels = np.where(crystalline & supported, truth, IGNORED)
    solid = (around != OTHER).sum(axis=1) >= MOSTLY
    melt = ~crystalline & near_melt(atoms, labels >= 0) & ~solid & ~at_surface(atoms)
    labels[~crystalline] = OUTSIDE
    if molten:
        labels[melt] = CLASSES.index("disordered")
    return labels.astype(np.int8)


def near_melt(atoms: Atoms, solid: np.ndarray) -> np.ndarray:
    """Which atoms are deep in a melt, or no deeper than `DEEP` beside an atom that is."""
    far = beyond(atoms, solid, DEEP)
    return ~solid & ~beyond(atoms, far, DEEP)


def beyond(atoms: Atoms, sources: np.ndarray, distance: float) -> np.ndarray:
    """Which atoms have none of the sources within a distance (Angstrom)."""
    near = sources.copy()
    nearest = find_nearest(atoms.positions, atoms.cell.array, True, 96)
    near |= (sources[nearest.index] & (nearest.distance < distance)).any(axis=1)
    return ~near


def at_surface(atoms: Atoms) -> np.ndarray:
    """Which atoms have their neighbours on one side."""
    nearest = find_nearest(atoms.positions, atoms.cell.array, True, 40)
    mean = np.linalg.norm(nearest.vector.mean(axis=1), axis=1)
    return mean > LOPSIDED * nearest.distance[:, -1]


def displacement(frame: MixedFrame) -> float:
    """Root mean square displacement of crystalline atoms from their inherent sites.

    Per component, in nearest-neighbour distances; atoms that left their site do not count.
    """
    crystalline = frame.truth != OTHER
    if not crystalline.any():
        return 0.0
    edges = frame.state.cell.lengths()
    shift = (frame.state.positions - frame.inherent.positions)[crystalline]
    shift -= np.round(shift / edges) * edges
    shift -= np.median(shift, axis=0)
    sites = find_nearest(frame.inherent.positions, np.diag(edges), True, 1).distance[crystalline]
    spacing = float(np.median(sites))
    stayed = np.linalg.norm(shift, axis=1) < 0.5 * spacing
    return float(np.sqrt((shift[stayed] ** 2).mean()) / spacing)


def snapshots_of(case: Case, path: Path) -> Iterator[LabelledSnapshot]:
    for k, frame in enumerate(read_part(path)):
        atoms = frame.state
        yield LabelledSnapshot(
            positions=(np.round(atoms.positions * GRID) / GRID).astype(np.float32),
            cell=atoms.cell.array,
            pbc=np.ones(3, bool),
            labels=labels_of(frame, expected_labels(case), molten=case.kind == "coexistence"),
            system=f"{case.crystal.lattice} {case.kind}",  # drawn as often as one bulk system
            snapshot=f"{case.name} {case.ladder[k]:.2f} Tm {k}",
            group=case.name,
            temperature=float(atoms.info["temperature"]),
            numbers=atoms.numbers.astype(np.int16),
            displacement=displacement(frame),
        )


def pack(parts: Path, out: Path) -> None:
    """Join the parts that are there into one data set."""
    cases = [case for case in CASES if (parts / case.part).exists()]
    snapshots = tuple(s for case in cases for s in snapshots_of(case, parts / case.part))
    provenance = {
        "generator": "studies/structure_model/generate_mixed.py",
        "potentials": {case.name: case.potential for case in cases},
        "melting_K": {case.name: case.melting for case in cases},
        "label": "inherent structure by PTM; -2 where it is neither crystal nor melt",
    }
    data = SnapshotDataset(classes=CLASSES, snapshots=snapshots, provenance=provenance)
    data.save(out)
    labels = np.concatenate([s.labels for s in snapshots])
    counts = {name: int((labels == k).sum()) for k, name in enumerate(CLASSES)}
    counts |= {"ignored": int((labels == IGNORED).sum()), "outside": int((labels == OUTSIDE).sum())}
    print(f"{out}: {len(cases)} cases, {len(snapshots)} frames, {len(labels)} atoms, {counts}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", type=Path)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--out", type=Path, help="data set (mixed.npz beside this script)")
    parser.add_argument("--pack-only", action="store_true", help="simulate nothing, pack what is there")
    arguments = parser.parse_args()
    arguments.parts.mkdir(parents=True, exist_ok=True)
    chosen = [] if arguments.pack_only else [case for case in CASES if arguments.only in case.name]
    for case in track(chosen, description="simulating"):
        write_part(case, arguments.parts)
    pack(arguments.parts, arguments.out or Path(__file__).with_name("mixed.npz"))


if __name__ == "__main__":
    main()
