"""Regions of town blocks: what stands on the plots of each block, in which colours.

A block of the streets' map is of one kind, and each of its cells is a plot: with a house, a stretch
of a terrace, a part of a hall, or nothing. Blocks of a district, about a kilometre wide, have their
kinds from one mix, whose mean is all that shows before plots do. A region's numbers follow from its
address; some are those of its surroundings, four by four regions, so that roofs of a town are
alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from generator.geography.overlay import MARK
from generator.geography.parcelmaps import (
    ABOVE,
    BELOW,
    LEFT,
    RIGHT,
    SIDE,
    SIDE_BITS,
    ParcelMap,
    cells_at,
    mixed,
    squares_at,
)
from generator.geography.regiongrid import FINE_BITS, Integers, MapPositions, Placement, key_in
from generator.geography.streets import StreetRegion, block_maps
from generator.geography.streets import region_at as streets_at
from generator.grid.hashing import Words, keys

DETAILED = 15
"""First zoom whose children show what stands on plots; before, plots are roof or ground by lot."""

HOUSES, ROWS, COLUMNS, COURTS, HALL, PARK, YARD = range(7)
"""Kinds: detached houses; terraces, two ways; houses round courts; halls; parks; bare ground."""

_MIXES = (
    (HOUSES,) * 9 + (ROWS, COLUMNS, COURTS, COURTS, COURTS, PARK, PARK),
    (HOUSES,) * 4 + (ROWS, COLUMNS) * 3 + (COURTS,) * 4 + (PARK, YARD),
    (HOUSES,) * 2 + (ROWS, COLUMNS) * 2 + (COURTS,) * 7 + (HALL, PARK, YARD),
    (HOUSES,) * 5 + (ROWS, COLUMNS, COURTS, COURTS, COURTS) + (HALL,) * 3 + (PARK, YARD, YARD),
    (HOUSES, COURTS, YARD) + (PARK,) * 13,
)
"""Kinds of a district's blocks: suburb, terraces, inner town, works, woods."""

_DISTRICTS = (-1,) * 9 + (0, 0, 1, 2, 3, 4, 4)
"""Mixes of a region's districts, by lot; less than nothing is the region's own."""

_DISTRICT_BITS, _NUMBER_BITS = 4, 12
"""Of a cell: the number of its district, over that of its block."""

_ROOFS = (
    (
        (34, 6, -8), (26, 4, -8), (22, 6, -4), (18, 8, 0), (30, 14, 2), (12, 2, -6), (8, 4, 0),
        (-8, -8, -8),
    ),
    (
        (-14, -12, -6), (-4, -2, 2), (8, 10, 14), (20, 20, 20), (-22, -20, -14), (14, 8, 2),
        (30, 28, 26), (2, 0, 0),
    ),
    (
        (44, 42, 36), (30, 28, 22), (18, 16, 12), (36, 30, 20), (8, 8, 8), (52, 50, 48),
        (22, 14, 4), (-4, -4, -2),
    ),
    (
        (30, 8, -8), (-12, -10, -4), (24, 22, 18), (10, 8, 4), (40, 38, 36), (-18, -16, -12),
        (16, 4, -4), (4, 8, 14),
    ),
)  # fmt: skip
"""Red, green and blue over the ground's of roofs: tiles, slate, flat and bright, mixed."""

_HALLS = (
    (40, 40, 40), (26, 26, 24), (12, 12, 14), (52, 52, 50), (0, 2, 6), (20, 18, 12), (8, 14, 24),
    (-10, -10, -8),
)  # fmt: skip
"""Roofs of halls."""

_OPEN = (
    (-16, -2, -18), (-8, 2, -10), (-8, 2, -10), (-4, 0, -4), (8, 8, 8), (-26, -8, -26), (6, 6, 6),
)  # fmt: skip
"""What is not built on, by kind: gardens, courts, yards, grass and trees."""

_SHADE = (-44, -42, -34)
"""Of shadows on it."""

_TREES = (-38, -20, -36)
"""Of trees on it."""

_VARIED = (-6, -4, -2, 0, 1, 3, 5, 7)
"""Levels of grey by which ground of one kind differs."""

_STRONG = 22
"""Sixteenths of their colours that roofs have from DETAILED on."""

_RIDGE = 13
"""How much lighter one side of a roof is than its mean, and the other darker."""

_ROOFED = np.array((70, 100, 100, 130, 256, 0, 0), np.uint32)
"""256ths of a block under roofs, by kind."""

