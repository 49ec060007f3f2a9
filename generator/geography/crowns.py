"""Crowns of trees from above: where they lie, how light falls on them, and where their shadows do.

A map of crowns at jittered points, tall ones over low ones, is made once for each zoom and goes on
at its other side. Each crown has a lot by its address, by which it stands, is lighter or darker, so
that what is shown never comes again. All of it is whole numbers.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from generator.geography.parcelmaps import mixed
from generator.grid.hashing import keys
from generator.grid.rectangle import Rectangle, pieces
from generator.grid.tile import TILE_SIZE

SIDE = 256
"""Pixels along a map."""

CELLS = {15: 96, 17: 48}
"""Crowns along a map, by the zoom of the child: 2.7 and 5.3 pixels from one to the next."""

NONE = 1 << 10
"""Lot where there is no crown."""

_UNIT_BITS = 5
"""Places within a pixel, as a power of two."""

_RADII = 90, 330, 0
"""256ths of a cell that the radius of a crown has, and has more at most, few of them much; and from
where on its middle may lie, on all sides."""

_APART = 2
"""By how much fewer crowns there are along a map of trees that stand apart."""

_RADII_APART = 40, 80, 16
"""The same of these: hardly any hides another."""

_TALL = 110
"""128ths of its height by which a crown as wide as a cell stands above a flat one."""

_ROUGH = 150
"""How ragged crowns are."""

_SLOPE, _RIM, _TOP = 80, 50, 22
"""Light of a slope towards the sun, by how much a rim is darker, and of the top."""

_SHADOW = 5, 8
"""Part of its radius by which the shadow of a crown lies to the north and to the west of it."""

_KEY = 0x63726F776E

Integers = NDArray[np.int64]
Short = NDArray[np.int16]


class Crowns(NamedTuple):
    """Crowns in a rectangle of pixels.

    lots: in [0, 256), of the crown at each pixel, or NONE; light: on it, about 127 at most; shaded:
    lots of crowns whose shadows lie there, or NONE. All int16 [h, w].
    """

    lots: Short
    light: Short
    shaded: Short


class _CrownMap(NamedTuple):
    """A map of crowns: numbers of cells, with one more on each side, the last for none; light."""

    crowns: NDArray[np.uint16]
    light: NDArray[np.int8]
    shadows: NDArray[np.uint16]


def crowns_at(seed: int, zoom: int, area: Rectangle, apart: bool = False) -> Crowns:
    """Return the crowns in a rectangle of world pixels of one of CELLS.

    apart: of trees that stand apart, each of whose crowns is seen whole.
    """
    drawn, cells = _crown_map(zoom, apart), _cells(zoom, apart)
    found = Crowns(*(np.empty((area.height, area.width), np.int16) for _ in Crowns._fields))
    count = (TILE_SIZE << zoom) // SIDE * cells
    step = np.arange(-1, cells + 1)
    lots = np.full((cells + 2) ** 2 + 1, NONE, np.int16)
    for row, into_y, from_y in pieces(area.y0, area.height, SIDE):
        for column, into_x, from_x in pieces(area.x0, area.width, SIDE):
            # Lots of the cells of one square, then the part of the map that lies inside.
            down = (row * cells + step).astype(np.uint32) * np.uint32(0x9E3779B1)
            across = ((column * cells + step) % count).astype(np.uint32) * np.uint32(0x85EBCA6B)
            number = mixed((down[:, None] ^ across) + np.uint32((seed ^ _KEY) & 0xFFFFFFFF))
            lots[:-1] = (number >> np.uint32(24)).ravel()
            into, part = (into_y, into_x), (from_y, from_x)
            found.lots[into] = lots.take(drawn.crowns[part])
            found.light[into] = drawn.light[part]
            found.shaded[into] = lots.take(drawn.shadows[part])
    return found


def _cells(zoom: int, apart: bool) -> int:
    """Return how many crowns lie along a map."""
    return CELLS[zoom] // _APART if apart else CELLS[zoom]


def _rough(zoom: int) -> Integers:
    """Return a noise by which crowns reach further here and less far there: int64 [SIDE, SIDE]."""
    key = keys(_KEY + 2, zoom, np.arange(SIDE)[:, None], np.arange(SIDE))
    found = (key >> np.uint64(56)).astype(np.int64) - 128
    # Leaves of three pixels, on a map that goes on at its other side.
    for axis in (0, 1):
        found = found + np.roll(found, 1, axis) + np.roll(found, -1, axis)
    return found * _ROUGH >> 10


@cache
def _crown_map(zoom: int, apart: bool) -> _CrownMap:
    """Return the map of a zoom."""
    cells, unit = _cells(zoom, apart), 1 << _UNIT_BITS
    side = (SIDE << _UNIT_BITS) // cells
    key = keys(_KEY + apart, zoom, np.arange(cells)[:, None], np.arange(cells))
    least, more, first_at = _RADII_APART if apart else _RADII
    first, second, third = (
        (key >> np.uint64(8 * k) & np.uint64(255)).astype(np.int64) for k in range(3)
    )
    middle = np.arange(SIDE) * unit + unit // 2
    cell = (np.arange(SIDE) * cells) // SIDE
    # Where in its cell each crown has its middle.
    first, second = (
        (side * first_at + part * (side - 2 * side * first_at // 256)) >> 8
        for part in (first, second)
    )
    none = (cells + 2) ** 2
    crowns, shadows = np.full((2, SIDE, SIDE), none, np.uint16)
    rough = _rough(zoom)
    light, top, shade = np.zeros((3, SIDE, SIDE), np.int64)
    for i, j in product((-1, 0, 1), (-1, 0, 1)):
        # Each pixel looks at a crown of its own cell, then at those of the cells beside it.
        at = np.ix_((cell + i) % cells, (cell + j) % cells)
        radius = (side * (least + (more * (third * third >> 8) >> 8)) >> 8)[at]
        y = middle[:, None] - ((cell + i) * (SIDE << _UNIT_BITS) // cells)[:, None]
        x = middle - (cell + j) * (SIDE << _UNIT_BITS) // cells
        y, x = y - first[at], x - second[at]
        squared = radius * radius
        out = (y * y + x * x) * (128 + rough) // squared
        number = ((cell + i + 1)[:, None] * (cells + 2) + cell + j + 1).astype(np.uint16)
        # Tall crowns hide low ones.
        height = 128 - out + radius * _TALL // side
        seen = (out < 128) & (height > top)
        slope = (y + x) * _SLOPE // radius - (out * _RIM >> 7) + _TOP
        for whole, own in ((crowns, number), (light, slope), (top, height)):
            np.copyto(whole, own, where=seen)
        y, x = (part + radius * _SHADOW[0] // _SHADOW[1] for part in (y, x))
        dark = 128 - (y * y + x * x) * 128 // squared
        seen = dark > shade
        np.copyto(shadows, number, where=seen)
        np.copyto(shade, dark, where=seen)
    return _CrownMap(crowns, light.clip(-127, 127).astype(np.int8), shadows)
