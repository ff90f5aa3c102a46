"""Data sets of elastic networks: many pruned networks, and the compression of each, resumable."""

import dataclasses
import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mdlens.errors import InputError
from mdlens.io.network_files import (
    check_names,
    is_trajectory_file,
    read_networks,
    read_trajectories,
    write_networks,
    write_trajectories,
)
from mdlens.io.network_lammps import read_network_data
from mdlens.io.networks import ElasticNetwork, ElasticTrajectory
from mdlens.io.whole_file import write_whole
from mdlens.simulation.compression import CompressionRecipe, compress
from mdlens.simulation.linear_response import linear_response
from mdlens.simulation.packings import contact_network, jammed_packing
from mdlens.simulation.pruning import prune, with_angles
from mdlens.simulation.quasistatic import relax

OnProgress = Callable[[int, int], None]


def _silent(done: int, total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, kw_only=True)
class NetworkSetRecipe:
    """Which networks to make.

    Args:
        bases: Number of packings; each gives one base network, of which several pruned ones are kept.
        nodes: Discs of each packing.
        per_base: Targets per base network, one drawn from each of as many equal parts of the range.
        lowest: Lowest target of Poisson's ratio.
        highest: Highest target.
        tolerance: Largest distance from the target; networks that miss it are left out.
        max_anisotropy: Networks whose ``|C - C_iso| / |C|`` is larger are left out.
        area_fraction: Of the packing.
        angle_stiffness: k_theta of each pair of bonds at a node, added after pruning; 0 for none.
        seed: Of packings and targets.

    Raises:
        InputError: If a number is out of range.
    """

    bases: int = 300
    nodes: int = 100
    per_base: int = 12
    lowest: float = -0.6
    highest: float = 0.6
    tolerance: float = 0.02
    max_anisotropy: float = 0.5
    area_fraction: float = 1.0
    angle_stiffness: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.bases, self.per_base) < 1 or self.nodes < 16:
            raise InputError(
                f"at least 1 base network of 16 nodes and 1 target each are needed, got {self.bases}, "
                f"{self.nodes} and {self.per_base}"
            )
        if not -1 < self.lowest <= self.highest < 1:
            raise InputError(
                f"Poisson's ratios lie between -1 and 1, got the range {self.lowest} to {self.highest}"
            )
        if not (self.tolerance > 0 and self.max_anisotropy > 0 and 0 <= self.angle_stiffness < math.inf):
            raise InputError(
                "tolerance and max_anisotropy must be positive, angle_stiffness 0 or more, got "
                f"{self.tolerance}, {self.max_anisotropy} and {self.angle_stiffness}"
            )
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}")


def pruned_networks(recipe: NetworkSetRecipe, base: int) -> list[ElasticNetwork]:
    """The networks of one base network, those that miss the tolerances left out."""
    random = np.random.default_rng([recipe.seed, base])
    packing = jammed_packing(
        recipe.nodes, seed=int(random.integers(2**31)), area_fraction=recipe.area_fraction
    )
    whole = contact_network(packing, name=f"n{recipe.nodes}_s{recipe.seed}_{base:04d}")
    parts = (np.arange(recipe.per_base) + random.random(recipe.per_base)) / recipe.per_base
    targets = recipe.lowest + (recipe.highest - recipe.lowest) * parts
    kept = [
        pruned.network
        for pruned in prune(whole, targets.tolist(), tolerance=recipe.tolerance)
        if pruned.reached and pruned.response.anisotropy <= recipe.max_anisotropy
    ]
    if recipe.angle_stiffness:
        return [with_angles(network, recipe.angle_stiffness) for network in kept]
    return kept


