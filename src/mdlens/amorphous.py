"""Amorphous configurations: structural metrics, classifiers of liquid and glass.

>>> import mdlens
>>> mdlens.amorphous.structural_metrics(atoms, k=4, minority=2)  # doctest: +SKIP
"""

from mdlens.descriptors.motifs import StructuralMetrics
from mdlens.workflows.amorphous_metrics import structural_metrics, window_metrics

__all__ = ["StructuralMetrics", "structural_metrics", "window_metrics"]
