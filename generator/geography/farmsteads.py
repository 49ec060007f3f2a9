"""Farmsteads and villages of farmland, with the colours of what is no field.

Farmsteads lie in squares of 100 m by lot, nearly all of those in a village. All of it is whole
numbers: a pixel depends on nothing but where it lies on the map of its region.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from generator.geography.overlay import MARK
from generator.geography.parcelmaps import mixed, squares_at
from generator.geography.regiongrid import FINE_BITS, MapPositions

RANK = np.uint32(24)
"""How far up in a pixel's number its rank lies."""

TREES, GARDENS = MARK + 1, MARK + 2
"""What marks colours of trees, of woods and hedges, and those of ground with some trees."""

VILLAGES, FARMS, DETAILED = 11, 13, 15
"""First zooms whose children show villages, farmsteads, and rows and edges of fields."""

_FARM_BITS, _FARM_LOTS, _YARD = 2, 3, 50
"""Cells along a farmstead, as a power of two; 256ths of such squares that have one; and how far a
yard reaches round a building, in 256ths of a cell."""

_VILLAGE_BITS, _VILLAGE_LOTS, _VILLAGE_WIDE = 6, 205, (5, 8)
"""Cells along such a square, as a power of two; 256ths of squares in a village that are farmsteads;
and least radius in cells, and how many radii there are from that on."""

_BUILDINGS = (500, 170), (330, 150), (170, 130), (130, 110)
"""Length and width of a farmstead's buildings, in 256ths of a cell."""

_FARM_COLOURS = (
    (-12, -4, -12), (14, 12, 8),
    (-12, -10, -6), (34, 32, 30), (22, -2, -12), (48, 46, 44), (10, 10, 10),
)  # fmt: skip
"""Red, green and blue over the ground's of gardens, of yards, and of roofs."""

_GARDEN, _ROOFS = 128, len(_FARM_COLOURS) - 2
LANE = _GARDEN + 2 + 2 * _ROOFS
"""Number of the colour of gardens, which those of yards, of dark and of lit sides of roofs follow;
how many of each of these there are; and the number of the colours of lanes."""

_LANES = (12, 11, 8), (32, 29, 22)
"""Red, green and blue over the ground's of lanes, at 13, where they are narrower than pixels, and
from DETAILED on."""

BROOK, FAR, _VILLAGE = (LANE + len(_LANES) + more for more in range(3))
"""Numbers of the colours of trees along a stream, of a village where its houses are smaller than
pixels, and of a village's ground."""

_LAST_COLOURS = (-42, -24, -33), (-30, -26, -8), (-2, -4, 14)
"""Their red, green and blue over the ground's."""

_SUNLIT = 16
"""Levels of grey by which one side of a roof is lighter."""

_FARM_KEY, _VILLAGE_KEY = 0x6661726D, 0x76696C6C


def villages_at(
    at: MapPositions, keys: NDArray[np.uint32], chances: NDArray[np.uint32]
) -> NDArray[np.bool_] | None:
    """Return whether the square of a farmstead at positions lies in a village, or None for none.

    keys: of regions; chances: 256ths of squares that have a village; of each pixel.
    """
    number = mixed(squares_at(at, _VILLAGE_BITS) ^ keys ^ np.uint32(_VILLAGE_KEY))
    there = number >> np.uint32(24) < chances
    if not there.any():
        return None
    # Its middle lies in the middle half of the square.
    side, farm = 1 << _VILLAGE_BITS, _FARM_BITS + FINE_BITS
    lots = (number >> np.uint32(bit) & np.uint32(side // 2 - 1) for bit in (8, 16))
    y, x = (
        (place >> farm << _FARM_BITS & side - 1)
        + (1 << _FARM_BITS - 1)
        - side // 4
        - lot.astype(np.int32)
        for place, lot in zip(at, lots, strict=True)
    )
    radius = (_VILLAGE_WIDE[0] + number % np.uint32(_VILLAGE_WIDE[1])).astype(np.int32)
    found: NDArray[np.bool_] = there & (y * y + x * x < radius * radius)
    return found


def farms_at(
    at: MapPositions,
    keys: NDArray[np.uint32],
    village: NDArray[np.bool_] | None,
    watered: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.intp], NDArray[np.uint32]] | None:
    """Return which pixels lie in farmsteads, intp [n], and numbers of these; None for none.

    keys: of each pixel's region; village: as of `villages_at`; watered: where none are, or None.
    """
    lots: NDArray[np.uint32] | np.uint32 = np.uint32(_FARM_LOTS)
    if village is not None:
        lots = np.where(village, np.uint32(_VILLAGE_LOTS), lots)
    number = mixed(squares_at(at, _FARM_BITS) ^ keys ^ np.uint32(_FARM_KEY))
    there = number >> np.uint32(24) < lots
    if watered is not None:
        there &= ~watered
    found = np.flatnonzero(there)
    return (found, number.ravel()[found]) if len(found) else None


def with_farms(
    numbers: NDArray[np.uint32],
    at: MapPositions,
    farm: tuple[NDArray[np.intp], NDArray[np.uint32]],
    village: NDArray[np.bool_] | None,
) -> NDArray[np.uint32]:
    """Put the buildings, yards and gardens of farmsteads in numbers of pixels.

    village: of each pixel, whether its farmstead is part of one.
    """
    pixels, lots = farm
    side = 1 << _FARM_BITS + FINE_BITS
    down, along = (place.ravel()[pixels] & side - 1 for place in at)
    colour = np.full(len(pixels), _GARDEN, np.uint32)
    if village is not None:
        colour[village.ravel()[pixels]] = _VILLAGE
    for number, (long, wide) in enumerate(_BUILDINGS):
        # Each stands somewhere in the square, one way or the other.
        lot = mixed(lots + np.uint32(number))
        turned = lot & np.uint32(1) > 0
        high, broad = np.where(turned, long, wide), np.where(turned, wide, long)
        y = (lot >> np.uint32(4) & np.uint32(255)).astype(np.int64) * (side - high) >> 8
        x = (lot >> np.uint32(12) & np.uint32(255)).astype(np.int64) * (side - broad) >> 8
        y, x = down - y, along - x
        near = (y >= -_YARD) & (y < high + _YARD) & (x >= -_YARD) & (x < broad + _YARD)
        colour[near & (colour == _GARDEN)] = _GARDEN + 1
        roof = (y >= 0) & (y < high) & (x >= 0) & (x < broad)
        lit = np.where(np.where(turned, x * 2 < broad, y * 2 < high), 0, _ROOFS)
        colour = np.where(roof, _GARDEN + 2 + (lot >> np.uint32(20)) % _ROOFS + lit, colour)
    numbers.ravel()[pixels] = numbers.ravel()[pixels] & np.uint32(0xFF << int(RANK)) | colour
    return numbers


@cache
def farm_colours() -> NDArray[np.int16]:
    """Return colours of farmsteads, lanes, brooks, villages, with their marks: int16 [n, 4]."""
    colours = np.array(_FARM_COLOURS, np.int16)
    others = np.array(_LANES + _LAST_COLOURS, np.int16)
    colours = np.concatenate([colours, colours[2:] + np.int16(_SUNLIT), others])
    marks = np.full((len(colours), 1), MARK, np.int16)
    marks[[0, _VILLAGE - _GARDEN]], marks[BROOK - _GARDEN] = GARDENS, TREES
    return np.hstack([colours, marks])
