"""A coast at every zoom from the bits of one zoom, as a smooth surface in whole numbers.

The surface is 1 on water and 0 on land; the coast is where it is 1/2. `surface` smooths the bits
over 5 x 5 pixels, so that a straight coast has no steps, but not where that would drown or dry up
a pixel. `refined` gives each value four children by Chaikin's corner cutting (weights 9, 3, 3 and 1
of 16), whose limit is a quadratic B-spline. `displace` moves values by numbers keyed by their
addresses, half as far at each finer zoom, which gives bays and points of all sizes (midpoint
displacement): nowhere where the surface is 0 or 1, so that no pond appears inland nor islet at sea,
and further where the bits' coast is ragged than where it is even. `ramp` turns values into shares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.geography.bitgrid import ZOOM
from generator.geography.layers import Shares
from generator.grid.hashing import keys
from generator.grid.integral import squares
from generator.grid.rectangle import Rectangle
from generator.grid.window import columns_of, rows_of

VERSION = 1
"""To be raised with every change of what this module computes."""

ONE = 1 << 14
"""Water."""

SMOOTHING = 2
"""Bits on each side of a value that `surface` reads."""

MARGIN = 10
"""Bits on each side of a value that `raggedness` reads."""

_KEY = 0x5EA
"""What sets the displacements apart from others' numbers of the same addresses."""

_KEPT = ONE * 9 // 10
"""Value of a pixel of water that smoothing would have dried up."""

_DISPLACEMENT = ONE // 2
"""Largest displacement of values of 1/2, halved with each zoom, where the coast is ragged."""

_EVEN = 90
"""256ths of it where the coast is even."""

_RAGGED = 16
"""How fast it grows with the part of smoothed pixels that must keep their bit."""

Values = NDArray[np.int32]


def surface(bits: Values) -> Values:
    """Return the values of bits: 0 or 1 int32 [h, w] to [h - 4, w - 4]."""
    smooth = _smoothed(bits)
    exact = bits[2:-2, 2:-2]
    kept = np.where(exact == 1, _KEPT, ONE - _KEPT).astype(np.int32)
    return np.where(_lost(smooth, exact), kept, smooth)


def raggedness(bits: Values) -> Values:
    """Return 256ths of the displacement at each bit: 0 or 1 int32 [h, w] to [h - 20, w - 20]."""
    smooth = _smoothed(bits)
    # How often bits had to be kept along the coast in a square of 17 x 17 pixels.
    along = squares((smooth > 0) & (smooth < ONE), 2 * MARGIN - 3)
    lost = squares(_lost(smooth, bits[2:-2, 2:-2]), 2 * MARGIN - 3)
    ragged = lost * (256 * _RAGGED) // np.maximum(along, 1)
    return np.minimum(_EVEN + ragged, 256).astype(np.int32)


def refined(values: Values) -> Values:
    """Cut corners: int32 [h, w] to [2 h - 4, 2 w - 4], the children of all but the outermost."""
    # Each child takes 3/4 of its parent and 1/4 of the parent's neighbour on its side.
    rows = np.empty((2 * len(values) - 4, values.shape[1]), np.int32)
    middle = 3 * values[1:-1]
    np.add(middle, values[:-2], out=rows[0::2])
    np.add(middle, values[2:], out=rows[1::2])
    out = np.empty((len(rows), 2 * values.shape[1] - 4), np.int32)
    middle = 3 * rows[:, 1:-1]
    middle += 8
    np.add(middle, rows[:, :-2], out=out[:, 0::2])
    np.add(middle, rows[:, 2:], out=out[:, 1::2])
    out >>= 4
    return out


def displace(
    values: Values, strength: Values, areas: tuple[Rectangle, Rectangle], zoom: int
) -> None:
    """Move values in place by numbers keyed by their addresses.

    strength: of each bit in 256ths, int32 [h, w]; areas: where the values lie at `zoom`, int32 of
    C order, and the bits at theirs.
    """
    area, bits = areas
    finer = zoom - ZOOM
    flat = values.reshape(-1)
    some = np.flatnonzero((flat > 0) & (flat < ONE))
    ys, xs = np.divmod(some, area.width)
    # A number in [-2**15, 2**15) for each value; whole rows begin alike.
    begun = keys(_KEY, zoom, rows_of(area, zoom))
    mixed = keys(columns_of(area, zoom)[xs], after=begun[ys])
    random = (mixed >> np.uint64(48)).astype(np.int32) - (1 << 15)
    chosen = flat[some]
    # 4 v (1 - v), so that values of 0 and 1 stay.
    weights = chosen * (ONE - chosen) >> 12
    weights = weights * (_DISPLACEMENT >> max(finer, 1)) >> 14
    y, x = ((ys + area.y0) >> finer) - bits.y0, ((xs + area.x0) >> finer) - bits.x0
    weights = weights * strength[y, x] >> 8
    flat[some] = np.clip(chosen + (weights * random >> 15), 0, ONE)


def ramp(values: Values, finer: int) -> Shares:
    """Return shares from 0 to 255 by a ramp of about 1.25 pixels: [h, w] to [h - 4, w - 4].

    finer: by how many zooms the values are finer than the bits.
    """
    # The quadratic B-spline at pixels' centres.
    rows = values[:-2] + 6 * values[1:-1] + values[2:]
    smooth = (rows[:, :-2] + 6 * rows[:, 1:-1] + rows[:, 2:] + 32) >> 6
    # The gradient's length over two pixels, to 7 % (alpha max plus beta min), not below a least.
    down = np.abs(smooth[2:, 1:-1] - smooth[:-2, 1:-1])
    across = np.abs(smooth[1:-1, 2:] - smooth[1:-1, :-2])
    gradient = np.maximum(down, across) + (3 * np.minimum(down, across) >> 3)
    gradient = np.maximum(gradient, max(ONE >> (finer + 2), 1))
    above = smooth[1:-1, 1:-1] - ONE // 2
    shares: Shares = np.where(above > 0, np.uint8(255), np.uint8(0))
    # Beyond the ramp's ends all are 0 or 255.
    above *= 816
    near = np.flatnonzero(np.abs(above) < 255 * gradient)
    above, gradient = above.reshape(-1)[near], gradient.reshape(-1)[near]
    shares.reshape(-1)[near] = (above + 255 * gradient) // (2 * gradient)
    return shares


def _smoothed(bits: Values) -> Values:
    """Smooth bits by the square of the binomial 1, 4, 6, 4, 1: [h, w] to [h - 4, w - 4]."""
    smooth = bits.astype(np.int16)
    for _ in range(2):
        smooth = smooth[:-2] + 2 * smooth[1:-1] + smooth[2:]
        smooth = smooth[:, :-2] + 2 * smooth[:, 1:-1] + smooth[:, 2:]
    return smooth * np.int32(ONE >> 8)


def _lost(smooth: Values, bits: Values) -> NDArray[np.bool_]:
    """Say where smoothing drowned or dried up a pixel."""
    lost: NDArray[np.bool_] = (smooth >= ONE // 2) != (bits == 1)
    return lost
