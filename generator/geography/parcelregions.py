"""Regions of farmland: which map of parcels lies there, at which angle and scale, in which colours.

A region's numbers follow from its address. Some are those of its surroundings, eight by eight
regions, so that fields of a country are alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from generator.geography.overlay import MARK
from generator.geography.parcelmaps import (
    ABOVE,
    LARGE,
    LEFT,
    OPEN,
    SMALL,
    STRIPS,
    STYLES,
    SURVEYED,
    cells_at,
    mixed,
    numbers_at,
    parcel_maps,
    squares_at,
)  # fmt: skip
from generator.geography.regiongrid import FINE_BITS, MapPositions, Placement, key_in
from generator.geography.valuenoise import WORLD_BITS
from generator.grid.hashing import keys
from generator.grid.tile import row_of

REGION_BITS = 18
"""Regions are squares of 2**18 units of 2**-30 of the world's width: 9.8 km at the equator."""

COLOURS = 16
"""Parcels' colours in a region; as many follow, of the lines at their edges, and then both of light
rows, of dark ones, and of none."""

COLOUR, LINE, RANK = np.uint32(15), np.uint32(16), np.uint32(24)
"""Of a pixel's number: the bits of its colour, the bit of a line, and how far up its rank lies."""

LIGHT, DARK = 32, 64
"""Bits of light and dark rows of crops."""

_COUNT = 1 << WORLD_BITS - REGION_BITS
_CELL_METRES = 25
_LINE_METRES = 6

PIVOTS, PADDIES = range(len(STYLES), len(STYLES) + 2)
"""More styles: surveyed land whose quarters are watered by beams that turn, and rice."""

_MAPS = (*range(len(STYLES)), SURVEYED, SMALL)
"""Map of each style."""

_LANDS = (
    ((-106, -97, 31, 43), (PIVOTS,)),
    ((-125, -82, 25, 60), (SURVEYED,)),
    ((-180, -30, -60, 75), (LARGE, LARGE, OPEN, LARGE)),
    ((110, 180, -50, -10), (LARGE,)),
    ((30, 110, 44, 62), (LARGE, OPEN, LARGE, LARGE)),
    ((86, 123, -9, 33), (PADDIES, PADDIES, STRIPS, PADDIES)),
    ((129, 142, 30, 40), (PADDIES, SMALL)),
    ((-20, 150, -40, 36), (OPEN, SMALL, STRIPS, SMALL)),
    ((-180, 180, -90, 90), (OPEN, STRIPS, OPEN, LARGE)),
)
"""West, east, south and north of lands, degrees, and their styles; the first that holds a place.

Fields are large in America, Australia and the steppe and small in Asia and Africa (S. Fritz et al.,
Mapping global cropland and field size, 2015); the second land was surveyed in square miles, and so
were the High Plains, the first, where wells water fields that are round.
"""

_PALETTE = np.array(
    [
        (-16, 4, -10), (-14, 2, -8), (-20, -6, -14), (-28, -18, -20), (-10, 6, -6), (-6, -2, -6),
        (26, 22, 6), (34, 26, 8), (20, 16, 4), (22, 6, -2), (12, 0, -6), (30, 28, 18),
        (-2, 10, -8), (4, 4, 2), (-12, -10, -8), (0, 0, 0),
        (-24, -12, -2), (-14, 12, -14), (8, 20, -8), (18, 16, 0),
    ],
    np.int32,
)  # fmt: skip
"""Red, green and blue over the ground's: crops of several greens, straw, soil, stubble; and rice:
flooded, young, growing, ripe."""

_WILD = 15
"""What is no field: a copse, a farm, waste land."""

_MIXES = (
    (0, 1, 2, 3, 4, 5, 12, 0, 1, 4, 6, 8, 14, 15, 5, 2),
    (0, 2, 3, 6, 7, 8, 9, 10, 11, 13, 14, 1, 5, 12, 15, 6),
    (6, 7, 8, 11, 13, 10, 9, 6, 8, 5, 0, 14, 15, 10, 7, 1),
    (9, 10, 14, 3, 2, 8, 9, 5, 10, 1, 0, 13, 15, 14, 6, 12),
)
"""Colours of a region: green country, mixed, ripe, and ploughed."""

_RICE = 16, 16, 17, 17, 18, 17, 16, 1, 0, 19, 19, 6, 17, 15, 18, 16
"""Colours of a region of rice."""

_NO_LINE, _HEDGE, _TRACK = (0, 0, 0), (-24, -17, -20), (20, 18, 13)
_LINES = (_NO_LINE, _HEDGE, _HEDGE, _TRACK)

_LIGHTER = (4, 4, 3)
"""Red, green and blue by which rows of a field are lighter, or darker."""

_ROW_BITS, _ROWS = 6, 1 << 12
"""Width of a row in 256ths of a cell, six metres, and how many there are before they come again."""

_SQUARE_BITS = 5
"""Cells along a quarter of a square mile, as a power of two."""

_KEY = 0x6669656C64


