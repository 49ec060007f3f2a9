"""Seams: where one picture goes over into another that is laid over it.

Each of the four sides of what is laid has a seam of its own, the path of least total difference
from end to end (Efros and Freeman 2001): between fields, along hedges, across roads where both
have one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Margins = tuple[int, int, int, int]


def seam_costs(gaps: Floats, margins: Margins) -> Floats:
    """Return the sums of differences on the seams of pictures laid over one, float64 [n].

    gaps: difference from each, float64 [n, h, w]; margins: as `seamed` has them.
    """
    costs = np.zeros(len(gaps))
    for turn, margin in enumerate(margins):
        if margin:
            costs += _costs(np.rot90(gaps, turn, (1, 2))[..., :margin])[:, -1].min(1)
    return costs


def seamed(gaps: Floats, margins: Margins) -> Mask:
    """Return what of a rectangle is laid, bool [h, w].

    gaps: difference of both pictures, float64 [h, w]; margins: pixels at the left, the top, the
    right and the bottom within which the seams run, none where there is nothing to go over into.
    """
    laid = np.ones(gaps.shape, bool)
    for turn, margin in enumerate(margins):
        if margin:
            # The side lies at the left; a view, so that what is cut off is cut off for all.
            here = np.rot90(laid, turn)[:, :margin]
            here &= np.arange(margin) >= _path(np.rot90(gaps, turn)[:, :margin])[:, None]
    return laid


def _costs(gaps: Floats) -> Floats:
    """Return what the cheapest path from the first row to each pixel costs: [n, h, w + 2].

    gaps: float64 [n, h, w]. Infinite at both sides.
    """
    costs = np.pad(gaps, ((0, 0), (0, 0), (1, 1)), constant_values=np.inf)
    for row in range(1, gaps.shape[1]):
        above = costs[:, row - 1]
        nearest = np.minimum(np.minimum(above[:, :-2], above[:, 2:]), above[:, 1:-1])
        costs[:, row, 1:-1] += nearest
    return costs


def _path(gaps: Floats) -> NDArray[np.int64]:
    """Return the columns of the cheapest path from the first to the last row, int64 [h]."""
    costs = _costs(gaps[None])[0]
    path = np.empty(len(costs), np.int64)
    path[-1] = costs[-1].argmin() - 1
    for row in range(len(costs) - 2, -1, -1):
        last = path[row + 1]
        path[row] = last - 1 + costs[row, last : last + 3].argmin()
    return path
