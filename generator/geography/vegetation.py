"""Vegetation: woods with their clearings and stands, single trees of the savanna, and open ground.

Where land cover knows forest, a noise says where trees stand: nearly everywhere in its middle, in
woods where it thins out. From 15 on each tree has a crown and a shadow; above, a pixel is lighter
or darker by lot. Open ground, grass or bare, lies in patches. Of the layouts, whose tracks, houses
and ridges are other places', little shows. Whole numbers that depend on nothing but an address.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from generator.geography.builtup import BuiltUp
from generator.geography.crowns import CELLS, Crowns, crowns_at
from generator.geography.dunes import sand_seas
from generator.geography.enlarging import interpolated
from generator.geography.farmland import fields_at
from generator.geography.landcover import Cover, LandCover
from generator.geography.overlay import Overlay, rounded
from generator.geography.parcelmaps import mixed, pixels_at
from generator.geography.regiongrid import key_in
from generator.geography.relief import Relief
from generator.geography.stands import ages_at
from generator.geography.terrain import Terrain
from generator.geography.terrainregions import streams_at
from generator.geography.valuenoise import (
    TILE_BITS,
    WORLD_BITS,
    Integers,
    from_equator,
    middles,
    noise,
)
from generator.geography.worldrule import WorldRule
from generator.grid.rectangle import Rectangle

_WOODS = (
    (17, 40), (16, 70), (15, 80), (14, 72), (13, 56), (12, 42), (11, 30), (10, 22), (9, 15), (8, 8),
)  # fmt: skip
"""Octaves of the noise that says where trees stand; each reaches its amplitude at most."""

_KINDS = (
    (18, 60), (16, 60), (15, 60), (14, 40), (13, 30), (12, 20), (11, 14), (10, 10), (9, 7),
)  # fmt: skip
"""Octaves of the noise that says of which kind trees are."""

_CLEAR = 6, 34
"""256ths of forest that are clear at the equator and from 58 degrees on."""

_TINT = 14, 16, 11
"""Sixteenths of red, green and blue in light and shadow."""

_GROUND = 41, 29, 31
"""Red, green and blue by which clear ground passes trees."""

_ALONE = 12, 0, 9
"""Red, green and blue by which single trees are darker than others."""

_DRY = 3
"""Levels of red by which clear ground is drier or wetter at most."""


class _Look(NamedTuple):
    """How trees look at a zoom of the child.

    crowns: levels of grey by which crowns have light and shadow; lots: by which one crown differs
    from another, 17 at most where they are smaller than pixels, as numbers have 16 bits; shade: of
    shadows on the ground; ragged: of the noise by which a tree stands further out or further in;
    calm, open: 256ths of the layouts' detail that trees and clear ground do without; sparse: how
    many trees savanna has, in 64ths; gallery: the noise that a stream takes to have trees along it,
    and galleries: 256ths of ground with such trees; wet: how much of a stream
    there is in the mean.
    """

    crowns: int
    lots: int
    shade: int
    ragged: int
    calm: int
    open: int
    sparse: int
    gallery: int
    galleries: int
    wet: int


class _Ground(NamedTuple):
    """The ground that trees stand on, int16 [h, w].

    wooded: how much forest there is, 0 to 128; open: grass or bare ground; single: grass with
    single trees; woods: noise that says where trees stand; kinds: noise of their kinds.
    """

    wooded: Short
    open: Short
    single: Short
    woods: Short
    kinds: Short


class _Kind(NamedTuple):
    """A kind of trees: the noise from which on they are of it, and levels of grey."""

    start: int
    light: int


_LOOKS = {
    9: _Look(0, 6, 0, 8, 130, 90, 0, 400, 0, 17),
    11: _Look(0, 8, 0, 8, 190, 190, 0, 250, 14, 12),
    13: _Look(0, 16, 0, 16, 215, 210, 40, 240, 12, 13),
    15: _Look(50, 30, 16, 24, 215, 180, 150, 220, 18, 7),
    17: _Look(56, 30, 26, 26, 215, 225, 150, 220, 18, 7),
}
"""By the zoom of the child."""

_OLD, _YOUNG = _Kind(14, 12), _Kind(26, 15)
"""Trees that are darker, and others that are lighter, where the noise is below 0."""

_MOTTLED = 12
"""128ths of both noises, in levels of grey, by which all is lighter and darker at all sizes."""

_PATCHES, _GRAIN = (-10, 5), 7
"""Noises from which on grass is lighter and darker, and the grain of it, in levels of grey."""

_AGES, _FELLED = 9, 238
"""Levels of grey by which the ages of managed stands differ, and the age from which they are clear.
"""

_STANDS = 11
"""First zoom whose children show managed stands."""

_MANAGED = 90, 3
"""256ths of 58 degrees from which on forests are managed, and how much each further one counts."""

_FLOOR, _EDGE = 150, 10
"""256ths of a tree that the floor between crowns counts, and how far it reaches into the noise."""

_LEAST, _GAIN, _WOODLAND = 24, 164, 192
"""255ths of forest from which on there are woods, how much each further one counts, in 256ths of
128, and 256ths of woodland that are forest."""

_OPEN = 100
"""255ths of grass or bare ground from which on ground is open."""

_FRINGE = 20, 190, 3
"""Built-up degrees from which on and up to which ground is open round a town, and how many 128ths
each counts."""

_WARM = 175, 197
"""256ths of 58 degrees up to which trees stand alone, and how much each less counts, in 128ths."""

_STEEP = 180
"""Relief from which on no trees stand alone."""

_GALLERY = 3
"""How much of the noise that says where trees stand a stream counts."""

_WET = 22, 15, 16
"""Red, green and blue by which open ground is darker along streams."""

_KEY = 0x63616E6F
_WORLD = 1 << WORLD_BITS

Short = NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Vegetation(WorldRule):
    """Vegetation of the Earth in the world of a seed."""

    NAME: ClassVar[str] = "vegetation"
    VERSION: ClassVar[int] = 3

    cover: LandCover
    built: BuiltUp
    relief: Relief
    terrain: Terrain

    def overlay(self, zoom: int, area: Rectangle) -> Overlay | None:
        """Return the vegetation in a rectangle of world pixels, None where there is none."""
        look = _LOOKS.get(zoom)
        if look is None:
            return None
        held = interpolated(zoom, area, self._held)
        shown = (2 * np.maximum(held[0], held[1])).clip(0, 128)
        if not shown.any():
            return None
        ground = _Ground(*held, *interpolated(zoom, area, self._noises))
        # Where trees stand, and what their crowns look like.
        away = from_equator(middles(zoom, area)[0])
        clear = 2 * (128 - ground.wooded)
        clear += (_CLEAR[0] + ((_CLEAR[1] - _CLEAR[0]) * away >> 8)).astype(np.int16)[:, None]
        clear = clear.clip(0, 256)
        within = _quantiles(zoom).take(256 - clear) - ground.woods
        streams = None
        if ground.open.any():
            streams = streams_at(self.terrain, self.seed, zoom, area)
            along = streams * np.int16(_GALLERY) - np.int16(look.gallery) - ground.woods
            within = np.maximum(within, np.where(ground.single > 64, along, np.int16(-1024)))
        sparse = (ground.single * (ground.kinds + np.int16(30)).clip(4, 90) >> 7) * look.sparse >> 6
        draw = self._crowns if zoom in CELLS else self._pixels
        trees, light = draw(zoom, area, look, within, sparse)
        # Old trees are darker, young ones lighter; those of managed stands are of one age.
        kind = (-ground.kinds - _YOUNG.start).clip(0, 8) * (_YOUNG.light << 4)
        kind -= (ground.kinds - _OLD.start).clip(0, 8) * (_OLD.light << 4)
        managed = ((away - _MANAGED[0]) * _MANAGED[1]).clip(0, 256).astype(np.int16)[:, None]
        if zoom >= _STANDS and managed.any() and ground.wooded.any():
            # Single trees belong to none.
            managed = np.where(ground.wooded > 0, managed, np.int16(0))
            ages = ages_at(self.seed, zoom, area)
            kind += (ages - np.int16(128)) * np.int16(_AGES) * (managed >> 4) >> 4
            felled = (ages >= _FELLED) & (managed > 128)
            trees[felled] = 0
            light[felled] = 0
            clear += (256 - _FELLED) * managed >> 8
        light += kind * (trees >> 4) >> 4
        # Open ground lies in patches, and all is lighter and darker at all sizes.
        patches = (ground.woods - _PATCHES[0]).clip(0, 8) - (ground.kinds - _PATCHES[1]).clip(0, 8)
        light += patches * (256 - trees) >> 1
        light += (ground.woods + ground.kinds) * np.int16(_MOTTLED)
        # The mean is that of the ground.
        covered = sparse >> 2 if zoom in CELLS else 3 * sparse >> 2
        covered += ground.single * np.int16(look.galleries) >> 7
        bare = 256 - trees - clear + covered
        light >>= 4
        # What is darker: ground along streams, and single trees, greener than dry ground between.
        darker = []
        if streams is not None:
            streams = (streams - np.int16(look.wet)) >> int(zoom < _STANDS)
            darker.append(((streams * (ground.open >> 3) >> 4) * (256 - trees) >> 8, _WET))
        if ground.single.any():
            darker.append(((trees >> 3) * ground.single >> 5, _ALONE))
        dry = rounded((ground.kinds >> 3).clip(-_DRY, _DRY) * (256 - trees), 8)
        colours = np.empty((*light.shape, 3), np.int16)
        for plane in range(3):
            # One colour after the other is faster than all beside each other.
            found = rounded(light * np.int16(_TINT[plane]), 7)
            found += rounded(bare * np.int16(_GROUND[plane]), 8)
            for numbers, passes in darker:
                found -= rounded(numbers * np.int16(passes[plane]), 7)
            colours[..., plane] = rounded((found + dry if plane == 0 else found) * shown, 7)
        calm = (np.int32(look.calm) * trees + np.int32(look.open) * (256 - trees)) >> 8
        withheld = (2 * shown).clip(0, 255).astype(np.uint16) * calm.astype(np.uint16)
        return Overlay(colours, withheld, colours)

    def _crowns(
        self, zoom: int, area: Rectangle, look: _Look, within: Short, sparse: Short
    ) -> tuple[Short, Short]:
        """Return 256ths of trees and light, in 128ths of levels of grey: int16 [h, w]."""
        crowns = crowns_at(key_in(self.seed, _KEY), zoom, area)

        def standing(lots: Short) -> NDArray[np.bool_]:
            further = (lots - np.int16(128)) * np.int16(look.ragged) >> 7
            return (lots < 256) & (further < within)

        stand, shade = standing(crowns.lots), standing(crowns.shaded)
        if sparse.any():
            # Single trees, where no woods are.
            single = crowns_at(key_in(self.seed, _KEY), zoom, area, apart=True)
            alone = (single.lots < sparse) & ~stand
            shade |= single.shaded < sparse
            stand |= alone
            crowns = Crowns(*(np.where(alone, *two) for two in zip(single, crowns, strict=True)))
        lots = crowns.lots - np.int16(128)
        light = crowns.light * np.int16(look.crowns) + lots * np.int16(look.lots)
        grain = self._lots(zoom, area) * np.int16(_GRAIN)
        light += grain << 1
        grain -= np.where(shade, np.int16(look.shade << 7), np.int16(0))
        light = np.where(stand, light, grain)
        floor = np.where(within > -_EDGE, np.int16(_FLOOR), np.int16(0))
        return np.where(stand, np.int16(256), floor), light

    def _pixels(
        self, zoom: int, area: Rectangle, look: _Look, within: Short, sparse: Short
    ) -> tuple[Short, Short]:
        """Return the same where crowns are smaller than pixels."""
        lots = self._lots(zoom, area)
        trees = ((within - (lots * np.int16(look.ragged) >> 7)).clip(-8, 8) + np.int16(8)) << 4
        # Gaps between crowns are darker than crowns are light.
        gaps = (lots.clip(-128, 0) << 1) + np.int16(64)
        light = gaps * np.int16(look.lots) * ((trees >> 5) + np.int16(2)) >> 3
        if look.sparse:
            trees = np.maximum(trees, np.where(lots + 128 < sparse, np.int16(_FLOOR), np.int16(0)))
        return trees, light

    def _lots(self, zoom: int, area: Rectangle) -> Short:
        """Return a lot of each pixel, in [-128, 128): int16 [h, w]."""
        key = np.uint32(key_in(self.seed, _KEY) & 0xFFFFFFFF)
        lots = (mixed(pixels_at(zoom, area) ^ key) >> np.uint32(24)).astype(np.int16)
        return lots - np.int16(128)

    def _held(self, zoom: int, area: Rectangle) -> Short:
        """Return woods, open ground and grass with single trees: int16 [3, h, w]."""
        ys, xs = middles(zoom, area)
        ys = ys.clip(0, _WORLD - 1)

        def share(cover: Cover) -> Integers:
            return self.cover.grid_total(ys, xs, cover)

        # Fields take the place of woods.
        wooded = share(Cover.FOREST) + (share(Cover.WOODLAND) * _WOODLAND >> 8)
        fields = fields_at(self.cover, self.relief, ys, xs)
        wild = 255 - (np.zeros_like(wooded) if fields is None else fields)
        wooded = ((wooded - _LEAST) * _GAIN >> 8).clip(0, 128) * wild // 255
        # Open ground but sand seas; trees stand on grass where it is warm and not too steep.
        grass, bare = (
            (2 * (share(cover) - _OPEN)).clip(0, 128) * wild // 255
            for cover in (Cover.GRASS, Cover.BARE)
        )
        for _, sand in sand_seas(self.cover, zoom, area):
            bare = bare * (256 - sand) >> 8
        warm = ((_WARM[0] - from_equator(middles(zoom, area)[0])) * _WARM[1] >> 7).clip(0, 128)[
            :, None
        ]
        single = grass * warm >> 7
        if single.any():
            single = single * (_STEEP - self.relief.grid_degrees(ys, xs)).clip(0, 128) >> 7
        shown = np.stack([wooded, np.maximum(grass, bare), single]).astype(np.int16)
        # Towns have gardens instead, and are surrounded by open ground.
        shown = self.built.outside(zoom, area, shown)
        degree = self.built.shares(zoom, area)
        if degree is not None:
            built = degree.astype(np.int16)
            inside = np.minimum(built - _FRINGE[0], _FRINGE[1] - built)
            shown[1] = np.maximum(shown[1], (inside * _FRINGE[2]).clip(0, 128))
        return shown

    def _noises(self, zoom: int, area: Rectangle) -> Short:
        """Return the noises of woods and of kinds: int16 [2, h, w]."""
        ys, xs = middles(zoom, area)
        ys, bits = ys.clip(0, _WORLD - 1), WORLD_BITS - TILE_BITS - zoom
        found = np.empty((2, len(ys), len(xs)), np.int16)
        for number, octaves in enumerate((_WOODS, _KINDS)):
            found[number] = noise(key_in(self.seed, _KEY + number), octaves, ys, xs, bits)
        return found


@cache
def _quantiles(zoom: int) -> Short:
    """Return the noise of woods below which so many 256ths of it are at a zoom: int16 [257].

    No value lies within 1e-6 of a rounding boundary, so that every machine has the same.
    """
    inner = [round(exact_quantile(zoom, part)) for part in range(1, 256)]
    return np.array([-1024, *inner, 1024], np.int16)


def exact_quantile(zoom: int, part: int) -> float:
    """Return what is rounded then: of a normal distribution as wide as the noise.

    The noise is looked at two zooms above. Each octave's standard deviation is two thirds of its
    amplitude, as it is interpolated both ways, divided by the root of 3.
    """
    bits = WORLD_BITS - TILE_BITS - (zoom - 2)
    squares = sum(amplitude**2 for length, amplitude in _WOODS if length > bits)
    return NormalDist(0, math.sqrt(4 * squares / 27)).inv_cdf(part / 256)
