"""Streets of towns: the edges of blocks, as shares of pixels.

Regions of a few kilometres have a map of blocks each (`parcelmaps`), at an angle and a scale of
their own. All of it is whole numbers: a pixel depends on nothing but its address.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from generator.geography.builtup import BuiltUp
from generator.geography.layers import Shares
from generator.geography.parcelmaps import (
    ABOVE,
    BELOW,
    EDGES,
    LEFT,
    MAIN_ABOVE,
    MAIN_BELOW,
    MAIN_LEFT,
    MAIN_RIGHT,
    RIGHT,
    ParcelMap,
    Style,
    cells_at,
    cut,
)  # fmt: skip
from generator.geography.regiongrid import (
    FINE_BITS,
    Integers,
    MapPositions,
    Placement,
    Placements,
    RegionGrid,
    from_above,
    key_in,
)
from generator.geography.worldrule import WorldRule
from generator.grid.hashing import keys
from generator.grid.rectangle import Rectangle

FIRST = 13
"""First zoom whose children show streets."""

DIM = {13: 40}
"""Grey levels by which streets are darker than the ground, by zoom: where a pixel is wider than a
street, it shows the shade of houses and trees beside it."""

REGION_BITS = 16
"""Regions are squares of 2**16 units of 2**-30 of the world's width: 2.4 km at the equator."""

_CELL_METRES = 15

_HALF, _MAIN_HALF, _FAINT_HALF = 68, 137, -80
"""Half the width of a street, and of a main one, in 256ths of a cell: 4 and 8 metres. What is less
than nothing is faint: at 13, where blocks are four pixels long, streets would be a mesh."""

_STYLES = (
    Style((5, 12), (4, 7), (1,)),
    Style((7, 15), (4, 8), (1, 1, 1, 2)),
    Style((4, 9), (4, 6), (1,), aligned=True),
    Style((8, 14), (5, 9), (1, 1, 2), aligned=True),
)

_FROM, _GAIN = 90, 2
"""Built-up degree from which on there are streets, and how much each further one counts."""

_FAR = 1 << 12
_KEY = 0x73747265
_UNIT_BITS = 22


