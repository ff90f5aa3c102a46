"""Train the simulators of elastic networks, score them, and write results.json; an interrupted run goes on.

    python studies/elastic/generate.py DATA/
    python studies/elastic/study.py DATA/ --work RUNS/ [--only bonds,paper,...]

Every job writes RUNS/NAME.json and is not done again; results.json holds what is there. Trainings are of one
thread. What is scored: the trajectories of base networks that no training saw (`cases.py`); every contestant
is given the first four frames and, of the others, the length along x.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from cases import LONG, StudyData
from design import design_job
from motion import motion_job, strain_job
from scoring import baselines, evaluate
from speed import speed_job
from static import static_job

from mdlens.io.whole_file import write_json
from mdlens.learning.config import read_config
from mdlens.learning.network_data import select
from mdlens.learning.network_fit import fit_simulator
from mdlens.learning.network_settings import (
    NetworkTrainingConfig,
    SelectionConfig,
)
from mdlens.models import NetworkSimulator

HERE = Path(__file__).parent
SEEDS = (1, 2, 3)
SIZES = (5, 10, 20, 50, 100)
TRAINING_NETWORKS = 100

Job = Callable[[], dict[str, Any]]


class Study:
    """The jobs, each with its own folder under RUNS/."""

    def __init__(self, data: StudyData, work: Path) -> None:
        self.data = data
        self.work = work

    def config(self, variant: str, seed: int, epochs: int = 0, **changes: Any) -> NetworkTrainingConfig:
        """The configuration of a variant with another seed, length or selection."""
        config = read_config(NetworkTrainingConfig, HERE / f"{variant}.toml")
        fit = replace(config.fit, seed=seed, epochs=epochs or config.fit.epochs)
        return replace(config, fit=fit, selection=SelectionConfig(**changes))

    def train(self, name: str, config: NetworkTrainingConfig) -> tuple[NetworkSimulator, dict[str, Any]]:
        """Fit a simulator, or load the one that is there."""
        folder = self.work / name
        folder.mkdir(parents=True, exist_ok=True)
        chosen, split, clean = config.selection, self.data.split, self.data.clean
        train = select(clean, split.train, chosen, limit=True, seed=config.fit.seed)
        validation = select(clean, split.validation, replace(chosen, networks=0), limit=False)
        begun = time.process_time()
        simulator = fit_simulator(config.model, train, validation, config.fit, folder)
        facts = {
            "networks": len(train),
            "selection": asdict(chosen),
            "fit": asdict(config.fit),
            "model": asdict(config.model),
            "parameters": sum(weights.numel() for weights in simulator.parameters()),
            "training_cpu_s": time.process_time() - begun,
        }
        return simulator, facts

    def run(
        self, folder: str, config: NetworkTrainingConfig, tests: dict[str, tuple[Any, int]]
    ) -> dict[str, Any]:
        """Train and score on several sets."""
        simulator, facts = self.train(folder, config)
        found: dict[str, Any] = {"training": facts}
        if hasattr(simulator, "log_friction"):
            found["learned"] = learned(simulator)
        for test, (truths, last) in tests.items():
            found[test] = evaluate(simulator, truths, last)
        return found


@torch.no_grad()  # type: ignore[untyped-decorator]
def learned(simulator: Any) -> dict[str, float]:
    """What was learned, in reduced units; the true law is ``t = 2 k (l - l0)`` with ``k = 1 / l0``."""
    ones = torch.ones(1, dtype=torch.float64)
    springs = {}
    for strain in (-0.05, 0.001, 0.05):
        with torch.no_grad():
            tension, _ = simulator.law(ones * (1.0 + strain), ones, ones)
        springs[f"spring_at_{strain:g}"] = float(tension) / strain / 100.0
    friction = float(simulator.log_friction.exp()) / 10.0
    return {
        "friction_per_spring": friction / springs["spring_at_0.001"],
        "friction": friction,
        "box_inertia_per_node": float(simulator.log_box_inertia.exp()),
        "box_friction": float(simulator.log_box_friction.exp()) / 10.0,
        **springs,
    }


class Jobs:
    """All jobs by name, the most important first."""

    def __init__(self, study: Study) -> None:
        self.study, self.data = study, study.data
        self.all: dict[str, Job] = {}
        self.base = {"networks": TRAINING_NETWORKS}
        self._main()
        self._ranges("bonds", epochs=5)
        self._paper()
        self._seeds("bonds")
        self._sizes(SEEDS[:1], SIZES)
        self.all["design"] = lambda: design_job(self.data, self._trained("bonds"))
        self.all["speed"] = lambda: speed_job(self.data, self._trained("bonds"), self._trained("paper"))
        both = ("bonds", "paper")
        self.all["strain"] = lambda: strain_job(self.data, {v: self._trained(v) for v in both})
        self.all["motion"] = lambda: motion_job(self.data)
        self._statics()
        self._steps()
        self._others("bonds")
        self._ranges("paper", epochs=6)
        self._sizes(SEEDS[1:], SIZES)
        self._seeds("paper")
        self._others("paper")
        self._variants()

    def _test(self) -> Any:
        return self.data.test

    def _few(self) -> Any:
        return self.data.test[:LONG]

    def _training(self, name: str, config: NetworkTrainingConfig, folder: str = "", **tests: Any) -> None:
        """Train, then score on sets given as (what makes them, last frame)."""

        def job() -> dict[str, Any]:
            return self.study.run(
                folder or name, config, {k: (get(), last) for k, (get, last) in tests.items()}
            )

        self.all[name] = job

    def _main(self) -> None:
        """In distribution."""
        data, config = self.data, self.study.config
        self.all["baselines"] = lambda: baselines(data.test, [data.clean[i] for i in data.split.train])
        for variant in ("bonds", "linear"):
            self._training(f"{variant}_1", config(variant, 1, **self.base), test=(self._test, 400))

    def _paper(self) -> None:
        """The published network in distribution; its long rollouts on fewer networks."""
        tests = {"test": (self._test, 100), "few": (self._few, 400)}
        self._training("paper_1", self.study.config("paper", 1, **self.base), **tests)

    def _seeds(self, variant: str) -> None:
        """Two more seeds."""
        for seed in SEEDS[1:]:
            config = self.study.config(variant, seed, **self.base)
            self._training(f"{variant}_{seed}", config, test=(self._test, 400 if variant == "bonds" else 100))

    def _ranges(self, variant: str, epochs: int = 0) -> None:
        """Trained on a part of the range, or on the first frames."""
        for name, change in RANGES.items():
            config = self.study.config(variant, 1, epochs, **{**self.base, **change})
            if name == "frames":
                fit = replace(config.fit, validation_steps=10, unroll=SHORT)
                config = replace(config, fit=fit)
            self._training(f"{variant}_{name}", config, test=(self._test, 100))

    def _others(self, variant: str) -> None:
        """Tested under other conditions."""
        main = self.study.config(variant, 1, **self.base)
        for name in (name for name in OTHERS if (self.data.folder / name).is_dir()):
            last = 100 if variant == "paper" else 1200 if name == "strain" else 400
            tests = {name: (partial(self.data.other, name), last)}
            self._training(f"{variant}_on_{name}", main, f"{variant}_1", **tests)

    def _sizes(self, seeds: Sequence[int], sizes: Sequence[int]) -> None:
        """Learning curves."""
        for size in sizes:
            for seed in seeds:
                config = self.study.config("bonds", seed, 5, networks=size)
                self._training(f"bonds_of_{size}_{seed}", config, test=(self._test, 100))

    def _statics(self) -> None:
        """Learning curve of the static network."""
        for size in (*SIZES, 0):
            self.all[f"static_of_{size}"] = partial(static_job, self.data, size, SEEDS)

    def _steps(self) -> None:
        """The published network trained on single steps: robust as the other, and as published."""
        one = self.study.config("paper", 1, **self.base)
        one = replace(one, fit=replace(one.fit, unroll=(1,)))
        self._training("paper_one_step", one, test=(self._test, 100))
        published = replace(one, model=replace(one.model, robust=False), fit=replace(one.fit, clip=0.0))
        self._training("paper_published", published, test=(self._test, 100))

    def _variants(self) -> None:
        """The published network with fewer networks, trained longer, and with shorter memories."""
        for size in (5, 20):
            config = self.study.config("paper", 1, 6, networks=size)
            self._training(f"paper_of_{size}", config, test=(self._test, 100))
        self._training("paper_long", self.study.config("paper", 1, 36, **self.base), test=(self._test, 400))
        for history in (1, 2):
            short = self.study.config("paper", 1, **self.base)
            short = replace(short, model=replace(short.model, history=history))
            self._training(f"paper_history_{history}", short, test=(self._test, 100))

    def _trained(self, variant: str) -> NetworkSimulator:
        return self.study.train(f"{variant}_1", self.study.config(variant, 1, **self.base))[0]


RANGES: dict[str, dict[str, Any]] = {
    "ordinary": {"nu_min": 0.1},
    "auxetic": {"nu_max": 0.0},
    "frames": {"frames": 21},
}
OTHERS = ("size", "strain", "published", "hot_1e-9", "hot_1e-8", "hot_1e-6", "hot_1e-5")
SHORT = (1, 2, 3, 5, 8, 10)


def machine() -> dict[str, Any]:
    """What the study ran on."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {"processor": names[0], "cores": os.cpu_count(), "torch": torch.__version__,
            "python": platform.python_version(), "threads": 1}  # fmt: skip


def main(names: Sequence[str] | None = None) -> None:
    """Do what is missing and write results.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", default="", help="jobs whose names begin with one of these, with commas")
    parser.add_argument("--results", type=Path, default=HERE / "results.json")
    options = parser.parse_args(names)
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    wanted = tuple(options.only.split(","))
    found = {}
    for name, job in Jobs(Study(StudyData(options.data), options.work)).all.items():
        file = options.work / f"{name}.json"
        if not file.exists() and name.startswith(wanted):
            begun = time.process_time()
            result = job()
            result["cpu_s"] = time.process_time() - begun
            file.write_text(json.dumps(result), encoding="utf-8")
            print(f"{name}: {result['cpu_s']:.0f} s of CPU", flush=True)
        if file.exists():
            found[name] = json.loads(file.read_text(encoding="utf-8"))
    about = {"seeds": SEEDS, "training_networks": TRAINING_NETWORKS, "machine": machine()}
    write_json(options.results, {"about": about, **found})


if __name__ == "__main__":
    main()
