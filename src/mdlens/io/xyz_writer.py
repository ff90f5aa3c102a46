"""Frames as extended XYZ."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from ase import Atoms
from ase.io.extxyz import key_val_dict_to_str
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from mdlens.io.columns import coordinate_form
from mdlens.io.output_columns import (
    OutputColumn,
    PerAtom,
    Words,
    clean_name,
    per_atom_arrays,
    split,
    symbol_column,
    text_blocks,
)

OWN_KEYS: Final = frozenset({"lammps_columns", "lammps_boundary", "Lattice", "Properties", "pbc", "Origin"})


class XyzFormat:
    """Formats frames as extended XYZ that ASE and OVITO read: species, positions, then every other array."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads

    def pieces(self, atoms: Atoms, frame: int, labels: Mapping[str, PerAtom]) -> Iterator[bytes]:
        """Yield the text of a frame.

        Raises:
            InputError: If an array cannot be written.
        """
        columns: list[OutputColumn] = [
            symbol_column("species", atoms),
            *split(("x", "y", "z"), atoms.positions),
        ]
        properties = ["species:S:1:pos:R:3"]
        for name, array in _arrays(atoms, labels).items():
            width = int(np.prod(array.shape[1:]))
            if width:
                words = np.where(array, "T", "F") if array.dtype.kind == "b" else array  # type: ignore[arg-type]
                label = clean_name(name).replace(":", "_")
                columns += split([name] * width, words)
                letter = property_letter(array)
                properties.append(f"{label}:{letter}:{width}")
        yield f"{len(atoms)}\n{comment(atoms, ':'.join(properties))}\n".encode()
        yield from text_blocks(columns, len(atoms), self._threads)


def property_letter(array: PerAtom) -> str:
    """Return the letter of a type; integers beyond 32 bits are declared real, since ASE refuses them."""
    if not isinstance(array, Words) and array.dtype.kind in "iu":
        narrow = np.iinfo(np.int32)
        return "I" if not array.size or (array.min() >= narrow.min and array.max() <= narrow.max) else "R"
    return {"b": "L", "f": "R"}.get(array.dtype.kind, "S")


def _arrays(atoms: Atoms, labels: Mapping[str, PerAtom]) -> dict[str, PerAtom]:
    """Return the arrays to write: all but scaled coordinates of a dump, which repeat the positions."""
    form = coordinate_form(str(atoms.info.get("lammps_columns", "")).split())
    repeated = form.columns if form is not None and form.scaled else ()
    return {name: array for name, array in per_atom_arrays(atoms, labels).items() if name not in repeated}


def comment(atoms: Atoms, properties: str) -> str:
    """Return the comment line: lattice, origin, columns, periodicity, and the frame's ``info``."""
    words = []
    if atoms.cell.array.any():
        words.append(f'Lattice="{_numbers(atoms.cell.array)}"')
    origin = np.asarray(atoms.get_celldisp(), dtype=float)
    if origin.any():
        words.append(f'Origin="{_numbers(origin)}"')
    words.append(f"Properties={properties}")
    words.append('pbc="{} {} {}"'.format(*("T" if p else "F" for p in atoms.pbc)))
    info = {key: value for key, value in {**_results(atoms), **atoms.info}.items() if key not in OWN_KEYS}
    if info:
        words.append(key_val_dict_to_str(info))
    return " ".join(" ".join(words).splitlines())


def _numbers(values: NDArray[Any]) -> str:
    return " ".join(repr(float(value)) for value in values.reshape(-1))


def _results(atoms: Atoms) -> dict[str, Any]:
    """Return computed energy and stress of the frame, as ASE writes them."""
    results = getattr(atoms.calc, "results", {}) if atoms.calc is not None else {}
    found = {key: results[key] for key in ("energy", "free_energy") if results.get(key) is not None}
    stress = results.get("stress")
    if stress is not None and np.size(stress) == 6:
        found["stress"] = voigt_6_to_full_3x3_stress(stress)
    return found
