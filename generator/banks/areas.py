"""Sums over squares of a picture, and what follows of them for masks: shrinking and growing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Sums = NDArray[np.int64]


def integral(array: NDArray[Any]) -> Sums:
    """Return the integral image of [h, w], int64 [h + 1, w + 1]; the first row and column are 0."""
    sums = np.zeros((array.shape[0] + 1, array.shape[1] + 1), np.int64)
    np.cumsum(array, axis=0, out=sums[1:, 1:])
    np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
    return sums


def squares(array: NDArray[Any], side: int) -> Sums:
    """Return sums over all squares inside [h, w], int64 [h - side + 1, w - side + 1]."""
    if min(array.shape) < side:
        return np.zeros((max(0, array.shape[0] - side + 1), 0), np.int64)
    sums = integral(array)
    total: Sums = sums[side:, side:] - sums[:-side, side:]
    total -= sums[side:, :-side]
    total += sums[:-side, :-side]
    return total


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
