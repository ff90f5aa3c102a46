"""One colour per structure, the same in every figure and near to OVITO's."""

from collections.abc import Sequence

UNKNOWN = "unknown"

_STRUCTURES = {
    "fcc": "#3fb165",
    "hcp": "#c81e3a",
    "bcc": "#3d5bd9",
    "sc": "#8b2fc9",
    "cubic_diamond": "#12a5d8",
    "hexagonal_diamond": "#f08c00",
    "ico": "#e6c200",
    "disordered": "#a3adb8",
    "liquid": "#a3adb8",
    "amorphous": "#8d7b6a",
    UNKNOWN: "#1f2937",
}
_OTHERS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442", "#7f3c8d")
_DASHES = ("solid", "dash", "dashdot", "longdash", "longdashdot", "dot")


def class_colors(names: Sequence[str]) -> dict[str, str]:
    """Give every class its colour: the known structures theirs, others one from a colour-blind-safe list.

    Source: hues of OVITO's structure types; the list for others after Okabe & Ito (2008).
    """
    others = (name for name in names if name not in _STRUCTURES)
    own = {name: _OTHERS[k % len(_OTHERS)] for k, name in enumerate(others)}
    return {name: _STRUCTURES.get(name) or own[name] for name in names}


def darker(color: str, factor: float = 0.7) -> str:
    """Return a colour ``#rrggbb`` with its components multiplied by a factor: the rim of an atom."""
    parts = (round(int(color[k : k + 2], 16) * factor) for k in (1, 3, 5))
    return "#" + "".join(f"{part:02x}" for part in parts)


def class_dashes(names: Sequence[str]) -> dict[str, str]:
    """Give every class its line style, so that colour is never the only difference; unknown is dotted."""
    plain = [name for name in names if name != UNKNOWN]
    dashes = {name: _DASHES[k % (len(_DASHES) - 1)] for k, name in enumerate(plain)}
    return {**dashes, UNKNOWN: "dot"}
