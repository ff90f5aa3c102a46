"""What the elastic study trains on and is tested on, whatever else lies in the folder."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mdlens.elastic import ElasticTrajectory, read_networks, read_trajectories
from mdlens.learning.network_data import NetworkSplit
from mdlens.workflows.elastic_data import spread_order

USED = 900
"""The first trajectories in the order of `compress_networks`: three of each base network."""

TESTED = 200
FEW = 60


@dataclass(frozen=True)
class StudyData:
    """The folder that generate.py makes."""

    folder: Path

    @cached_property
    def parts(self) -> dict[str, list[str]]:
        """Base networks of each part."""
        return dict(json.loads((self.folder / "split.json").read_text(encoding="utf-8")))

    @cached_property
    def clean(self) -> list[ElasticTrajectory]:
        """The trajectories of the clean set that are used."""
        return self._first("clean", USED)

    @cached_property
    def split(self) -> NetworkSplit:
        """Indices into `clean`."""
        owner = {base: part for part, bases in self.parts.items() for base in bases}
        found: dict[str, list[int]] = {part: [] for part in ("train", "validation", "test")}
        for index, trajectory in enumerate(self.clean):
            found[owner[trajectory.network.base]].append(index)
        return NetworkSplit(**{part: tuple(indices) for part, indices in found.items()})

    @cached_property
    def test(self) -> list[ElasticTrajectory]:
        """Trajectories of unseen base networks."""
        return [self.clean[index] for index in self.split.test[:TESTED]]

    def other(self, name: str, count: int = FEW) -> list[ElasticTrajectory]:
        """Test trajectories of another set: those of unseen base networks."""
        seen = set(self.parts["train"]) | set(self.parts["validation"])
        if name == "size":
            return self._first(name, count, "networks_200")
        return [t for t in self._first(name, 10**6, missing=True) if t.network.base not in seen][:count]

    def _first(
        self, name: str, count: int, networks: str = "networks", *, missing: bool = False
    ) -> list[ElasticTrajectory]:
        """Trajectories of a set in the order in which they were made."""
        known = read_networks(self.folder / f"{networks}.npz")
        if missing:
            known = [n for n in known if (self.folder / name / f"{n.name}.npz").exists()]
        order = spread_order([network.base for network in known], 1)[:count]
        files = [self.folder / name / f"{known[index].name}.npz" for index in order]
        return [read_trajectories(file)[0] for file in files]
