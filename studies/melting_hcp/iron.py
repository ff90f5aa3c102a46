"""Which lattice a potential of iron prefers under pressure: why the melting study is of magnesium.

    python studies/melting_hcp/iron.py

Prints the enthalpy per atom at 0 K, cell relaxed, of bcc, fcc and hcp under Fe_mm, the potential of iron that
LAMMPS brings. bcc or fcc lies below hcp, or within
3 meV of it, at every pressure: its hcp cannot be heated to the melt as one phase.
"""

from mdlens.simulation import build_lattice
from mdlens.simulation.engine import engine
from mdlens.simulation.potentials import load_potential

POTENTIAL = "Fe_mm.eam.fs"
CUBIC_ANGSTROM_BAR = 6.2415e-7  # eV


def enthalpy(lattice: str, lattice_constant: float, bar: float) -> float:
    """eV per atom of the relaxed crystal under a pressure (bar)."""
    crystal = build_lattice(lattice, ("Fe",), lattice_constant, atoms_at_least=500)
    with engine(crystal, load_potential(POTENTIAL, ("Fe",))) as lmp:
        lmp.run(f"fix relax all box/relax aniso {bar} vmax 0.002", "minimize 1e-12 1e-6 2000 20000")
        volume = lmp.thermo("vol")
        return (lmp.thermo("pe") + bar * volume * CUBIC_ANGSTROM_BAR) / len(crystal)


def main() -> None:
    """Print the table."""
    print("GPa     bcc      fcc      hcp  (eV/atom)")
    for pressure in (0, 10, 50, 100, 150, 200, 330):
        shrink = 1 - 0.0002 * pressure
        row = [
            enthalpy(lattice, a * shrink, pressure * 1e4)
            for lattice, a in (("bcc", 2.7), ("fcc", 3.45), ("hcp", 2.44))
        ]
        print(f"{pressure:3d}", *(f"{h:8.4f}" for h in row))


if __name__ == "__main__":
    main()
