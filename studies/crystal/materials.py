"""The materials of the acceptance set: none of their elements or potential files takes part in training.

`melting` (K) is the published melting temperature of the potential where one is known to us, else an estimate
that says what it rests on. All runs are at zero pressure. What a slow potential could not afford is said by
the fields that differ from the defaults.
"""

from dataclasses import dataclass

FULL = (0.04, 0.2, 0.4, 0.6, 0.8, *(round(0.88 + 0.04 * k, 2) for k in range(19)))
COARSE = (0.04, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)


@dataclass(frozen=True, kw_only=True)
class Material:
    """One crystal, the liquid it melts to, and what is simulated of both.

    Attributes:
        name: Key in the results.
        structure: Class of the crystal.
        lattice: Name for `mdlens.simulation.build_lattice`.
        elements: One per sublattice.
        lattice_constant: Where the cell relaxation starts, Angstrom.
        potential: Name for `mdlens.simulation`.
        melting: Melting temperature, K.
        origin: What `melting` rests on.
        atoms: At least so many in a crystal.
        timestep: ps.
        ladder: Temperatures of the crystal in `melting`, upwards until it melts.
        repeated: Those of them at which there are three independent runs.
        liquid_ladder: Temperatures of the liquid in `melting`, downwards; empty for none.
        snapshots: Of each temperature but the melting temperature, which always has two.
        melt_at: Temperature that makes the liquid, in `melting`.
        melt_for: And for how long, ps.
        slow: Whether its potential is so slow that every picosecond counts.
    """

    name: str
    structure: str
    lattice: str
    elements: tuple[str, ...]
    lattice_constant: float
    potential: str
    melting: float
    origin: str
    atoms: int = 2000
    timestep: float = 0.002
    ladder: tuple[float, ...] = FULL
    repeated: tuple[float, ...] = (0.8, 1.0)
    liquid_ladder: tuple[float, ...] = (1.2, 1.04, 1.0)
    snapshots: int = 2
    melt_at: float = 2.0
    melt_for: float = 5.0
    slow: bool = False


MATERIALS = (
    Material(
        name="Al",
        structure="fcc",
        lattice="fcc",
        elements=("Al",),
        lattice_constant=4.05,
        potential="Al_mm.eam.fs",
        melting=926.0,
        origin="published for the potential (Mendelev)",
    ),
    Material(
        name="Ar",
        structure="fcc",
        lattice="fcc",
        elements=("Ar",),
        lattice_constant=5.31,
        potential="lj:0.0103,3.405,8.5125",
        melting=84.0,
        origin="argon; Lennard-Jones melts at 0.69 epsilon, 83 K",
        melt_at=1.35,  # as magnesium
        melt_for=8.0,
    ),
    Material(
        name="Fe",
        structure="bcc",
        lattice="bcc",
        elements=("Fe",),
        lattice_constant=2.855,
        potential="Fe_mm.eam.fs",
        melting=1772.0,
        origin="published for the potential (Mendelev 2003)",
    ),
    Material(
        name="Mg",
        structure="hcp",
        lattice="hcp",
        elements=("Mg",),
        lattice_constant=3.2,
        potential="Mg_mm.eam.fs",
        melting=914.0,
        origin="published for the potential (Sun 2006)",
        melt_at=1.5,  # at twice the melting temperature and no pressure it boils
    ),
    Material(
        name="Ti",
        structure="hcp",
        lattice="hcp",
        elements=("Ti",),
        lattice_constant=2.95,
        potential="Ti.meam.spline",
        melting=1850.0,
        origin="near the published value of the potential (Hennig 2008)",
        atoms=1000,
        ladder=(0.4, 0.8, 1.0),
        liquid_ladder=(1.04, 1.0),
        slow=True,
    ),
    Material(
        name="Si",
        structure="cubic_diamond",
        lattice="cubic_diamond",
        elements=("Si",),
        lattice_constant=5.43,
        potential="Si.edip",
        melting=1570.0,
        origin="published for the potential (EDIP)",
    ),
    Material(
        name="Ge",
        structure="cubic_diamond",
        lattice="cubic_diamond",
        elements=("Ge",),
        lattice_constant=5.65,
        potential="Ge.tersoff",
        melting=1800.0,
        origin="estimate: 0.8 of where the perfect periodic crystal gave way within 5 ps",
    ),
    Material(
        name="ice_Ih",
        structure="hexagonal_diamond",
        lattice="hexagonal_diamond",
        elements=("O",),
        lattice_constant=4.46,
        potential="mW",
        melting=273.0,
        origin="published for the potential (274.6 K, Molinero 2009), rounded to water's",
    ),
    Material(
        name="KCl",
        structure="sc",
        lattice="rocksalt",
        elements=("K", "Cl"),
        lattice_constant=6.29,
        potential="fumi-tosi",
        melting=1043.0,
        origin="potassium chloride's",
        atoms=1700,
        ladder=COARSE,
    ),
    Material(
        name="Zr",
        structure="hcp",
        lattice="hcp",
        elements=("Zr",),
        lattice_constant=3.23,
        potential="Zr_mm.eam.fs",
        melting=1400.0,
        origin="estimate: 0.8 of where the perfect periodic crystal gave way within 5 ps",
        ladder=COARSE,
    ),
    Material(
        name="Si_sw",
        structure="cubic_diamond",
        lattice="cubic_diamond",
        elements=("Si",),
        lattice_constant=5.43,
        potential="Si.sw",
        melting=1690.0,
        origin="published for the potential (Stillinger-Weber)",
        ladder=COARSE,
    ),
    Material(
        name="ice_Ic",
        structure="cubic_diamond",
        lattice="cubic_diamond",
        elements=("O",),
        lattice_constant=6.31,
        potential="mW",
        melting=273.0,
        origin="as ice_Ih",
        ladder=COARSE,
        liquid_ladder=(),
    ),
    Material(
        name="Li",
        structure="bcc",
        lattice="bcc",
        elements=("Li",),
        lattice_constant=3.43,
        potential="Li_Zuo_JPCA2020.snap",
        melting=454.0,
        origin="lithium's",
        atoms=432,
        ladder=(0.8, 1.0),
        liquid_ladder=(1.0,),
        snapshots=1,
        melt_at=3.0,
        melt_for=2.0,
        slow=True,
    ),
)

# Water melts to one liquid, whichever ice it was: its own name.
LIQUID_NAME = {"ice_Ih": "water"}


def liquid_name(material: Material) -> str:
    """Key of a material's liquid in the results."""
    return f"{LIQUID_NAME.get(material.name, material.name)}_liquid"
