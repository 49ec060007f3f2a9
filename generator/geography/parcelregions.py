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
    MAIN_ABOVE,
    MAIN_LEFT,
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

TREES, GARDENS = MARK + 1, MARK + 2
"""What marks colours of trees, of woods and hedges, and those of ground with some trees."""

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
        (-2, 10, -8), (4, 4, 2), (-12, -10, -8), (-42, -26, -32),
        (-24, -12, -2), (-14, 12, -14), (8, 20, -8), (18, 16, 0),
    ],
    np.int32,
)  # fmt: skip
"""Red, green and blue over the ground's: crops of several greens, straw, soil, stubble, woods; and
rice: flooded, young, growing, ripe."""

_WOOD = 15
"""What is no field, but a wood."""

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

_LIGHTER = (5, 5, 4)
"""Red, green and blue by which rows of a field are lighter, or darker."""

_ROW_BITS, _ROWS = 6, 1 << 12
"""Width of a row in 256ths of a cell, six metres, and how many there are before they come again."""

FARMS, DETAILED = 13, 15
"""First zooms whose children show farmsteads, and rows of crops and what lies at fields' edges."""

_FARM_BITS, _FARM_LOTS, _YARD = 2, 3, 50
"""Cells along a farmstead, as a power of two; 256ths of such squares that have one; and how far a
yard reaches round a building, in 256ths of a cell."""

_BUILDINGS = (500, 170), (330, 150), (170, 130), (130, 110)
"""Length and width of a farmstead's buildings, in 256ths of a cell."""

_FARM_COLOURS = (
    (-12, -4, -12), (14, 12, 8),
    (-12, -10, -6), (34, 32, 30), (22, -2, -12), (48, 46, 44), (10, 10, 10),
)  # fmt: skip
"""Red, green and blue over the ground's of gardens, of yards, and of roofs."""

_GARDEN, _ROOFS = 128, len(_FARM_COLOURS) - 2
_LANE = _GARDEN + 2 + 2 * _ROOFS
"""Number of the colour of gardens, which those of yards, of dark and of lit sides of roofs follow;
how many of each of these there are; and the number of the colours of lanes."""

_LANES = (12, 11, 8), (32, 29, 22)
"""Red, green and blue over the ground's of lanes, at 13, where they are narrower than pixels, and
from DETAILED on."""

_LANE_WIDE = {13: 150, 15: 70, 17: 60}
"""256ths of a cell that lanes are wide, by the zoom of the child."""

_SUNLIT = 16
"""Levels of grey by which one side of a roof is lighter."""

_SQUARE_BITS = 5
"""Cells along a quarter of a square mile, as a power of two."""

_KEY, _FARM_KEY = 0x6669656C64, 0x6661726D


