"""Hillshading of mountains: slopes towards the sun are lighter, ridges and high ground paler.

Where relief is high, and less over grassland, whose ground rolls, a map of eroded terrain lies over
the ground, for each region of some 40 km turned and moved in its own way; between regions both fade
into each other. All of it is whole numbers that depend on nothing but an address.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from itertools import product
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from generator.geography.builtup import BuiltUp
from generator.geography.dunes import sand_seas
from generator.geography.enlarging import interpolated
from generator.geography.landcover import Cover, LandCover
from generator.geography.overlay import Overlay, rounded
from generator.geography.regiongrid import (
    ANGLES,
    UNITS_PER_METRE,
    MapPositions,
    Placement,
    key_in,
)
from generator.geography.relief import Relief
from generator.geography.terrain import METRES, SCALES, Terrain
from generator.geography.valuenoise import TILE_BITS, WORLD_BITS, Integers, middles
from generator.geography.worldrule import WorldRule
from generator.grid.hashing import keys
from generator.grid.rectangle import Rectangle

REGION_BITS = 20
"""Of what lies between the middles of two regions, in units: 39 km at the equator."""

_FADING = 102
"""256ths of it over which they fade into each other."""

_PLAIN, _GAIN = 60, 280
"""Relief from which on there is shading, and 256ths of 128 that each further one counts."""


class Order(NamedTuple):
    """One of the sizes in which the map is laid.

    size: of its cells in 64ths; strength: levels of grey of the steepest slope towards the sun, by
    the zoom of the child.
    """

    size: int
    strength: dict[int, int]

    @property
    def units(self) -> int:
        """Return how long a cell is at the equator."""
        return METRES * UNITS_PER_METRE * self.size >> 6


ORDERS = (
    Order(64, {9: 110, 11: 162, 13: 118, 15: 60, 17: 36}),
    Order(20, {13: 90, 15: 80, 17: 44}),
    Order(6, {15: 36}),
)
"""Mountains, and smaller and smaller gullies in their slopes."""

_RIDGES = {9: 12, 11: 14, 13: 14, 15: 10, 17: 8}
"""Levels of grey by which ridges are paler than what lies around them, by zoom."""

_HEIGHTS = {9: 30, 11: 34, 13: 60, 15: 32, 17: 24}
"""Levels of grey by which high and sunny ground, which has fewer trees, is paler, by zoom."""

_EDGE = {9: 96, 11: 96, 13: 48, 15: 48, 17: 48}
"""128ths of this that are reached where there are no trees, or no gaps between them."""

_CALM = {9: 120, 11: 110, 13: 80, 15: 110, 17: 80}
"""256ths of the layouts' detail that mountains do without, by the zoom of the child."""

_GRASS, _GRASS_GAIN = 100, 280
"""255ths of grassland from which on its ground rolls, and 256ths of 128 of each further one."""

_FLAT, _ROLLING = 26, 76
"""128ths of the shading that flat and rolling grassland show, as much as relief has levels."""

_WOODED, _HILLS = 60, (34, 50, 100)
"""255ths of forest from which on its ground rolls; by how much the 128ths of the shading that it
shows pass the levels of relief, and the least and most of them."""

_TREES = 52
"""128ths by which ridges and sunny ground are less pale in woods, whose trees stand there, too."""

_CALM_GRASS = {9: 110, 11: 140, 13: 110, 15: 130, 17: 100}
"""256ths of the layouts' detail that grassland does without."""

_SUN, _PALE = (128, 125, 114), (128, 110, 118)
"""128ths of red, green and blue in sun and shadow, and of pale ground against trees."""

_EAST, _NOON = 140, 160
"""256ths of light from the east, in the morning, and from where the sun stands at noon."""

_KEY = 0x68696C6C
_WORLD = 1 << WORLD_BITS

Short = NDArray[np.int16]


