"""Farmland: fields and their edges, drawn over a stage's child and taken from its parent.

The world is cut into regions, each of which shows a map of parcels (`parcelmaps`) in a way of its
own (`parcelregions`), so that a pixel asks one table. Fields have colours beside the ground's, and
are the same at every zoom, each as sharp as its pixels. All of it is whole numbers: a pixel depends
on nothing but its address.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.geography.builtup import BuiltUp
from generator.geography.landcover import Cover, LandCover
from generator.geography.overlay import Overlay, spread
from generator.geography.parcelregions import RANK, REGION_BITS, region_at
from generator.geography.regiongrid import RegionGrid, from_above
from generator.geography.valuenoise import WORLD_BITS, middles
from generator.grid.rectangle import Rectangle
from generator.grid.window import columns_of, rows_of

VERSION = 2
"""Raised whenever the same layers would give other fields."""

FIRST = 11
"""First zoom whose children show fields."""

_DETAILED = 15
"""First zoom whose children show rows of crops, and hedges and tracks at fields' edges."""

_CALM = {11: 205, 13: 205, 15: 80}
"""256ths of the layouts' detail that fields do without, by the zoom of the child."""

_GRID = RegionGrid(
    bits=REGION_BITS,
    borders=((17, 150 << 8), (15, 70 << 8), (13, 24 << 8)),
    bends=((15, 3 << 8),),
    key=0x626F7264,
    region_at=region_at,
)

_GRAIN = 7
"""Most that a pixel of a field differs from its colour."""

_TOWN = 51
"""Built-up degree from which on there are no fields."""

_LEAST, _GAIN = 50, 3
"""255ths of crops from which on there are fields, and how much each more counts."""

_COLOURS = sum(1 << 16 * lane for lane in range(3))
"""Factor that repeats a number of 16 bits in three lanes of one of 64."""

Short = NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Parcels:
    """Fields of the Earth in the world of a seed: where land cover knows crops and no town is.

    source: hexadecimal digits of the layers.
    """

    cover: LandCover
    built: BuiltUp
    source: str = ""
    seed: int = 0

    @property
    def digest(self) -> str:
        """Return hexadecimal digits that change with all but the seed that decides fields."""
        return hashlib.sha256(f"parcels {VERSION} {self.source}".encode()).hexdigest()

    def overlay(self, zoom: int, area: Rectangle) -> Overlay | None:
        """Return the fields in a rectangle of world pixels, None where there are none."""
        around = area.grown(1)
        share = None if zoom < FIRST else from_above(zoom, around, self._share)
        if share is None:
            return None
        detailed = zoom >= _DETAILED
        numbers, regions = _GRID.painted(
            self.seed, zoom, around, lambda region, at: region.parcels(at, detailed)
        )
        # Fields begin where crops pass their rank, which is less than 240.
        ranks = (numbers >> RANK).astype(np.int16)
        ranks -= ranks >> 4
        # Four numbers of 16 bits are one of 64, which is looked up and spread over them.
        colours = np.concatenate([region.colours for region in regions]).view(np.int64)[:, 0]
        numbers &= np.uint32((1 << int(RANK)) - 1)
        # A region has 128 colours.
        at = numbers >> np.uint32(8) << np.uint32(7) | numbers & np.uint32(127)
        found = colours.take(at)
        coloured = found.view(np.int16)
        coloured += spread(_grain(zoom, around), _COLOURS)
        return Overlay.of(zoom, found, share - ranks, _CALM.get(zoom, 0))

    def _share(self, zoom: int, area: Rectangle) -> Short | None:
        """Return 255ths of farmland, int16 [h, w], None for none at all."""
        ys, xs = middles(zoom, area)
        crops = self.cover.grid_shares(ys.clip(0, (1 << WORLD_BITS) - 1), xs, Cover.CROP)
        if crops is None:
            return None
        share: Short = ((crops - _LEAST) * _GAIN).clip(0, 255).astype(np.int16)
        built = self.built.shares(zoom, area)
        if built is not None:
            share -= np.minimum(built, _TOWN).astype(np.int16) * np.int16(255 // _TOWN)
        return share if (share > 0).any() else None


def _grain(zoom: int, area: Rectangle) -> Short:
    """Return the grain of fields, which are not quite even: int16 [h, w], as many above as below 0.

    Keyed by the address of each pixel of the zoom.
    """
    columns, rows = columns_of(area, zoom).astype(np.uint32), rows_of(area, zoom).astype(np.uint32)
    mixed = (rows * np.uint32(0x9E3779B1))[:, None] ^ columns * np.uint32(0x85EBCA6B)
    mixed *= np.uint32(0xC2B2AE35)
    mixed >>= np.uint32(24)
    grain: Short = mixed.astype(np.int16)
    grain -= np.int16(128)
    grain *= np.int16(_GRAIN)
    grain >>= np.int16(7)
    return grain
