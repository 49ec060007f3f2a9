"""Towns' colour: parents of built-up ground are moved towards the grey of roofs and streets.

A base map of 5 km pixels shows most towns in the green or brown of their surroundings, and a child
keeps its parent's colour.
"""

from __future__ import annotations

import numpy as np

from generator.geography.layers import Shares
from generator.grid.pixels import Pixels

MOST = 140
"""256ths of the way to grey of ground that is wholly built-up."""

LIGHTER, DARKEST = 24, 72
"""256ths by which it is lighter than the surroundings, and the least luminance of its grey."""

WARMTH = (4, 0, -1)
"""Red, green and blue over the luminance."""


def greyed(pixels: Pixels, built: Shares | None) -> Pixels:
    """Move pixels, uint8 [h, w, 3], towards grey by their built-up degree, uint8 [h, w]."""
    if built is None:
        return pixels
    wide = pixels.astype(np.int32)
    luminance = (wide[..., 0] + 2 * wide[..., 1] + wide[..., 2]) >> 2
    light = np.maximum(luminance + (luminance * LIGHTER >> 8), DARKEST)
    grey = light[..., None] + np.array(WARMTH, np.int32)
    part = (built.astype(np.int32) * MOST // 255)[..., None]
    moved: Pixels = (wide + ((grey - wide) * part + 128 >> 8)).clip(0, 255).astype(np.uint8)
    return moved
