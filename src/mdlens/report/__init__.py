"""Figures, tables and the self-contained HTML page."""

from mdlens.report.data import Exemplar, FrameSummary, ModelCard, Report, Scene
from mdlens.report.page import render, write_report
from mdlens.report.text import percent, printable

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
