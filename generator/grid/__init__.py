"""Addresses: tiles, blocks, world pixels, latitudes and noise, as pure functions of numbers."""
