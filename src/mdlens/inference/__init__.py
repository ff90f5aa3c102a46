"""Model files and their evaluation with ONNX Runtime; imports no torch."""

from mdlens.inference.metadata import ModelMetadata
from mdlens.inference.structure_model import (
    SECOND_OPINIONS,
    InstalledModel,
    Prediction,
    SecondOpinion,
    StructureModel,
    installed_models,
    load_model,
)

__all__ = [
    "SECOND_OPINIONS",
    "InstalledModel",
    "ModelMetadata",
    "Prediction",
    "SecondOpinion",
    "StructureModel",
    "installed_models",
    "load_model",
]
