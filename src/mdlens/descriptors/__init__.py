"""Descriptors of atomic environments."""
