"""Cubic interpolation of an equirectangular picture at the pixels of Web Mercator, as integers.

Every row of a zoom's world pixels is a sum of four rows of the picture, and every column of four
columns. The kernel is Keys' cubic with a = -1/2; weights are whole numbers and add up to 2**14.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BITS = 14


class Kernel(NamedTuple):
    """taps: four source positions of each pixel, int64 [n, 4]; weights: in 2**-14, int32 [n, 4]."""

    taps: NDArray[np.int64]
    weights: NDArray[np.int32]


@lru_cache(maxsize=2)
def rows(height: int, side: int) -> Kernel:
    """Return the kernel of the rows of a world of `side` pixels on a picture's `height` rows.

    Rows beyond the picture's edges are its first and last.
    """
    kernel = _empty(side)
    for row in range(side):
        latitude = math.atan(math.sinh(math.pi * (1.0 - (2.0 * row + 1.0) / side)))
        _fill(kernel, row, (0.5 - latitude / math.pi) * height - 0.5)
    return Kernel(np.clip(kernel.taps, 0, height - 1), kernel.weights)


@lru_cache(maxsize=2)
def columns(width: int, side: int) -> Kernel:
    """Return the kernel of the columns of a world of `side` pixels on a picture's `width` columns.

    Columns go on round the dateline.
    """
    kernel = _empty(side)
    for column in range(side):
        _fill(kernel, column, (2 * column + 1) * width / (2 * side) - 0.5)
    return Kernel(kernel.taps % width, kernel.weights)


def _empty(count: int) -> Kernel:
    return Kernel(np.empty((count, 4), np.int64), np.empty((count, 4), np.int32))


def _fill(kernel: Kernel, index: int, place: float) -> None:
    """Set the taps and weights of one pixel; place: its centre in source pixels."""
    below = math.floor(place)
    t = place - below
    kernel.taps[index] = [below + k for k in (-1, 0, 1, 2)]
    # Keys' kernel at the four taps.
    exact = (
        ((2.0 - t) * t - 1.0) * t / 2.0,
        ((3.0 * t - 5.0) * t * t + 2.0) / 2.0,
        ((4.0 - 3.0 * t) * t + 1.0) * t / 2.0,
        (t - 1.0) * t * t / 2.0,
    )
    # Whole numbers; the larger of the middle taps takes what rounding left.
    weights = [math.floor(w * (1 << BITS) + 0.5) for w in exact]
    weights[1 if t < 0.5 else 2] += (1 << BITS) - sum(weights)
    kernel.weights[index] = weights
