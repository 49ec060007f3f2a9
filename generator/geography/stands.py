"""Stands of managed forest, each of one age: parcels on the maps of parcels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from generator.geography.parcelmaps import LARGE, OPEN, SIDE_BITS, STRIPS, cells_at, numbers_at
from generator.geography.regiongrid import ANGLES, MapPositions, Placement, RegionGrid, key_in
from generator.grid.hashing import keys
from generator.grid.rectangle import Rectangle

_BITS = 18
"""Regions are squares of 2**18 units of 2**-30 of the world's width: 9.8 km at the equator."""

_CELL_METRES = 25
_STYLES = OPEN, STRIPS, LARGE
_SCALES = 70, 80
"""64ths of its size in which a map is laid, and how many there are."""

_AGE = np.uint32(24)
_KEY = 0x7374616E64


@dataclass(frozen=True, slots=True, eq=False)
class StandRegion:
    """A region of forest: style of its map, how that lies, and a number of its own."""

    style: int
    placement: Placement
    key: int

    def ages(self, at: MapPositions) -> NDArray[np.uint32]:
        """Return the ages of the stands at positions in the highest eight bits: uint32 [h, w]."""
        cells = cells_at(at) + np.int32(self.style << 2 * SIDE_BITS)
        number = numbers_at(cells, at, np.uint32(self.key))
        return number & np.uint32(0xFF << int(_AGE))


def ages_at(seed: int, zoom: int, area: Rectangle) -> NDArray[np.int16]:
    """Return the age of the stand at each world pixel, by lot in [0, 256): int16 [h, w]."""
    numbers, _ = _GRID.painted(
        zoom, area, partial(region_at, seed), lambda region, at: region.ages(at)
    )
    return (numbers >> _AGE).astype(np.int16)


@lru_cache(maxsize=512)
def region_at(seed: int, row: int, column: int) -> StandRegion:
    """Return the region of a row and a column in the world of a seed."""
    own = int(keys(key_in(seed, _KEY), row, column)[0])
    shift = own >> 24 & (1 << _BITS) - 1
    origin = (row << _BITS) - shift, column << _BITS
    scale = _SCALES[0] + (own >> 16 & 0xFF) % _SCALES[1]
    placement = Placement.of(origin, own % ANGLES, _CELL_METRES, scale)
    return StandRegion(_STYLES[(own >> 8 & 0xFF) % len(_STYLES)], placement, own >> 32)


_GRID = RegionGrid(
    bits=_BITS,
    borders=((17, 150 << 8), (15, 70 << 8), (13, 24 << 8)),
    bends=((15, 40 << 8), (13, 20 << 8), (11, 6 << 8)),
    key=_KEY,
)
