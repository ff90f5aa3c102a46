"""What the elastic study trains on and is tested on, whatever else lies in the folder."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mdlens.elastic import ElasticTrajectory, read_networks, read_trajectories
from mdlens.learning.network_data import NetworkSplit
from mdlens.workflows.elastic_data import spread_order

LEARNED = 300
"""For training and validation: the first in the order of `compress_networks`, one of each base network."""

TESTED = 750
"""The test: of the first so many trajectories, those of base networks that no training may see."""

FEW = 60
LONG = 30


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
        """The trajectories of the clean set that are learned from."""
        return self._first("clean", LEARNED)

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
        return self._first("clean", TESTED, bases=set(self.parts["test"]))

    def other(self, name: str, count: int = FEW) -> list[ElasticTrajectory]:
        """Test trajectories of another set: those of unseen base networks."""
        if name == "size":
            return self._first(name, count, networks="networks_200")
        if name == "published":
            return self._first(name, 2 * LEARNED, bases=set(self.parts["test"]))[:count]
        return self._first(name, count, among=set(self.parts["test"]))

    def _first(
        self,
        name: str,
        count: int,
        *,
        networks: str = "networks",
        among: set[str] | None = None,
        bases: set[str] | None = None,
    ) -> list[ElasticTrajectory]:
        """The first trajectories of a set in the order in which they were made.

        Args:
            name: Of the set.
            count: How many, before any are left out.
            networks: The file of its networks.
            among: The base networks the set was made of; None for all.
            bases: The base networks that are kept; None for all.
        """
        known = read_networks(self.folder / f"{networks}.npz")
        known = [network for network in known if among is None or network.base in among]
        order = spread_order([network.base for network in known], 1)[:count]
        chosen = [known[index] for index in order if bases is None or known[index].base in bases]
        return [read_trajectories(self.folder / name / f"{network.name}.npz")[0] for network in chosen]
