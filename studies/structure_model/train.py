"""Train the shipped models with several seeds.

    python studies/structure_model/train.py RUNS/ [--models default robust] [--seeds 1 2 3]

RUNS/default_1, RUNS/robust_1 and so on are runs of `mdlens train crystal` with the configuration beside this
script and another seed; finished ones are kept, interrupted ones go on. Seed 1 is the one that is shipped.
"""

import argparse
from pathlib import Path

from mdlens.workflows.train_crystal import train_crystal

HERE = Path(__file__).parent


def train(model: str, seed: int, runs: Path) -> None:
    folder = runs / f"{model}_{seed}"
    text = (HERE / f"{model}.toml").read_text(encoding="utf-8")
    config = runs / f"{model}_{seed}.toml"
    config.write_text(
        text.replace("seed = 1\n", f"seed = {seed}\n").replace('file = "', f'file = "{HERE.resolve()}/'),
        encoding="utf-8",
    )
    train_crystal(config, folder, threads=1, progress=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path)
    parser.add_argument("--models", nargs="+", default=["default", "robust"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    arguments = parser.parse_args()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    for seed in arguments.seeds:
        for model in arguments.models:
            train(model, seed, arguments.runs)


if __name__ == "__main__":
    main()
