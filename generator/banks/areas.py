"""Sums over squares of a picture, and what follows of them for masks: shrinking and growing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.grid.integral import Sums, squares

Mask = NDArray[np.bool_]


def around(array: NDArray[Any], side: int) -> Sums:
    """Return sums over the square of odd `side` round each pixel; the edge goes on, [h, w]."""
    return squares(np.pad(array, side // 2, mode="edge"), side)


def grown(mask: Mask, side: int) -> Mask:
    """Return where the square round a pixel holds any of a mask."""
    return np.asarray(around(mask, side) > 0)


def shrunk(mask: Mask, side: int) -> Mask:
    """Return where the square round a pixel is all mask."""
    return np.asarray(around(mask, side) == side * side)


def tiles(array: NDArray[Any], side: int) -> Sums:
    """Return sums over whole tiles, int64 [h // side, w // side]; what is left over is left out."""
    rows, columns = array.shape[0] // side, array.shape[1] // side
    cut = array[: rows * side, : columns * side]
    sums: Sums = cut.reshape(rows, side, columns, side).sum((1, 3), dtype=np.int64)
    return sums
