"""Score classifiers of deformation patterns with things held out, beside their baselines.

    python -m studies.tribology.evaluate WINDOWS.npz... --out results.json [--seeds 5] [--epochs 40]

For every split (random, region, seed, condition) and seed: fine sections read pixel by pixel, with measures
of orientation microscopy and metadata; the image with the measures and metadata; the two published readings,
the autoencoder's vector with metadata and the image with metadata; and the baselines: majority, metadata
alone, image alone, 32 principal components with logistic regression, the measures with logistic regression,
and with metadata in boosted trees. Autoencoders are fitted three times as long as classifiers; `--half`
convolves pixels in bfloat16, about twice as fast where the processor has it.
Also the reconstruction for 8, 16, 32 and 64 numbers; every condition of the map predicted from the others;
and how many labels change when the thresholds move. The file says whether its windows are of MD or
synthetic; the two are never joined. A split that the data does not allow is left out, and said so. Done
parts are kept: the same command goes on after an interruption. `--parts` does some of it only.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from studies.tribology.tables import OURS

from mdlens.descriptors.deformation import PATTERNS, READABLE, Thresholds, judge, read_scores
from mdlens.errors import InputError
from mdlens.io.whole_file import write_json
from mdlens.learning.pattern_data import METADATA, SPLITS, PatternData, hold_out, load_patterns
from mdlens.learning.pattern_fit import (
    PatternFitSettings,
    PixelFitSettings,
    encode,
    fit_autoencoder,
    fit_classifier,
    fit_pixels,
    logits_of,
    softmax,
)
from mdlens.models.pattern_classifier import ImageClassifier, LatentClassifier, ScoreClassifier
from mdlens.workflows.tribology import predict_conditions, reconstruction_quality, score
from mdlens.workflows.tribology_model import see

IMAGE = "xyz"
LATENTS = (8, 16, 32, 64)
PARTS = (*SPLITS, "cells", "reconstruction")
CLASSES = len(PATTERNS)
MEMBERS, MAP_EPOCHS = 5, 60  # as mdlens tribology map has them
PIXEL_EPOCHS, PIXEL_WIDTH = 20, 24


def logistic() -> Any:
    """Logistic regression."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))


def trees(seed: int) -> Any:
    """Boosted trees."""
    return HistGradientBoostingClassifier(max_iter=150, max_leaf_nodes=15, random_state=seed)