_DARK, _LIT, _HALL, SHADOW, _GROUND = 0, 16, 32, 40, 48
TREE = _GROUND + 8 * len(_OPEN)
_COARSE = TREE + 8
COLOURS = _COARSE + 24
"""Colours of a region: roofs' dark and lit sides, halls, shadows, by kind eight of the ground, and
trees; before DETAILED eight roofs, the ground by kind, and halls."""

_PLANTED = 90, 40, 40, 60, 10, 170, 10
"""256ths of crowns that stand on what is not built on, by kind."""

_GREY, _HUE = (26, 30, 35, 42), 13
"""Sixteenths of light, by town, and of colour that colours before DETAILED have: a pixel of 16 m is
not the mean of its plots, so that a town is not flat."""

_BRIGHTEST, _BRIGHTEST_HALL = 64, 100
"""Most light over the ground's then, of roofs, so that they are no snow, and of halls."""

_PLOTS = (
    (50, 66, 206, 190), (66, 50, 190, 206), (36, 80, 190, 180), (80, 36, 180, 220),
    (60, 60, 200, 180), (50, 80, 226, 190), (66, 66, 180, 210), (1, 1, 0, 0),
)  # fmt: skip
"""Left, above, right and below of houses on their plots, in 256ths of a cell; one plot is empty."""

_TERRACE = 76, 104
"""How far a terrace lies from its plot's side, and how deep it is."""

_HALL_BITS, _YARD_WIDE = 2, 160
"""Cells from one hall to the next, as a power of two, and 256ths of a cell of the yard between."""

_DEEP = 130
"""Depth of houses round a court."""

_STREET = 96
"""From the middle of a street to what stands along it."""

_KEY = 0x626C6F63

Numbers = NDArray[np.uint32]


class _Plots(NamedTuple):
    """Plots of pixels: numbers of their blocks and of themselves, kinds, and whether one is roof.

    All [h, w].
    """

    block: Numbers
    plot: Numbers
    kind: Numbers
    roof: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class BlockRegion:
    """A region of blocks: its streets, a number of its own, and the kinds and colours of blocks.

    kinds: uint32 [256], sixteen of each district; colours: int16 [COLOURS, 4], red, green and blue
    over the ground's, and MARK.
    """

    streets: StreetRegion
    key: int
    kinds: Numbers
    colours: NDArray[np.int16]

    @property
    def placement(self) -> Placement:
        """Return how the map of its streets lies."""
        return self.streets.placement

    def blocks(self, at: MapPositions, zoom: int) -> Numbers:
        """Return the numbers of pixels, uint32 [h, w]: a colour, and from bit 24 on a rank.

        Colours below SHADOW are roofs'.
        """
        block, plot, kind, roofed = self._plots(at, zoom)
        if zoom < DETAILED:
            number = np.where(roofed, _eighth(plot, 8), kind + np.uint32(8))
            number = np.where(kind == HALL, _eighth(block, 8) + np.uint32(16), number)
            number += np.uint32(_COARSE)
        else:
            # Sunlit and dark sides of roofs, of which halls have none.
            lit = np.where(kind == COLUMNS, at.along, at.down) & 128 == 0
            roof = np.where(lit, np.uint32(_LIT), np.uint32(_DARK)) + (plot >> np.uint32(8) & 15)
            roof = np.where(
                kind == HALL, _HALL + _eighth(mixed(block + squares_at(at, _HALL_BITS)), 8), roof
            )
            number = np.where(roofed, roof, _GROUND + (kind << np.uint32(3)) + _eighth(plot, 12))
        shown: Numbers = number | block >> np.uint32(24) << np.uint32(24)
        return shown

    def _plots(self, at: MapPositions, zoom: int) -> _Plots:
        """Return the plots at positions."""
        drawn, cells = district_maps()[self.streets.style], cells_at(at)
        number = drawn.parcels.take(cells).astype(np.uint32)
        district = district_of(number)
        block = block_of(number, at, np.uint32(self.key))
        kind = self.kinds.take(district << np.uint32(4) | block & np.uint32(15))
        plot = mixed(block + cells.view(np.uint32))
        if zoom < DETAILED:
            return _Plots(block, plot, kind, plot >> np.uint32(24) < _ROOFED.take(kind))
        # What stands there, by kind, by the edges of the block and by lot.
        edges = drawn.edges.take(cells) & np.uint8(15)
        which = (kind << np.uint32(4) | edges) << np.uint32(3) | _eighth(plot, 5)
        sides = _standing().take(which).view(np.int16).reshape(*which.shape, 4)
        left, above, right, below = np.moveaxis(sides, 2, 0)
        across, down = ((place & 255).astype(np.int16) for place in (at.along, at.down))
        roof = (across >= left) & (down >= above) & (across < right) & (down < below)
        # Between halls are yards.
        side = (1 << _HALL_BITS + FINE_BITS) - 1
        between = (at.along & side < _YARD_WIDE) | (at.down & side < _YARD_WIDE)
        roof &= (kind != HALL) | ~between
        return _Plots(block, plot, kind, roof)


