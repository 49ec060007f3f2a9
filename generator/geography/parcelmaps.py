"""Maps of parcels: squares of 256 x 256 cells, cut into rows of blocks, and blocks into parcels.

A map goes on at its other side. There is one for each style of fields, made once, of whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from generator.grid.hashing import keys

SIDE_BITS = 8
SIDE = 1 << SIDE_BITS
"""Cells along a map."""

LEFT, ABOVE = 1, 2
"""Bits of a cell that lies at its parcel's left and upper edge."""

_KEY = 0x6D617073
_DRAWN = 1 << 14
"""Numbers that a map takes at most."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a map is cut: least and most cells along a block and down it, and parcels of a block."""

    along: tuple[int, int]
    down: tuple[int, int]
    parts: tuple[int, ...]


STYLES = (
    Style((8, 18), (7, 14), (1, 1, 2, 2, 3)),
    Style((10, 18), (9, 16), (2, 3, 4, 5, 6)),
    Style((16, 30), (14, 24), (1, 1, 2, 2)),
    Style((5, 9), (4, 7), (1, 1, 2)),
    Style((32, 32), (32, 32), (1, 2, 2, 2, 3, 4)),
)
"""Open fields, strips, large fields, small fields, and quarters of a square mile."""

SURVEYED = len(STYLES) - 1
"""The style of land that was divided into square miles."""


@dataclass(frozen=True, slots=True, eq=False)
class ParcelMap:
    """A map, row by row: the number of a cell's parcel, uint32, and its edges, uint8 [65536]."""

    parcels: NDArray[np.uint32]
    edges: NDArray[np.uint8]


@cache
def parcel_maps() -> tuple[ParcelMap, ...]:
    """Return the maps of all styles, 0.3 MiB each."""
    return tuple(_cut(number, style) for number, style in enumerate(STYLES))


def _cut(number: int, style: Style) -> ParcelMap:
    """Cut a map."""
    parcels = np.zeros((SIDE, SIDE), np.uint32)
    drawn = iter(keys(_KEY, number, np.arange(_DRAWN)).tolist())
    count = 0
    for top, bottom in _lengths(style.down, drawn):
        # Rows begin at different places, unless all blocks are alike.
        usual = next(drawn)
        shift = usual % SIDE if style.along[0] < style.along[1] else 0
        for left, right in _lengths(style.along, drawn):
            key = next(drawn)
            parts = style.parts[key % len(style.parts)]
            # Three of four blocks of a row are divided the same way.
            upright = bool((usual if key >> 9 & 3 else key) >> 8 & 1)
            length = bottom - top if upright else right - left
            part = np.arange(length) * parts // length
            cells = np.ix_(np.arange(top, bottom), (np.arange(left, right) + shift) % SIDE)
            parcels[cells] = count + (part[:, None] if upright else part[None, :])
            count += parts
    edges = LEFT * (parcels != np.roll(parcels, 1, 1)) + ABOVE * (parcels != np.roll(parcels, 1, 0))
    return ParcelMap(parcels.ravel(), edges.astype(np.uint8).ravel())


def _lengths(bounds: tuple[int, int], drawn: Iterator[int]) -> Iterator[tuple[int, int]]:
    """Cut a side into lengths between bounds; the last may be longer."""
    least, most = bounds
    end = 0
    while end < SIDE:
        start, end = end, end + least + next(drawn) % (most - least + 1)
        if SIDE - end < least:
            end = SIDE
        yield start, end
