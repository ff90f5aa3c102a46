"""Run every benchmark, collect records and headline ratios in results.json, fill docs/performance.md.

    python -m benchmarks.run_all [--only classify agreement ...] [--quick]

For an idle machine: it takes about half an hour. Each part is a program of its own; parts that are not run
keep their records of the last time. `--quick` takes small inputs, to see that everything works, and writes
nothing.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import page

HERE = Path(__file__).parent
OUT = HERE / "results.json"
Record = dict[str, Any]

PARTS: dict[str, list[list[str]]] = {
    "agreement": [["agreement.py"]],
    "classify": [
        ["classify.py", "--noise", "0.08", "--threads", threads, "--repeats", "7"] for threads in ("1", "2")
    ],
    "threads": [["classify.py", "--noise", "0.08", "--threads", "1", "2", "--repeats", "21"]],
    "stages": [["stages.py"]],
    "core": [["core"]],
    "neighbors": [["pairs.py"]],
    "descriptor": [["descriptor.py"]],
    "file_to_file": [["file_to_file.py", "--threads", threads] for threads in ("1", "2")],
    "scaling": [["file_to_file.py", "--scaling", "--threads", "1", "--repeats", "3"]],
    "frames": [["file_to_file.py", "--frames", "2000", "--threads", "1"]],
    "dumps": [["dump_io.py"]],
    "cluster": [["cluster.py"], ["cluster.py", "--kill"]],
}
QUICK: dict[str, list[list[str]]] = {
    "agreement": [["agreement.py", "--materials", "Si"]],
    "classify": [["classify.py", "--noise", "0.08", "--cells", "8", "--repeats", "1"]],
    "stages": [["stages.py", "--cells", "8", "--repeats", "1"]],
    "file_to_file": [["file_to_file.py", "--atoms", "20000", "--repeats", "1"]],
    "cluster": [["cluster.py", "--frames", "8", "--cells", "6", "--repeats", "1"]],
}


def records_of(command: Sequence[str]) -> list[Record]:
    """The JSON lines that a benchmark prints; an error in it ends everything."""
    print("$", *command, flush=True)
    if command == ["core"]:
        return core_records()
    run = subprocess.run(  # noqa: S603
        [sys.executable, str(HERE / command[0]), *command[1:]], stdout=subprocess.PIPE, text=True, check=True
    )
    lines = [line for line in run.stdout.splitlines() if line.startswith("{")]
    return [json.loads(line) | {"command": " ".join(command)} for line in lines]


def core_records() -> list[Record]:
    """What the C++ benchmark of the core prints, which is built first."""
    build = HERE.parent / "build" / "bench"
    configure = ["cmake", "-S", str(HERE.parent), "-B", str(build), "-DMDLENS_BENCHMARKS=ON"]
    for step in ([*configure, "-DCMAKE_BUILD_TYPE=Release"], ["cmake", "--build", str(build)]):
        subprocess.run(step, stdout=subprocess.DEVNULL, check=True)  # noqa: S603
    program = str(build / "cpp" / "bench_byte_network")
    run = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    return [json.loads(line) for line in run.stdout.splitlines()]


def headlines(parts: dict[str, list[Record]]) -> dict[str, float]:
    """The ratios that the targets are about, of what there is."""
    found = dict(_classify_ratios(parts.get("classify", [])))
    agreement = parts.get("agreement", [])
    if agreement:
        found["agreement.share_of_equal_labels"] = min(r["share_of_equal_labels"] for r in agreement)
    for record in parts.get("file_to_file", []):
        name = f"file_to_file.{record['threads']}_threads"
        found[f"{name}.times_ovito"] = record["times_faster_wall"]
        found[f"{name}.peak_over_ovito"] = record["peak_over_ovito"]
    for record in parts.get("threads", [])[1:]:
        found[f"threads.{record['threads']}_over_1"] = record["times_first"]
    for record in parts.get("cluster", []):
        if "workers" in record.get("contestant", ""):
            found["cluster.two_workers_over_one"] = record["times_one_worker"]
    for record in parts.get("scaling", []):
        found[f"scaling.{record['atoms']}.cost_over_small"] = record["cost_over_small"]
    stages = {record["stage"]: record["cpu_us_per_atom"] for record in parts.get("stages", [])}
    kernel = [r["us_per_atom"] for r in parts.get("core", []) if r["stage"].startswith("kernel of byte maps")]
    if stages and kernel:
        ptm = stages["ovito ptm (fcc, hcp, bcc; rmsd 0.1)"]
        found["map_kernel.times_ptm"] = round(ptm / kernel[0], 1)
    return found


def _classify_ratios(records: list[Record]) -> Iterator[tuple[str, float]]:
    speeds: dict[int, dict[str, float]] = {}
    for record in records:
        speeds.setdefault(record["threads"], {})[record["contestant"]] = record["atoms_per_second"]
    for threads, by_name in speeds.items():
        for name, speed in by_name.items():
            if name != "mdlens":
                yield f"classify.{threads}_threads.times {name}", round(by_name["mdlens"] / speed, 2)
        yield f"classify.{threads}_threads.atoms_per_second", by_name["mdlens"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    earlier = json.loads(OUT.read_text(encoding="utf-8"))["records"] if OUT.exists() else {}
    parts: dict[str, list[Record]] = {} if options.quick else earlier
    commands = QUICK if options.quick else PARTS
    for part in options.only:
        if part in commands:
            parts[part] = [record for command in commands[part] for record in records_of(command)]
        if not options.quick:
            text = json.dumps({"headlines": headlines(parts), "records": parts}, indent=1)
            OUT.write_text(text + "\n", encoding="utf-8")
    if not options.quick:
        page.main()
    print(json.dumps(headlines(parts), indent=1))


if __name__ == "__main__":
    main()
