"""Draws straight pieces of lines with round ends as shares of pixels, antialiased.

Whole numbers are held in float64 where they are divided or rooted. Each operation stands alone and
is rounded correctly, so that every machine, and every window, gets the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.geography.layers import Shares

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

PIXEL = 256
"""Widths and distances are 1 / PIXEL of a pixel."""

_SMALL = 40
"""Pieces that touch wider squares of pixels are drawn one at a time."""


def drawn(start: Integers, end: Integers, halves: Integers, shape: tuple[int, int]) -> Shares:
    """Return the shares of pixels, uint8 [height, width], that pieces cover.

    start, end: int64 [2, n] (x, y) in 1 / PIXEL of a pixel from the upper left corner; halves:
    int64 [n], half the widths. A pixel's share is the largest of any piece.
    """
    # Each piece touches a square of pixels round its middle.
    apart = np.abs(end - start)
    reach = (np.maximum(apart[0], apart[1]) >> 1) + halves + PIXEL // 2
    sides = 2 * ((reach + PIXEL - 1) // PIXEL) + 1
    corner = (start + end) // (2 * PIXEL) - (sides >> 1)
    height, width = shape
    canvas = np.zeros((height + 2 * _SMALL, width + 2 * _SMALL), np.uint8)
    inside = (corner > -_SMALL).all(axis=0) & (corner[0] < width) & (corner[1] < height)
    inside &= sides <= _SMALL
    # Offsets from the corner's pixel centre, and where the corner is on the canvas.
    centre = corner * PIXEL + PIXEL // 2
    offset, chord = (centre - start).astype(np.float64), (end - start).astype(np.float64)
    places = (corner[1] + _SMALL) * canvas.shape[1] + corner[0] + _SMALL
    for side in np.unique(sides[inside]).tolist():
        index = np.flatnonzero(inside & (sides == side))
        square = np.arange(side)
        x, y = offset[:, index, None, None]
        shares = _covered(
            x + square * float(PIXEL),
            y + square[:, None] * float(PIXEL),
            chord[:, index, None, None],
            halves[index, None, None],
        )
        at = places[index, None, None] + (square + square[:, None] * canvas.shape[1])
        np.maximum.at(canvas.reshape(-1), at.reshape(-1), shares.reshape(-1))
    result = np.ascontiguousarray(canvas[_SMALL : _SMALL + height, _SMALL : _SMALL + width])
    for one in np.flatnonzero(sides > _SMALL).tolist():
        _draw_wide(result, start[:, one], end[:, one], halves[one])
    return result


def _draw_wide(canvas: Shares, start: Integers, end: Integers, half: np.int64) -> None:
    """Draw one piece where it touches the canvas."""
    edge = half + PIXEL
    low = np.maximum((np.minimum(start, end) - edge) // PIXEL, 0)
    high = np.maximum((np.maximum(start, end) + edge) // PIXEL + 1, 0)
    part = canvas[low[1] : high[1], low[0] : high[0]]
    if not part.size:
        return
    x, y = (low * PIXEL + PIXEL // 2 - start).astype(np.float64)
    xs = x + np.arange(part.shape[1]) * float(PIXEL)
    ys = y + np.arange(part.shape[0])[:, None] * float(PIXEL)
    np.maximum(part, _covered(xs, ys, (end - start).astype(np.float64), half), out=part)


def _covered(xs: Floats, ys: Floats, chord: Floats, half: Integers | np.int64) -> Shares:
    """Return the shares of pixels inside lines whose centres lie (xs, ys) off the lines' starts."""
    # The nearest point of the piece, in 1 / PIXEL of its length from the start.
    ex, ey = chord
    xs, ys = xs * PIXEL, ys * PIXEL
    along = xs * ex + ys * ey
    along /= np.maximum(ex * ex + ey * ey, 1.0)
    np.floor(along, out=along)
    np.maximum(along, 0, out=along)
    np.minimum(along, PIXEL, out=along)
    # Distance from it in 1 / PIXEL squared of a pixel.
    dx = along * ex
    np.subtract(xs, dx, out=dx)
    np.multiply(dx, dx, out=dx)
    along *= ey
    np.subtract(ys, along, out=along)
    np.multiply(along, along, out=along)
    dx += along
    np.sqrt(dx, out=dx)
    # A pixel is a box across the line: of a thin line it sees no more than the line's width.
    np.subtract((half + float(PIXEL // 2)) * PIXEL, dx, out=dx)
    np.maximum(dx, 0.0, out=dx)
    np.minimum(dx, np.minimum(2.0 * half, PIXEL) * PIXEL, out=dx)
    dx *= 255 / PIXEL**2
    shares: Shares = dx.astype(np.uint8)
    return shares
