"""The materials of the shipped structure model: what is simulated for training.

None of their elements occurs in the acceptance set (`studies/crystal/materials.py`). `melting` (K) scales
the schedule of a system and is a rough figure. What is kept of it is decided by `MELTING`, the better
estimate that the runs themselves gave.
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
    atoms: int = 1000
    timestep: float = 0.002
    glass: bool = False
    close: bool = False  # a melt that stays close to its melting temperature


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


def _melt(name: str, lattice: str, elements: str, a: float, potential: str, **more) -> System:
    return _liquid(name, lattice, elements, a, potential, MELTING[potential], close=True, **more)


# Girifalco & Weizer, Phys. Rev. 114, 687 (1959): soft pair potentials, whose crystals near melting are the
# most disordered of all here.
MORSE = {
    "Na": "morse:0.06334,0.58993,5.336,12",
    "Rb": "morse:0.04644,0.42981,7.207,16",
    "Cs": "morse:0.04485,0.41569,7.557,17",
    "Ba": "morse:0.1416,0.65698,5.373,13",
    "Ca": "morse:0.1623,0.80535,4.569,11",
    "Sr": "morse:0.1513,0.73776,4.988,12",
    "Pb": "morse:0.2348,1.1836,3.733,9",
    # No fit: depth and distance of the krypton dimer (201 K, 4.01 Angstrom), alpha times distance 6, as steep
    # as a Lennard-Jones well.
    "Kr": "morse:0.01735,1.497,4.008,10",
}

# Melting temperature (K) of each training potential: published for Cu_mishin1, else 0.8 of the temperature
# at which its perfect periodic crystal melted within 5 ps (it superheats by a quarter).
MELTING = {
    "Ni_u3.eam": 1740.0,
    "Au_u3.eam": 1170.0,
    "Pd_u3.eam": 1430.0,
    "Ag_u3.eam": 1200.0,
    "Pt_u3.eam": 1550.0,
    "CoAl.eam.alloy": 1600.0,
    "CuTa.eam.alloy": 3240.0,
    "W_zhou.eam.alloy": 4300.0,
    "VFe_mm.eam.fs": 3000.0,
    "SiC.tersoff": 4400.0,
    "fumi-tosi": 1040.0,
    "CdTe.sw": 1340.0,
    "Cu_mishin1.eam.alloy": 1325.0,
    "CdTeZnSeHgS0.sw ZnTe": 1980.0,
    "CdTeZnSeHgS0.sw CdSe": 2350.0,
    "CdTeZnSeHgS0.sw HgTe": 1090.0,
    MORSE["Na"]: 384.0,
    MORSE["Rb"]: 317.0,
    MORSE["Cs"]: 317.0,
    MORSE["Ba"]: 1030.0,
    MORSE["Ca"]: 1056.0,
    MORSE["Sr"]: 1030.0,
    MORSE["Pb"]: 1620.0,
    MORSE["Kr"]: 135.0,
    "Ni.adp": 1900.0,
    "InP.vashishta": 1350.0,
    "GaN.tersoff": 3600.0,  # or more: the crystal still stands at 4500 K
}

TRAIN = (
    _crystal("Ni fcc", "fcc", "fcc", "Ni", 3.52, "Ni_u3.eam", 1500),
    _crystal("W bcc", "bcc", "bcc", "W", 3.165, "W_zhou.eam.alloy", 4300),
    _liquid("Ni", "fcc", "Ni", 3.52, "Ni_u3.eam", 1500, glass=True),
    _crystal("Au fcc", "fcc", "fcc", "Au", 4.08, "Au_u3.eam", 1100),
    _crystal("Co hcp", "hcp", "hcp", "Co", 2.51, "CoAl.eam.alloy", 1600),
    _crystal("V bcc", "bcc", "bcc", "V", 3.03, "VFe_mm.eam.fs", 2700),
    _crystal("CdTe zincblende", "cubic_diamond", "zincblende", "Cd Te", 6.48, "CdTe.sw", 1300),
    _crystal("CdTe wurtzite", "hexagonal_diamond", "wurtzite", "Cd Te", 4.58, "CdTe.sw", 1300),
    _crystal("NaBr rocksalt", "sc", "rocksalt", "Na Br", 5.97, "fumi-tosi", 1020),
    _liquid("W", "bcc", "W", 3.165, "W_zhou.eam.alloy", 3500, glass=True),
    _liquid("CdTe", "zincblende", "Cd Te", 6.48, "CdTe.sw", 1300, glass=True),
    _crystal("Pd hcp", "hcp", "hcp", "Pd", 2.75, "Pd_u3.eam", 1400),
    _crystal("Ta bcc", "bcc", "bcc", "Ta", 3.304, "CuTa.eam.alloy", 3000),
    _crystal("Pd fcc", "fcc", "fcc", "Pd", 3.89, "Pd_u3.eam", 1400),
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
    _liquid("C", "cubic_diamond", "C", 3.566, "SiC.tersoff", 5000, timestep=0.001, glass=True),
    _liquid("Pd", "fcc", "Pd", 3.89, "Pd_u3.eam", 1430, glass=True),
    _liquid("Ag", "fcc", "Ag", 4.09, "Ag_u3.eam", 1200, glass=True),
    _liquid("Pt", "fcc", "Pt", 3.92, "Pt_u3.eam", 1550, glass=True),
    _liquid("Co hcp", "hcp", "Co", 2.51, "CoAl.eam.alloy", 1700),
    _liquid("NaBr", "rocksalt", "Na Br", 5.97, "fumi-tosi", 1020),
    _crystal("Na bcc", "bcc", "bcc", "Na", 4.6, MORSE["Na"], 400),
    _crystal("Rb bcc", "bcc", "bcc", "Rb", 6.1, MORSE["Rb"], 330),
    _crystal("Cs bcc", "bcc", "bcc", "Cs", 6.5, MORSE["Cs"], 360),
    _crystal("Ba bcc", "bcc", "bcc", "Ba", 5.16, MORSE["Ba"], 1070),
    _crystal("Ca fcc", "fcc", "fcc", "Ca", 5.66, MORSE["Ca"], 1100),
    _crystal("Sr fcc", "fcc", "fcc", "Sr", 6.16, MORSE["Sr"], 1120),
    _crystal("Pb fcc", "fcc", "fcc", "Pb", 4.99, MORSE["Pb"], 1560),
    _crystal("Ca hcp", "hcp", "hcp", "Ca", 4.0, MORSE["Ca"], 1100),
    _crystal("Sr hcp", "hcp", "hcp", "Sr", 4.36, MORSE["Sr"], 1120),
    _crystal("Pb hcp", "hcp", "hcp", "Pb", 3.53, MORSE["Pb"], 1560),
    _liquid("Na", "bcc", "Na", 4.6, MORSE["Na"], 400, glass=True),
    _liquid("Rb", "bcc", "Rb", 6.1, MORSE["Rb"], 330, glass=True),
    _liquid("Ba", "bcc", "Ba", 5.16, MORSE["Ba"], 1070, glass=True),
    _liquid("Ca", "fcc", "Ca", 5.66, MORSE["Ca"], 1100, glass=True),
    _liquid("Pb", "fcc", "Pb", 4.99, MORSE["Pb"], 1560, glass=True),
    _crystal("Cu fcc", "fcc", "fcc", "Cu", 3.615, "Cu_mishin1.eam.alloy", 1325),
    _crystal("Cu hcp", "hcp", "hcp", "Cu", 2.556, "Cu_mishin1.eam.alloy", 1325),
    _liquid("Cu", "fcc", "Cu", 3.615, "Cu_mishin1.eam.alloy", 1325, glass=True),
    _crystal("Ag fcc", "fcc", "fcc", "Ag", 4.09, "Ag_u3.eam", 1200),
    _crystal("Ag hcp", "hcp", "hcp", "Ag", 2.89, "Ag_u3.eam", 1200),
    _crystal("Pt fcc", "fcc", "fcc", "Pt", 3.92, "Pt_u3.eam", 1550),
    _crystal("Pt hcp", "hcp", "hcp", "Pt", 2.77, "Pt_u3.eam", 1550),
    _crystal("ZnTe zincblende", "cubic_diamond", "zincblende", "Zn Te", 6.1, "CdTeZnSeHgS0.sw", 1900),
    _crystal("ZnTe wurtzite", "hexagonal_diamond", "wurtzite", "Zn Te", 4.313, "CdTeZnSeHgS0.sw", 1900),
    _liquid("ZnTe", "zincblende", "Zn Te", 6.1, "CdTeZnSeHgS0.sw", 1900, glass=True),
    _crystal("CdSe zincblende", "cubic_diamond", "zincblende", "Cd Se", 6.08, "CdTeZnSeHgS0.sw", 2100),
    _crystal("CdSe wurtzite", "hexagonal_diamond", "wurtzite", "Cd Se", 4.299, "CdTeZnSeHgS0.sw", 2100),
    _liquid("CdSe", "zincblende", "Cd Se", 6.08, "CdTeZnSeHgS0.sw", 2100, glass=True),
    _crystal("HgTe zincblende", "cubic_diamond", "zincblende", "Hg Te", 6.46, "CdTeZnSeHgS0.sw", 1050),
    _crystal("HgTe wurtzite", "hexagonal_diamond", "wurtzite", "Hg Te", 4.568, "CdTeZnSeHgS0.sw", 1050),
    _liquid("HgTe", "zincblende", "Hg Te", 6.46, "CdTeZnSeHgS0.sw", 1050, glass=True),
    # Close-packed crystals of the softest wells, where bcc is near.
    _crystal("Na hcp", "hcp", "hcp", "Na", 5.2, MORSE["Na"], 300),
    _crystal("Rb hcp", "hcp", "hcp", "Rb", 7.0, MORSE["Rb"], 250),
    _crystal("Ba hcp", "hcp", "hcp", "Ba", 5.4, MORSE["Ba"], 800),
    _crystal("Ba fcc", "fcc", "fcc", "Ba", 7.6, MORSE["Ba"], 800),
    _crystal("Kr fcc", "fcc", "fcc", "Kr", 5.6, MORSE["Kr"], 130),
    _crystal("Kr hcp", "hcp", "hcp", "Kr", 3.96, MORSE["Kr"], 130),
    _liquid("Kr", "fcc", "Kr", 5.6, MORSE["Kr"], 130),
    _crystal("Ni ADP fcc", "fcc", "fcc", "Ni", 3.52, "Ni.adp", 1700),
    _crystal("Ni ADP hcp", "hcp", "hcp", "Ni", 2.49, "Ni.adp", 1700),
    _liquid("Ni ADP", "fcc", "Ni", 3.52, "Ni.adp", 1700),
    _crystal("InP zincblende", "cubic_diamond", "zincblende", "In P", 5.87, "InP.vashishta", 1300),
    _liquid("InP", "zincblende", "In P", 5.87, "InP.vashishta", 1300),
    _crystal(
        "GaN wurtzite", "hexagonal_diamond", "wurtzite", "Ga N", 3.18, "GaN.tersoff", 3000, timestep=0.001
    ),
    _liquid("GaN", "wurtzite", "Ga N", 3.18, "GaN.tersoff", 3000, timestep=0.001),
    # Melts of metals are hardest to tell from a crystal where they are coldest.
    _melt("Ni cold", "fcc", "Ni", 3.52, "Ni_u3.eam"),
    _melt("Au cold", "fcc", "Au", 4.08, "Au_u3.eam"),
    _melt("Pd cold", "fcc", "Pd", 3.89, "Pd_u3.eam"),
    _melt("Ag cold", "fcc", "Ag", 4.09, "Ag_u3.eam"),
    _melt("Pt cold", "fcc", "Pt", 3.92, "Pt_u3.eam"),
    _melt("Co cold", "fcc", "Co", 3.55, "CoAl.eam.alloy"),
    _melt("Cu cold", "fcc", "Cu", 3.615, "Cu_mishin1.eam.alloy"),
    _melt("Ni ADP cold", "fcc", "Ni", 3.52, "Ni.adp"),
    _melt("W cold", "bcc", "W", 3.165, "W_zhou.eam.alloy"),
    _melt("V cold", "bcc", "V", 3.03, "VFe_mm.eam.fs"),
    _melt("Ta cold", "bcc", "Ta", 3.304, "CuTa.eam.alloy"),
    *(
        _melt(f"{metal} cold", "fcc", metal, a, MORSE[metal])
        for metal, a in (("Ca", 5.66), ("Sr", 6.16), ("Pb", 4.99), ("Ba", 7.6), ("Na", 7.3), ("Kr", 5.6))
    ),
)
