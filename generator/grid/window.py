"""Windows of world pixels: the rows, columns and tiles that they lie on, and their pixels.

x wraps at the dateline; y is mirrored at the map's upper and lower edge, however far it lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from generator.grid.rectangle import Rectangle
from generator.grid.tile import EQUATOR_RESOLUTION, SCALE, TILE_SIZE, Tile

if TYPE_CHECKING:
    from generator.grid.pixels import Pixels, Read

Integers = NDArray[np.int64]


def mirrored(positions: Integers, size: int) -> Integers:
    """Mirror positions at both edges of an axis of `size` pixels: int64 in [0, size)."""
    folded = positions % (2 * size)
    return np.minimum(folded, 2 * size - 1 - folded)


def columns_of(area: Rectangle, zoom: int) -> Integers:
    """Return the world pixel columns of a rectangle, int64 [width], wrapped at the dateline."""
    return np.arange(area.x0, area.x0 + area.width) % (TILE_SIZE << zoom)


def rows_of(area: Rectangle, zoom: int) -> Integers:
    """Return the world pixel rows of a rectangle, int64 [height], mirrored at the map's edges."""
    return mirrored(np.arange(area.y0, area.y0 + area.height), TILE_SIZE << zoom)


def tiles_of(area: Rectangle, zoom: int) -> dict[Tile, None]:
    """Return the tiles that a rectangle of world pixels lies on, in order, each once."""
    across = dict.fromkeys((columns_of(area, zoom) // TILE_SIZE).tolist())
    down = dict.fromkeys((rows_of(area, zoom) // TILE_SIZE).tolist())
    return {Tile(zoom, x, y): None for y in down for x in across}


def gather(area: Rectangle, zoom: int, read: Read) -> Pixels:
    """Put a rectangle of world pixels together from tiles: uint8 [height, width, 3]."""
    columns, rows = columns_of(area, zoom), rows_of(area, zoom)
    window = np.empty((area.height, area.width, 3), np.uint8)
    for y, vertical, ys in _runs(rows):
        for x, horizontal, xs in _runs(columns):
            window[vertical, horizontal] = read(Tile(zoom, x, y))[np.ix_(ys, xs)]
    return window


def child_resolutions(area: Rectangle, zoom: int) -> NDArray[np.float64]:
    """Return the metres of ground per child pixel of each row of parent pixels, float64 [height].

    area: in parent pixels, of `zoom`. The cosine of the latitude is the reciprocal of the cosh of
    Web Mercator's y.
    """
    mercator = np.pi * (1 - 2 * (rows_of(area, zoom) + 0.5) / (TILE_SIZE << zoom))
    metres: NDArray[np.float64] = EQUATOR_RESOLUTION / np.cosh(mercator) / (SCALE << zoom)
    return metres


def _runs(pixels: Integers) -> Iterator[tuple[int, slice, Integers]]:
    """Split positions by tile: (tile index, slice of the window, pixels inside the tile)."""
    tiles = pixels // TILE_SIZE
    cuts = [0, *(np.flatnonzero(np.diff(tiles)) + 1).tolist(), len(pixels)]
    for first, last in zip(cuts[:-1], cuts[1:], strict=True):
        yield int(tiles[first]), slice(first, last), pixels[first:last] % TILE_SIZE
