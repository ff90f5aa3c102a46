"""Files to and from `ase.Atoms`."""
