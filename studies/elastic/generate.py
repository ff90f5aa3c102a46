"""Make the data of the elastic study: networks, splits and compressions; an interrupted run goes on.

    python studies/elastic/generate.py OUT/ [--sets clean,published,...] [--trajectories 3500]

OUT/networks.npz and OUT/networks_200.npz hold the networks, OUT/split.json which base networks are for
training, validation and test, and each further folder the trajectories of one set, one file each:

clean      300 base networks of 100 nodes, temperature 1e-11 (kT of the published 1e-7 K in eV)
published  the same networks at temperature 1e-7 in reduced units
size       test: 40 other base networks of 200 nodes, temperature 1e-11
strain     test: compressed to 15 %, temperature 1e-11
hot_1e-9, hot_1e-8, hot_1e-6, hot_1e-5   test: other temperatures, equilibrated
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mdlens.elastic import ElasticNetwork, fast_recipe, read_networks
from mdlens.errors import MdlensError
from mdlens.io.whole_file import write_whole
from mdlens.workflows.elastic_data import NetworkSetRecipe, compress_networks, generate_networks

NETWORKS = {
    "networks": NetworkSetRecipe(bases=300, nodes=100, per_base=12, seed=1),
    "networks_200": NetworkSetRecipe(bases=40, nodes=200, per_base=5, seed=2),
}
SHARES = {"train": 0.6, "validation": 0.1, "test": 0.3}
COLD = 1e-11


@dataclass(frozen=True)
class Set:
    """One folder of trajectories: which networks, how many at most, what differs from the fast protocol."""

    networks: str = "networks"
    test_only: bool = False
    count: int = 3500
    changes: dict[str, Any] = field(default_factory=lambda: {"temperature": COLD})


def _hot(temperature: float) -> Set:
    return Set(test_only=True, count=180, changes={"temperature": temperature, "equilibration": 500.0})


SETS = {
    "clean": Set(),
    "published": Set(count=1200, changes={"temperature": 1e-7, "equilibration": 500.0}),
    "size": Set(networks="networks_200", count=200),
    "strain": Set(test_only=True, count=180, changes={"temperature": COLD, "strain": -0.15}),
    "hot_1e-9": _hot(1e-9),
    "hot_1e-8": _hot(1e-8),
    "hot_1e-6": _hot(1e-6),
    "hot_1e-5": _hot(1e-5),
}


def split_bases(bases: list[str], seed: int = 1) -> dict[str, list[str]]:
    """Split base networks at random, so that no topology is on two sides."""
    names = np.random.default_rng(seed).permutation(sorted(set(bases))).tolist()
    ends = np.round(np.cumsum(list(SHARES.values())) * len(names)).astype(int)
    parts = np.split(np.array(names), ends[:-1])
    return {side: sorted(part.tolist()) for side, part in zip(SHARES, parts, strict=True)}


def make_networks(out: Path, name: str, bar: Progress, bases: int | None) -> list[ElasticNetwork]:
    """Networks of a file, made if missing."""
    path, recipe = out / f"{name}.npz", NETWORKS[name]
    if bases is not None:
        recipe = NetworkSetRecipe(**{**vars(recipe), "bases": min(bases, recipe.bases)})
    if path.exists():
        return read_networks(path)
    task = bar.add_task(name)
    return generate_networks(
        recipe, path, on_progress=lambda done, total: bar.update(task, completed=done, total=total)
    )


def make_set(out: Path, name: str, bar: Progress, options: argparse.Namespace) -> None:
    """Trajectories of one set."""
    chosen = SETS[name]
    networks = make_networks(out, chosen.networks, bar, options.bases)
    if chosen.test_only:
        test = set(json.loads((out / "split.json").read_text(encoding="utf-8"))["test"])
        networks = [network for network in networks if network.base in test]
    count = min(chosen.count, options.trajectories)
    task, begun = bar.add_task(name), time.process_time()
    compress_networks(
        networks,
        fast_recipe(**chosen.changes),
        out / name,
        limit=count,
        on_progress=lambda done, total: bar.update(task, completed=done, total=total),
    )
    print(f"{name}: {min(count, len(networks))} trajectories, {time.process_time() - begun:.0f} s of CPU")


def main() -> None:
    """Make what is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--sets", default=",".join(SETS), help="which, with commas between")
    parser.add_argument("--trajectories", type=int, default=3500, help="at most so many in each set")
    parser.add_argument("--bases", type=int, help="at most so many base networks, for a trial")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        networks = make_networks(options.out, "networks", bar, options.bases)
        split = split_bases([network.base for network in networks])
        write_whole(options.out / "split.json", json.dumps(split, indent=1) + "\n")
        for name in options.sets.split(","):
            make_set(options.out, name, bar, options)


if __name__ == "__main__":
    try:
        main()
    except MdlensError as error:
        sys.exit(f"generate.py: {error}")
