"""Figures, tables and the self-contained HTML page."""

from typing import TYPE_CHECKING, Any

from mdlens.report.data import Exemplar, FrameSummary, ModelCard, Report, Scene
from mdlens.report.text import percent, printable

if TYPE_CHECKING:
    from mdlens.report.page import render, write_report

__all__ = [
    "Exemplar",
    "FrameSummary",
    "ModelCard",
    "Report",
    "Scene",
    "percent",
    "printable",
    "render",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import what makes the page when it is asked for: plotly is slow, and most runs make none."""
    if name not in ("render", "write_report"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mdlens.report import page

    return getattr(page, name)
