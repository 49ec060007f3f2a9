"""Fields: where land cover knows crops, and pasture where grassland is fenced, no steppe."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from generator.geography.landcover import Cover, LandCover
from generator.geography.relief import Relief
from generator.geography.valuenoise import WORLD_BITS
from generator.grid.tile import row_of

PASTURES = (
    (-11, 30, 42, 60),
    (-90, -70, 36, 47),
    (143, 150, -39, -36),
    (166, 179, -47, -34),
)
"""West, east, south and north of lands whose grassland is pasture, degrees."""

_EDGE_BITS = 20
"""Over which they begin, in units: 39 km at the equator."""

_STEEP = 190
"""Relief from which on grassland is no pasture; half of it is 64 levels below."""

_LEAST, _GAIN = 50, 3
"""255ths of farmland from which on there are fields, and how much each more counts."""

_URBAN = 64
"""255ths of all land that is not urban, at least, of which farmland is a share."""

_WORLD = 1 << WORLD_BITS

Integers = NDArray[np.int64]


def fields_at(cover: LandCover, relief: Relief, ys: Integers, xs: Integers) -> Integers | None:
    """Return 255ths of fields at rows ys and columns xs, int64 [rows, columns]; None for none.

    Both are in ascending order, ys within the map.
    """
    farmland = _farmland(cover, relief, ys, xs)
    return None if farmland is None else ((farmland - _LEAST) * _GAIN).clip(0, 255)


def _farmland(cover: LandCover, relief: Relief, ys: Integers, xs: Integers) -> Integers | None:
    """Return 255ths of crops and pasture, None for none."""
    found = cover.grid_shares(ys, xs, Cover.CROP)
    urban = cover.grid_shares(ys, xs, Cover.URBAN)
    if found is not None and urban is not None:
        # Towns, which `BuiltUp` knows better, lie in the same land.
        found = found * 255 // (255 - urban).clip(_URBAN, 255)
    fenced = _fenced(ys, xs)
    grass = cover.grid_shares(ys, xs, Cover.GRASS) if fenced.any() else None
    if grass is None:
        return found
    levels = relief.grid_degrees(ys, xs)
    pasture: Integers = grass * fenced * (_STEEP - levels).clip(0, 128) >> 15
    return pasture if found is None else found + pasture


def _fenced(ys: Integers, xs: Integers) -> Integers:
    """Return how far places lie inside lands of PASTURES, 256ths: int64 [rows, columns]."""
    xs = xs % _WORLD
    found = np.zeros((len(ys), len(xs)), np.int64)
    for left, right, top, bottom in _bounds():
        down, across = np.minimum(ys - top, bottom - ys), np.minimum(xs - left, right - xs)
        inside = np.minimum(down[:, None], across) >> _EDGE_BITS - 8
        found = np.maximum(found, inside.clip(0, 256))
    return found


@cache
def _bounds() -> tuple[tuple[int, int, int, int], ...]:
    """Return left, right, top and bottom of PASTURES in units."""
    found = []
    for west, east, south, north in PASTURES:
        left, right = ((degrees + 180) * _WORLD // 360 for degrees in (west, east))
        found.append((left, right, int(row_of(north, _WORLD)), int(row_of(south, _WORLD))))
    return tuple(found)
