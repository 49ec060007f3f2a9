"""Hillshading of mountains: slopes towards the sun are lighter, ridges and high ground paler.

Where relief is high, and less over grassland, whose ground rolls, a map of eroded terrain lies over
the ground (`terrainregions`). All of it is whole numbers that depend on nothing but an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from generator.geography.builtup import BuiltUp
from generator.geography.dunes import sand_seas
from generator.geography.enlarging import interpolated
from generator.geography.landcover import Cover, LandCover
from generator.geography.overlay import Overlay, rounded
from generator.geography.relief import Relief
from generator.geography.terrain import MOST, Terrain
from generator.geography.terrainregions import (
    REGION_BITS,
    RegionPart,
    longer,
    region_parts,
    scale_of,
)
from generator.geography.valuenoise import WORLD_BITS, from_equator, middles
from generator.geography.worldrule import WorldRule
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE

_PLAIN, _GAIN = 60, 280
"""Relief from which on there is shading, and 256ths of 128 that each further one counts."""

_STRENGTHS = {9: 110, 11: 162, 13: 118, 15: 60, 17: 36}, {13: 90, 15: 80, 17: 44}, {15: 36}
"""Levels of grey of the steepest slope towards the sun, for each of SIZES by the child's zoom."""

_LAID = 9
"""First zoom whose children are shaded; above, heights are looked at alone."""

_RIDGES = {9: 12, 11: 14, 13: 14, 15: 10, 17: 8}
"""Levels of grey by which ridges are paler than what lies around them, by zoom."""

_HEIGHTS = {9: 30, 11: 34, 13: 60, 15: 32, 17: 24}
"""Levels of grey by which high and sunny ground, which has fewer trees, is paler, by zoom."""

_SNOWY = 215, 147, 5, 6
"""Relief from which on mountains may have snow, 256ths of 58 degrees from which on that is less,
half of how much less for each further one, and 128ths that each further level counts."""

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

_WORLD = 1 << WORLD_BITS

Short = NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Hillshade(WorldRule):
    """Hillshading of the Earth's mountains and grassland in the world of a seed."""

    NAME: ClassVar[str] = "hillshade"
    VERSION: ClassVar[int] = 4

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
        colours, plants = np.empty((2, *shown.shape, 3), np.int16)
        for plane, parts in enumerate(zip(_SUN, _PALE, strict=True)):
            paler = _part(pale, parts[1])
            plants[..., plane], colours[..., plane] = paler, _part(sun, parts[0]) + paler
        calm, calm_grass = (np.uint16(table[zoom]) for table in (_CALM, _CALM_GRASS))
        withheld = (4 * steep).clip(0, 255).astype(np.uint16) * calm
        withheld = np.maximum(withheld, (2 * grass).clip(0, 255).astype(np.uint16) * calm_grass)
        return Overlay(colours, withheld, plants)

    def snowy(self, zoom: int, area: Rectangle) -> Short | None:
        """Return how much of a mountain with snow ground may be, 0 to 128: int16 [h, w].

        None where it is none at all.
        """
        above = self._snowy(zoom - 2, area.coarser(SCALE).grown(1))
        return interpolated(zoom, area, lambda *_: above) if above.any() else None

    def _snowy(self, zoom: int, area: Rectangle) -> Short:
        """Return the same of each pixel, int16 [h, w]."""
        ys, xs = middles(zoom, area)
        ys = ys.clip(0, _WORLD - 1)
        away = from_equator(ys)[:, None]
        least = (_SNOWY[0] - ((away - _SNOWY[1]) * _SNOWY[2] >> 1)).clip(_PLAIN, _SNOWY[0])
        found = ((self.relief.grid_degrees(ys, xs) - least) * _SNOWY[3]).clip(0, 128)
        shown = found.astype(np.int16)
        # Roofs are as pale as snow, but not seen yet where heights alone are looked at.
        return shown if zoom < _LAID - 2 else self.built.outside(zoom, area, shown)

    def ranks(self, zoom: int, area: Rectangle) -> Short:
        """Return 256ths of ground that lie lower than a place, of ground near it: int16 [h, w]."""
        found = np.full((area.height, area.width), MOST * 2, np.int16)
        # Above _LAID, mountains alone.
        for number in [k for k, strengths in enumerate(_STRENGTHS) if zoom in strengths] or [0]:
            _, ridge, height = self._laid(number, zoom, area)
            found += ridge + height >> number // 2
        return self.terrain.ranks(scale_of(0, zoom)).take(found, mode="clip")

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
        for number, strengths in enumerate(_STRENGTHS):
            if zoom not in strengths:
                continue
            light, ridge, height = self._laid(number, zoom, area)
            sun += _part(light, strengths[zoom])
            pale += _part(ridge, _RIDGES[zoom] >> number)
            # Trees stand low and in the shade, in gullies wherever there is shade.
            bare += 2 * light if number else light + ridge + 6 * height
        edge = _EDGE[zoom]
        return sun, pale + _part(bare.clip(-edge, edge), _HEIGHTS[zoom])

    def _laid(self, number: int, zoom: int, area: Rectangle) -> Short:
        """Return light, ridges and heights of one of SIZES, about 127 at most: int16 [3, h, w]."""
        sampled = partial(self._sampled, number)
        if longer(number, zoom):
            return interpolated(zoom, area, partial(sampled, smooth=True))
        return sampled(zoom, area, smooth=zoom < _LAID)

    def _sampled(self, number: int, zoom: int, area: Rectangle, smooth: bool = False) -> Short:
        """Return the same at the middles of pixels, smooth: interpolated between cells."""
        found = np.zeros((3, area.height, area.width), np.int16)
        scale = scale_of(number, zoom)
        for part in region_parts(self.seed, number, zoom, area):
            down_light, along_light = _light_on(part)
            slopes = self.terrain.at(scale, part.at, smooth)
            slopes[1] = slopes[0] * down_light + slopes[1] * along_light >> 7
            found[:, part.rows, part.columns] += part.weighted(slopes[1:])
        return found


def _part(values: Short, share: Short | int) -> Short:
    """Return 128ths of whole numbers, rounded, lest all becomes a little darker."""
    return rounded(values * np.asarray(share, np.int16), 7)


def _light_on(part: RegionPart) -> tuple[np.int16, np.int16]:
    """Return 128ths of light on slopes down and along the map of a region."""
    south, east = sunlight(part.row << REGION_BITS)
    cosine, sine = part.region.placements[0].turn
    light = -(cosine * south - sine * east) >> 11, -(cosine * east + sine * south) >> 11
    down, along = (
        np.int16(-one if flip else one)
        for one, flip in zip(light, part.region.mirrored, strict=True)
    )
    return down, along


def sunlight(y: int) -> tuple[int, int]:
    """Return 256ths of light from the south, below 0 on the southern half, and from the east.

    y: in units, from the map's upper edge.
    """
    return min(max(_NOON * (_WORLD // 2 - y) // (_WORLD // 8), -_NOON), _NOON), _EAST