@dataclass(frozen=True, slots=True)
class StreetRegion:
    """A region of streets: the style of its map, and how that lies."""

    style: int
    placement: Placement

    def shares(self, at: MapPositions, zoom: int) -> NDArray[np.uint32]:
        """Return the street's 255ths of each pixel: uint32 [h, w]."""
        kind = block_maps()[self.style].edges.take(cells_at(at))
        # How far the nearest street's edge is, in 256ths of a cell, negative on it.
        left, above, right, below = np.moveaxis(_distances(zoom == FIRST, kind), 2, 0)
        across, down = ((place & 255).astype(np.int16) for place in (at.along, at.down))
        far = np.minimum(left + across, right - across)
        np.minimum(far, above + down, out=far)
        np.minimum(far, below - down, out=far)
        # Over the width of a pixel a street begins; where it is narrower it has less than all.
        pixel = max(2, (self.placement.size << _UNIT_BITS - zoom) >> _UNIT_BITS - FINE_BITS)
        inside = (np.int16(pixel // 2) - far).clip(0, min(pixel, 2 * _HALF))
        found: NDArray[np.uint32] = inside.astype(np.uint32)
        found *= np.uint32((255 << 8) // pixel)
        found >>= np.uint32(8)
        return found


@lru_cache(maxsize=512)
def region_at(seed: int, row: int, column: int) -> StreetRegion:
    """Return the region of a row and of a column in [0, 16384) in the world of a seed."""
    styles, placements = regions_at(seed, np.array([row]), np.array([column]))
    return StreetRegion(int(styles[0]), placements.one(0))


def regions_at(seed: int, rows: Integers, columns: Integers) -> tuple[Integers, Placements]:
    """Return the maps' styles and how they lie, of regions of rows and columns, int64 [n]."""
    own = keys(key_in(seed, _KEY), rows, columns)
    town = keys(key_in(seed, _KEY + 1), rows >> 2, columns >> 2)
    two, three, five, sixteen = (np.uint64(number) for number in (2, 3, 5, 16))
    angles = (town + own % five - two) % sixteen + (own >> np.uint64(8) & np.uint64(1)) * sixteen
    styles = np.where(own >> np.uint64(9) & three, town, own) >> sixteen & three
    scales = 56 + ((own >> np.uint64(24)) % np.uint64(28)).astype(np.int64)
    origins = rows << REGION_BITS, columns << REGION_BITS
    placed = Placements.of(origins, angles.astype(np.int64), _CELL_METRES, scales)
    return styles.astype(np.int64), placed


STREET_GRID = RegionGrid(
    bits=REGION_BITS,
    borders=((15, 40 << 8), (13, 20 << 8)),
    bends=((14, 8 << 8),),
    key=_KEY + 2,
)
"""Of streets and of what lies between them."""


@dataclass(frozen=True, slots=True, eq=False)
class Streets(WorldRule):
    """Streets of the Earth's towns in the world of a seed (a CoverageLayer)."""

    NAME: ClassVar[str] = "streets"
    VERSION: ClassVar[int] = 2

    built: BuiltUp

    def shares(self, zoom: int, area: Rectangle) -> Shares | None:
        """Return the share of each world pixel of a rectangle that is street, or None."""
        degree = None if zoom < FIRST else town_degree(self.built, zoom, area)
        if degree is None:
            return None
        box, inside = town_box(degree, area)
        drawn, _ = STREET_GRID.painted(
            zoom, inside, partial(region_at, self.seed), lambda region, at: region.shares(at, zoom)
        )
        # Towards a town's edge streets end.
        shares: Shares = np.zeros(degree.shape, np.uint8)
        part = np.minimum(degree[box], 256).astype(np.uint16)
        shares[box] = (drawn.astype(np.uint8) * part) >> np.uint16(8)
        return shares


def town_degree(built: BuiltUp, zoom: int, area: Rectangle) -> NDArray[np.int16] | None:
    """Return how far ground has streets, int16 [h, w], all of them from 256 on; None for none."""
    found = from_above(zoom, area, built.shares)
    if found is None or found.max() <= _FROM:
        return None
    above = (np.maximum(found, _FROM) - np.uint8(_FROM)).astype(np.int16)
    degree: NDArray[np.int16] = above * np.int16(_GAIN)
    return degree


def town_box(degree: NDArray[np.int16], area: Rectangle) -> tuple[tuple[slice, slice], Rectangle]:
    """Return the smallest rectangle that holds what is built in an area: in it, and of the world.

    degree: of the area, as `town_degree` returns it.
    """
    rows, columns = (np.flatnonzero(degree.any(axis)) for axis in (1, 0))
    y, x = int(rows[0]), int(columns[0])
    height, width = int(rows[-1]) + 1 - y, int(columns[-1]) + 1 - x
    inside = Rectangle(area.x0 + x, area.y0 + y, width, height)
    return np.s_[y : y + height, x : x + width], inside


@cache
def block_maps() -> tuple[ParcelMap, ...]:
    """Return the maps of blocks of all styles, 0.2 MiB each."""
    return tuple(cut(16 + number, style) for number, style in enumerate(_STYLES))


def _distances(faint: bool, kinds: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return what is added to positions in cells to tell how far a street is, by the cells' edges.

    faint: of streets that are not main. Returns int16 [h, w, 4]: left, above, right, below.
    """
    # Four numbers of 16 bits are looked up as one.
    return _table(faint).take(kinds).view(np.int16).reshape(*kinds.shape, 4)


@cache
def _table(faint: bool) -> NDArray[np.int64]:
    kinds = np.arange(1 << EDGES)
    sides = ((LEFT, MAIN_LEFT), (ABOVE, MAIN_ABOVE), (RIGHT, MAIN_RIGHT), (BELOW, MAIN_BELOW))
    found = np.full((len(kinds), len(sides)), _FAR, np.int16)
    for column, (side, main) in enumerate(sides):
        half = np.where(kinds & main, _MAIN_HALF, _FAINT_HALF if faint else _HALF)
        near = kinds & side > 0
        found[near, column] = (0 if column < 2 else 255) - half[near]
    return found.view(np.int64)[:, 0]
