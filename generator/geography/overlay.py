"""What is drawn over a stage's child by rule and taken from its parent: colours, and calmer ground.

A rule's colours are added to the ground's, and of the layouts' detail under them only a part shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.geography.layers import Shares
from generator.geography.regiongrid import smoothed
from generator.geography.snow import not_hidden
from generator.grid.pixels import Pixels

MARK = 127
"""What marks, beside their red, green and blue, colours of ground that is covered wholly."""

WHOLE = 255 * 256
"""What withholds all detail."""

SHARP = 13, 15
"""Zooms at which edges are as sharp as pixels, as imagery's are: houses are two of them long."""

_LANES = sum(1 << 16 * lane for lane in range(4))
"""Factor that repeats a number of 16 bits in four lanes of one of 64."""

COLOUR_LANES = sum(1 << 16 * lane for lane in range(3))
"""Factor that repeats a number of 16 bits in three lanes of one of 64: in red, green and blue."""

Short = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Overlay:
    """Colours over a rectangle of world pixels.

    colours: over the ground's, int16 [h, w, 3]; withheld: how much of the layouts' detail does not
    show, of WHOLE, uint16 [h, w]; plants: those of the colours that snow hides, or None.
    """

    colours: Short
    withheld: NDArray[np.uint16]
    plants: Short | None = None

    @classmethod
    def of(cls, zoom: int, numbers: NDArray[np.int64], beyond: Short, calm: int) -> Overlay:
        """Return what is shown of colours at a zoom, smoothed but for SHARP.

        numbers: [h + 2, w + 2], each four of 16 bits: red, green and blue over the ground's, and
        MARK or more; beyond: by how much each passes what it takes to be shown, all of it from 16
        on; calm: 256ths of the detail that go where all is marked.
        """
        height, width = beyond.shape
        # It begins a little softly.
        shown = beyond.clip(0, 16)
        found = numbers.view(np.int16)
        if shown.min() < 16:
            found *= spread(shown, _LANES)
            found >>= np.int16(4)
        found = found.reshape(height, width, 4)
        found = found[1:-1, 1:-1] if zoom in SHARP else smoothed(found)
        # Marks above MARK are of covered ground, too.
        covered = (found[..., 3].clip(0, MARK) * 255 // MARK).astype(np.uint16)
        return cls(found[..., :3], covered * np.uint16(calm))

    @property
    def detail(self) -> NDArray[np.float32]:
        """Return how much of its layouts' detail a child shows: float32 [h, w] in [0, 1]."""
        return 1 - self.withheld.astype(np.float32) * np.float32(1 / WHOLE)

    def joined(self, other: Overlay | None) -> Overlay:
        """Return both, whose colours add up; what withholds more of the detail decides."""
        if other is None:
            return self
        withheld = np.maximum(self.withheld, other.withheld)
        plants = self.plants if other.plants is None else other.plants
        if self.plants is not None and other.plants is not None:
            plants = self.plants + other.plants
        return Overlay(self.colours + other.colours, withheld, plants)

    def over(self, child: Pixels) -> Pixels:
        """Draw it over pixels, uint8 [h, w, 3]."""
        colours = self.colours
        if self.plants is not None:
            left = not_hidden(child, self.plants)
            if left is not self.plants:
                colours = colours - self.plants + left
        return (child + colours).clip(0, 255).astype(np.uint8)

    def taken_from(self, parent: Pixels, covered: Shares | None = None) -> Pixels:
        """Take it from pixels in which it is drawn, uint8 [h, w, 3].

        covered: share of each pixel in which something lies over it, None for none.
        """
        if self.plants is None:
            return _without(parent, self.colours, covered)
        # What is white without all else has no plants on it.
        seen = _without(parent, self.colours - self.plants, covered)
        return _without(seen, not_hidden(seen, self.plants), covered)


def _without(parent: Pixels, colours: Short, covered: Shares | None) -> Pixels:
    """Take colours from pixels as far as nothing covers them, uint8 [h, w, 3]."""
    if covered is not None:
        colours = colours * (255 - covered).astype(np.int16)[..., None] // np.int16(255)
    return (parent - colours).clip(0, 255).astype(np.uint8)


def rounded(numbers: Short, bits: int) -> Short:
    """Divide by a power of two, rounded, lest all becomes a little darker."""
    return (numbers + np.int16(1 << bits >> 1)) >> bits


def looked_up(
    numbers: NDArray[np.uint32], which: NDArray[np.integer], colours: NDArray[np.int16]
) -> NDArray[np.int64]:
    """Return the colours of pixels, four numbers of 16 bits as one: int64 [h, w].

    numbers: of a colour in the lowest eight bits; which: of each pixel's region; colours: of n
    regions, int16 [n, k, 4].
    """
    at = which * colours.shape[1] + (numbers & np.uint32(255))
    found: NDArray[np.int64] = colours.view(np.int64).ravel().take(at)
    return found


def spread(numbers: Short, lanes: int) -> Short:
    """Repeat numbers [h, w] in lanes of four, 0 in the others: int16 [h, 4 w]."""
    wide = numbers.astype(np.int64)
    wide &= 0xFFFF
    wide *= lanes
    return wide.view(np.int16)
