"""Model files and their evaluation with ONNX Runtime; imports no torch."""

from mdlens.inference.metadata import ModelMetadata
from mdlens.inference.structure_model import (
    InstalledModel,
    Prediction,
    StructureModel,
    installed_models,
    load_model,
)

__all__ = [
    "InstalledModel",
    "ModelMetadata",
    "Prediction",
    "StructureModel",
    "installed_models",
    "load_model",
]
