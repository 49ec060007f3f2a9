"""Farmland: fields and their edges, drawn over a stage's child and taken from its parent.

The world is cut into regions, each of which shows a map of parcels (`parcelmaps`) in a way of its
own (`parcelregions`), so that a pixel asks one table. Fields have colours beside the ground's, and
are the same at every zoom, each as sharp as its pixels. All of it is whole numbers: a pixel depends
on nothing but its address.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from generator.geography.builtup import BuiltUp
from generator.geography.landcover import Cover, LandCover
from generator.geography.layers import Shares
from generator.geography.parcelregions import RANK, REGION_BITS, region_at
from generator.geography.valuenoise import WORLD_BITS, noise
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE

VERSION = 1
"""Raised whenever the same layers would give other fields."""

FIRST = 11
"""First zoom whose children show fields."""

_LINED = 15
"""First zoom whose children show hedges and tracks at their edges."""

_CALM = {11: 205, 13: 205, 15: 102}
"""256ths of the layouts' detail that fields do without, by the zoom of the child."""

_KEY = 0x626F7264
_BENDS = ((17, 150 << 8), (15, 70 << 8), (13, 24 << 8))
"""Octaves that bend the regions' borders: wave length in bits of units, 256 times the amplitude."""

_LEAST, _GAIN = 50, 3
"""255ths of crops from which on there are fields, and how much each more counts."""

_TILE_BITS = 8
_REGIONS = 1 << WORLD_BITS - REGION_BITS

Integers = NDArray[np.int64]
Short = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Farmland:
    """Fields in a rectangle of world pixels.

    colours: over the ground's, int16 [h, w, 3]; fields: 255ths of each pixel, uint8 [h, w].
    """

    colours: Short
    fields: Shares

    def detail(self, zoom: int) -> NDArray[np.float32]:
        """Return how much of its layouts' detail a child of a zoom shows: float32 [h, w]."""
        return 1 - self.fields * np.float32(_CALM.get(zoom, 0) / (255 * 256))


class Parcels:
    """Fields of the Earth: where land cover knows crops and no town is."""

    def __init__(self, cover: LandCover, built: BuiltUp, digest: str = "") -> None:
        self.cover, self.built = cover, built
        self.digest = hashlib.sha256(f"parcels {VERSION} {digest}".encode()).hexdigest()

    def farmland(self, zoom: int, area: Rectangle) -> Farmland | None:
        """Return the fields in a rectangle of world pixels, None where there are none."""
        around = area.grown(1)
        share = None if zoom < FIRST else self._share(zoom, around)
        if share is None:
            return None
        numbers, colours = _painted(zoom, around)
        # Fields begin where crops pass their rank, which is less than 240, a little soft.
        ranks = (numbers >> RANK).astype(np.int16)
        ranks -= ranks >> 4
        shown = share - ranks
        shown *= np.int16(16)
        np.clip(shown, 0, 256, out=shown)
        # Four numbers of 16 bits are looked up as one.
        numbers &= np.uint32((1 << int(RANK)) - 1)
        found = colours.view(np.int64)[:, 0].take(numbers).view(np.int16).reshape(*share.shape, 4)
        found *= shown[..., None]
        found >>= np.int16(8)
        found = _smoothed(found)
        return Farmland(found[..., :3], np.minimum(found[..., 3], 255).astype(np.uint8))

    def _share(self, zoom: int, area: Rectangle) -> Short | None:
        """Return 255ths of farmland, alike in squares of 4 x 4 pixels: int16 [h, w], or None."""
        # What varies over kilometres is looked at two zooms above.
        y0, x0 = area.y0 // SCALE, area.x0 // SCALE
        height = (area.y0 + area.height - 1) // SCALE + 1 - y0
        width = (area.x0 + area.width - 1) // SCALE + 1 - x0
        above = Rectangle(x0, y0, width, height)
        ys, xs = _middles(zoom - 2, above)
        crops = self.cover.grid_shares(ys.clip(0, (1 << WORLD_BITS) - 1), xs, Cover.CROP)
        if crops is None:
            return None
        share = ((crops - _LEAST) * _GAIN).clip(0, 255).astype(np.int16)
        built = self.built.shares(zoom - 2, above)
        if built is not None:
            share -= np.minimum(built, 85).astype(np.int16) * np.int16(3)
        if not (share > 0).any():
            return None
        top, left = area.y0 - SCALE * y0, area.x0 - SCALE * x0
        whole = share.repeat(SCALE, 0)[top : top + area.height].repeat(SCALE, 1)
        return whole[:, left : left + area.width]


