"""Farmland: shares of crops, and of pasture where grassland is fenced, not steppe or savanna."""

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

_WORLD = 1 << WORLD_BITS

Integers = NDArray[np.int64]


def farmed(cover: LandCover, relief: Relief, ys: Integers, xs: Integers) -> Integers | None:
    """Return 255ths of farmland at rows ys and columns xs, int64 [rows, columns]; None for none.

    Both are in ascending order, ys within the map.
    """
    found = cover.grid_shares(ys, xs, Cover.CROP)
    fenced = _fenced(ys, xs)
    grass = cover.grid_shares(ys, xs, Cover.GRASS) if fenced.any() else None
    if grass is None:
        return found
    rows, columns = np.broadcast_arrays(ys[:, None], xs)
    levels = relief.degrees(rows.ravel(), columns.ravel()).reshape(rows.shape).astype(np.int64)
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
