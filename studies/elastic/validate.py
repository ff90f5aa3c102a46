"""Check generator and compression against each other; writes validation.json beside this script.

    python studies/elastic/validate.py [--networks 60] [--out studies/elastic/validation.json]

- linear response against molecular dynamics at small strain (0.1 %, then held until the box is still);
- the published time step, 0.01, against 0.25, Poisson's ratio at 2 % strain, on a few of the networks;
- molecular dynamics at the published rate against minimisation (quasi-static), at 1 %, 2 % and 5 %;
- Poisson's ratio from the positions of the nodes against that from the box, at 1 %, 2 % and 5 %;
- seconds of CPU of each step.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from rich.progress import track

from mdlens.elastic import (
    ElasticNetwork,
    ElasticTrajectory,
    compress,
    compress_quasistatically,
    fast_recipe,
    linear_response,
    poisson_ratio_from_box,
    poisson_ratio_from_positions,
)
from mdlens.io.whole_file import write_whole
from mdlens.workflows.elastic_data import NetworkSetRecipe, pruned_networks, spread_order

COLD = 1e-11
STRAINS = (0.01, 0.02, 0.05)
T = TypeVar("T")


def timed(seconds: dict[str, list[float]], name: str, call: Callable[[], T]) -> T:
    """Call, and note the CPU time."""
    begun = time.process_time()
    result = call()
    seconds[name].append(time.process_time() - begun)
    return result


def ratios_at(trajectory: ElasticTrajectory, strains: tuple[float, ...]) -> list[list[float]]:
    """Poisson's ratio at some strains: of the box, of the positions, of these with one origin."""
    frames = [int(np.argmin(np.abs(trajectory.strain + strain))) for strain in strains]
    one = poisson_ratio_from_positions(trajectory.positions, trajectory.boxes, every_origin=False)
    ratios = (poisson_ratio_from_box(trajectory.boxes), trajectory.poisson_ratio, one)
    return [ratio[frames].tolist() for ratio in ratios]


def held(network: ElasticNetwork, seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Linear response, and molecular dynamics held at small strain."""
    response = timed(seconds, "linear_response", lambda: linear_response(network))
    recipe = fast_recipe(temperature=1e-13, strain=-0.001, hold=5000.0)
    still = timed(seconds, "held", lambda: compress(network, recipe))
    return {
        "name": network.name,
        "nu": response.nu,
        "nu_box": response.nu_box,
        "anisotropy": response.anisotropy,
        "held": float(poisson_ratio_from_box(still.boxes)[-1]),
    }


def moving(network: ElasticNetwork, seconds: dict[str, list[float]], *, published: bool) -> dict[str, Any]:
    """Compression at the published rate beside minimisation, and beside the published time step."""
    fast = timed(seconds, "fast", lambda: compress(network, fast_recipe(temperature=COLD, strain=-0.0505)))
    minima = timed(seconds, "quasi_static", lambda: compress_quasistatically(network, strain=-0.05, steps=50))
    box, positions, one_origin = ratios_at(fast, STRAINS)
    row: dict[str, Any] = {"box": box, "positions": positions, "one_origin": one_origin}
    row["quasi_static"] = ratios_at(minima, STRAINS)[0]
    if published:
        recipe = fast_recipe(temperature=COLD, strain=-0.0202, timestep=0.01)
        slow = timed(seconds, "published_to_2_percent", lambda: compress(network, recipe))
        row["published"] = ratios_at(slow, (0.02,))[0][0]
    return row


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Distances and coefficients of determination over the networks."""
    still = np.array([abs(row["held"] - row["nu_box"]) for row in rows])
    networks, rows = len(rows), [row for row in rows if "box" in row]
    box, minima = (np.array([row[key] for row in rows]) for key in ("box", "quasi_static"))
    slow = np.array([abs(row["published"] - row["box"][1]) for row in rows if "published" in row])
    return {
        "networks": networks,
        "networks_compressed": len(rows),
        "linear_response_against_held": {
            "within_0.02": float((still <= 0.02).mean()),
            "median": float(np.median(still)),
            "largest": float(still.max()),
        },
        "timestep_0.25_against_0.01": {"networks": len(slow), "largest": float(slow.max(initial=0))},
        "dynamics_against_quasi_static": {
            str(s): {"median": float(np.median(d)), "within_0.02": float((d <= 0.02).mean())}
            for s, d in zip(STRAINS, np.abs(box - minima).T, strict=True)
        },
        "positions_against_box_R2": determination(rows, "positions"),
        "positions_of_one_origin_against_box_R2": determination(rows, "one_origin"),
    }


def determination(rows: list[dict[str, Any]], key: str) -> dict[str, float]:
    """R2 of a ratio against that of the box at each strain."""
    box, other = (np.array([row[name] for row in rows]).T for name in ("box", key))
    return {
        str(s): 1 - float(((o - b) ** 2).sum() / ((b - b.mean()) ** 2).sum())
        for s, b, o in zip(STRAINS, box, other, strict=True)
    }


def main() -> None:
    """Run all checks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=60)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument(
        "--compressed", type=int, default=60, help="networks compressed at the published rate"
    )
    parser.add_argument("--published", type=int, default=6, help="networks run at the published time step")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("validation.json"))
    options = parser.parse_args()
    seconds: dict[str, list[float]] = defaultdict(list)
    recipe = NetworkSetRecipe(bases=-(-options.networks // 6), per_base=12, nodes=options.nodes, seed=7)
    networks = [
        network
        for base in range(recipe.bases)
        for network in timed(seconds, "networks_of_a_base", lambda base=base: pruned_networks(recipe, base))  # type: ignore[misc]
    ]
    order = spread_order([network.base for network in networks], 7)[: options.networks]
    rows = []
    for number, index in enumerate(track(order, description="networks")):
        row = held(networks[index], seconds)
        if number < options.compressed:
            row |= moving(networks[index], seconds, published=number < options.published)
        rows.append(row)
    results = {
        "summary": summary(rows),
        "kept_of_targets": [len(networks), recipe.bases * recipe.per_base],
        "median_cpu_seconds": {name: round(float(np.median(s)), 4) for name, s in seconds.items()},
        "networks": rows,
    }
    write_whole(options.out, json.dumps(results, indent=1) + "\n")
    print(json.dumps({k: v for k, v in results.items() if k != "networks"}, indent=1))


if __name__ == "__main__":
    main()
