"""mdlens: understanding particle simulations with deep learning."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mdlens import amorphous, elastic
    from mdlens.descriptors.maps import MapSource, neighbors_map
    from mdlens.descriptors.settings import NeighborsMapSettings
    from mdlens.inference import load_model
    from mdlens.io import Trajectory, open_writer, read
    from mdlens.workflows.add_structures import add_structures
    from mdlens.workflows.crystal import Classification, classify
    from mdlens.workflows.devices import on_device

__version__ = version("mdlens")

__all__ = [
    "Classification",
    "MapSource",
    "NeighborsMapSettings",
    "Trajectory",
    "__version__",
    "add_structures",
    "amorphous",
    "classify",
    "elastic",
    "load_model",
    "neighbors_map",
    "on_device",
    "open_writer",
    "read",
]

_HOMES = {
    "Classification": "workflows.crystal",
    "MapSource": "descriptors",
    "NeighborsMapSettings": "descriptors",
    "Trajectory": "io",
    "add_structures": "workflows.add_structures",
    "classify": "workflows.crystal",
    "load_model": "inference",
    "neighbors_map": "descriptors",
    "on_device": "workflows.devices",
    "open_writer": "io",
    "read": "io",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that ``import mdlens`` stays quick."""
    if name in ("amorphous", "elastic"):
        return import_module(f"mdlens.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'mdlens' has no attribute {name!r}")
    value = getattr(import_module(f"mdlens.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
