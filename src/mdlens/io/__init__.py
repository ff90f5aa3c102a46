"""Files to and from `ase.Atoms`."""

from mdlens.io.reader import read
from mdlens.io.trajectory import FrameSource, Trajectory, parse_frames

__all__ = ["FrameSource", "Trajectory", "parse_frames", "read"]