@dataclass(frozen=True, slots=True, eq=False)
class FarmRegion:
    """A region of farmland.

    style: of farmland; placement: of its map; key: a number of its own; colours: int16
    [142, 4], red, green and blue over the ground's, and MARK, TREES or GARDENS.
    """

    style: int
    placement: Placement
    key: int
    colours: NDArray[np.int16]

    def parcels(self, at: MapPositions, zoom: int) -> NDArray[np.uint32]:
        """Return the numbers of pixels of a zoom: uint32 [h, w]."""
        drawn = parcel_maps()[_MAPS[self.style]]
        number = mixed(numbers_at(drawn, at, self.key))
        watered = None
        if self.style == PIVOTS:
            turned, watered = _pivots(at, self.key)
            number = np.where(watered, turned, number)
        kept = number & (np.uint32(0xFF << int(RANK)) | COLOUR)
        if zoom < FARMS:
            return kept
        edges = drawn.edges.take(cells_at(at))
        farm = _farms(at, self.key, watered)
        if zoom >= DETAILED:
            kept |= self._detailed(number, edges, at, watered)
        lane = _along(edges, at, (MAIN_LEFT, MAIN_ABOVE), _LANE_WIDE.get(zoom, _LANE_WIDE[17]))
        which = np.uint32(_LANE + (zoom >= DETAILED))
        kept = np.where(lane, kept & np.uint32(0xFF << int(RANK)) | which, kept)
        return kept if farm is None else _with_farms(kept, at, farm)

    def _detailed(
        self,
        number: NDArray[np.uint32],
        edges: NDArray[np.uint8],
        at: MapPositions,
        watered: NDArray[np.bool_] | None,
    ) -> NDArray[np.uint32]:
        """Return the bits of rows of crops and of lines at edges: uint32 [h, w]."""
        # Half of the fields have rows, which lie one way or the other.
        across = np.where(number & np.uint32(1 << 8), at.along, at.down)
        row = _rows().take(across >> _ROW_BITS & _ROWS - 1)
        row *= number >> np.uint32(9) & np.uint32(1)
        line = _along(edges, at, (LEFT, ABOVE), _LINE_METRES * 256 // _CELL_METRES)
        if watered is not None:
            line &= ~watered
        row |= line * LINE
        return row


def _along(
    edges: NDArray[np.uint8], at: MapPositions, sides: tuple[int, int], width: int
) -> NDArray[np.bool_]:
    """Say which positions lie within a width, 256ths of a cell, of edges to the left or above."""
    left, above = (edges & side != 0 for side in sides)
    found: NDArray[np.bool_] = left & (at.along & 255 < width)
    found |= above & (at.down & 255 < width)
    return found


def _farms(
    at: MapPositions, key: int, watered: NDArray[np.bool_] | None
) -> tuple[NDArray[np.intp], NDArray[np.uint32]] | None:
    """Return which pixels lie in farmsteads, intp [n], and numbers of these; None for none."""
    number = mixed(squares_at(at, _FARM_BITS) ^ np.uint32(key ^ _FARM_KEY))
    there = number >> np.uint32(24) < _FARM_LOTS
    if watered is not None:
        there &= ~watered
    found = np.flatnonzero(there)
    return (found, number.ravel()[found]) if len(found) else None


def _with_farms(
    numbers: NDArray[np.uint32],
    at: MapPositions,
    farm: tuple[NDArray[np.intp], NDArray[np.uint32]],
) -> NDArray[np.uint32]:
    """Put the buildings, yards and gardens of farmsteads in numbers of pixels."""
    pixels, lots = farm
    side = 1 << _FARM_BITS + FINE_BITS
    down, along = (place.ravel()[pixels] & side - 1 for place in at)
    colour = np.full(len(pixels), _GARDEN, np.uint32)
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
    strength, line = 285 + (own >> 52) % 112, _LINES[own >> 60 & 3]
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


@cache
def _farm_colours() -> NDArray[np.int16]:
    """Return the colours of farmsteads and lanes, with their marks: int16 [n, 4]."""
    colours = np.array(_FARM_COLOURS, np.int16)
    lanes = np.array(_LANES, np.int16)
    colours = np.concatenate([colours, colours[2:] + np.int16(_SUNLIT), lanes])
    marks = np.full((len(colours), 1), MARK, np.int16)
    marks[0] = GARDENS
    return np.hstack([colours, marks])


def _coloured(
    mix: NDArray[np.int64], strength: int, line: tuple[int, int, int]
) -> NDArray[np.int16]:
    """Return a region's colours; strength: of them in 256ths."""
    colours = _PALETTE[mix]
    # The mean stays that of the ground.
    colours = colours - colours.sum(0) // COLOURS
    field = mix != _WOOD
    table = np.zeros((8 * COLOURS, 4), np.int16)
    table[:COLOURS, :3] = colours * strength >> 8
    table[COLOURS : 2 * COLOURS, :3] = line if line != _NO_LINE else table[:COLOURS, :3]
    row = np.array(_LIGHTER) * np.tile(field, 2)[:, None]
    plain, lighter, darker = np.split(table[:, :3], 4)[:3]
    lighter[:], darker[:] = plain + row, plain - row
    table[:, 3] = np.where(np.tile(field, 8), MARK, TREES)
    if line == _HEDGE:
        table.reshape(4, 2, COLOURS, 4)[:, 1, :, 3] = TREES
    return np.concatenate([table, _farm_colours()])
