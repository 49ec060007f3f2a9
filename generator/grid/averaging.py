"""Averages of squares of pixels, in whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from generator.grid.pixels import Pixels

_STRIP = 64
"""Rows that are averaged at a time, so that wide sums need little memory."""


def averaged(pixels: Pixels, by: int) -> Pixels:
    """Average squares of by x by pixels, halves rounded up: uint8 [by h, by w, 3] to [h, w, 3].

    Rows and columns that are too few for a square are left out.
    """
    if by == 1:
        return pixels
    height, width = pixels.shape[0] // by, pixels.shape[1] // by
    cut = pixels[: height * by, : width * by]
    if by == 2:
        return _halved(cut)
    rows = cut.reshape(height, by, width * by, 3).sum(1, dtype=np.uint32)
    sums = rows.reshape(height, width, by, 3).sum(2, dtype=np.uint32)
    averages: Pixels = ((sums + by * by // 2) // (by * by)).astype(np.uint8)
    return averages


def _halved(pixels: Pixels) -> Pixels:
    """Average 2 x 2 pixels, some rows at a time."""
    out = np.empty((len(pixels) // 2, pixels.shape[1] // 2, 3), np.uint8)
    for y in range(0, len(out), _STRIP):
        strip = pixels[2 * y : 2 * (y + _STRIP)]
        rows = strip[0::2].astype(np.uint16) + strip[1::2]
        out[y : y + _STRIP] = (rows[:, 0::2] + rows[:, 1::2] + 2) >> 2
    return out
