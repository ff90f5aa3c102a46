"""Amorphous configurations: structural metrics, and models that tell liquid from glass.

    >>> import mdlens
    >>> mdlens.amorphous.structural_metrics(atoms, k=2, minority=2)  # doctest: +SKIP
    >>> model = mdlens.amorphous.load_model("glass/")  # doctest: +SKIP
    >>> model.classify(atoms).probability  # doctest: +SKIP

Models need the extra ``train``; the metrics need nothing.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from mdlens.descriptors.motifs import StructuralMetrics
from mdlens.workflows.amorphous_metrics import structural_metrics, window_metrics

if TYPE_CHECKING:
    from mdlens.workflows.amorphous import AmorphousModel

__all__ = ["StructuralMetrics", "load_model", "structural_metrics", "window_metrics"]


def load_model(file: str | Path) -> "AmorphousModel":
    """Read a model file or the folder of a training run; nothing in it is executed.

    Raises:
        MissingExtraError: If the extra ``train`` is not installed.
        ModelError: If the file is missing, damaged, or no amorphous model.
    """
    from mdlens.workflows.amorphous import load_amorphous_model

    return load_amorphous_model(file)
