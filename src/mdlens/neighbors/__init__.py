"""Neighbour search: pairs and nearest neighbours, found once and passed on."""
