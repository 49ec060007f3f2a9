"""Regions of farmland: which map of parcels lies there, at which angle and scale, in which colours.

A region's numbers follow from its address. Some are those of its surroundings, eight by eight
regions, so that fields of a country are alike.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from generator.geography.farmsteads import (
    DETAILED,
    FAR,
    FARMS,
    LANE,
    RANK,
    TREES,
    VILLAGES,
    farm_colours,
    farms_at,
    villages_at,
    with_farms,
)
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
    joint_cells,
    joint_map,
    mixed,
    numbers_at,
    squares_at,
)  # fmt: skip
from generator.geography.regiongrid import FINE_BITS, Integers, MapPositions, Placements, key_in
from generator.geography.valuenoise import WORLD_BITS
from generator.grid.hashing import Words, keys
from generator.grid.tile import row_of

REGION_BITS = 18
"""Regions are squares of 2**18 units of 2**-30 of the world's width: 9.8 km at the equator."""

COLOURS = 16
"""Parcels' colours in a region; as many follow, of the lines at their edges, and then both of light
rows, of dark ones, and of none."""

COLOUR, LINE = np.uint32(15), np.uint32(16)
"""Of a pixel's number: the bits of its colour and the bit of a line."""

LIGHT, DARK = 32, 64
"""Bits of light and dark rows of crops."""

_CHOICES = 4
_COUNT = 1 << WORLD_BITS - REGION_BITS
_CELL_METRES = 25
_LINE_METRES = 6

PIVOTS, PADDIES = range(len(STYLES), len(STYLES) + 2)
"""More styles: surveyed land whose quarters are watered by beams that turn, and rice."""

_MAPS = (*range(len(STYLES)), SURVEYED, SMALL)
"""Map of each style."""

DRAINED = OPEN, LARGE, SURVEYED, PIVOTS
"""Styles of land through which streams flow; the others are plains with ditches."""

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
"""West, east, south and north of lands, degrees, and their styles, which divide _CHOICES; the first
land that holds a place.

Fields are large in America, Australia and the steppe and small in Asia and Africa (S. Fritz et al.,
Mapping global cropland and field size, 2015); the second land was surveyed in square miles, and so
were the High Plains, the first, where wells water fields that are round.
"""

