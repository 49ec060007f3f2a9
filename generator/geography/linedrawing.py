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
"""Pieces that touch wider squares of pixels are drawn block by block."""

_BLOCK = 16
"""Pixels along a block."""

_CORNER = 11 * PIXEL * PIXEL
"""How far a block's pixels lie from its middle at most, in 1 / PIXEL squared of a pixel."""

_RAMP = PIXEL * PIXEL // 2
"""Distance from a line's edge up to which pixels have a part of it."""


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
    wide = np.flatnonzero(sides > _SMALL)
    if wide.size:
        np.maximum(result, _wide(start[:, wide], end[:, wide], halves[wide], shape), out=result)
    return result


def _wide(start: Integers, end: Integers, halves: Integers, shape: tuple[int, int]) -> Shares:
    """Return the same as `drawn`, pixel by pixel only in blocks that an edge may run through."""
    rows, columns = (-(-length // _BLOCK) for length in shape)
    chord = (end - start).astype(np.float64)
    # Distances of the blocks' middles; places along a piece are rounded to a part of its length.
    number = np.arange(rows * columns)
    to_x = number % columns * (_BLOCK * PIXEL) - start[0][:, None]
    to_y = number // columns * (_BLOCK * PIXEL) - start[1][:, None]
    middle = float(_BLOCK // 2 * PIXEL)
    ex, ey = chord[:, :, None]
    apart = _distances(to_x + middle, to_y + middle, (ex, ey))
    # How far a block's pixels may lie nearer to a piece's edge, or farther off it.
    apart -= halves[:, None] * float(PIXEL)
    more = np.sqrt(ex * ex + ey * ey) + _CORNER
    beyond = apart - more >= _RAMP
    whole = (apart + more <= -_RAMP).any(axis=0)
    blocks = np.zeros((rows * columns, _BLOCK, _BLOCK), np.uint8)
    blocks[whole] = 255
    # In the others the largest share of all pieces that may reach them.
    at, piece = np.nonzero(~(beyond | whole).T)
    if at.size:
        pixel = np.arange(_BLOCK) * PIXEL + PIXEL // 2
        xs = (to_x[piece, at, None, None] + pixel).astype(np.float64)
        ys = (to_y[piece, at, None, None] + pixel[:, None]).astype(np.float64)
        shares = _covered(xs, ys, chord[:, piece, None, None], halves[piece, None, None])
        first = np.flatnonzero(np.diff(at, prepend=-1))
        blocks[at[first]] = np.maximum.reduceat(shares, first, axis=0)
    tiled = blocks.reshape(rows, columns, _BLOCK, _BLOCK).swapaxes(1, 2)
    found: Shares = tiled.reshape(rows * _BLOCK, -1)[: shape[0], : shape[1]]
    return found


def _covered(xs: Floats, ys: Floats, chord: Floats, half: Integers) -> Shares:
    """Return the shares of pixels inside lines whose centres lie (xs, ys) off the lines' starts."""
    apart = _distances(xs, ys, chord)
    # A pixel is a box across the line: of a thin line it sees no more than the line's width.
    np.subtract(half * float(PIXEL) + _RAMP, apart, out=apart)
    np.maximum(apart, 0.0, out=apart)
    np.minimum(apart, np.minimum(2.0 * half, PIXEL) * PIXEL, out=apart)
    apart *= 255 / PIXEL**2
    shares: Shares = apart.astype(np.uint8)
    return shares


def _distances(xs: Floats, ys: Floats, chord: Floats | tuple[Floats, Floats]) -> Floats:
    """Return the distances of places (xs, ys) off the starts of pieces, in 1 / PIXEL**2 pixels.

    They are those from a point of the piece less than 1 / PIXEL of its length from the nearest.
    """
    # The nearest point of the piece, in 1 / PIXEL of its length from the start.
    ex, ey = chord
    xs, ys = xs * PIXEL, ys * PIXEL
    along = xs * ex + ys * ey
    along /= np.maximum(ex * ex + ey * ey, 1.0)
    np.floor(along, out=along)
    np.maximum(along, 0, out=along)
    np.minimum(along, PIXEL, out=along)
    # Distance from it.
    apart: Floats = along * ex
    np.subtract(xs, apart, out=apart)
    np.multiply(apart, apart, out=apart)
    along *= ey
    np.subtract(ys, along, out=along)
    np.multiply(along, along, out=along)
    apart += along
    found: Floats = np.sqrt(apart, out=apart)
    return found
