"""Sea and lakes as a share of each pixel of any zoom, from one bit for each pixel of zoom 9.

Below zoom 9 shares are averages of the bits. From zoom 9 on the bits are refined zoom by zoom:
each value has four children, made by Chaikin's corner cutting (weights 9, 3, 3, 1 of 16), whose
limit is the quadratic B-spline surface of the bits. From zoom 10 on every value is then moved by a
number keyed by its address, half as far at each finer zoom, which gives the coast bays and points
at all scales (midpoint displacement). The displacement is 0 where the value is 0 or 1, so that no
pond appears inland nor islet at sea. The coast is where the value is 1/2, and a ramp about one
pixel wide there turns values into shares. The coast is the same in all worlds.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.geography.bitgrid import ZOOM, BitGrid, Counts
from generator.geography.layers import Shares
from generator.grid.hashing import keys
from generator.grid.rectangle import Rectangle
from generator.grid.window import columns_of, rows_of

KIND = "water"

ONE = 1 << 14
"""Water in the whole numbers of `_refined`."""

_VERSION = 1
_KEY = 0x5EA
_DISPLACEMENT = ONE // 2
"""Largest displacement at zoom 9, of 4 v (1 - v); it halves with each zoom."""

Values = NDArray[np.int32]


class WaterLayer:
    """Sea and lakes (a CoverageLayer)."""

    def __init__(self, bits: BitGrid) -> None:
        self._bits = bits

    @classmethod
    def open(cls, path: Path) -> WaterLayer:
        """Open a file of water. Raises GeographyError where it is missing, foreign or damaged."""
        return cls(BitGrid.open(path, KIND))

    @property
    def digest(self) -> str:
        """Return hexadecimal digits that change with all that decides shares."""
        return hashlib.sha256(f"{KIND} {_VERSION} {self._bits.digest}".encode()).hexdigest()

    def shares(self, zoom: int, area: Rectangle) -> Shares | None:
        """Return the share of water of each world pixel of `zoom`, None where all are 0."""
        if zoom < ZOOM:
            counts = self._bits.counts(zoom, area)
            squared = 1 << 2 * (ZOOM - zoom)
            return None if counts is None else _rounded(counts, squared)
        values = self._refined(zoom, area.grown(2))
        if values is None:
            return None
        shares = _ramp(_smoothed(values), ONE >> (zoom - ZOOM))
        return shares if shares.any() else None

    def _refined(self, zoom: int, area: Rectangle) -> Values | None:
        """Return values of a zoom from 9 on, from 0 (land) to ONE: int32 [height, width]."""
        if zoom == ZOOM:
            counts = self._bits.counts(zoom, area)
            return None if counts is None else counts.astype(np.int32) * ONE
        parents = area.coarser(2).grown(1)
        values = self._refined(zoom - 1, parents)
        if values is None:
            return None
        if zoom - 1 > ZOOM:
            _displace(values, zoom - 1, parents)
        inside = Rectangle(area.x0 - 2 * parents.x0, area.y0 - 2 * parents.y0, 0, 0)
        fine = _doubled(values)
        return fine[inside.y0 - 2 :, inside.x0 - 2 :][: area.height, : area.width]


def _rounded(counts: Counts, of: int) -> Shares:
    shares = (counts * np.uint32(510) + np.uint32(of)) // np.uint32(2 * of)
    return shares.astype(np.uint8)


def _doubled(values: Values) -> Values:
    """Cut corners: int32 [h, w] to [2 h - 4, 2 w - 4], the children of all but the outermost."""
    # Each child takes 3/4 of its parent and 1/4 of the parent's neighbour on its side.
    rows = np.empty((2 * len(values) - 4, values.shape[1]), np.int32)
    middle = 3 * values[1:-1]
    rows[0::2] = middle + values[:-2]
    rows[1::2] = middle + values[2:]
    out = np.empty((len(rows), 2 * values.shape[1] - 4), np.int32)
    middle = 3 * rows[:, 1:-1] + 8
    out[:, 0::2] = middle + rows[:, :-2]
    out[:, 1::2] = middle + rows[:, 2:]
    out >>= 4
    return out


def _displace(values: Values, zoom: int, area: Rectangle) -> None:
    """Move values of a zoom by numbers keyed by their addresses, in place."""
    ys, xs = np.nonzero((values > 0) & (values < ONE))
    rows, columns = rows_of(area, zoom)[ys], columns_of(area, zoom)[xs]
    # A number in [-2**15, 2**15) for each value.
    random = (keys(_KEY, zoom, rows, columns) >> np.uint64(48)).astype(np.int32) - (1 << 15)
    chosen = values[ys, xs]
    weights = chosen * (ONE - chosen) >> 12
    weights = weights * (_DISPLACEMENT >> (zoom - ZOOM)) >> 14
    values[ys, xs] = np.clip(chosen + (weights * random >> 15), 0, ONE)


def _smoothed(values: Values) -> Values:
    """Return values of the quadratic B-spline at pixels' centres: [h, w] to [h - 2, w - 2]."""
    rows = values[:-2] + 6 * values[1:-1] + values[2:]
    smooth: Values = (rows[:, :-2] + 6 * rows[:, 1:-1] + rows[:, 2:] + 32) >> 6
    return smooth


def _ramp(values: Values, least: int) -> Shares:
    """Return shares from 0 to 255 by a ramp about one pixel wide: [h, w] to [h - 2, w - 2].

    least: the least gradient that counts, over two pixels.
    """
    down = np.abs(values[2:, 1:-1] - values[:-2, 1:-1])
    across = np.abs(values[1:-1, 2:] - values[1:-1, :-2])
    # The gradient's length over two pixels, to 7 % (alpha max plus beta min).
    gradient = np.maximum(down, across) + (3 * np.minimum(down, across) >> 3)
    gradient = np.maximum(gradient, least)
    above = values[1:-1, 1:-1] - ONE // 2
    shares = (above * 816 + 255 * gradient) // (2 * gradient)
    ramp: Shares = np.clip(shares, 0, 255).astype(np.uint8)
    return ramp