@dataclass(frozen=True, slots=True, eq=False)
class FarmRegion:
    """A region of farmland.

    style: of farmland; placement: of its map; key: a number of its own; colours: int16
    [128, 4], red, green and blue over the ground's, and MARK in fields.
    """

    style: int
    placement: Placement
    key: int
    colours: NDArray[np.int16]

    def parcels(self, at: MapPositions, detailed: bool) -> NDArray[np.uint32]:
        """Return the numbers of pixels: uint32 [h, w]; detailed: with lines at edges and rows."""
        drawn = parcel_maps()[_MAPS[self.style]]
        number = mixed(numbers_at(drawn, at, self.key))
        watered = None
        if self.style == PIVOTS:
            turned, watered = _pivots(at, self.key)
            number = np.where(watered, turned, number)
        kept = number & (np.uint32(0xFF << int(RANK)) | COLOUR)
        if not detailed:
            return kept
        # Half of the fields have rows, which lie one way or the other.
        across = np.where(number & np.uint32(1 << 8), at.along, at.down)
        row = _rows().take(across >> _ROW_BITS & _ROWS - 1)
        row *= number >> np.uint32(9) & np.uint32(1)
        kept |= row
        width, edges = _LINE_METRES * 256 // _CELL_METRES, drawn.edges.take(cells_at(at))
        left = (edges & LEFT != 0) & (at.along & 255 < width)
        line = left | (edges & ABOVE != 0) & (at.down & 255 < width)
        if watered is not None:
            line &= ~watered
        kept |= line * LINE
        return kept


def _pivots(at: MapPositions, key: int) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Return numbers of the quarters at positions, and whether a beam waters them: [h, w].

    Two of three quarters have one that reaches from the middle almost to the sides.
    """
    square = squares_at(at, _SQUARE_BITS)
    number = mixed(square ^ np.uint32(key))
    half = 1 << _SQUARE_BITS + FINE_BITS - 1
    y, x = ((place & 2 * half - 1) - half for place in at)
    watered = x * x + y * y < (half * 31 // 32) ** 2
    # Not by region, so that borders cut no circles.
    watered &= mixed(square) % np.uint32(3) > 0
    return number, watered


@cache
def _rows() -> NDArray[np.uint32]:
    """Return by place whether rows are light or dark: LIGHT or DARK, uint32 [_ROWS]."""
    lots = mixed(np.arange(_ROWS, dtype=np.uint32)) & np.uint32(1)
    return np.where(lots, np.uint32(LIGHT), np.uint32(DARK))


@lru_cache(maxsize=512)
def region_at(seed: int, row: int, column: int) -> FarmRegion:
    """Return the region of a row and of a column in [0, 4096) in the world of a seed."""
    own = int(keys(key_in(seed, _KEY), row, column)[0])
    country = int(keys(key_in(seed, _KEY + 1), row >> 3, column >> 3)[0])
    styles = _styles(row, column)
    # One in four has a style of its own, and angles differ a little.
    style = styles[((country if own & 3 else own) >> 2) % len(styles)]
    if style in (SURVEYED, PIVOTS):
        # One grid for all, whose scale changes every eight rows.
        origin, angle, scale = (row >> 3 << 3 + REGION_BITS, 0), 0, 64
    else:
        angle = ((country >> 8) + (own >> 8) % 7 - 3) % 16 + (own >> 11 & 1) * 16
        scale = 56 + (own >> 16) % 40
        shift = own >> 24 & (1 << REGION_BITS) - 1
        origin = (row << REGION_BITS) - shift, column << REGION_BITS
    crops = _MIXES[(country if own >> 48 & 3 else own) >> 50 & 3]
    mix = np.array(_RICE if style == PADDIES else crops)
    strength, line = 250 + (own >> 52) % 112, _LINES[own >> 60 & 3]
    placement = Placement.of(origin, angle, _CELL_METRES, scale)
    return FarmRegion(style, placement, own & 0xFFFFFFFF, _coloured(mix, strength, line))


def _styles(row: int, column: int) -> tuple[int, ...]:
    """Return the styles of the land that a region lies in."""
    held = (
        styles
        for (west, east, south, north), styles in _LANDS
        if _column_at(west) <= column < _column_at(east) and _row_at(north) <= row < _row_at(south)
    )
    return next(held, _LANDS[-1][1])


def _column_at(longitude: int) -> int:
    return (longitude + 180) * _COUNT // 360


@cache
def _row_at(latitude: int) -> int:
    return int(row_of(latitude, _COUNT))


def _coloured(
    mix: NDArray[np.int64], strength: int, line: tuple[int, int, int]
) -> NDArray[np.int16]:
    """Return a region's colours; strength: of them in 256ths."""
    colours = _PALETTE[mix]
    # The mean stays that of the ground.
    colours = colours - colours.sum(0) // COLOURS
    field = mix != _WILD
    table = np.zeros((8 * COLOURS, 4), np.int16)
    table[:COLOURS, :3] = (colours * strength >> 8) * field[:, None]
    table[COLOURS : 2 * COLOURS, :3] = line if line != _NO_LINE else table[:COLOURS, :3]
    row = np.array(_LIGHTER) * np.tile(field, 2)[:, None]
    plain, lighter, darker = np.split(table[:, :3], 4)[:3]
    lighter[:], darker[:] = plain + row, plain - row
    table[:, 3] = MARK * np.tile(field, 8)
    return table