def generate_networks(
    recipe: NetworkSetRecipe, path: Path, *, on_progress: OnProgress = _silent
) -> list[ElasticNetwork]:
    """Make the networks of a recipe and write them to one native file.

    What is done is kept in ``PATH.parts`` until the file is whole: called again it goes on from there.

    Raises:
        InputError: If the parts found are of another recipe.
    """
    if path.exists():
        raise InputError(f"{path} is there already: choose another name, or remove it to start over")
    parts = path.with_name(path.name + ".parts")
    claim_folder(parts, {"networks": dataclasses.asdict(recipe)})
    for base in range(recipe.bases):
        part = parts / f"{base:05d}.npz"
        if not part.exists():
            write_networks(part, pruned_networks(recipe, base))
        on_progress(base + 1, recipe.bases)
    networks = [network for part in sorted(parts.glob("*.npz")) for network in read_networks(part)]
    write_networks(path, networks)
    shutil.rmtree(parts)
    return networks


def compress_networks(
    networks: Sequence[ElasticNetwork],
    recipe: CompressionRecipe,
    folder: Path,
    *,
    limit: int | None = None,
    on_progress: OnProgress = _silent,
) -> list[Path]:
    """Compress networks into a folder, one native file of a trajectory each, named after the network.

    The order is such that the first trajectories are of different base networks, and random beyond that: when
    it is interrupted, what is there serves. Called again it goes on. Each network has a seed of its own.

    Args:
        networks: Names must differ.
        recipe: Protocol of all of them.
        folder: Where; made when missing.
        limit: Number of trajectories; all networks by default.
        on_progress: Called with (trajectories done, trajectories in all).

    Returns:
        The files, in the order in which they are made.

    Raises:
        InputError: If the folder holds trajectories of another recipe, or a compression fails.
    """
    check_names([network.name for network in networks])
    order = spread_order([network.base for network in networks], recipe.seed)[:limit]
    claim_folder(folder, {"compression": dataclasses.asdict(recipe)})
    files = []
    for done, index in enumerate(order, start=1):
        file = folder / f"{networks[index].name}.npz"
        if not file.exists():
            own = replace(recipe, seed=1 + (recipe.seed * 1_000_003 + index) % 899_999_998)
            write_trajectories(file, [compress_one(networks[index], own)])
        files.append(file)
        on_progress(done, len(order))
    return files


def compress_one(network: ElasticNetwork, recipe: CompressionRecipe) -> ElasticTrajectory:
    """Compress a network and note Poisson's ratio by linear response in the trajectory."""
    trajectory = compress(network, recipe)
    return replace(trajectory, linear_nu=linear_response(relax(network)).nu_box)


def spread_order(bases: Sequence[str], seed: int) -> list[int]:
    """A random order of networks in which every base network comes once before any comes again."""
    random = np.random.default_rng(seed)
    rounds: dict[str, int] = {}
    keyed: list[tuple[int, int, int]] = []
    for index in random.permutation(len(bases)).tolist():
        turn = rounds[bases[index]] = rounds.get(bases[index], -1) + 1
        keyed.append((turn, len(keyed), index))
    return [index for _, _, index in sorted(keyed)]


def claim_folder(folder: Path, settings: dict[str, object]) -> None:
    """Make a folder for some settings, or check that it is of these very settings.

    Raises:
        InputError: If it is of other settings, or cannot be made.
    """
    path, text = folder / "recipe.json", json.dumps(settings, indent=2) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise InputError(
                f"{path} belongs to another recipe: choose another folder, or remove this one to start over"
            )
        write_whole(path, text)
    except OSError as error:
        raise InputError(f"{folder}: cannot hold the run: {error.strerror}; choose another folder") from error


def read_elastic(path: Path) -> list[ElasticNetwork] | list[ElasticTrajectory]:
    """Read what a file holds: networks or trajectories in native files, one network in a LAMMPS data file.

    Raises:
        FormatError: If the file is none of these, or damaged.
    """
    if path.suffix != ".npz":
        return [read_network_data(path)]
    return read_trajectories(path) if is_trajectory_file(path) else read_networks(path)
