"""Sea and lakes as a share of each pixel of any zoom, from one bit for each pixel of zoom 9.

Below zoom 9 shares are averages of the bits; from there on `generator.geography.coast` makes the
coast as fine as the zoom. It is the same in all worlds, as it does not depend on a world's seed.
"""

from __future__ import annotations

import hashlib

import numpy as np

from generator.geography import coast
from generator.geography.bitgrid import ZOOM, BitGrid, Counts
from generator.geography.layerfile import LayerFile
from generator.geography.layers import Shares
from generator.grid.rectangle import Rectangle

KIND = "water"


class WaterLayer:
    """Sea and lakes (a CoverageLayer). All methods may be called by several threads."""

    def __init__(self, bits: BitGrid) -> None:
        self._bits = bits

    @classmethod
    def open(cls, file: LayerFile) -> WaterLayer:
        """Open a file of water. Raises GeographyError where it is foreign or damaged."""
        return cls(BitGrid.of(file, KIND))

    @property
    def digest(self) -> str:
        """Return hexadecimal digits that change with all that decides shares."""
        return hashlib.sha256(f"{KIND} {coast.VERSION} {self._bits.digest}".encode()).hexdigest()

    def shares(self, zoom: int, area: Rectangle) -> Shares | None:
        """Return the share of water of each world pixel of `zoom`, None where all are 0."""
        if zoom < ZOOM:
            counts = self._bits.counts(zoom, area)
            return None if counts is None else _averages(counts, 1 << 2 * (ZOOM - zoom))
        areas = [area.grown(2)]
        for _ in range(zoom - ZOOM):
            areas.append(areas[-1].coarser(2).grown(1))
        # The coast's raggedness needs a wider margin than its surface, and is not needed at zoom 9.
        margin = coast.MARGIN if zoom > ZOOM else coast.SMOOTHING
        bits = self._bits.counts(ZOOM, areas[-1].grown(margin))
        if bits is None:
            return None
        if bits.all():
            return np.full((area.height, area.width), 255, np.uint8)
        shares = coast.ramp(_surface(bits.astype(np.int32), areas, margin), zoom - ZOOM)
        return shares if shares.any() else None


def _surface(bits: coast.Values, areas: list[Rectangle], margin: int) -> coast.Values:
    """Return the coast's surface, int32 [height, width] of the first of areas.

    areas: of ever coarser zooms down to 9; bits: of the last of them with a margin.
    """
    if len(areas) == 1:
        return coast.surface(bits)
    inner = margin - coast.SMOOTHING
    values = coast.surface(bits[inner:-inner, inner:-inner])
    strength = coast.raggedness(bits)
    # One zoom finer at a time.
    for finer in range(len(areas) - 1):
        coarse, fine = areas[-1 - finer], areas[-2 - finer]
        coast.displace(values, strength, (coarse, areas[-1]), ZOOM + finer)
        values = np.ascontiguousarray(_cut(coast.refined(values), coarse.grown(-1), fine))
    return values


def _averages(counts: Counts, of: int) -> Shares:
    """Return 255ths of `of`, halves rounded up."""
    shares = (counts * np.uint32(510) + np.uint32(of)) // np.uint32(2 * of)
    return shares.astype(np.uint8)


def _cut(doubled: coast.Values, coarse: Rectangle, fine: Rectangle) -> coast.Values:
    """Return the part of doubled pixels of one rectangle that another, one zoom finer, holds."""
    y, x = fine.y0 - 2 * coarse.y0, fine.x0 - 2 * coarse.x0
    return doubled[y : y + fine.height, x : x + fine.width]
