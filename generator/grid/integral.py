"""Integral images: sums over any rectangle of an array, by four look-ups."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Sums = NDArray[np.int64]


def integral(array: NDArray[Any]) -> Sums:
    """Sum whole numbers above and left of each pixel corner: [h, w] to int64 [h + 1, w + 1]."""
    sums = np.zeros((array.shape[0] + 1, array.shape[1] + 1), np.int64)
    np.cumsum(array, axis=0, out=sums[1:, 1:])
    np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
    return sums


def squares(array: NDArray[Any], side: int) -> Sums:
    """Return sums over all squares inside [h, w], int64 [h - side + 1, w - side + 1]."""
    if min(array.shape) < side:
        return np.zeros((max(0, array.shape[0] - side + 1), 0), np.int64)
    # Four corners of the integral image for each square.
    sums = integral(array)
    total: Sums = sums[side:, side:] - sums[:-side, side:]
    total -= sums[side:, :-side]
    total += sums[:-side, :-side]
    return total