class ShadedRegion(NamedTuple):
    """How the map lies in a region, in each of ORDERS, and how light falls on it.

    mirrored: down and along; light: 128ths of light on slopes down and along the map.
    """

    placements: tuple[Placement, ...]
    mirrored: tuple[bool, bool]
    light: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Hillshade(WorldRule):
    """Hillshading of the Earth's mountains and grassland in the world of a seed."""

    NAME: ClassVar[str] = "hillshade"
    VERSION: ClassVar[int] = 3

    relief: Relief
    cover: LandCover
    built: BuiltUp
    terrain: Terrain

    def overlay(self, zoom: int, area: Rectangle) -> Overlay | None:
        """Return the shading of a rectangle of world pixels, None where the ground is plain."""
        if zoom not in _CALM:
            return None
        steep, rolling, grass, bare = interpolated(zoom, area, self._ground)
        if not (steep.any() or rolling.any()):
            return None
        shown = np.maximum(steep, rolling)
        sun, pale = self._light(zoom, area)
        sun, pale = _part(sun, shown), _part(_part(pale, bare), shown)
        colours = np.empty((*shown.shape, 3), np.int16)
        for plane, parts in enumerate(zip(_SUN, _PALE, strict=True)):
            colours[..., plane] = _part(sun, parts[0]) + _part(pale, parts[1])
        calm, calm_grass = (np.uint16(table[zoom]) for table in (_CALM, _CALM_GRASS))
        withheld = (4 * steep).clip(0, 255).astype(np.uint16) * calm
        withheld = np.maximum(withheld, (2 * grass).clip(0, 255).astype(np.uint16) * calm_grass)
        return Overlay(colours, withheld)

    def _ground(self, zoom: int, area: Rectangle) -> Short:
        """Return how steep, rolling, open and treeless ground is, 0 to 128: int16 [4, h, w]."""
        ys, xs = middles(zoom, area)
        ys = ys.clip(0, _WORLD - 1)
        levels = self.relief.grid_degrees(ys, xs)
        found = np.zeros((4, *levels.shape), np.int16)
        found[0] = ((levels - _PLAIN) * _GAIN >> 8).clip(0, 128)
        for cover in (Cover.GRASS, Cover.BARE):
            shares = self.cover.grid_shares(ys, xs, cover)
            if shares is not None:
                found[2] += ((shares - _GRASS) * _GRASS_GAIN >> 8).clip(0, 128)
        found[2] = found[2].clip(0, 128)
        found[1] = found[2] * levels.clip(_FLAT, _ROLLING).astype(np.int16) >> 7
        wooded = self.cover.grid_total(ys, xs, Cover.FOREST, Cover.WOODLAND)
        wooded = ((wooded - _WOODED) * _GRASS_GAIN >> 8).clip(0, 128)
        hills = wooded * (levels + _HILLS[0]).clip(*_HILLS[1:]) >> 7
        found[1] = np.maximum(found[1], hills)
        found[3] = 128 - (wooded * _TREES >> 7)
        # Towns lie on level ground, and sand has dunes instead.
        found = self.built.outside(zoom, area, found)
        for _, sand in sand_seas(self.cover, zoom, area):
            found = (found * (256 - sand) >> 8).astype(np.int16)
        return found

    def _light(self, zoom: int, area: Rectangle) -> tuple[Short, Short]:
        """Return light on slopes, and how pale the ground is, in levels of grey: int16 [h, w]."""
        sun, pale, bare = np.zeros((3, area.height, area.width), np.int16)
        for number, order in enumerate(ORDERS):
            if zoom not in order.strength:
                continue
            sampled = partial(self._sampled, number)
            # Where cells are longer than pixels, they are looked at from above.
            if order.units >= 1 << WORLD_BITS - TILE_BITS - zoom:
                found = interpolated(zoom, area, partial(sampled, smooth=True))
            else:
                found = sampled(zoom, area)
            light, ridge, height = found
            sun += _part(light, order.strength[zoom])
            pale += _part(ridge, _RIDGES[zoom] >> number)
            # Trees stand low and in the shade, in gullies wherever there is shade.
            bare += 2 * light if number else light + ridge + 6 * height
        edge = _EDGE[zoom]
        return sun, pale + _part(bare.clip(-edge, edge), _HEIGHTS[zoom])

    def _sampled(self, number: int, zoom: int, area: Rectangle, smooth: bool = False) -> Short:
        """Return light, ridges and heights of one of ORDERS, about 127 at most: int16 [3, h, w]."""
        ys, xs = middles(zoom, area)
        found = np.zeros((3, len(ys), len(xs)), np.int16)
        cells = (1 << WORLD_BITS - TILE_BITS - zoom) // ORDERS[number].units
        scale = min(max(cells, 1).bit_length(), SCALES) - 1
        straight = np.zeros(len(xs), np.int64), np.zeros(len(ys), np.int64)
        for (row, rows, down), (column, columns, across) in product(_regions(ys), _regions(xs)):
            turns, column = divmod(column, 1 << WORLD_BITS - REGION_BITS)
            region = shaded_region(self.seed, row, column)
            at = region.placements[number].positions(
                ys[rows],
                xs[columns] - (turns << WORLD_BITS),
                (straight[0][columns], straight[1][rows]),
            )
            down_light, along_light = (np.int16(part) for part in region.light)
            mirrored = (
                ~one if flip else one for one, flip in zip(at, region.mirrored, strict=True)
            )
            slopes = self.terrain.at(scale, MapPositions(*mirrored), smooth)
            slopes[1] = slopes[0] * down_light + slopes[1] * along_light >> 7
            weight = (down[:, None] * across >> 8).astype(np.int16)
            if weight.min() < 256:
                slopes = _part(slopes, weight >> 1)
            found[:, rows, columns] += slopes[1:]
        return found


def _part(values: Short, share: Short | int) -> Short:
    """Return 128ths of whole numbers, rounded, lest all becomes a little darker."""
    return rounded(values * np.asarray(share, np.int16), 7)


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
def shaded_region(seed: int, row: int, column: int) -> ShadedRegion:
    """Return how the map lies in a region."""
    key = int(keys(key_in(seed, _KEY), row, column)[0])
    angle, mirrored = key % ANGLES, (bool(key >> 8 & 1), bool(key >> 9 & 1))
    y, x = row << REGION_BITS, column << REGION_BITS
    # It begins somewhere on the map.
    origin = y - ((key >> 16 & 0xFFFF) << 6), x - ((key >> 32 & 0xFFFF) << 6)
    placements = tuple(Placement.of(origin, angle, METRES, order.size) for order in ORDERS)
    # Light in the directions of the map.
    south, east = sunlight(y)
    cosine, sine = placements[0].turn
    light = -(cosine * south - sine * east) >> 11, -(cosine * east + sine * south) >> 11
    down, along = (-part if flip else part for part, flip in zip(light, mirrored, strict=True))
    return ShadedRegion(placements, mirrored, (down, along))


def sunlight(y: int) -> tuple[int, int]:
    """Return 256ths of light from the south, below 0 on the southern half, and from the east.

    y: in units, from the map's upper edge.
    """
    return min(max(_NOON * (_WORLD // 2 - y) // (_WORLD // 8), -_NOON), _NOON), _EAST
