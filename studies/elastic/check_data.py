"""Measure a finished (or growing) set of trajectories against linear response; writes a JSON file.

    python studies/elastic/check_data.py OUT/clean [--json studies/elastic/data_check.json]

Reads trajectories only, no dynamics: how near Poisson's ratio of the box is to linear response at small
strain, how near that of the positions is to that of the box, and how the set is spread.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from mdlens.elastic import poisson_ratio_from_box, poisson_ratio_from_positions, read_trajectories
from mdlens.io.whole_file import write_whole
from mdlens.types import FloatArray

SMALL = (5, 10, 15, 20)
STEPS = (20, 100, 400)


def frames_of(path: Path) -> tuple[str, float, FloatArray]:
    """Base network, ratio by linear response, and ratios (3, frames): box, positions, one origin."""
    (run,) = read_trajectories(path)
    one = poisson_ratio_from_positions(run.positions, run.boxes, every_origin=False)
    ratios = np.array([poisson_ratio_from_box(run.boxes), run.poisson_ratio, one])
    return run.network.base, run.linear_nu, ratios[:, : max(STEPS) + 1]


def determination(found: FloatArray, true: FloatArray) -> float:
    """Coefficient of determination."""
    return 1 - float(((found - true) ** 2).sum() / ((true - true.mean()) ** 2).sum())


def small_strain(box: FloatArray, linear: FloatArray) -> dict[str, Any]:
    """Distance of the box's ratio (runs,) from linear response."""
    away = np.abs(box - linear)
    return {
        "median": float(np.median(away)),
        "within_0.02": float((away <= 0.02).mean()),
        "R2": determination(box, linear),
    }


def main() -> None:
    """Measure a folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path, default=Path(__file__).with_name("data_check.json"))
    options = parser.parse_args()
    files = sorted(options.folder.glob("*.npz"))
    runs = [frames_of(path) for path in track(files, description="trajectories")]
    linear = np.array([run[1] for run in runs])
    box, positions, one = np.array([run[2] for run in runs]).transpose(1, 2, 0)
    results = {
        "set": options.folder.name,
        "trajectories": len(runs),
        "base_networks": len({run[0] for run in runs}),
        "linear_response_percentiles_0_5_50_95_100": np.percentile(linear, [0, 5, 50, 95, 100])
        .round(3)
        .tolist(),
        "box_against_linear_response_at_frame": {str(k): small_strain(box[k], linear) for k in SMALL},
        "mean_of_frames_5_to_15_against_linear_response": small_strain(box[5:16].mean(axis=0), linear),
        "positions_against_box_R2_at_step": {str(k): determination(positions[k], box[k]) for k in STEPS},
        "one_origin_against_box_R2_at_step": {str(k): determination(one[k], box[k]) for k in STEPS},
        "linear_response_against_box_R2_at_step": {str(k): determination(linear, box[k]) for k in STEPS},
    }
    write_whole(options.json, json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