def _middles(zoom: int, area: Rectangle) -> tuple[Integers, Integers]:
    """Return the middles of a rectangle's rows and columns in units: int64 [h], [w]."""
    bits = WORLD_BITS - _TILE_BITS - zoom
    ys = np.arange(area.y0, area.y0 + area.height, dtype=np.int64) << bits
    xs = np.arange(area.x0, area.x0 + area.width, dtype=np.int64) << bits
    return ys + (1 << bits >> 1), xs + (1 << bits >> 1)


def _painted(zoom: int, area: Rectangle) -> tuple[NDArray[np.uint32], Short]:
    """Return the pixels' numbers, uint32 [h, w], and the colours that they name: int16 [n, 4]."""
    bits, (ys, xs) = WORLD_BITS - _TILE_BITS - zoom, _middles(zoom, area)
    # Regions are a grid whose lines are bent: rows by columns, and columns by rows.
    start = np.zeros(1, np.int64)
    down = noise(_KEY, _BENDS, start, xs, bits)[0]
    across = noise(_KEY + 1, _BENDS, ys, start, bits)[:, 0]
    (rows, top), (columns, left) = _regions(ys, down), _regions(xs, across)
    alone = len(rows) == len(columns) == 1
    row = ((ys[:, None] + down >> REGION_BITS) - top).astype(np.int16)
    column = ((xs + across[:, None] >> REGION_BITS) - left).astype(np.int16)
    numbers = np.zeros((len(ys), len(xs)), np.uint32)
    tables: list[Short] = []
    for i, j in product(range(len(rows)), range(len(columns))):
        # The pixels that may lie in a region, then those that do.
        box = rows[i], columns[j]
        held = region_at(top + i, (left + j) % _REGIONS)
        found = held.parcels(ys[box[0]], xs[box[1]] - _turns(left + j), zoom >= _LINED)
        found |= np.uint32(len(tables) << 5)
        np.copyto(numbers[box], found, where=alone or (row[box] == i) & (column[box] == j))
        tables.append(held.colours)
    return numbers, np.concatenate(tables)


def _turns(column: int) -> int:
    """Return the units of whole turns round the Earth up to a column of regions."""
    return column // _REGIONS << WORLD_BITS


def _regions(at: Integers, bends: Integers) -> tuple[list[slice], int]:
    """Return the parts of an axis in which each region may lie, and the first one's number.

    at: positions, int64 [n], in ascending order; bends: by how much borders are moved.
    """
    least, most = int(bends.min()), int(bends.max())
    first = int(at[0]) + least >> REGION_BITS
    last = int(at[-1]) + most >> REGION_BITS
    starts = np.arange(first, last + 1, dtype=np.int64) << REGION_BITS
    begin = np.searchsorted(at, starts - most)
    end = np.searchsorted(at, starts + (1 << REGION_BITS) - least)
    return [slice(int(a), int(b)) for a, b in zip(begin, end, strict=True)], first


def _smoothed(numbers: Short) -> Short:
    """Smooth by 1, 2, 1 both ways, sixteen times: int16 [h + 2, w + 2, n] to [h, w, n]."""
    rows = numbers[:-2] + numbers[2:]
    rows += numbers[1:-1]
    rows += numbers[1:-1]
    sums = rows[:, :-2] + rows[:, 2:]
    sums += rows[:, 1:-1]
    sums += rows[:, 1:-1]
    sums += np.int16(8)
    sums >>= np.int16(4)
    return sums