_PALETTE = np.array(
    [
        (-16, 4, -10), (-14, 2, -8), (-20, -6, -14), (-28, -18, -20), (-10, 6, -6), (-6, -2, -6),
        (26, 22, 6), (34, 26, 8), (20, 16, 4), (22, 6, -2), (12, 0, -6), (30, 28, 18),
        (-2, 10, -8), (4, 4, 2), (-12, -10, -8), (-42, -26, -32),
        (-22, -9, 2), (-12, 8, -12), (6, 15, -8), (15, 13, 0),
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
    (16, 16, 17, 17, 18, 17, 16, 1, 0, 19, 19, 6, 17, 15, 18, 16),
)
"""Colours of a region: green country, mixed, ripe, ploughed, and rice."""

_LINES = (0, 0, 0), (-24, -17, -20), (-24, -17, -20), (20, 18, 13)
"""Red, green and blue over the ground's of lines at fields' edges: hedges, tracks, 0 for none."""

_HEDGES = 1, 2
"""Which of them are hedges."""

_LIGHTER = (5, 5, 4)
"""Red, green and blue by which rows of a field are lighter, or darker."""

_ROW_BITS, _ROWS = 6, 1 << 12
"""Width of a row in 256ths of a cell, six metres, and how many there are before they come again."""

_VILLAGES = {STRIPS: 130, SMALL: 210, PADDIES: 210}
"""256ths of squares with a village in regions of a style; other lands' villages are towns."""

_LANE_WIDE = {13: 150, 15: 70, 17: 60}
"""256ths of a cell that lanes are wide, by the zoom of the child."""

_SQUARE_BITS = 5
"""Cells along a quarter of a square mile, as a power of two."""

_KEY = 0x6669656C64


class FarmRegions(NamedTuple):
    """Regions of farmland, n of them.

    styles: of farmland, int64 [n]; placed: their maps; keys: a number of each one's own, uint32
    [n]; colours: int16 [n, 145, 4], red, green and blue over the ground's, and MARK, TREES or
    GARDENS.
    """

    styles: Integers
    placed: Placements
    keys: NDArray[np.uint32]
    colours: NDArray[np.int16]

    def parcels(self, at: MapPositions, which: NDArray[np.intp], zoom: int) -> NDArray[np.uint32]:
        """Return the numbers of pixels of a zoom: uint32 [h, w].

        at: their positions on the maps of their regions; which: numbers of these, intp [h, w].
        """
        cells, key = joint_cells(at, np.array(_MAPS)[self.styles], which), self.keys.take(which)
        number, watered = numbers_at(cells, at, key), None
        if (self.styles == PIVOTS).any():
            turned, watered = _pivots(at, key)
            watered &= (self.styles == PIVOTS).take(which)
            number = np.where(watered, turned, number)
        kept = number & (np.uint32(0xFF << int(RANK)) | COLOUR)
        if zoom < VILLAGES:
            return kept
        chances = _villages().take(self.styles)
        village = villages_at(at, key, chances.take(which)) if chances.any() else None
        if zoom < FARMS:
            far = kept & ~COLOUR | np.uint32(FAR)
            return kept if village is None else np.where(village, far, kept)
        edges = joint_map().edges.take(cells)
        farm = farms_at(at, key, village, watered)
        if zoom >= DETAILED:
            kept |= _detailed(number, edges, at, watered)
        lane = _along(edges, at, (MAIN_LEFT, MAIN_ABOVE), _LANE_WIDE.get(zoom, _LANE_WIDE[17]))
        colour = np.uint32(LANE + (zoom >= DETAILED))
        kept = np.where(lane, kept & np.uint32(0xFF << int(RANK)) | colour, kept)
        return kept if farm is None else with_farms(kept, at, farm, village)


@cache
def _villages() -> NDArray[np.uint32]:
    """Return the chances of villages by style."""
    found = np.zeros(len(_MAPS), np.uint32)
    found[list(_VILLAGES)] = list(_VILLAGES.values())
    return found


def _detailed(
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


def _pivots(
    at: MapPositions, keys: NDArray[np.uint32]
) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Return numbers of the quarters at positions, and whether a beam waters them: [h, w].

    Two of three quarters have one that reaches from the middle almost to the sides.
    """
    square = squares_at(at, _SQUARE_BITS)
    number = mixed(square ^ keys)
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


def regions_at(seed: int, rows: Integers, columns: Integers) -> FarmRegions:
    """Return the regions of rows and of columns in [0, 4096), int64 [n], in the world of a seed."""
    own = keys(key_in(seed, _KEY), rows, columns)
    country = keys(key_in(seed, _KEY + 1), rows >> 3, columns >> 3)

    def lot(numbers: Words, bit: int, count: int) -> Integers:
        return (numbers >> np.uint64(bit)).astype(np.int64) % count

    # One in four has a style of its own, and angles differ a little.
    alike = np.where(lot(own, 0, 4), country, own)
    styles = _styles(rows, columns)[np.arange(len(rows)), lot(alike, 2, _CHOICES)]
    angles = (lot(country, 8, 16) + lot(own, 8, 7) - 3) % 16 + lot(own, 11, 2) * 16
    scales = 56 + lot(own, 16, 40)
    left, top = columns << REGION_BITS, (rows << REGION_BITS) - lot(own, 24, 1 << REGION_BITS)
    # One grid for all surveyed land, whose scale changes every eight rows.
    surveyed = (styles == SURVEYED) | (styles == PIVOTS)
    top = np.where(surveyed, rows >> 3 << 3 + REGION_BITS, top)
    left, angles = np.where(surveyed, 0, left), np.where(surveyed, 0, angles)
    placed = Placements.of((top, left), angles, _CELL_METRES, np.where(surveyed, 64, scales))
    alike = np.where(lot(own, 48, 4), country, own)
    mixes = np.where(styles == PADDIES, len(_MIXES) - 1, lot(alike, 50, len(_MIXES) - 1))
    colours = _coloured(np.array(_MIXES)[mixes], 302 + lot(own, 52, 112), lot(own, 60, 4))
    return FarmRegions(styles, placed, own.astype(np.uint32), colours)


def _styles(rows: Integers, columns: Integers) -> Integers:
    """Return the styles of the lands that regions lie in: int64 [n, _CHOICES]."""
    found = np.zeros((len(rows), _CHOICES), np.int64)
    for (west, east, south, north), styles in reversed(_LANDS):
        inside = (_column_at(west) <= columns) & (columns < _column_at(east))
        inside &= (_row_at(north) <= rows) & (rows < _row_at(south))
        found[inside] = np.resize(styles, _CHOICES)
    return found


def _column_at(longitude: int) -> int:
    return (longitude + 180) * _COUNT // 360


@cache
def _row_at(latitude: int) -> int:
    return int(row_of(latitude, _COUNT))


def _coloured(mixes: Integers, strengths: Integers, lines: Integers) -> NDArray[np.int16]:
    """Return regions' colours; mixes: int64 [n, 16]; strengths: of colours, in 256ths, int64 [n];
    lines: which of _LINES each has, int64 [n].
    """
    colours = _PALETTE[mixes]
    # The mean stays that of the ground.
    colours = colours - colours.sum(1, keepdims=True) // COLOURS
    field, kinds = mixes != _WOOD, np.array(_LINES, np.int16)[lines][:, None]
    table = np.zeros((len(mixes), 4, 2, COLOURS, 4), np.int16)
    plain, lighter, darker = np.moveaxis(table[..., :3], 1, 0)[:3]
    plain[:, 0] = colours * strengths[:, None, None] >> 8
    plain[:, 1] = np.where(kinds.any(2, keepdims=True), kinds, plain[:, 0])
    row = np.array(_LIGHTER) * field[:, None, :, None]
    lighter[:], darker[:] = plain + row, plain - row
    table[..., 3] = np.where(field, MARK, TREES)[:, None, None]
    table[np.isin(lines, _HEDGES), :, 1, :, 3] = TREES
    farms = np.broadcast_to(farm_colours(), (len(mixes), *farm_colours().shape))
    return np.concatenate([table.reshape(len(mixes), -1, 4), farms], 1)