def simple(
    model: Any, features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Probabilities of all patterns by a model of scikit-learn."""
    known = np.unique(labels[train])
    chances = np.zeros((len(test), CLASSES))
    if len(known) == 1:
        chances[:, known[0]] = 1.0
        return chances
    model.fit(features[train], labels[train])
    chances[:, model.classes_] = model.predict_proba(features[test])
    return chances


def network(
    build: Callable[[int, int, int], Any], seen: np.ndarray, known: np.ndarray, data: PatternData,
    parts: tuple[np.ndarray, np.ndarray], settings: PatternFitSettings,
) -> np.ndarray:  # fmt: skip
    """Probabilities of a network fitted to the training part."""
    train, test = parts
    fitted = fit_classifier(
        lambda: build(seen.shape[1], known.shape[1], CLASSES),
        seen[train], known[train], data.labels[train], data.relative[train], settings,
    )  # fmt: skip
    return softmax(logits_of(fitted, seen[test], known[test]))


def slower(settings: PatternFitSettings) -> PatternFitSettings:
    """Settings of an autoencoder, which converges more slowly than a classifier."""
    return replace(settings, epochs=3 * settings.epochs)


def contestants(
    data: PatternData, parts: tuple[np.ndarray, np.ndarray], seed: int, epochs: int, half: bool
) -> dict[str, np.ndarray]:
    """Probabilities of every contestant for the test windows."""
    train, test = parts
    images, labels = data.channels(IMAGE), data.labels
    settings = PatternFitSettings(epochs=epochs, seed=seed)
    for_pixels = PixelFitSettings(epochs=PIXEL_EPOCHS, seed=seed, half=half)
    pixels = fit_pixels(data.part(train).sections, for_pixels, width=PIXEL_WIDTH)
    vectors = encode(fit_autoencoder(images[train], slower(settings)), images)
    flat = images[:, :, ::2, ::2].reshape(len(data), -1)
    pca = PCA(min(32, len(train) - 1), random_state=seed).fit(flat[train])
    nothing = np.zeros((len(data), 0))
    majority = np.zeros((len(test), CLASSES))
    majority[:, np.bincount(labels[train]).argmax()] = 1.0
    return {
        OURS: network(ScoreClassifier, see(pixels, data, IMAGE), data.measured, data, parts, settings),
        "image + measures + metadata": network(ImageClassifier, images, data.measured, data, parts, settings),
        "image + metadata": network(ImageClassifier, images, data.told, data, parts, settings),
        "latent + metadata": network(LatentClassifier, vectors, data.told, data, parts, settings),
        "majority": majority,
        "metadata alone": network(
            LatentClassifier, nothing.astype(np.float32), data.told, data, parts, settings
        ),
        "image alone": network(ImageClassifier, images, nothing, data, parts, settings),
        "PCA-32 + logistic": simple(logistic(), pca.transform(flat), labels, train, test),
        "measures + logistic": simple(logistic(), data.measures, labels, train, test),
        "measures + metadata, trees": simple(trees(seed), data.measured, labels, train, test),
    }


def named(scores: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """Labels that scores (N, 6) give (N,)."""
    rows = (dict(zip(PATTERNS[1:], row, strict=True)) for row in scores)
    return np.array([judge(row, thresholds).label for row in rows])


def perfect_reading(data: PatternData) -> float:
    """Share of labels that who reads every pixel of the sections right, and no more, would name."""
    scores = np.zeros_like(data.scores)
    scores[:, : len(READABLE)] = read_scores(data.sections.shares())
    return float(np.mean(named(scores, data.thresholds) == data.labels))


def moved_labels(data: PatternData) -> dict[str, float]:
    """Share of labels that change when thresholds move by 25 %: all together, and each alone."""
    names = PATTERNS[1:]
    start = asdict(data.thresholds)
    moves = {f"all {sign}": dict.fromkeys(names, f) for sign, f in (("-25%", 0.75), ("+25%", 1.25))}
    moves |= {f"{n} {sign}": {n: f} for n in names for sign, f in (("-25%", 0.75), ("+25%", 1.25))}
    changed = {}
    for what, factors in moves.items():
        thresholds = Thresholds(**{n: start[n] * factors.get(n, 1.0) for n in names})
        changed[what] = float(np.mean(named(data.scores, thresholds) != data.labels))
    return changed


def persistence(data: PatternData) -> dict[str, float]:
    """How steady labels are: shares of frames, each against those before and after it at its place.

    `next` have the label of the frame before; `between` have the one that the mean scores of the frame before
    and the one after give: who knows both neighbours exactly is right that often.
    """
    following, between = [], []
    for place in np.unique(np.stack([data.run, data.region], axis=1), axis=0):
        here = np.flatnonzero((data.run == place[0]) & (data.region == place[1]))
        here = here[np.argsort(data.metadata[here, METADATA.index("time")])]
        following += list(data.labels[here[1:]] == data.labels[here[:-1]])
        means = (data.scores[here[:-2]] + data.scores[here[2:]]) / 2
        between += list(named(means, data.thresholds) == data.labels[here[1:-1]])
    return {"next": float(np.mean(following)), "between": float(np.mean(between))}


def left_out_cells(data: PatternData) -> list[dict[str, Any]]:
    """Every condition predicted from all others, by the ensemble of `mdlens tribology map`."""
    conditions = data.conditions()
    rows = []
    for number in np.unique(conditions):
        inside = conditions == number
        wanted = data.told[inside].mean(axis=0, keepdims=True)
        others = data.part(np.flatnonzero(~inside))
        chances = predict_conditions(others, wanted, members=MEMBERS, epochs=MAP_EPOCHS, seed=0)[:, 0]
        shares = np.bincount(data.labels[inside], minlength=CLASSES) / inside.sum()
        mean = chances.mean(axis=0)
        best = int(mean.argmax())
        rows.append(
            dict(zip(("nickel", "pressure", "temperature"), map(float, wanted[0, :3]), strict=True))
            | {"found": PATTERNS[int(shares.argmax())], "found_share": float(shares.max())}
            | {"predicted": PATTERNS[best], "probability": float(mean[best])}
            | {"members": [float(v) for v in chances[:, best]], "share_of_predicted": float(shares[best])}
        )
    return rows


def begun(out: Path, data: PatternData, epochs: int, half: bool) -> dict[str, Any]:
    """What the file holds already, or the facts about the windows that it begins with.

    Raises:
        InputError: If the file was made of other windows or with other settings.
    """
    facts: dict[str, Any] = {
        "source": data.source,
        "epochs": epochs,
        "pixels": {"epochs": PIXEL_EPOCHS, "width": PIXEL_WIDTH, "half": half},
        "runs": list(data.runs),
        "windows": len(data),
        "digest": data.digest(),
        "labels": {p: int((data.labels == k).sum()) for k, p in enumerate(PATTERNS)},
        "ambiguous": float(data.ambiguous.mean()),
        "moved_thresholds": moved_labels(data),
        "persistence": persistence(data),
        "perfect_reading": perfect_reading(data),
    }
    if not out.exists():
        return facts
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    other = [name for name, value in facts.items() if found.get(name) != value]
    if other:
        raise InputError(f"{out} was made with other {', '.join(other)}: remove it, or name another")
    return found


def write_results(out: Path, results: dict[str, Any]) -> None:
    """Write what there is, with the machine."""
    about = {"processor": platform.machine(), "cores": os.cpu_count(), "torch": version("torch")}
    write_json(out, results | {"machine": about})


def score_split(
    scores: dict[str, Any], data: PatternData, split: str, seed: int, epochs: int, half: bool
) -> None:
    """Score all contestants with one part held out, unless that is done."""
    name = f"{split} {seed}"
    if name in scores:
        return
    try:
        parts = hold_out(data, split, seed=seed)
    except InputError as error:
        scores[name] = {"left out": str(error)}
        return
    found = contestants(data, parts, seed, epochs, half)
    test = parts[1]
    clear = ~data.ambiguous[test]
    scores[name] = {
        who: score(chances, data.labels[test], data.run[test], seed)
        | {"accuracy_clear": share((chances.argmax(axis=1) == data.labels[test])[clear])}
        for who, chances in found.items()
    }
    print(name, {who: round(s["accuracy"], 3) for who, s in scores[name].items()}, flush=True)


def share(right: np.ndarray) -> float | None:
    """Share of what is right, None of nothing."""
    return float(right.mean()) if len(right) else None


def drawn_again(data: PatternData, latent: int, epochs: int) -> dict[str, Any]:
    """How well an autoencoder draws windows that it was not fitted to."""
    train, test = hold_out(data, "random", seed=0)
    images = data.channels(IMAGE)
    fitted = fit_autoencoder(images[train], slower(PatternFitSettings(epochs=epochs)), latent=latent)
    return reconstruction_quality(fitted, images[test])


def main() -> None:
    """Fill the table and write it after every part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("windows", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--half", action="store_true", help="convolve pixels in bfloat16")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to do, of all")
    arguments = parser.parse_args()
    data = load_patterns(arguments.windows)
    results = begun(arguments.out, data, arguments.epochs, arguments.half)
    write = partial(write_results, arguments.out, results)
    for split in (part for part in arguments.parts if part in SPLITS):
        for seed in range(arguments.seeds):
            scores = results.setdefault("scores", {})
            score_split(scores, data, split, seed, arguments.epochs, arguments.half)
            write()
    if "cells" in arguments.parts and "left_out_cells" not in results:
        results["left_out_cells"] = left_out_cells(data)
        write()
    if "reconstruction" in arguments.parts:
        for latent in LATENTS:
            drawn = results.setdefault("reconstruction", {})
            if str(latent) not in drawn:
                drawn[str(latent)] = drawn_again(data, latent, arguments.epochs)
                write()


if __name__ == "__main__":
    main()
