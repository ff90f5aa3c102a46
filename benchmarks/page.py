"""Fill the tables of docs/performance.md from results.json.

python -m benchmarks.page
"""

import json
from pathlib import Path
from typing import Any

from studies.page import filled, table

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
SHIPPED = "8x8-64 all-192 all-64"
"""The plan of the shipped network in the records of the core."""

Record = dict[str, Any]
Records = dict[str, list[Record]]


def classify(records: Records) -> str:
    """Whole classification beside OVITO's methods, on one thread and on two."""
    threads = sorted({r["threads"] for r in records["classify"]})
    rows = []
    for name in dict.fromkeys(r["contestant"] for r in records["classify"]):
        cells: list[str] = []
        for count in threads:
            r = next(r for r in records["classify"] if (r["contestant"], r["threads"]) == (name, count))
            cells += [f"{r['atoms_per_second']:,}", f"{r['mdlens_speed_ratio']:.2f}"]
        rows.append([name, f"{100 * r['share_labelled_fcc']:.1f}", *cells])
    heads = [text for n in threads for text in (f"atoms/s, {n} thread{'s' * (n > 1)}", "mdlens is faster by")]
    return table(["", "labelled fcc, %", *heads], rows)


def stages(records: Records) -> str:
    """Processor time per atom of each stage."""
    rows = [(r["stage"], f"{r['cpu_us_per_atom']:.2f}") for r in records["stages"]]
    rows += [
        (f"C++: {r['stage']}, {r['isa']}", f"{r['us_per_atom']:.2f}")
        for r in records.get("core", [])
        if r["isa"] in ("automatic", "avx512") and ("all-64" not in r["stage"] or SHIPPED in r["stage"])
    ]
    return table(["stage", "µs of processor time per atom"], rows)


def agreement(records: Records) -> str:
    """The fused path against the reference."""
    rows = [
        (
            r["contestant"],
            f"{r['atoms']:,}",
            f"{100 * r['share_of_equal_labels']:.3f}",
            f"{100 * r['share_of_probabilities_within_0.01']:.3f}",
            f"{r['largest_difference_of_probability']:.3f}",
        )
        for r in records["agreement"]
    ]
    head = ["path", "atoms", "same label, %", "probabilities within 0.01, %", "largest difference"]
    return table(head, rows)


def neighbors(records: Records) -> str:
    """Lists of pairs and of nearest neighbours beside others."""
    rows = [
        (r["benchmark"], name, f"{r['n_atoms'] / wall:,.0f}", f"{r['mdlens_speedup_wall'][name]:.2f}")
        for r in records["neighbors"]
        for name, wall in r["wall_seconds"].items()
    ]
    return table(["task", "", "atoms/s", "mdlens is faster by"], rows)


def files(records: Records) -> str:
    """From file to file beside OVITO."""
    rows = [
        (
            f"{r['atoms']:,}",
            r["threads"],
            *(f"{r['wall_seconds'][name]:.1f} s" for name in ("mdlens", "ovito")),
            f"{r['times_faster_wall']:.2f}",
            *(f"{r['peak_mb'][name]} MB" for name in ("mdlens", "ovito")),
        )
        for r in records["file_to_file"]
    ]
    head = ["atoms", "threads", "mdlens", "OVITO, PTM", "mdlens is faster by", "peak, mdlens", "peak, OVITO"]
    return table(head, rows)


def scaling(records: Records) -> str:
    """One large frame, and many frames."""
    rows = [
        (f"1 x {r['atoms']:,}", f"{r['cpu_us_per_atom']:.2f}", f"{r['peak_mb']:.0f} MB")
        for r in records["scaling"]
    ]
    rows += [
        (f"{r['frames']:,} x {r['atoms_per_frame']:,}", f"{r['cpu_us_per_atom']:.2f}", f"{r['peak_mb']} MB")
        for r in records.get("frames", [])
    ]
    return table(["frames x atoms, one thread", "µs of processor time per atom", "peak"], rows)


def parallel(records: Records) -> str:
    """Two threads and two Dask workers beside one."""
    rows = [
        (
            f"{r['threads']} thread{'s' * (r['threads'] > 1)}",
            f"{r['median_seconds']:.2f} s",
            f"{r['times_first']:.2f}",
        )
        for r in records["threads"]
    ]
    rows += [
        (f"Dask, {r['contestant']}", f"{r['median_seconds']:.2f} s", f"{r['times_one_worker']:.2f}")
        for r in records.get("cluster", [])
        if "worker" in r.get("contestant", "")
    ]
    return table(["", "time", "speed-up"], rows)


BLOCKS = {
    "classify": (classify, "classify"),
    "parallel": (parallel, "threads"),
    "stages": (stages, "stages"),
    "agreement": (agreement, "agreement"),
    "neighbors": (neighbors, "neighbors"),
    "files": (files, "file_to_file"),
    "scaling": (scaling, "scaling"),
}


def main() -> None:
    records = json.loads((HERE / "results.json").read_text(encoding="utf-8"))["records"]
    blocks = {name: make(records) for name, (make, part) in BLOCKS.items() if part in records}
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), blocks), encoding="utf-8")


if __name__ == "__main__":
    main()
