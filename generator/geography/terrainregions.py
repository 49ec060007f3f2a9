"""How the map of terrain lies over the ground: by regions, each turned and moved in its own way.

Between regions of some 40 km the map's parts fade into each other. All of it is whole numbers that
depend on nothing but an address.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from generator.geography.enlarging import interpolated
from generator.geography.overlay import rounded
from generator.geography.regiongrid import (
    ANGLES,
    UNITS_PER_METRE,
    MapPositions,
    Placement,
    key_in,
)
from generator.geography.terrain import METRES, MOST, SCALES, Terrain
from generator.geography.valuenoise import TILE_BITS, WORLD_BITS, Integers, middles
from generator.grid.hashing import keys
from generator.grid.rectangle import Rectangle

REGION_BITS = 20
"""Of what lies between the middles of two regions, in units: 39 km at the equator."""

SIZES = 96, 22, 6
"""Of cells, in 64ths, in which the map is laid: mountains, and smaller and smaller gullies."""

_FADING = 102
"""256ths of a region over which two fade into each other."""

_KEPT = 3
"""Rectangles whose regions are kept: a block has as many at most."""

_KEY = 0x68696C6C

Short = NDArray[np.int16]


class TerrainRegion(NamedTuple):
    """How the map lies in a region, in each of SIZES; mirrored: down and along."""

    placements: tuple[Placement, ...]
    mirrored: tuple[bool, bool]


class RegionPart(NamedTuple):
    """What a region covers of a rectangle.

    row: of the region; at: where pixels lie on the map; weight: 256ths of what the map shows there,
    int16 [h, w], which add up in squares.
    """

    row: int
    region: TerrainRegion
    rows: slice
    columns: slice
    at: MapPositions
    weight: Short

    def weighted(self, values: Short) -> Short:
        """Return values of the map by this weight."""
        return values if self.weight.min() == 256 else rounded(values * (self.weight >> 1), 7)


def units_of(number: int) -> int:
    """Return how long a cell of one of SIZES is at the equator, in units."""
    return METRES * UNITS_PER_METRE * SIZES[number] >> 6


def longer(number: int, zoom: int) -> bool:
    """Say whether cells of one of SIZES are longer than pixels: these are looked at from above."""
    return units_of(number) >= 1 << WORLD_BITS - TILE_BITS - zoom


def scale_of(number: int, zoom: int) -> int:
    """Return which of the maps has cells of one of SIZES about as long as pixels."""
    cells = (1 << WORLD_BITS - TILE_BITS - zoom) // units_of(number)
    return min(max(cells, 1).bit_length(), SCALES) - 1


@lru_cache(maxsize=_KEPT)
def region_parts(seed: int, number: int, zoom: int, area: Rectangle) -> tuple[RegionPart, ...]:
    """Return the regions of a rectangle, with the map in one of SIZES.

    They are kept, as shading, snow and streams look at the same.
    """
    found = []
    ys, xs = middles(zoom, area)
    straight = np.zeros(len(xs), np.int64), np.zeros(len(ys), np.int64)
    for (row, rows, down), (column, columns, across) in product(_regions(ys), _regions(xs)):
        turns, column = divmod(column, 1 << WORLD_BITS - REGION_BITS)
        region = terrain_region(seed, row, column)
        at = region.placements[number].positions(
            ys[rows], xs[columns] - (turns << WORLD_BITS), (straight[0][columns], straight[1][rows])
        )
        mirrored = (~one if flip else one for one, flip in zip(at, region.mirrored, strict=True))
        weight = (down[:, None] * across >> 8).astype(np.int16)
        found.append(RegionPart(row, region, rows, columns, MapPositions(*mirrored), weight))
    return tuple(found)


def streams_at(terrain: Terrain, seed: int, zoom: int, area: Rectangle) -> Short:
    """Return how much of a stream flows through pixels, 127 at most: int16 [h, w]."""
    smooth = longer(0, zoom)

    def sampled(zoom: int, area: Rectangle) -> Short:
        found = np.zeros((area.height, area.width), np.int16)
        scale = scale_of(0, zoom)
        for part in region_parts(seed, 0, zoom, area):
            streams = terrain.streams_at(scale, part.at, smooth)
            found[part.rows, part.columns] += part.weighted(streams)
        # Where two regions fade into each other, both may have one.
        return np.minimum(found, np.int16(MOST))

    return interpolated(zoom, area, sampled) if smooth else sampled(zoom, area)


def _regions(at: Integers) -> Iterator[tuple[int, slice, Integers]]:
    """Return the regions along an axis: number, slice of `at` and weights there, 256 at most."""
    first, last = int(at[0]) >> REGION_BITS, (int(at[-1]) >> REGION_BITS) + 1
    for number in range(first, last + 1):
        away = abs(at - (number << REGION_BITS)) >> REGION_BITS - 8
        part = ((128 + _FADING // 2 - away) * 256 // _FADING).clip(0, 256)
        inside = np.flatnonzero(part)
        if len(inside):
            whole = slice(int(inside[0]), int(inside[-1]) + 1)
            yield number, whole, _crossfade().take(part[whole])


@cache
def _crossfade() -> Integers:
    """Return the weight of a region of which so many 256ths are reached: int64 [257], to 256.

    Squares of the two weights add up to one, so that where two maps fade into each other there is
    as much contrast as in one (E. Heitz, F. Neyret, High-performance by-example noise using a
    histogram-preserving blending operator, 2018, on blending that preserves variance).
    """
    part = np.arange(257)
    smooth = (part * part * (768 - 2 * part) >> 16).tolist()
    found = [256 * one // math.isqrt(one * one + (256 - one) ** 2) for one in smooth]
    return np.array(found, np.int64)


@lru_cache(maxsize=512)
def terrain_region(seed: int, row: int, column: int) -> TerrainRegion:
    """Return how the map lies in a region."""
    key = int(keys(key_in(seed, _KEY), row, column)[0])
    angle, mirrored = key % ANGLES, (bool(key >> 8 & 1), bool(key >> 9 & 1))
    y, x = row << REGION_BITS, column << REGION_BITS
    # It begins somewhere on the map.
    origin = y - ((key >> 16 & 0xFFFF) << 6), x - ((key >> 32 & 0xFFFF) << 6)
    placements = tuple(Placement.of(origin, angle, METRES, size) for size in SIZES)
    return TerrainRegion(placements, mirrored)
