"""Regions of the map and the numbers of their tiles."""
