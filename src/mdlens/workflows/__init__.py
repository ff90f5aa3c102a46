"""Compositions of the floors below, one module per study."""
