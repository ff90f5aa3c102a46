"""The tables of docs/accuracy.md, made from results.json."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from studies.page import table

Results = Mapping[str, Any]

NAMES = {
    "mdlens": "mdlens",
    "mdlens_averaged": "averaged",
    "mdlens_robust": "robust",
    "mdlens_robust_averaged": "robust averaged",
    "ptm_tuned": "PTM tuned",
    "ptm_none": "PTM no cutoff",
    "ptm_0.1": "PTM 0.1",
    "acna": "a-CNA",
    "icna": "i-CNA",
    "ackland_jones": "Ackland-Jones",
    "ids": "IDS",
    "published_dc4": "DC4 (publ.)",
    "published_dc3": "DC3 (publ.)",
}
DEFAULT = ("mdlens", "mdlens_averaged")
ROBUST = ("mdlens_robust", "mdlens_robust_averaged")
OURS = (*DEFAULT, *ROBUST)
RIVALS = ("ptm_tuned", "ptm_none", "ptm_0.1", "icna", "acna", "ackland_jones", "ids")
HOTTER = "accuracy_at_1.2_tm"
PUBLISHED = ("published_dc4", "published_dc3")
CRYSTALS = ("Al", "Ar", "Fe", "Li", "Ti", "Mg", "Zr", "Si", "Si_sw", "Ge", "ice_Ih", "ice_Ic", "KCl")
KINDS = ("coexistence", "surface", "nanoparticle", "grain_boundary", "point_defects", "all")
SHOWN = ("0.0", "0.1", "0.2", "0.3", "0.4", "0.5")


def percent(value: float | None) -> str:
    """A percentage with the digits that matter: more of them near 100."""
    if value is None:
        return "-"
    if value > 99.995:
        return "100"
    return f"{value:.2f}" if value > 98 else f"{value:.1f}"


def with_interval(score: Mapping[str, float] | None) -> str:
    """A value with its 95 % interval where it has one."""
    if score is None:
        return "-"
    if "low" not in score or score["low"] == score["high"]:
        return percent(score["value"])
    return f"{percent(score['value'])} ({percent(score['low'])}-{percent(score['high'])})"


def title(name: str) -> str:
    """A material's key as a reader's name."""
    words = {"Si": "Si (EDIP)", "Si_sw": "Si (SW)", "ice_Ih": "ice Ih (mW)", "ice_Ic": "ice Ic (mW)"}
    stem = name.removesuffix("_liquid")
    return words.get(stem, stem) + (" liquid" if name.endswith("_liquid") else "")


def crystals(results: Results) -> list[str]:
    """Keys of the crystals that were scored, in the order of the page."""
    return [name for name in CRYSTALS if name in results["dc3"]]


def liquids(results: Results) -> list[str]:
    """Keys of the liquids that were scored."""
    return [name for name in results["dc3"] if name.endswith("_liquid")]


def ours(results: Results) -> list[str]:
    """The models that were scored."""
    some = results["dc3"][crystals(results)[0]]
    return [name for name in OURS if name in some]


def default(results: Results) -> list[str]:
    """The default model, one pass and averaged."""
    return [name for name in ours(results) if name in DEFAULT]


def robust(results: Results) -> list[str]:
    """The model for damaged data, one pass and averaged; the default where there is none."""
    return [name for name in ours(results) if name in ROBUST] or default(results)


def _at(entry: Results, name: str, key: str = "accuracy_at_tm") -> Mapping[str, float] | None:
    return entry.get(name, {}).get(key)


def _value(score: Mapping[str, float] | None) -> str:
    return percent(score["value"]) if score else "-"


def melting_table(results: Results) -> str:
    """Every crystal at its melting temperature."""
    models, others = default(results), (*PUBLISHED, "ptm_tuned", "ptm_none", "ptm_0.1")
    head = ["crystal", *(NAMES[n] for n in (*models, *others)), "a-CNA / IDS", "crystal up to"]
    rows = []
    for name in crystals(results):
        entry = results["dc3"][name]
        where = "" if entry["reference"] == 1.0 else f", at {entry['reference']:.2f} T_m"
        label = f"{title(name)}, {entry['structure'].replace('_', ' ')}{where}"
        cells = [with_interval(_at(entry, n)) for n in models[:1]]
        cells += [_value(_at(entry, n)) for n in (*models[1:], *others)]
        cells.append(_value(_at(entry, "acna") or _at(entry, "ids")))
        rows.append([label, *cells, kept_up_to(entry)])
    return table(head, rows)


def kept_up_to(entry: Results) -> str:
    """The hottest snapshot that is still the crystal; "or more" where no hotter one was tried."""
    hottest = f"{max(map(float, entry['by_temperature'])):.2f} T_m"
    return hottest if any(entry["gave_way_at"].values()) else f"{hottest} or more"


def warm_table(results: Results) -> str:
    """Every crystal at 0.8 of its melting temperature."""
    names = [*default(results), "ptm_tuned", "ptm_none", "ptm_0.1"]
    rows = []
    for material in crystals(results):
        entry = results["dc3"][material]
        if _at(entry, names[0], "accuracy_at_0.8_tm"):
            cells = [_value(_at(entry, n, "accuracy_at_0.8_tm")) for n in names]
            rows.append([title(material), *cells])
    return table(["crystal at 0.8 T_m", *(NAMES[n] for n in names)], rows)


def liquid_table(results: Results) -> str:
    """Every liquid at the melting temperature and at 1.2 of it."""
    models = default(results)
    names = (*models, "ptm_tuned", "ptm_none", "ptm_0.1", "acna", "ackland_jones")
    rows = []
    for material in liquids(results):
        entry = results["dc3"][material]
        cells = [with_interval(_at(entry, models[0]))]
        cells += [_value(_at(entry, n)) for n in names[1:]]
        hotter = [_value(_at(entry, n, HOTTER)) for n in (models[0], "ptm_tuned")]
        rows.append([title(material), *cells, *hotter])
    head = ["liquid at T_m", *(NAMES[n] for n in names), "mdlens at 1.2 T_m", "PTM tuned at 1.2 T_m"]
    return table(head, rows)


def missing_table(results: Results) -> str:
    """Every crystal and liquid at its melting temperature with atoms missing, one pass and averaged."""
    models = robust(results)
    rows = []
    for material in (*crystals(results), *liquids(results)):
        entry = results["distorted"][material]
        cells = [" / ".join(_value(entry.get(s, {}).get(n)) for n in models) for s in SHOWN]
        rows.append([title(material), *cells])
    names = " / ".join(NAMES[n] for n in models)
    return table([f"{names}; missing:", *(f"{float(s):.0%}" for s in SHOWN)], rows)


def noise_table(results: Results) -> str:
    """Ideal lattices under Gaussian noise: ours, and PTM without a cutoff in parentheses."""
    rows, model = [], robust(results)[0]
    for structure, by_sigma in results["noise"].items():
        cells = [
            f"{percent(row[model]['value'])} ({percent(row['ptm_none']['value'])})"
            for row in by_sigma.values()
        ]
        rows.append([structure.replace("_", " "), *cells])
    sigmas = next(iter(results["noise"].values()))
    return table([f"lattice: {NAMES[model]} (PTM no cutoff)", *(f"{float(s):.0%}" for s in sigmas)], rows)


def confidence_table(results: Results) -> str:
    """Calibration error, and what is accepted, by model and condition."""
    labels = {"at_tm": "at T_m", "0.3_missing": "30 % missing", "0.5_missing": "50 % missing"}
    share = {"at_tm": "0.0", "0.3_missing": "0.3", "0.5_missing": "0.5"}
    rows = []
    for name in ours(results):
        for condition, label in labels.items():
            entry = results["calibration"][name].get(condition)
            if entry is None:
                continue
            taken, right = selective(results, name, share[condition])
            ece = with_interval(entry["ece"])
            rows.append([NAMES[name], label, ece, percent(taken), percent(right)])
    head = ["model", "condition", "calibration error", "accepted", "right among accepted"]
    return table(head, rows)


def selective(results: Results, name: str, share: str) -> tuple[float, float]:
    """Accepted share and accuracy among accepted over all materials and liquids, each atom counted once."""
    atoms = taken = right = 0.0
    for entry in results["distorted"].values():
        row = entry.get(share)
        if row is None:
            continue
        accepted = row["atoms"] * row[name]["accepted"]
        atoms, taken = atoms + row["atoms"], taken + accepted
        right += accepted * (row[name]["right_if_accepted"] or 0.0) / 100.0
    return taken / atoms, 100.0 * right / taken


def cost_table(results: Results) -> str:
    """Atoms per second on one thread, in a crystal and in a melt."""
    crystal, melt = (results["cost"][name]["atoms_per_second"] for name in ("crystal", "melt"))
    rows = [
        [
            NAMES.get(name, name),
            *(
                text
                for rates in (crystal, melt)
                for text in (
                    f"{rates[name]:,}",
                    f"{rates[name] / rates['ptm (fcc, hcp, bcc)']:.2f}",
                    f"{rates[name] / rates['ptm (all six)']:.2f}",
                )
            ),
        ]
        for name in crystal
    ]
    against = ["against PTM (fcc, hcp, bcc)", "against PTM (all six)"]
    return table(["", "crystal: atoms/s", *against, "melt: atoms/s", *against], rows)


def _mean_and_worst(values: Mapping[str, float | None]) -> str:
    known = {k: v for k, v in values.items() if v is not None}
    if not known:
        return "-"
    worst = min(known, key=lambda k: known[k])
    if known[worst] > 99.995:
        return "100"
    return f"{percent(fmean(known.values()))} ({title(worst)} {percent(known[worst])})"


def summary_table(results: Results) -> str:
    """The page in one table: mean over the materials, and the worst of them."""
    names = [*ours(results), "ptm_tuned", "ptm_none", "ptm_0.1"]
    solid, melt = crystals(results), liquids(results)

    def line(label: str, keys: Sequence[str], get: Callable[[str, str], float | None]) -> list[str]:
        return [label, *(_mean_and_worst({k: get(k, n) for k in keys}) for n in names)]

    def thermal(which: str) -> Callable[[str, str], float | None]:
        return lambda k, n: (_at(results["dc3"][k], n, which) or {}).get("value")

    def missing(share: str) -> Callable[[str, str], float | None]:
        return lambda k, n: results["distorted"][k].get(share, {}).get(n, {}).get("value")

    rows = [
        line("crystals at 0.8 T_m", solid, thermal("accuracy_at_0.8_tm")),
        line("crystals at T_m", solid, thermal("accuracy_at_tm")),
        line("liquids at T_m", melt, thermal("accuracy_at_tm")),
        line("liquids at 1.2 T_m", melt, thermal(HOTTER)),
        line("crystals at T_m, 30 % missing", solid, missing("0.3")),
        line("liquids at T_m, 30 % missing", melt, missing("0.3")),
        line("crystals at T_m, 50 % missing", solid, missing("0.5")),
        line("liquids at T_m, 50 % missing", melt, missing("0.5")),
    ]
    return table(["mean (worst)", *(NAMES[n] for n in names)], rows)


def beaten_table(results: Results) -> str:
    """Rows of the page in which some rival is above ours, one pass: the default model, `robust` for noise."""
    places: list[tuple[str, Results]] = []
    for material in (*crystals(results), *liquids(results)):
        entry = results["dc3"][material]
        scores = {n: score for n in NAMES if (score := _at(entry, n))}
        places.append((f"{title(material)} at T_m", scores))
    for structure, by_sigma in results["noise"].items():
        for sigma, row in by_sigma.items():
            label = f"{structure.replace('_', ' ')}, noise {float(sigma):.0%}"
            places.append((label, row | {"mdlens": row[robust(results)[0]]}))
    for kind in KINDS if "mixed" in results else ():
        for zone, label in (("bulk", "bulk"), ("near", "within 5 A")):
            places.append((f"{kind.replace('_', ' ')}, {label}", results["mixed"][kind][zone]))
    rows = []
    for label, scores in places:
        own = scores["mdlens"]["value"]
        above = [n for n in (*PUBLISHED, *RIVALS) if n in scores and scores[n]["value"] > own]
        if above:
            better = ", ".join(f"{NAMES[n]} {percent(scores[n]['value'])}" for n in above)
            rows.append([label, percent(own), better])
    return table(["where", "mdlens", "better"], rows) if rows else "Nowhere in these tables."


def mixed_table(results: Results) -> str:
    """Frames of more than one phase: agreement with the inherent structure, bulk and near."""
    if "mixed" not in results:
        return "Not scored yet."
    names = [*default(results), "ptm_0.1", "ptm_none", "acna"]
    rows = []
    for kind in KINDS:
        for zone, label in (("bulk", "bulk"), ("near", "within 5 A")):
            entry = results["mixed"][kind][zone]
            cells = [with_interval(entry.get(n)) if n in OURS else _value(entry.get(n)) for n in names]
            rows.append([kind.replace("_", " "), label, f"{entry['atoms']:,}", *cells])
    return table(["frames", "where", "atoms", *(NAMES[n] for n in names)], rows)


def unseen_table(results: Results) -> str:
    """Structures that were never taught: how well they are told from those that were."""
    if "ood" not in results:
        return "Not scored yet."
    found = results["ood"]
    rows = [
        [
            NAMES.get(key, key),
            with_interval(scores["auroc"][found["score"]]),
            with_interval(scores["flagged"]),
            with_interval(found["inside_flagged"][key]),
        ]
        for key, scores in found["all"].items()
    ]
    return table(["", "AUROC, percent", "unseen called unknown", "seen called unknown"], rows)


FIGURES = {
    "temperature": "Accuracy against temperature",
    "missing": "Accuracy over temperature and missing atoms",
    "reliability": "Reliability",
    "confusion": "Confusion matrices",
}


def blocks(results: Results) -> dict[str, str]:
    """Every table and figure of the page by the name of its marks."""
    return {
        "summary": summary_table(results),
        "melting": melting_table(results),
        "warm": warm_table(results),
        "liquids": liquid_table(results),
        "missing": missing_table(results),
        "noise": noise_table(results),
        "mixed": mixed_table(results),
        "confidence": confidence_table(results),
        "unseen": unseen_table(results),
        "cost": cost_table(results),
        "beaten": beaten_table(results),
        **{f"figure of {k}": f"![{text}](figures/accuracy_{k}.png)" for k, text in FIGURES.items()},
    }
