"""Whole classification, positions in memory to labels, against OVITO's PTM and adaptive CNA.

Every contestant finds its own neighbours. Before any time is taken, each has to label a perfect crystal
without a mistake, and mdlens at least 99 % of the noised one. Calls alternate; medians of wall time.

    python benchmarks/classify.py [--threads 1] [--cells 30] [--noise 0.05] [--repeats 5] [--model default]

`--threads 1 2` takes no rivals: it times mdlens with one thread and with two, in turn.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version

import ase
import numpy as np
from harness import compare, emit, noised_fcc
from numpy.typing import NDArray

import mdlens
from mdlens.inference import load_model

FCC = 1
LEAST_RIGHT = 0.99

Labels = NDArray[np.integer]
Contestant = Callable[[ase.Atoms], Callable[[], Labels]]


def main() -> None:
    options = parse_options()
    if len(options.threads) > 1:
        compare_threads(options)
        return
    (threads,) = options.threads
    os.environ["OVITO_THREAD_COUNT"] = str(threads)  # read by OVITO when it is imported
    contestants = {"mdlens": ours(options.model, threads), **theirs()}
    shares = checked_shares(contestants, options)
    atoms = noised_fcc(options.cells, options.noise)
    seconds = compare({name: prepare(atoms) for name, prepare in contestants.items()}, options.repeats)
    for name, median in seconds.items():
        emit(
            {
                "benchmark": "classify",
                "contestant": name,
                "atoms": len(atoms),
                "noise": options.noise,
                "threads": threads,
                "repeats": options.repeats,
                "median_seconds": round(median, 4),
                "atoms_per_second": round(len(atoms) / median),
                "mdlens_speed_ratio": round(median / seconds["mdlens"], 3),
                "share_labelled_fcc": round(shares[name], 5),
                "model": options.model,
                "ovito": version("ovito"),
            }
        )


def compare_threads(options: argparse.Namespace) -> None:
    """Time mdlens with each number of threads, alternating."""
    atoms = noised_fcc(options.cells, options.noise)
    runs = {str(threads): ours(options.model, threads)(atoms) for threads in options.threads}
    labels = [run() for run in runs.values()]
    if any((labels[0] != other).any() for other in labels):
        sys.exit("mdlens: the labels depend on the number of threads")
    seconds = compare(runs, options.repeats)
    for threads, median in seconds.items():
        emit(
            {
                "benchmark": "threads",
                "atoms": len(atoms),
                "noise": options.noise,
                "threads": int(threads),
                "repeats": options.repeats,
                "median_seconds": round(median, 4),
                "times_first": round(next(iter(seconds.values())) / median, 3),
                "model": options.model,
            }
        )


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument(
        "--cells", type=int, default=30, help="cubic cells along an edge; 30 make 108,000 atoms"
    )
    parser.add_argument("--noise", type=float, default=0.05, help="sigma per component over the bond length")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--model", default="default")
    return parser.parse_args()


def ours(model: str, threads: int) -> Contestant:
    loaded = load_model(model)

    def prepare(atoms: ase.Atoms) -> Callable[[], Labels]:
        return lambda: mdlens.classify(atoms, loaded, threads=threads, embeddings=False).labels

    return prepare


def theirs() -> dict[str, Contestant]:
    from ovito.modifiers import CommonNeighborAnalysisModifier, PolyhedralTemplateMatchingModifier

    ptm_all = PolyhedralTemplateMatchingModifier()
    for kind in (
        PolyhedralTemplateMatchingModifier.Type.SC,
        PolyhedralTemplateMatchingModifier.Type.CUBIC_DIAMOND,
        PolyhedralTemplateMatchingModifier.Type.HEX_DIAMOND,
    ):
        ptm_all.structures[kind].enabled = True
    adaptive = CommonNeighborAnalysisModifier.Mode.AdaptiveCutoff
    return {
        "ovito ptm (fcc, hcp, bcc; rmsd 0.1)": in_ovito(PolyhedralTemplateMatchingModifier()),
        "ovito ptm (fcc, hcp, bcc, sc, diamonds; rmsd 0.1)": in_ovito(ptm_all),
        "ovito adaptive cna": in_ovito(CommonNeighborAnalysisModifier(mode=adaptive)),
    }


def in_ovito(modifier: object) -> Contestant:
    from ovito.io.ase import ase_to_ovito

    def prepare(atoms: ase.Atoms) -> Callable[[], Labels]:
        data = ase_to_ovito(atoms)

        def run() -> Labels:
            result = data.clone()
            result.apply(modifier)
            return np.asarray(result.particles["Structure Type"])

        return run

    return prepare


def checked_shares(contestants: Mapping[str, Contestant], options: argparse.Namespace) -> dict[str, float]:
    """Return each contestant's share of right labels on the noised crystal, after the checks."""
    perfect, noised = noised_fcc(6, 0.0), noised_fcc(options.cells, options.noise)
    shares = {}
    for name, prepare in contestants.items():
        wrong = int(np.count_nonzero(prepare(perfect)() != FCC))
        if wrong:
            sys.exit(f"{name}: {wrong} of {len(perfect)} atoms of a perfect fcc crystal are labelled wrong")
        shares[name] = float(np.mean(prepare(noised)() == FCC))
    if shares["mdlens"] < LEAST_RIGHT:
        sys.exit(f"mdlens: only {shares['mdlens']:.4f} of the noised crystal is labelled fcc")
    return shares


if __name__ == "__main__":
    main()
