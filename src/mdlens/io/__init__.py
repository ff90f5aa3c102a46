"""Files to and from `ase.Atoms`."""

from mdlens.io.reader import inner_suffix, read
from mdlens.io.trajectory import FrameSource, Trajectory, parse_frames
from mdlens.io.writer import OUTPUT_SUFFIXES, TrajectoryWriter, check_output, open_writer

__all__ = [
    "OUTPUT_SUFFIXES",
    "FrameSource",
    "Trajectory",
    "TrajectoryWriter",
    "check_output",
    "inner_suffix",
    "open_writer",
    "parse_frames",
    "read",
]
