"""Compare networks on training systems that are held out whole: how the shipped one was chosen.

    python studies/structure_model/compare_networks.py

Every network sees the same maps for the same number of steps, far fewer than the shipped model's, so only the
order of the rows counts. The test set is not touched. Writes networks.json.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress
from torch.nn import functional

from mdlens.descriptors import NeighborsMapSettings
from mdlens.learning.augment import Augmentation, Disturbance
from mdlens.learning.fit import predict_logits
from mdlens.learning.sampling import MapSample, MapSampler
from mdlens.learning.snapshots import SnapshotDataset
from mdlens.models import CompactNeighborsCNN, multiply_adds

HERE = Path(__file__).parent
HELD_OUT = frozenset(
    {
        "Au fcc",
        "Co hcp",
        "V bcc",
        "CdTe zincblende",
        "CdTe wurtzite",
        "NaBr rocksalt",
        "W liquid",
        "CdTe liquid",
        "Au liquid",
        "V liquid",
    }
)
CONDITIONS = {
    "as simulated": Disturbance(),
    "30 % missing": Disturbance(vacancies=0.3),
    "50 % missing": Disturbance(vacancies=0.5),
    "8 % displaced in all": Disturbance(gaussian=0.08, total=True),
}
NETWORKS = ({"width": 16}, {"width": 16, "depth": 1}, {"width": 32}, {"width": 24, "depth": 1})
MAPS, TEST_MAPS, EPOCHS, BATCH, RATE, SEED = 120_000, 14_000, 5, 512, 4e-3, 0


def train(network: CompactNeighborsCNN, sample: MapSample, step: Callable[[], None]) -> None:
    network.measure(torch.from_numpy(sample.maps[:8192]))
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-2)
    steps = len(sample) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=EPOCHS * steps + 1)
    for epoch in range(EPOCHS):
        order = np.random.default_rng((SEED, epoch)).permutation(len(sample))
        network.train()
        for batch in np.split(order[: steps * BATCH], steps):
            logits = network(torch.from_numpy(sample.maps[batch])).logits
            loss = functional.cross_entropy(logits, torch.from_numpy(sample.labels[batch]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        step()


def main() -> None:
    torch.set_num_threads(1)
    dataset = SnapshotDataset.load(HERE / "train.npz")
    seen = [i for i, s in enumerate(dataset.snapshots) if s.system not in HELD_OUT]
    unseen = [i for i, s in enumerate(dataset.snapshots) if s.system in HELD_OUT]
    descriptor = NeighborsMapSettings()
    rng = np.random.default_rng(SEED)
    sample = MapSampler(dataset, seen, descriptor).draw(MAPS, Augmentation(), rng)
    sampler = MapSampler(dataset, unseen, descriptor)
    tests = {
        name: sampler.draw(TEST_MAPS, d, np.random.default_rng(SEED + 1)) for name, d in CONDITIONS.items()
    }
    rows = []
    with Progress() as bar:
        task = bar.add_task("networks", total=len(NETWORKS) * EPOCHS)
        for options in NETWORKS:
            torch.manual_seed(SEED)
            network = CompactNeighborsCNN(**options)
            train(network, sample, lambda: bar.advance(task))
            scores = {
                name: round(
                    100 * float((predict_logits(network, t.maps).argmax(axis=1) == t.labels).mean()), 2
                )
                for name, t in tests.items()
            }
            rows.append({**options, "multiply_adds": multiply_adds(network, (1, 32, 32)), "right": scores})
    results = {"networks": rows, "held_out": sorted(HELD_OUT), "maps": MAPS, "epochs": EPOCHS, "seed": SEED}
    (HERE / "networks.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
