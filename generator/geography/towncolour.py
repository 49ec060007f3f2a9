"""Towns' colour: parents of built-up ground are moved towards the grey of roofs and streets.

A base map of 5 km pixels shows most towns in the green or brown of their surroundings, and a child
keeps its parent's colour.
"""

from __future__ import annotations

import numpy as np

from generator.geography.layers import Shares
from generator.grid.pixels import Pixels

PARTS = {7: 140, 9: 80, 11: 80}
"""256ths of the way to grey of ground that is wholly built-up, by the zoom of the parents.

Finer zooms inherit it, but stages 9 and 11 add the colours of their layouts' fields and woods.
"""

LIGHTER, DARKEST = 12, 72
"""256ths by which it is lighter than the surroundings, and the least luminance of its grey."""

LIGHTEST, DIMMED = 130, 192
"""Luminance above which towns are darker than their ground, and 256ths at most of the excess that
are taken away: salt, snow or bare sand under a town would leave its streets white."""

WARMTH = (1, 3, -4)
"""Red, green and blue over the luminance."""


def parts_of(zoom: int, built: Shares | None) -> Shares | None:
    """Return how far parents of a zoom are moved, 256ths, by their built-up degree; or None."""
    if built is None:
        return None
    parts: Shares = (built.astype(np.uint16) * PARTS[zoom] // 255).astype(np.uint8)
    return parts


def greyed(pixels: Pixels, parts: Shares | None) -> Pixels:
    """Move pixels, uint8 [h, w, 3], towards grey by 256ths of the way, uint8 [h, w].

    What is lighter than a town becomes darker, by twice that part at most.
    """
    if parts is None:
        return pixels
    wide = pixels.astype(np.int32)
    luminance = (wide[..., 0] + 2 * wide[..., 1] + wide[..., 2]) >> 2
    light = np.maximum(luminance + (luminance * LIGHTER >> 8), DARKEST)
    grey = light[..., None] + np.array(WARMTH, np.int32)
    part = parts.astype(np.int32)
    way = (grey - wide) * part[..., None]
    way -= (np.maximum(luminance - LIGHTEST, 0) * np.minimum(2 * part, DIMMED))[..., None]
    moved: Pixels = (wide + (way + 128 >> 8)).clip(0, 255).astype(np.uint8)
    return moved
