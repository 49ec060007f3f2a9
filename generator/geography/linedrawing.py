"""Draws straight pieces of lines with round ends as shares of pixels, antialiased."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.geography.layers import Shares
from generator.geography.linecourse import root
from generator.geography.linekinds import PIXEL

Integers = NDArray[np.int64]

_SMALL = 24
"""Pieces that touch wider squares of pixels are drawn one at a time."""


def drawn(start: Integers, end: Integers, halves: Integers, shape: tuple[int, int]) -> Shares:
    """Return the shares of pixels, uint8 [height, width], that pieces cover.

    start, end: int64 [2, n] (x, y) in 1 / PIXEL of a pixel from the upper left corner; halves:
    int64 [n], half the widths. A pixel's share is the largest of any piece.
    """
    # Each piece touches a square of pixels round its middle.
    reach = (np.abs(end - start).max(axis=0) >> 1) + halves + PIXEL // 2
    sides = 2 * ((reach + PIXEL - 1) // PIXEL) + 1
    corner = ((start + end) // (2 * PIXEL)) - (sides >> 1)
    height, width = shape
    margin = _SMALL
    canvas = np.zeros((height + 2 * margin, width + 2 * margin), np.uint8)
    small = sides <= _SMALL
    inside = small & (corner > -margin).all(axis=0)
    inside &= (corner[0] < width) & (corner[1] < height)
    for side in np.unique(sides[inside]).tolist():
        (index,) = np.nonzero(inside & (sides == side))
        square = np.arange(side)
        shares = _covered(
            (corner[0, index, None, None] + square) * PIXEL + PIXEL // 2,
            (corner[1, index, None, None] + square[:, None]) * PIXEL + PIXEL // 2,
            start[:, index, None, None],
            end[:, index, None, None],
            halves[index, None, None],
        )
        places = (corner[1, index] + margin) * canvas.shape[1] + corner[0, index] + margin
        offsets = square + square[:, None] * canvas.shape[1]
        at = places[:, None, None] + offsets
        np.maximum.at(canvas.reshape(-1), at.reshape(-1), shares.reshape(-1))
    result = canvas[margin : margin + height, margin : margin + width]
    for one in np.flatnonzero(~small).tolist():
        _draw_wide(result, start[:, one], end[:, one], halves[one], int(reach[one]))
    return np.ascontiguousarray(result)


def _draw_wide(canvas: Shares, start: Integers, end: Integers, half: np.int64, reach: int) -> None:
    """Draw one piece where it touches the canvas."""
    height, width = canvas.shape
    edge = int(half) + PIXEL
    (x0, y0), (x1, y1) = start.tolist(), end.tolist()
    left, right = max(0, (min(x0, x1) - edge) // PIXEL), (max(x0, x1) + edge) // PIXEL + 1
    top, bottom = max(0, (min(y0, y1) - edge) // PIXEL), (max(y0, y1) + edge) // PIXEL + 1
    part = canvas[top : min(bottom, height), left : min(right, width)]
    if part.size == 0 or right <= 0 or bottom <= 0:
        return
    xs = (left + np.arange(part.shape[1])) * PIXEL + PIXEL // 2
    ys = (top + np.arange(part.shape[0]))[:, None] * PIXEL + PIXEL // 2
    np.maximum(part, _covered(xs, ys, start, end, half), out=part)


def _covered(
    xs: Integers, ys: Integers, start: Integers, end: Integers, half: Integers | np.int64
) -> Shares:
    """Return the shares of pixels with centres (xs, ys) that lie inside lines: all broadcast."""
    # The nearest point of the piece, in 1 / PIXEL of its length from the start.
    dx, dy = xs - start[0], ys - start[1]
    ex, ey = end[0] - start[0], end[1] - start[1]
    length = np.maximum(ex * ex + ey * ey, 1)
    along = np.clip((dx * ex + dy * ey) * PIXEL // length, 0, PIXEL)
    dx = dx - along * ex // PIXEL
    dy = dy - along * ey // PIXEL
    # A pixel is a box across the line: of a thin line it sees no more than the line's width.
    inside = half + PIXEL // 2 - root(dx * dx + dy * dy)
    inside = np.clip(inside, 0, np.minimum(2 * half, PIXEL))
    shares: Shares = (inside * 255 // PIXEL).astype(np.uint8)
    return shares
