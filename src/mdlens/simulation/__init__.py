"""LAMMPS recipes."""
