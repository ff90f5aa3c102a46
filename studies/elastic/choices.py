"""What the protocol's open choices do: inertia of the box and temperature; writes choices.json.

    python studies/elastic/choices.py [--out studies/elastic/choices.json]

Three networks of 100 nodes, Poisson's ratio about -0.3, 0.1 and 0.5, are compressed with the fast protocol.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from mdlens.elastic import (
    ElasticTrajectory,
    compress,
    contact_network,
    fast_recipe,
    jammed_packing,
    linear_response,
    poisson_ratio_from_box,
    prune,
)
from mdlens.io.whole_file import write_whole

STRAINS = (0.002, 0.005, 0.01, 0.02)


def box_ratios(trajectory: ElasticTrajectory) -> dict[str, float]:
    """Poisson's ratio of the box at some strains."""
    ratios = poisson_ratio_from_box(trajectory.boxes)
    frames = [int(np.argmin(np.abs(trajectory.strain + strain))) for strain in STRAINS]
    return {str(s): round(float(ratios[k]), 4) for s, k in zip(STRAINS, frames, strict=True)}


def motion(trajectory: ElasticTrajectory) -> dict[str, float]:
    """Root mean square of the nodes' first and second differences between frames, per component."""
    first, second = (np.diff(trajectory.positions, n, axis=0) for n in (1, 2))
    return {"first": float(np.sqrt((first**2).mean())), "second": float(np.sqrt((second**2).mean()))}


def main() -> None:
    """Run all choices on the three networks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("choices.json"))
    options = parser.parse_args()
    whole = contact_network(jammed_packing(100, seed=3), name="whole")
    rows: list[dict[str, Any]] = []
    for pruned in prune(whole, [-0.3, 0.1, 0.5]):
        row: dict[str, Any] = {
            "nu_box": linear_response(pruned.network).nu_box,
            "inertia": {},
            "temperature": {},
        }
        for inertia in (1e-6, 1e-4, 1e-2, 1.0):
            recipe = fast_recipe(temperature=1e-11, strain=-0.0205, barostat_temperature=inertia)
            row["inertia"][str(inertia)] = box_ratios(compress(pruned.network, recipe))
        for temperature in (1e-11, 1e-9, 1e-7, 1e-5):
            recipe = fast_recipe(temperature=temperature, strain=-0.0205, equilibration=500.0)
            row["temperature"][str(temperature)] = motion(compress(pruned.network, recipe))
        rows.append(row)
    write_whole(options.out, json.dumps(rows, indent=1) + "\n")
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
