"""The edges of swaths: ground that no sensor saw, black or white, where no mask says so.

Water and snow may be as black or as white. But the edge of a swath is a straight line, and what
lies outside of it goes on to the picture's own edge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.banks.lines import on_line

Mask = NDArray[np.bool_]

_BLACK, _WHITE = 4, 251
"""Grey levels up to which, and from which, a mean of 4 x 4 pixels may be nothing."""
_PIECE = 24
"""Pixels of an edge that are looked at together: a scene's corner is two lines."""


def outside_swath(parent: NDArray[np.uint8], good: Mask) -> Mask:
    """Return which valid pixels lie outside of a swath.

    parent: uint8 [H, W, 3], means of 4 x 4 child pixels; good: bool [H, W], what the mask leaves,
    if there is one. Returns bool [H, W].
    """
    found = np.zeros(good.shape, bool)
    for nothing in (parent.max(2) <= _BLACK, parent.min(2) >= _WHITE):
        if not (nothing & good).any():
            continue
        empty = nothing | ~good
        for turn in range(4):
            outside = np.rot90(_from_left(np.rot90(empty, turn)), -turn)
            found |= outside & nothing & good
    return found


def _from_left(empty: Mask) -> Mask:
    """Return what is empty from the left edge up to a straight line, bool [H, W]."""
    width = empty.shape[1]
    # How far each row is empty, and which runs end on one line.
    run = np.where(empty.all(1), width, empty.argmin(1))
    rows = np.flatnonzero((run > 0) & (run < width))
    straight = np.zeros(len(run), bool)
    for start in range(0, len(rows) - _PIECE + 1, _PIECE):
        # The last piece takes the rows that are too few for one of their own.
        last = len(rows) - start < 2 * _PIECE
        piece = rows[start:] if last else rows[start : start + _PIECE]
        # A row in twelve may be off the line.
        straight[piece] = 12 * (~on_line(piece, run[piece])).sum() <= len(piece)
    # A ragged coast may be straight for a while.
    if 2 * straight.sum() < len(rows):
        straight[:] = False
    outside: Mask = np.arange(width) < np.where(straight, run, 0)[:, None]
    return outside
