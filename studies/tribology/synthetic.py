"""Draw labelled windows of the synthetic generator.

python studies/tribology/synthetic.py OUT.npz [--runs 36] [--frames 4] [--size 32] [--seed 1]
"""

import argparse
from pathlib import Path

import numpy as np

from mdlens.descriptors.deformation import PATTERNS
from mdlens.workflows.pattern_labels import synthetic_patterns


def main() -> None:
    """Draw them and print how many have each label."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--runs", type=int, default=36)
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    data = synthetic_patterns(
        arguments.out, runs=arguments.runs, frames=arguments.frames, size=arguments.size, seed=arguments.seed
    )
    counts = np.bincount(data.labels, minlength=len(PATTERNS))
    print(dict(zip(PATTERNS, counts.tolist(), strict=True)))


if __name__ == "__main__":
    main()
