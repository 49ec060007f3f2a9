"""Tiles of one colour: recognised by their PNG, stored as three bytes, encoded when read."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from generator.grid.tile import TILE_SIZE
from tileserver.encode import decode_png, encode_png

COLOUR_BYTES = 3

LONGEST = 2048
"""Bytes above which a PNG is not looked at: those of one colour have a few hundred."""


def colour_of(png: bytes) -> bytes | None:
    """Return the colour (3 bytes RGB) that `png_of` turns into exactly these bytes, or None."""
    if len(png) > LONGEST:
        return None
    try:
        colour = decode_png(png)[0, 0].tobytes()
    except ValueError:
        return None
    return colour if png_of(colour) == png else None


@lru_cache(maxsize=1024)
def png_of(colour: bytes) -> bytes:
    """Return the PNG of a tile of one colour (3 bytes RGB); the last 1024 colours are remembered.

    A new colour takes milliseconds.
    """
    pixels = np.empty((TILE_SIZE, TILE_SIZE, COLOUR_BYTES), np.uint8)
    pixels[:] = np.frombuffer(colour, np.uint8)
    return encode_png(pixels)
