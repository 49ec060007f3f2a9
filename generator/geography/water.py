"""Sea and lakes as a share of each pixel of any zoom, from one bit for each pixel of zoom 9.

Below zoom 9 shares are averages of the bits; from there on `generator.geography.coast` makes the
coast as fine as the zoom. It is the same in all worlds, as it does not depend on a world's seed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from generator.geography import coast
from generator.geography.bitgrid import ZOOM, BitGrid, Counts
from generator.geography.layers import Shares
from generator.grid.rectangle import Rectangle

KIND = "water"


class WaterLayer:
    """Sea and lakes (a CoverageLayer). All methods may be called by several threads."""

    def __init__(self, bits: BitGrid) -> None:
        self._bits = bits

    @classmethod
    def open(cls, path: Path) -> WaterLayer:
        """Open a file of water. Raises GeographyError where it is missing, foreign or damaged."""
        return cls(BitGrid.open(path, KIND))

    @property
    def digest(self) -> str:
        """Return hexadecimal digits that change with all that decides shares."""
        return hashlib.sha256(f"{KIND} {coast.VERSION} {self._bits.digest}".encode()).hexdigest()

    def shares(self, zoom: int, area: Rectangle) -> Shares | None:
        """Return the share of water of each world pixel of `zoom`, None where all are 0."""
        if zoom < ZOOM:
            counts = self._bits.counts(zoom, area)
            return None if counts is None else _averages(counts, 1 << 2 * (ZOOM - zoom))
        values = self._surface(zoom, area.grown(2))
        if values is None:
            return None
        shares = coast.ramp(values, zoom - ZOOM)
        return shares if shares.any() else None

    def _surface(self, zoom: int, area: Rectangle) -> coast.Values | None:
        """Return the coast's surface at a zoom from 9 on, int32 [height, width]."""
        areas = [area]
        for _ in range(zoom - ZOOM):
            areas.append(areas[-1].coarser(2).grown(1))
        # The coast's raggedness needs a wider margin than its surface, and is not needed at zoom 9.
        margin = coast.MARGIN if zoom > ZOOM else coast.SMOOTHING
        counts = self._bits.counts(ZOOM, areas[-1].grown(margin))
        if counts is None:
            return None
        bits = counts.astype(np.int32)
        if zoom == ZOOM:
            return coast.surface(bits)
        inner = margin - coast.SMOOTHING
        values = coast.surface(bits[inner:-inner, inner:-inner])
        strength = coast.raggedness(bits)
        # One zoom finer at a time.
        for finer in range(zoom - ZOOM):
            coarse, fine = areas.pop(), areas[-1]
            coast.displace(values, strength, coarse, ZOOM + finer, finer)
            values = _cut(coast.refined(values), coarse.grown(-1), fine)
            strength = _cut(strength.repeat(2, 0).repeat(2, 1), coarse, fine)
        return values


def _averages(counts: Counts, of: int) -> Shares:
    """Return 255ths of `of`, halves rounded up."""
    shares = (counts * np.uint32(510) + np.uint32(of)) // np.uint32(2 * of)
    return shares.astype(np.uint8)


def _cut(doubled: coast.Values, coarse: Rectangle, fine: Rectangle) -> coast.Values:
    """Return the part of doubled pixels of one rectangle that another, one zoom finer, holds."""
    y, x = fine.y0 - 2 * coarse.y0, fine.x0 - 2 * coarse.x0
    return doubled[y : y + fine.height, x : x + fine.width]