@lru_cache(maxsize=128)
def region_at(seed: int, row: int, column: int) -> BlockRegion:
    """Return the region of a row and of a column in [0, 16384) in the world of a seed."""
    lots = lots_at(seed, np.array([row]), np.array([column]))
    key, town = int(keys_of(lots[0])[0]), int(lots[1][0])
    mixes, roofs = mixes_of(*lots)
    kinds = np.array(_MIXES, np.uint32)[mixes[0]].ravel()
    colours = _coloured(kinds, np.array(_ROOFS[roofs[0]], np.int64), _GREY[town >> 12 & 3])
    return BlockRegion(streets_at(seed, row, column), key, kinds, colours)


def mixes_of(own: Words, town: Words) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the mixes of districts of regions, [n, 16], and which roofs these have, [n].

    own, town: numbers of the regions and of their towns, as of `lots_at`.
    """
    three = np.uint64(3)
    lots = mixed(np.arange(1 << _DISTRICT_BITS, dtype=np.uint32) + keys_of(own)[:, None])
    mixes = np.array(_DISTRICTS)[lots >> np.uint32(28)]
    mixes = np.where(mixes < 0, (own & three).astype(np.intp)[:, None], mixes)
    roofs = np.where(own >> np.uint64(2) & three, town, own) >> np.uint64(4) & three
    return mixes, roofs.astype(np.intp)


def lots_at(seed: int, rows: Integers, columns: Integers) -> tuple[Words, Words]:
    """Return numbers of regions and of their towns, uint64 [n]; rows, columns: int64 [n]."""
    own = keys(key_in(seed, _KEY), rows, columns)
    return own, keys(key_in(seed, _KEY + 1), rows >> 2, columns >> 2)


def keys_of(own: Words) -> Numbers:
    """Return the keys of regions with some numbers, for `block_of`."""
    return (own >> np.uint64(32)).astype(np.uint32)


def block_of(number: Numbers, at: MapPositions, key: Numbers | np.uint32) -> Numbers:
    """Return numbers of blocks, which differ where the map comes again: uint32 [h, w].

    number: of blocks on their map, at positions; key: of the region.
    """
    return mixed(number + squares_at(at, SIDE_BITS) ^ key)


def district_of(number: Numbers) -> Numbers:
    """Return which district of its map a cell of `district_maps` lies in."""
    return number >> np.uint32(_NUMBER_BITS) & np.uint32((1 << _DISTRICT_BITS) - 1)


def _eighth(numbers: Numbers, bit: int) -> Numbers:
    """Return three bits of numbers."""
    return numbers >> np.uint32(bit) & np.uint32(7)


@cache
def mix_colours() -> Integers:
    """Return the mean red, green and blue of mixes over the ground's, int64 [roofs, mixes, 3]."""
    found = [_means(np.array(roofs, np.int64))[np.array(_MIXES)].sum(1) >> 4 for roofs in _ROOFS]
    return np.stack(found)


@cache
def district_maps() -> tuple[ParcelMap, ...]:
    """Return the streets' maps, whose numbers of blocks have in the upper bits those of districts.

    A block is of the district whose middle is nearest to its first cell.
    """
    found = []
    for style, drawn in enumerate(block_maps()):
        _, first, blocks = np.unique(drawn.parcels, return_index=True, return_inverse=True)
        middles = keys(_KEY + 2, style, np.arange(1 << _DISTRICT_BITS)).astype(np.int64)
        far = np.zeros((len(first), len(middles)), np.int64)
        for bits in (0, SIDE_BITS):
            away = np.abs((first[:, None] >> bits) - (middles >> bits) & SIDE - 1)
            far += np.minimum(away, SIDE - away) ** 2
        districts = far.argmin(1).astype(np.uint16) << np.uint16(_NUMBER_BITS)
        found.append(ParcelMap(drawn.parcels | districts[blocks], drawn.edges))
    return tuple(found)


