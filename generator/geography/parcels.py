"""Farmland: fields and their edges, drawn over a stage's child and taken from its parent.

The world is cut into regions, each of which shows a map of parcels (`parcelmaps`) in a way of its
own (`parcelregions`), so that a pixel asks one table. Fields have colours beside the ground's, and
are the same at every zoom, each as sharp as its pixels. All of it is whole numbers: a pixel depends
on nothing but its address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from generator.geography.builtup import BuiltUp
from generator.geography.crowns import CELLS, NONE, crowns_at
from generator.geography.farmland import fields_at
from generator.geography.farmsteads import BROOK, GARDENS, RANK, TREES
from generator.geography.landcover import LandCover
from generator.geography.overlay import COLOUR_LANES, MARK, Overlay, looked_up, spread
from generator.geography.parcelmaps import pixels_at
from generator.geography.parcelregions import DRAINED, REGION_BITS, regions_at
from generator.geography.regiongrid import RegionGrid, from_above, key_in
from generator.geography.relief import Relief
from generator.geography.terrain import Terrain
from generator.geography.terrainregions import streams_at
from generator.geography.valuenoise import WORLD_BITS, middles
from generator.geography.worldrule import WorldRule
from generator.grid.rectangle import Rectangle

FIRST = 9
"""First zoom whose children show fields."""

_CALM = {9: 170, 11: 205, 13: 205, 15: 190, 17: 190}
"""256ths of the layouts' detail that fields do without, by the zoom of the child."""

_GRID = RegionGrid(
    bits=REGION_BITS,
    borders=((17, 150 << 8), (15, 70 << 8), (13, 24 << 8)),
    bends=((15, 3 << 8),),
    key=0x626F7264,
)

_GRAIN = 7
"""Most that a pixel of a field differs from its colour."""

_LIGHT = 56
"""Levels of grey by which crowns of woods and hedges have light and shadow."""

_GARDEN_TREES, _DARKER = 130, 22
"""256ths of crowns that stand in gardens, and levels of grey by which these are darker."""

_STREAM, _RAGGED = {11: 66, 13: 70, 15: 76, 17: 76}, 2
"""How much of a stream has trees, by the zoom of the child, and how much a pixel's grain counts."""

_KEY = 0x636F707365

_TOWN, _ENDING = 80, 8
"""Built-up degree from which on fields end, and 255ths of them that each further one takes."""

Short = NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Parcels(WorldRule):
    """Fields of the Earth in the world of a seed: where land cover knows crops and no town is."""

    NAME: ClassVar[str] = "parcels"
    VERSION: ClassVar[int] = 5

    cover: LandCover
    built: BuiltUp
    relief: Relief
    terrain: Terrain

    def overlay(self, zoom: int, area: Rectangle) -> Overlay | None:
        """Return the fields in a rectangle of world pixels, None where there are none."""
        around = area.grown(1)
        share = None if zoom < FIRST else from_above(zoom, around, self._share)
        if share is None:
            return None
        seen = _GRID.pixels(zoom, around)
        regions = regions_at(self.seed, seen.rows, seen.columns)
        numbers = regions.parcels(seen.positions(regions.placed), seen.which, zoom)
        # Fields begin where crops pass their rank, which is less than 240.
        ranks = (numbers >> RANK).astype(np.int16)
        ranks -= ranks >> 4
        grain, drained = _grain(zoom, around), np.isin(regions.styles, DRAINED)
        if zoom in _STREAM and drained.any():
            # Trees stand along streams.
            streams = streams_at(self.terrain, self.seed, zoom, around)
            brook = streams > np.int16(_STREAM[zoom]) + grain * np.int16(_RAGGED)
            brook &= drained.take(seen.which)
            numbers[brook] = numbers[brook] & ~np.uint32(255) | np.uint32(BROOK)
        found = looked_up(numbers, seen.which, regions.colours)
        # All three colours have the grain.
        coloured = found.view(np.int16)
        marks = coloured[..., 3::4]
        if (marks > MARK).any():
            grain = _planted(self.seed, zoom, around, marks, grain)
        coloured += spread(grain, COLOUR_LANES)
        return Overlay.of(zoom, found, share - ranks, _CALM.get(zoom, 0))

    def _share(self, zoom: int, area: Rectangle) -> Short | None:
        """Return 255ths of farmland, int16 [h, w], None for none at all."""
        ys, xs = middles(zoom, area)
        fields = fields_at(self.cover, self.relief, ys.clip(0, (1 << WORLD_BITS) - 1), xs)
        if fields is None:
            return None
        share: Short = fields.astype(np.int16)
        built = self.built.shares(zoom, area)
        if built is not None:
            beyond = (built.astype(np.int16) - np.int16(_TOWN)).clip(0, 255 // _ENDING)
            share -= beyond * np.int16(_ENDING)
        return share if (share > 0).any() else None


def _planted(seed: int, zoom: int, area: Rectangle, marks: Short, grain: Short) -> Short:
    """Return the grain with that of woods, hedges and gardens: int16 [h, w]; marks: of pixels."""
    wood = marks == TREES
    if zoom not in CELLS:
        return np.where(wood, 2 * grain, grain)
    crowns = crowns_at(key_in(seed, _KEY), zoom, area)
    light = (crowns.light * np.int16(_LIGHT) >> 7) + (crowns.lots >> 4) - np.int16(8)
    light = np.where(crowns.lots < NONE, light, np.int16(-_LIGHT >> 2))
    single = (marks == GARDENS) & (crowns.lots < _GARDEN_TREES)
    return np.where(wood, light, np.where(single, light - np.int16(_DARKER), grain))


def _grain(zoom: int, area: Rectangle) -> Short:
    """Return the grain of fields, which are not quite even: int16 [h, w], as many above as below 0.

    Keyed by the address of each pixel of the zoom.
    """
    lots = pixels_at(zoom, area)
    lots *= np.uint32(0xC2B2AE35)
    lots >>= np.uint32(24)
    grain: Short = lots.astype(np.int16)
    grain -= np.int16(128)
    grain *= np.int16(_GRAIN)
    grain >>= np.int16(7)
    return grain
