"""Regions of farmland: which map of parcels lies there, at which angle and scale, in which colours.

A region's numbers follow from its address. Some are those of its surroundings, eight by eight
regions, so that fields of a country are alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from generator.geography.parcelmaps import ABOVE, LEFT, SIDE, SIDE_BITS, SURVEYED, parcel_maps
from generator.geography.valuenoise import WORLD_BITS
from generator.grid.hashing import keys
from generator.grid.tile import row_of

REGION_BITS = 18
"""Regions are squares of 2**18 units of 2**-30 of the world's width: 9.8 km at the equator."""

COLOURS = 16
"""Parcels' colours in a region; as many follow, of the lines at their edges."""

COLOUR, LINE, RANK = np.uint32(15), np.uint32(16), np.uint32(24)
"""Of a pixel's number: the bits of its colour, the bit of a line, and how far up its rank lies."""

_COUNT = 1 << WORLD_BITS - REGION_BITS
_BAND_BITS = 3
"""Rows of 8 regions have one scale."""

_CELL_METRES = 25
_UNITS = 27
"""Units along a metre at the equator."""

_LINE_METRES = 6

_SINES = (0, 100, 200, 297, 392, 483, 569, 650, 724, 792, 851, 903, 946, 980, 1004, 1019, 1024)
"""1024 times the sine of sixteenths of a right angle."""

_SIZE_BITS, _FINE_BITS = 18, 8
"""A region's size is in 2**-18 cells a unit; positions on a map are in 2**-8 cells."""

