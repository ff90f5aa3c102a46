"""mdlens: understanding particle simulations with deep learning."""

from importlib.metadata import version

__version__ = version("mdlens")