@cache
def planted() -> NDArray[np.int16]:
    """Return the lots of crowns below which they stand, by colour: int16 [256]."""
    found = np.zeros(256, np.int16)
    found[_GROUND:TREE] = np.repeat(np.array(_PLANTED), 8)
    return found


@cache
def _standing() -> NDArray[np.int64]:
    """Return what stands on plots: left, above, right and below, four numbers of 16 bits as one.

    By kind, the four bits of the edges of a block, and eight by lot.
    """
    found = np.zeros((len(_OPEN), 16, 8, 4), np.int16)
    for edges in range(16):
        # Nothing stands on streets.
        low = (_STREET * (edges & LEFT > 0), _STREET * (edges & ABOVE > 0))
        high = (256 - _STREET * (edges & RIGHT > 0), 256 - _STREET * (edges & BELOW > 0))
        whole = (*low, *high)
        for lot in range(8):
            first = _TERRACE[0] + 10 * (lot & 1)
            last, gap = first + _TERRACE[1], 60 * (lot > 3)
            found[HOUSES, edges, lot] = _within(_PLOTS[lot], whole)
            found[ROWS, edges, lot] = _within((gap, first, 256, last), whole)
            found[COLUMNS, edges, lot] = _within((first, gap, last, 256), whole)
            found[COURTS, edges, lot] = _within(_round_a_court(edges, 10 * (lot & 3)), whole)
            found[HALL, edges, lot] = whole
    return np.ascontiguousarray(found).view(np.int64).ravel()


def _round_a_court(edges: int, more: int) -> tuple[int, int, int, int]:
    """Return what stands on a plot with some of its block's edges: along one, or all at corners."""
    near, far = _STREET + _DEEP + more, 256 - _STREET - _DEEP - more
    return {
        0: (0, 0, 0, 0),
        LEFT: (0, 0, near, 256),
        ABOVE: (0, 0, 256, near),
        RIGHT: (far, 0, 256, 256),
        BELOW: (0, far, 256, 256),
    }.get(edges, (0, 0, 256, 256))


def _within(
    sides: tuple[int, int, int, int], bounds: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    return (
        max(sides[0], bounds[0]),
        max(sides[1], bounds[1]),
        min(sides[2], bounds[2]),
        min(sides[3], bounds[3]),
    )


def _coloured(kinds: Numbers, roofs: NDArray[np.int64], contrast: int) -> NDArray[np.int16]:
    """Return a region's colours; contrast: of _GREY."""
    table, varied = np.zeros((COLOURS, 4), np.int64), np.array(_VARIED)[:, None]
    ground = np.array(_OPEN, np.int64)
    colours = table[:, :3]
    # Sixteen roofs, of which the second eight are a little lighter.
    strong = roofs * _STRONG >> 4
    colours[_DARK:_LIT] = np.concatenate([strong, strong + 6]) - _RIDGE
    colours[_LIT:_HALL] = colours[_DARK:_LIT] + 2 * _RIDGE
    colours[_HALL:SHADOW], colours[SHADOW:_GROUND] = _HALLS, np.array(_SHADE) + varied
    colours[TREE:_COARSE] = _TREES
    for kind, level in enumerate(ground):
        of = _GROUND + 8 * kind
        colours[of : of + 8] = level + varied
    # The mean stays that of the ground.
    mean = _means(roofs)[kinds].sum(0) // len(kinds)
    colours[:_COARSE] -= _means(strong)[kinds].sum(0) // len(kinds)
    coarse = np.concatenate([roofs, ground, np.zeros((1, 3), np.int64), _HALLS]) - mean
    grey = coarse.sum(1, keepdims=True) // 3
    light = np.minimum(grey * contrast >> 4, _BRIGHTEST_HALL)
    light[:8] = np.minimum(light[:8], _BRIGHTEST)
    colours[_COARSE:] = light + ((coarse - grey) * _HUE >> 4)
    table[:, 3] = MARK
    return table.astype(np.int16)


def _means(roofs: Integers) -> Integers:
    """Return the mean colours of kinds of blocks with some roofs: int64 [kinds, 3]."""
    ground = np.array(_OPEN, np.int64)
    means = np.zeros_like(ground)
    for kind, (level, roofed) in enumerate(zip(ground, _ROOFED.tolist(), strict=True)):
        above = np.array(_HALLS if kind == HALL else roofs).sum(0) // 8
        means[kind] = level + ((above - level) * roofed >> 8)
    return means
