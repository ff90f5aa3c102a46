"""The published size: networks that learned from 400 particles judge 4,320: `large.py OUT/ WORK/`.

OUT/ gets three fast coolings and three liquids held at T = 0.547, as in protocols.py but larger (about 90 s
of one core each); WORK/ is the folder of networks.py. Trajectories that are there are not made again.
Energies and the logits of the networks of task 6 are in large.json.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch
from data import FOLDS, KINDS, Trajectory, load
from generate import make
from networks import Run, fitted
from protocols import recipe

from mdlens.learning.fit_configurations import window_logits

N_ATOMS = 4320
COUNT = 3
SEED = 9_000
WINDOWS = 64
GLASS = {"fast": 1, "liquid": 0}


def judged(data: dict[str, Trajectory], kind: str, network: str, work: Path) -> list[dict[str, object]]:
    """Mean logit of the last record of every trajectory, by the networks of all folds: none has seen any."""
    rows: list[dict[str, object]] = []
    run = Run("6", kind, network)
    for name, trajectory in data.items():
        c = trajectory.configuration(len(trajectory.temperature) - 1, kind)
        parts = [fitted(run, fold, work) for fold in range(FOLDS)]
        logits = [window_logits(made, view, c, windows=WINDOWS).mean() for made, view in parts]
        rows.append(
            {
                "trajectory": name,
                "glass": GLASS[trajectory.protocol],
                "logits": [round(float(value), 3) for value in logits],
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("work", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for index in range(COUNT):
        for offset, protocol in enumerate(GLASS):
            file = arguments.out / f"{protocol}_{index:03d}.npz"
            if not file.exists():
                small = recipe(protocol, 0)
                temperatures = small.temperatures[-1:]
                make(
                    replace(
                        small, n_atoms=N_ATOMS, temperatures=temperatures, seed=SEED + 10 * index + offset
                    ),
                    file,
                )
    data = load(arguments.out)
    results: dict[str, object] = {"particles": N_ATOMS}
    results["inherent_energy"] = {
        protocol: [round(float(t.inherent_energy[-1]), 4) for t in data.values() if t.protocol == protocol]
        for protocol in GLASS
    }
    for kind in KINDS:
        for network in ("mpnn", "cnn"):
            results[f"{network} {kind}"] = judged(data, kind, network, arguments.work)
    (Path(__file__).parent / "large.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
