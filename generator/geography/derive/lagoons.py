"""Lagoons and dammed bays: OpenStreetMap's sea ends before them, GSHHG's does not.

What only GSHHG calls sea is mostly an error of its shoreline of some hundred metres, or new land.
It is kept where it is broad: from places round which 4/5 of a square some kilometres wide are such
sea, as far as it goes on from there for the square's width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from generator.geography.bitgrid import CHUNK, CHUNKS, Packed
from generator.geography.derive.shorelines import Shorelines
from generator.grid.integral import squares
from generator.grid.rectangle import Rectangle, pieces
from generator.grid.tile import EQUATOR_RESOLUTION, latitude_of

_SQUARE = 3000
"""Metres of ground along the sides of the square."""

_LATITUDE = 66
"""Degrees beyond which shorelines are too coarse; ice shelves would be lagoons."""

_SHARE = 0.8

Flags = NDArray[np.bool_]


def row_lagoons(row: int, chunks: Mapping[tuple[int, int], Packed], shores: Shorelines) -> Flags:
    """Return the lagoons in a row of chunks of zoom 9, bool [512, world's width].

    chunks: the water that is known; shores: land and lakes at the pixels of zoom 9.
    """
    latitude = latitude_of(row + 0.5, CHUNKS)
    width = CHUNK * CHUNKS
    lagoons = np.zeros((CHUNK, width), bool)
    if abs(latitude) > _LATITUDE:
        return lagoons
    pixel = EQUATOR_RESOLUTION / 512 * math.cos(math.radians(latitude))
    reach = round(_SQUARE / pixel / 2)
    for column in range(CHUNKS):
        # A chunk with the margin on which its lagoons depend.
        area = Rectangle(column * CHUNK, row * CHUNK, CHUNK, CHUNK).grown(3 * reach)
        # The two columns at the dateline have no neighbours here, and no lagoons to speak of.
        if column in (0, CHUNKS - 1) or _uniform(area, chunks):
            continue
        only = ~(shores.mask(area).astype(bool) | _water(area, chunks))
        if np.count_nonzero(only) > reach * reach:
            found = broad(only, reach)[3 * reach : -3 * reach, 3 * reach : -3 * reach]
            lagoons[:, column * CHUNK : (column + 1) * CHUNK] = found
    return lagoons


def broad(only: Flags, reach: int) -> Flags:
    """Return what is broad, and what it reaches within the square's width: bool [h, w].

    only: sea in one source alone; reach: half the square's side in pixels.
    """
    from scipy.ndimage import binary_dilation

    side = 2 * reach + 1
    core = np.zeros_like(only)
    sums = squares(only, side)
    core[reach:-reach, reach:-reach] = sums >= _SHARE * side * side
    core &= only
    if not core.any():
        return core
    grown: Flags = binary_dilation(core, np.ones((3, 3), bool), 2 * reach, only)
    return grown


def _uniform(area: Rectangle, chunks: Mapping[tuple[int, int], Packed]) -> bool:
    """Say whether all chunks of an area are full of water."""
    touched = area.coarser(CHUNK)
    return all(
        (y, x) in chunks and bool((chunks[y, x] == 255).all())
        for y in range(touched.y0, touched.y0 + touched.height)
        for x in range(touched.x0, touched.x0 + touched.width)
    )


def _water(area: Rectangle, chunks: Mapping[tuple[int, int], Packed]) -> Flags:
    out = np.zeros((area.height, area.width), bool)
    for row, into_y, from_y in pieces(area.y0, area.height, CHUNK):
        for column, into_x, from_x in pieces(area.x0, area.width, CHUNK):
            if (row, column) in chunks:
                bits = np.unpackbits(chunks[row, column], axis=1).astype(bool)
                out[into_y, into_x] = bits[from_y, from_x]
    return out
