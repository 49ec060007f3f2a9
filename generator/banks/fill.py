"""Filling the holes of pictures, where clouds were masked, with other parts of them.

Square by square, what is missing is taken from where the picture goes on most like the pixels round
it: exemplar-based inpainting (Criminisi et al. 2004). Layouts are learned from what a place is
like, not from where its streets lie, so a piece of the same town serves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.banks.places import HALF, MOST_LOST, USED, Mask, Places, grown, lost_of
from generator.grid.integral import squares
from generator.grid.pixels import Pixels
from generator.imagery.sources import Decoded

SQUARE = 48
"""Side of the squares whose holes are filled at once, in pixels."""
_RING = 10
"""Width of the surroundings that are compared."""
_EDGE = 5
"""Pixels round a hole that are filled too: the rims of clouds."""
_FEATHER = 3
"""Width over which what is filled in goes over into the picture."""
_SHADE, _NEAR = 0.62, 36
"""Share of the usual brightness below which bluish ground so many pixels from a hole is shadow."""


def filled(decoded: Decoded) -> Decoded:
    """Return a picture whose holes are filled and whose mask is gone.

    A picture without a mask, or one that shows too little to fill from, is returned as it is.
    """
    if decoded.mask is None or not decoded.mask.size:
        return decoded
    height, width = decoded.pixels.shape[:2]
    hole = lost_of(decoded)
    hole = grown(hole | grown(_shadows(decoded.pixels, hole), _FEATHER), _EDGE)
    if hole.mean() > MOST_LOST or min(height, width) < 4 * SQUARE:
        return decoded
    pixels = _Filling(decoded.pixels, hole).run()
    return Decoded(pixels, None, decoded.failed)


class _Filling:
    """One picture while its holes are filled; nothing is taken from them."""

    def __init__(self, pixels: Pixels, hole: Mask) -> None:
        self.picture, self.source = pixels.astype(np.float32), pixels.astype(np.float32)
        self.hole, self.known = hole, ~hole
        self.places = Places(self.source, hole)
        self.used = np.zeros(self.places.size)

    def run(self) -> Pixels:
        """Fill all holes; returns the pixels."""
        (height, width), side = self.hole.shape, SQUARE
        for y in range(0, height, side):
            for x in range(0, width, side):
                part = np.zeros_like(self.hole)
                part[y : y + side, x : x + side] = self.hole[y : y + side, x : x + side]
                if part.any():
                    self._fill(part)
        return self.picture.clip(0, 255).astype(np.uint8)

    def _fill(self, hole: Mask) -> None:
        """Fill the holes of one square from the best place of the picture."""
        # The rectangle round them, on whole pixels of half the resolution.
        rows, columns = np.nonzero(hole.any(1))[0], np.nonzero(hole.any(0))[0]
        around = tuple(
            slice(max(0, at[0] - _RING) // 2 * 2, min(2 * half, (at[-1] + _RING + 2) // 2 * 2))
            for at, half in ((rows, self.places.size[0]), (columns, self.places.size[1]))
        )
        here, part = hole[around], self.picture[around]
        ring = grown(here, _RING) & self.known[around]
        y, x = self._best(part, here, ring)
        source = self.source[y : y + here.shape[0], x : x + here.shape[1]].copy()
        # Half way to the surroundings' mean colour, feathered into them.
        if ring.any():
            source += (part[ring].mean(0) - source[ring].mean(0)) / 2
        soft = _softened(here)
        soft[~(here | self.known[around])] = 0
        part += soft[..., None] * (source - part)
        self.known[around] |= here

    def _best(self, part: NDArray[np.float32], hole: Mask, ring: Mask) -> tuple[int, int]:
        """Return the corner of the place that goes on most like the ring, in pixels."""
        gaps, near = self.places.gaps(part, hole, ring), SQUARE // 2
        costs = gaps * (1 + USED * self.used[: gaps.shape[0], : gaps.shape[1]])
        y, x = np.unravel_index(costs.argmin(), costs.shape)
        self.used[max(0, y - near) : y + near, max(0, x - near) : x + near] += 1
        return HALF * int(y), HALF * int(x)


def _shadows(pixels: Pixels, hole: Mask) -> Mask:
    """Say where clouds' shadows lie: dark, bluish ground near holes."""
    wide = pixels.astype(np.int32)
    light = wide.sum(2)
    if hole.all():
        return np.zeros_like(hole)
    dark = (light < _SHADE * np.median(light[~hole])) & (wide[..., 2] >= wide[..., 1] - 1)
    # Single dark pixels are none.
    core: Mask = grown(~grown(~dark, 1), 1)
    return core & grown(hole, _NEAR)


def _softened(hole: Mask) -> NDArray[np.float32]:
    """Return 1 in a hole, falling to 0 over _FEATHER pixels round it: float32 [h, w]."""
    side = 2 * _FEATHER + 1
    share = squares(np.pad(hole, _FEATHER), side) / (side * side / 2)
    return np.where(hole, 1, share.clip(0, 1)).astype(np.float32)