_WEST, _EAST, _NORTH, _SOUTH = (
    int((-125 + 180) * _COUNT // 360), int((-82 + 180) * _COUNT // 360),
    int(row_of(60, _COUNT)), int(row_of(25, _COUNT)),
)  # fmt: skip
"""Columns and rows of the land that the United States and Canada surveyed in square miles."""

_PALETTE = np.array(
    [
        (-16, 4, -10), (-14, 2, -8), (-20, -6, -14), (-28, -18, -20), (-10, 6, -6), (-6, -2, -6),
        (26, 22, 6), (34, 26, 8), (20, 16, 4), (22, 6, -2), (12, 0, -6), (30, 28, 18),
        (-2, 10, -8), (4, 4, 2), (-12, -10, -8), (0, 0, 0),
    ],
    np.int32,
)  # fmt: skip
"""Red, green and blue over the ground's: crops of several greens, straw, soil, stubble."""

_WILD = len(_PALETTE) - 1
"""What is no field: a copse, a farm, waste land."""

_MIXES = (
    (0, 1, 2, 3, 4, 5, 12, 0, 1, 4, 6, 8, 14, 15, 5, 2),
    (0, 2, 3, 6, 7, 8, 9, 10, 11, 13, 14, 1, 5, 12, 15, 6),
    (6, 7, 8, 11, 13, 10, 9, 6, 8, 5, 0, 14, 15, 10, 7, 1),
    (9, 10, 14, 3, 2, 8, 9, 5, 10, 1, 0, 13, 15, 14, 6, 12),
)
"""Colours of a region: green country, mixed, ripe, and ploughed."""

_NO_LINE, _HEDGE, _TRACK = (0, 0, 0), (-24, -17, -20), (20, 18, 13)
_LINES = (_NO_LINE, _HEDGE, _HEDGE, _TRACK)

_KEY = 0x6669656C64

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FarmRegion:
    """A region of farmland.

    style: of its map; origin: row and column in units; turn: cosine and sine in 1024ths; size: in
    2**-18 cells a unit; key: a number of its own; colours: int16 [32, 4], red, green and blue over
    the ground's, and 256 in fields.
    """

    style: int
    origin: tuple[int, int]
    turn: tuple[int, int]
    size: int
    key: int
    colours: NDArray[np.int16]

    def parcels(self, ys: Integers, xs: Integers, lines: bool) -> NDArray[np.uint32]:
        """Return the numbers of pixels at rows ys and columns xs, in units: uint32 [h, w].

        lines: whether a pixel may show a line at its parcel's edge.
        """
        # Positions on the map.
        cosine, sine = (part * self.size for part in self.turn)
        down, across = ys - self.origin[0], xs - self.origin[1]
        u = _fine(down * sine)[:, None] + _fine(across * cosine)
        v = _fine(down * cosine)[:, None] - _fine(across * sine)
        i, j = v >> _FINE_BITS, u >> _FINE_BITS
        drawn = parcel_maps()[self.style]
        cells = (i & SIDE - 1) << SIDE_BITS | j & SIDE - 1
        # The map comes again, with other parcels.
        again = (i >> SIDE_BITS) * 1031 + (j >> SIDE_BITS) * 4099
        number = drawn.parcels.take(cells)
        number += again.view(np.uint32)
        number ^= np.uint32(self.key)
        # Mix the bits.
        number *= np.uint32(0x9E3779B1)
        number ^= number >> np.uint32(15)
        number *= np.uint32(0x85EBCA6B)
        number ^= number >> np.uint32(13)
        number &= np.uint32(0xFF << int(RANK)) | COLOUR
        if lines:
            width, edges = _LINE_METRES * 256 // _CELL_METRES, drawn.edges.take(cells)
            left = (edges & LEFT != 0) & (u & 255 < width)
            number |= (left | (edges & ABOVE != 0) & (v & 255 < width)) * LINE
        return number


def _fine(lengths: Integers) -> NDArray[np.int32]:
    """Return 2**-8 cells of products of units, 1024ths and sizes."""
    return (lengths >> _SIZE_BITS + 10 - _FINE_BITS).astype(np.int32)


@lru_cache(maxsize=1024)
def region_at(row: int, column: int) -> FarmRegion:
    """Return the region of a row and of a column in [0, 4096)."""
    own = int(keys(_KEY, row, column)[0])
    country = int(keys(_KEY + 1, row >> 3, column >> 3)[0])
    if _WEST <= column < _EAST and _NORTH <= row < _SOUTH:
        style, angle, scale, origin = SURVEYED, 0, 64, (0, 0)
    else:
        # One in four has a style of its own, and angles differ a little.
        style = (country if own & 3 else own) >> 2 & 3
        angle = ((country >> 8) + (own >> 8) % 7 - 3) % 16 + (own >> 11 & 1) * 16
        scale = 50 + (own >> 16) % 40
        shift = own >> 24 & (1 << REGION_BITS) - 1
        origin = (row << REGION_BITS) - shift, column << REGION_BITS
    size = (64 * 64 << _SIZE_BITS) // (_CELL_METRES * _UNITS * stretch(row >> _BAND_BITS) * scale)
    mix = np.array(_MIXES[(country if own >> 48 & 3 else own) >> 50 & 3])
    strength, line = 200 + (own >> 52) % 90, _LINES[own >> 60 & 3]
    return FarmRegion(
        style, origin, _turn(angle), size, own & 0xFFFFFFFF, _coloured(mix, strength, line)
    )


def stretch(band: int) -> int:
    """Return 64 times the length of a metre in a band of 8 rows over that at the equator.

    No value lies within 1e-6 of a rounding boundary, so that every machine has the same.
    """
    return round(_stretch(min(max(band, 0), BANDS - 1)))


BANDS = _COUNT >> _BAND_BITS
"""Bands from the map's upper to its lower edge."""


@cache
def _stretch(band: int) -> float:
    return 64 * math.cosh(math.pi * (1 - (2 * band + 1) / BANDS))


def _turn(angle: int) -> tuple[int, int]:
    """Return cosine and sine of an angle in sixteenths of a right angle, 0 to 31, in 1024ths."""
    past = angle % 16
    if angle < 16:
        return _SINES[16 - past], _SINES[past]
    return -_SINES[past], _SINES[16 - past]


def _coloured(
    mix: NDArray[np.int64], strength: int, line: tuple[int, int, int]
) -> NDArray[np.int16]:
    """Return a region's colours; strength: of them in 256ths."""
    colours = _PALETTE[mix]
    # The mean stays that of the ground.
    colours = colours - colours.sum(0) // COLOURS
    field = mix != _WILD
    table = np.zeros((2 * COLOURS, 4), np.int16)
    table[:COLOURS, :3] = (colours * strength >> 8) * field[:, None]
    table[COLOURS:, :3] = line if line != _NO_LINE else table[:COLOURS, :3]
    table[:, 3] = 256 * np.tile(field, 2)
    return table
