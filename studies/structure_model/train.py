"""Train a shipped model with several seeds.

    python studies/structure_model/train.py RUNS/ [--model default] [--seeds 1 2 3]

RUNS/default_1 and so on are runs of `mdlens train crystal` with `default.toml` (or `robust.toml`) and another
seed; finished ones are kept, interrupted ones go on. Seed 2 is the one that is shipped.
"""

import argparse
import shutil
from pathlib import Path

from mdlens.workflows.train_crystal import train_crystal

HERE = Path(__file__).parent


def train(model: str, seed: int, runs: Path) -> None:
    text = (HERE / f"{model}.toml").read_text(encoding="utf-8")
    config = runs / f"{model}_{seed}.toml"
    config.write_text(text.replace("seed = 1\n", f"seed = {seed}\n"), encoding="utf-8")
    train_crystal(config, runs / f"{model}_{seed}", threads=1, progress=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path)
    parser.add_argument("--model", choices=["default", "robust"], default="default")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    arguments = parser.parse_args()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    for data in ("train.npz", "mixed.npz"):  # a run knows its data by names relative to its configuration
        if not (arguments.runs / data).exists():
            shutil.copy(HERE / data, arguments.runs)
    for seed in arguments.seeds:
        train(arguments.model, seed, arguments.runs)


if __name__ == "__main__":
    main()
