"""Places on the Hilbert curve of one zoom, for whole arrays of tiles at once.

`tileid` numbers single tiles of all zooms; here a zoom's curve starts at 0. The four children of
the tile at place p hold the places 4p to 4p + 3, so a subtree is one range on every deeper zoom.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def places_of(zoom: int, x: Numbers, y: Numbers) -> Numbers:
    """Return the place of each tile (x, y) of a zoom on its curve, int64 [N]."""
    x, y = x.astype(np.int64), y.astype(np.int64)
    place = np.zeros_like(x)
    for bit in range(zoom - 1, -1, -1):
        right, down = x >> bit & 1, y >> bit & 1
        place |= ((3 * right) ^ down) << 2 * bit
        x, y = _turned(x, y, right, down, (1 << bit) - 1)
    return place


def tiles_at(zoom: int, places: Numbers) -> tuple[Numbers, Numbers]:
    """Return the columns and rows of the tiles at places of a zoom's curve, each int64 [N]."""
    x, y = np.zeros_like(places), np.zeros_like(places)
    for bit in range(zoom):
        quarter = places >> 2 * bit & 3
        right = quarter >> 1
        down = (quarter ^ right) & 1
        x, y = _turned(x, y, right, down, (1 << bit) - 1)
        x, y = x | right << bit, y | down << bit
    return x, y


def _turned(x: Numbers, y: Numbers, right: Numbers, down: Numbers, mask: int) -> tuple[Any, Any]:
    """Return the places inside quarters as their own, turned curves see them."""
    x, y = x & mask, y & mask
    flip = (right == 1) & (down == 0)
    x, y = np.where(flip, mask - x, x), np.where(flip, mask - y, y)
    swap = down == 0
    return np.where(swap, y, x), np.where(swap, x, y)
