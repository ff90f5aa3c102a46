"""Files to and from `ase.Atoms`."""

from mdlens.io.reader import read
from mdlens.io.trajectory import FrameSource, Trajectory, parse_frames
from mdlens.io.writer import TrajectoryWriter, open_writer

__all__ = ["FrameSource", "Trajectory", "TrajectoryWriter", "open_writer", "parse_frames", "read"]
