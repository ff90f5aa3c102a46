"""Compare maps and networks on training systems that are held out whole: how they were chosen.

    python studies/structure_model/compare_settings.py RUNS/

Every setting is trained like the model `robust` on a quarter of its maps (one seed), without the systems of
`TUNING`, and scored on those close to melting, with several priors for the disordered. So only the order of
the rows counts. The last row asks the model of the row above where that of `FIRST` is not sure. The
acceptance set plays no part. Writes settings.json; finished runs in RUNS/ are kept.
"""

import argparse
import json
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mdlens.inference import SECOND_OPINIONS, StructureModel
from mdlens.learning.augment import Disturbance, disturb, nearest_neighbor_distance
from mdlens.learning.sampling import to_atoms
from mdlens.learning.snapshots import LabelledSnapshot, SnapshotDataset
from mdlens.workflows.crystal import classify
from mdlens.workflows.train_crystal import train_crystal

HERE = Path(__file__).parent
TUNING = (
    "Au fcc",
    "Au hcp",
    "Au liquid",
    "Au cold liquid",
    "Ba cold liquid",
    "Ba fcc",
    "Ba hcp",
    "Ba liquid",
    "Ca cold liquid",
    "Ca fcc",
    "Ca hcp",
    "Ca liquid",
    "CdTe liquid",
    "CdTe wurtzite",
    "CdTe zincblende",
    "Co cold liquid",
    "Co fcc",
    "Co hcp",
    "Co hcp liquid",
    "Co liquid",
    "Ni ADP cold liquid",
    "Ni ADP fcc",
    "Ni ADP hcp",
    "Ni ADP liquid",
    "Rb bcc",
    "Rb liquid",
    "V bcc",
    "V cold liquid",
    "V liquid",
)
NEAR_MELTING = (0.95, 1.12)  # of the rough melting temperature of the schedule
CONDITIONS = {
    "as simulated": Disturbance(),
    "50 % missing": Disturbance(vacancies=0.5),
    "8 % displaced in all": Disturbance(gaussian=0.08, total=True),
}
EPOCHS, SEED = 8, 1
PRIORS = (3, 8, 20)  # of the disordered; 3 is its share in training, 1 that of every crystal


@dataclass(frozen=True)
class Setting:
    """What differs between the runs."""

    network: str
    candidates: int
    size: int
    width: int
    hidden: int = 0

    @property
    def name(self) -> str:
        layers = f"width {self.width}" + (f", hidden {self.hidden}" if self.hidden else "")
        return f"{self.network}, {self.candidates} candidates, {self.size}x{self.size}, {layers}"


FIRST = Setting("bytes", 95, 48, 64, 192)
SECOND = Setting("bytes", 127, 64, 64, 192)
BELOW = SECOND_OPINIONS["default"][1]
SETTINGS = (
    Setting("compact", 95, 48, 32),
    Setting("bytes", 63, 32, 64, 192),
    Setting("bytes", 95, 48, 64, 128),
    FIRST,
    Setting("bytes", 95, 48, 64, 256),
    SECOND,
)


def configuration(setting: Setting) -> str:
    """The configuration of the model `robust` with other maps, network and split."""
    text = (HERE / "robust.toml").read_text(encoding="utf-8")
    epochs = tomllib.loads(text)["fit"]["epochs"]
    changes = {
        'network = "bytes"': f'network = "{setting.network}"',
        "width = 64": f"width = {setting.width}",
        "hidden = 192": f"hidden = {setting.hidden or 128}",
        "prior = ": "# prior = ",
        "candidates = 127": f"candidates = {setting.candidates}",
        "size = 64": f"size = {setting.size}",
        "test = 0.05": f"test = 0.0\ntest_systems = {json.dumps(TUNING)}",
        f"epochs = {epochs}": f"epochs = {EPOCHS}",
    }
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def trained(setting: Setting, runs: Path) -> StructureModel:
    folder = runs / setting.name.replace(", ", "_").replace(" ", "_")
    config = folder.with_suffix(".toml")
    config.write_text(configuration(setting), encoding="utf-8")
    return train_crystal(config, folder, threads=1, progress=True)


def right(model: StructureModel, snapshot: LabelledSnapshot) -> np.ndarray:
    """Share of the labelled atoms whose most probable class is theirs, for every prior."""
    probabilities = classify(to_atoms(snapshot), model, threads=1).probabilities
    used, disordered = snapshot.labels >= 0, model.classes.index("disordered")
    shares = []
    for prior in PRIORS:
        weighed = probabilities * np.where(
            np.arange(len(model.classes)) == disordered, prior / PRIORS[0], 1.0
        )
        shares.append((weighed.argmax(axis=1) == snapshot.labels)[used].mean())
    return np.array(shares)


def is_near_melting(snapshot: LabelledSnapshot) -> bool:
    low, high = NEAR_MELTING
    return snapshot.system in TUNING and low <= float(snapshot.group.split()[-2]) <= high


def scores(model: StructureModel, snapshots: list[LabelledSnapshot]) -> dict[str, dict[str, list[float]]]:
    """Accuracy (%) for every prior, averaged over the held-out crystals and melts, by condition."""
    found: dict[str, dict[str, list[float]]] = {}
    for name, disturbance in CONDITIONS.items():
        rng = np.random.default_rng(SEED)
        shares: dict[str, dict[str, list[np.ndarray]]] = {"crystals": {}, "melts": {}}
        for snapshot in snapshots:
            copy = disturb(snapshot, disturbance, rng, spacing=nearest_neighbor_distance(snapshot))
            kind = "melts" if "liquid" in snapshot.system else "crystals"
            shares[kind].setdefault(snapshot.system, []).append(right(model, copy))
        found[name] = {
            kind: (100 * np.mean([np.mean(x, axis=0) for x in systems.values()], axis=0)).round(2).tolist()
            for kind, systems in shares.items()
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path)
    runs = parser.parse_args().runs
    runs.mkdir(parents=True, exist_ok=True)
    for data in ("train.npz", "mixed.npz"):
        if not (runs / data).exists():
            shutil.copy(HERE / data, runs)
    snapshots = [s for s in SnapshotDataset.load(HERE / "train.npz").snapshots if is_near_melting(s)]
    models = {setting.name: trained(setting, runs) for setting in SETTINGS}
    first, second = models[FIRST.name], models[SECOND.name]
    models[f"{FIRST.name}; unsure: as above"] = first.with_second(second, below=BELOW)
    rows = []
    for name, model in models.items():
        cost = model.metadata.training["multiply_adds"]
        rows.append({"setting": name, "multiply_adds": cost, "right": scores(model, snapshots)})
        print(rows[-1])
    results = {"settings": rows, "priors": PRIORS, "held_out": TUNING, "epochs": EPOCHS, "seed": SEED}
    (HERE / "settings.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
