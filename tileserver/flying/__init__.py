"""Flights over a world: paths, cameras, frames and films."""
