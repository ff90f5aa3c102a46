"""The materials of the shipped structure model: what is simulated for training, and what is kept apart for
the final test.

No potential of the test list occurs in the training list, except that KCl takes the Fumi-Tosi form with its
own parameters. Three elements occur in both: silicon (Si.edip is another potential than the two trained on),
aluminium (in training only inside NiAl and CoAl) and chlorine (in training only inside NaCl).
`melting` (K) scales the schedule of a system and is a rough figure. What is kept of it is decided by
`MELTING`, the better estimate that the runs themselves gave.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class System:
    name: str
    structure: str  # class of the crystal, or "disordered"
    lattice: str
    elements: tuple[str, ...]
    lattice_constant: float
    potential: str
    melting: float
    split: str = "train"
    atoms: int = 1000
    timestep: float = 0.002
    glass: bool = False


def _crystal(
    name: str, structure: str, lattice: str, elements: str, a: float, potential: str, melting: float, **more
) -> System:
    return System(name, structure, lattice, tuple(elements.split()), a, potential, melting, **more)


def _liquid(
    name: str, lattice: str, elements: str, a: float, potential: str, melting: float, **more
) -> System:
    return System(
        f"{name} liquid", "disordered", lattice, tuple(elements.split()), a, potential, melting, **more
    )


TRAIN = (
    _crystal("Ni fcc", "fcc", "fcc", "Ni", 3.52, "Ni_u3.eam", 1500),
    _crystal("Zr hcp", "hcp", "hcp", "Zr", 3.23, "Zr_mm.eam.fs", 1500),
    _crystal("W bcc", "bcc", "bcc", "W", 3.165, "W_zhou.eam.alloy", 4300),
    _crystal("Si diamond", "cubic_diamond", "cubic_diamond", "Si", 5.43, "Si.sw", 1690),
    _crystal("Si lonsdaleite", "hexagonal_diamond", "hexagonal_diamond", "Si", 3.84, "Si.sw", 1690),
    _crystal("NaCl rocksalt", "sc", "rocksalt", "Na Cl", 5.64, "fumi-tosi", 1070),
    _liquid("Ni", "fcc", "Ni", 3.52, "Ni_u3.eam", 1500, glass=True),
    _liquid("Si sw", "cubic_diamond", "Si", 5.43, "Si.sw", 1690, glass=True),
    _liquid("NaCl", "rocksalt", "Na Cl", 5.64, "fumi-tosi", 1070),
    _crystal("Au fcc", "fcc", "fcc", "Au", 4.08, "Au_u3.eam", 1100),
    _crystal("Co hcp", "hcp", "hcp", "Co", 2.51, "CoAl.eam.alloy", 1600),
    _crystal("V bcc", "bcc", "bcc", "V", 3.03, "VFe_mm.eam.fs", 2700),
    _crystal("CdTe zincblende", "cubic_diamond", "zincblende", "Cd Te", 6.48, "CdTe.sw", 1300),
    _crystal("CdTe wurtzite", "hexagonal_diamond", "wurtzite", "Cd Te", 4.58, "CdTe.sw", 1300),
    _crystal("NaBr rocksalt", "sc", "rocksalt", "Na Br", 5.97, "fumi-tosi", 1020),
    _liquid("Zr", "hcp", "Zr", 3.23, "Zr_mm.eam.fs", 1700, glass=True),
    _liquid("W", "bcc", "W", 3.165, "W_zhou.eam.alloy", 3500, glass=True),
    _liquid("CdTe", "zincblende", "Cd Te", 6.48, "CdTe.sw", 1300, glass=True),
    _crystal("Pd hcp", "hcp", "hcp", "Pd", 2.75, "Pd_u3.eam", 1400),
    _crystal("Ta bcc", "bcc", "bcc", "Ta", 3.304, "CuTa.eam.alloy", 3000),
    _crystal("Pd fcc", "fcc", "fcc", "Pd", 3.89, "Pd_u3.eam", 1400),
    _crystal("NiAl B2", "bcc", "cscl", "Ni Al", 2.88, "NiAlH_jea.eam.alloy", 1700),
    _crystal("CoAl B2", "bcc", "cscl", "Co Al", 2.86, "CoAl.eam.alloy", 1800),
    _crystal("Si diamond tersoff", "cubic_diamond", "cubic_diamond", "Si", 5.43, "Si.tersoff.mod", 1700),
    _crystal(
        "Si lonsdaleite tersoff", "hexagonal_diamond", "hexagonal_diamond", "Si", 3.84, "Si.tersoff.mod", 1700
    ),
    _crystal("Co fcc", "fcc", "fcc", "Co", 3.55, "CoAl.eam.alloy", 1600),
    _crystal("Ni hcp", "hcp", "hcp", "Ni", 2.49, "Ni_u3.eam", 1500),
    _crystal("Au hcp", "hcp", "hcp", "Au", 2.885, "Au_u3.eam", 1100),
    _crystal("C diamond", "cubic_diamond", "cubic_diamond", "C", 3.566, "SiC.tersoff", 5000, timestep=0.001),
    _crystal(
        "C lonsdaleite",
        "hexagonal_diamond",
        "hexagonal_diamond",
        "C",
        2.52,
        "SiC.tersoff",
        5000,
        timestep=0.001,
    ),
    _liquid("Au", "fcc", "Au", 4.08, "Au_u3.eam", 1100, glass=True),
    _liquid("Co", "fcc", "Co", 3.55, "CoAl.eam.alloy", 1600, glass=True),
    _liquid("V", "bcc", "V", 3.03, "VFe_mm.eam.fs", 2700),
    _liquid("Ta", "bcc", "Ta", 3.304, "CuTa.eam.alloy", 3000, glass=True),
    _liquid("NiAl", "cscl", "Ni Al", 2.88, "NiAlH_jea.eam.alloy", 1700, glass=True),
    _liquid("Si tersoff", "cubic_diamond", "Si", 5.43, "Si.tersoff.mod", 1700, glass=True),
    _liquid("C", "cubic_diamond", "C", 3.566, "SiC.tersoff", 5000, timestep=0.001, glass=True),
    _liquid("Pd", "fcc", "Pd", 3.89, "Pd_u3.eam", 1430, glass=True),
    _liquid("Ag", "fcc", "Ag", 4.09, "Ag_u3.eam", 1200, glass=True),
    _liquid("Pt", "fcc", "Pt", 3.92, "Pt_u3.eam", 1550, glass=True),
    _liquid("CoAl", "cscl", "Co Al", 2.86, "CoAl.eam.alloy", 1800, glass=True),
    _liquid("Co hcp", "hcp", "Co", 2.51, "CoAl.eam.alloy", 1700),
    _liquid("NaBr", "rocksalt", "Na Br", 5.97, "fumi-tosi", 1020),
)

_TEST = {"split": "test", "atoms": 1500}
TEST = (
    _crystal("Cu fcc", "fcc", "fcc", "Cu", 3.615, "Cu_mishin1.eam.alloy", 1325, **_TEST),
    _crystal("Al fcc", "fcc", "fcc", "Al", 4.05, "Al_mm.eam.fs", 926, **_TEST),
    _crystal("Ar fcc", "fcc", "fcc", "Ar", 5.31, "lj:0.0103,3.405,8.5125", 84, **_TEST),
    _crystal("Fe bcc", "bcc", "bcc", "Fe", 2.855, "Fe_mm.eam.fs", 1772, **_TEST),
    _crystal("Mg hcp", "hcp", "hcp", "Mg", 3.2, "Mg_mm.eam.fs", 914, **_TEST),
    _crystal("Ti hcp", "hcp", "hcp", "Ti", 2.95, "Ti.meam.spline", 1850, **_TEST),
    _crystal("Si edip", "cubic_diamond", "cubic_diamond", "Si", 5.43, "Si.edip", 1570, **_TEST),
    _crystal("Ge tersoff", "cubic_diamond", "cubic_diamond", "Ge", 5.65, "Ge.tersoff", 2550, **_TEST),
    _crystal("mW ice Ih", "hexagonal_diamond", "hexagonal_diamond", "O", 4.46, "mW", 273, **_TEST),
    _crystal("mW ice Ic", "cubic_diamond", "cubic_diamond", "O", 6.31, "mW", 273, **_TEST),
    _crystal("KCl rocksalt", "sc", "rocksalt", "K Cl", 6.29, "fumi-tosi", 1043, **_TEST),
    _liquid("Cu", "fcc", "Cu", 3.615, "Cu_mishin1.eam.alloy", 1325, **_TEST),
    _liquid("Al", "fcc", "Al", 4.05, "Al_mm.eam.fs", 926, **_TEST),
    _liquid("Ar", "fcc", "Ar", 5.31, "lj:0.0103,3.405,8.5125", 84, **_TEST),
    _liquid("Fe", "bcc", "Fe", 2.855, "Fe_mm.eam.fs", 1772, **_TEST),
    _liquid("Mg", "hcp", "Mg", 3.2, "Mg_mm.eam.fs", 914, **_TEST),
    _liquid("Ti", "hcp", "Ti", 2.95, "Ti.meam.spline", 1850, **_TEST),
    _liquid("Si edip", "cubic_diamond", "Si", 5.43, "Si.edip", 1570, **_TEST),
    _liquid("Ge", "cubic_diamond", "Ge", 5.65, "Ge.tersoff", 2550, **_TEST),
    _liquid("mW", "cubic_diamond", "O", 6.31, "mW", 273, **_TEST),
    _liquid("KCl", "rocksalt", "K Cl", 6.29, "fumi-tosi", 1043, **_TEST),
)

# Melting temperature (K) of each training potential: published where known (both silicon ones), else 0.8 of
# the temperature at which its perfect periodic crystal melted within 5 ps (it superheats by a quarter).
MELTING = {
    "Ni_u3.eam": 1740.0,
    "Au_u3.eam": 1170.0,
    "Pd_u3.eam": 1430.0,
    "Ag_u3.eam": 1200.0,
    "Pt_u3.eam": 1550.0,
    "Zr_mm.eam.fs": 1400.0,
    "CoAl.eam.alloy": 1600.0,
    "CuTa.eam.alloy": 3240.0,
    "W_zhou.eam.alloy": 4300.0,
    "VFe_mm.eam.fs": 3000.0,
    "NiAlH_jea.eam.alloy": 1430.0,
    "Si.sw": 1690.0,
    "Si.tersoff.mod": 1700.0,
    "CdTe.sw": 1340.0,
    "SiC.tersoff": 4400.0,
    "fumi-tosi": 1040.0,
}
