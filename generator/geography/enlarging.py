"""Pixels of a parent interpolated linearly at its children, all or those of some parent pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Short = NDArray[np.int16]

_TAPS = ((3, 5), (1, 7), (7, 1), (5, 3))
"""Eighths of the two nearest parent pixels in each of the four children along an axis."""


def enlarged(coarse: Pixels) -> Short:
    """Interpolate linearly by four: uint8 [h + 2, w + 2, 3] to int16 [4h, 4w, 3]."""
    values = coarse.astype(np.int16)
    # Across while there are few rows, then down by whole rows.
    across = _interpolated(values.swapaxes(0, 1)).swapaxes(0, 1)
    fine = _interpolated(np.ascontiguousarray(across).reshape(len(values), -1))
    fine += np.int16(32)
    fine >>= 6
    return fine.reshape(len(fine), -1, 3)


def _interpolated(values: Short) -> Short:
    """Interpolate along the first axis by four, in eighths: int16 [h + 2, ...] to [4h, ...]."""
    before, middle, after = values[:-2], values[1:-1], values[2:]
    fine = np.empty((len(middle), SCALE, *values.shape[1:]), np.int16)
    for phase, (first, second) in enumerate(_TAPS):
        one, other = (before, middle) if phase < 2 else (middle, after)
        np.multiply(one, np.int16(first), out=fine[:, phase])
        fine[:, phase] += np.int16(second) * other
    return fine.reshape(SCALE * len(middle), *values.shape[1:])


def interpolated(zoom: int, area: Rectangle, look: Callable[[int, Rectangle], Short]) -> Short:
    """Interpolate linearly what is looked at two zooms above a rectangle's: int16 [..., h, w].

    look: returns numbers of at most 511, int16 [..., h, w], of a rectangle of a zoom.
    """
    above = area.coarser(SCALE)
    coarse = look(zoom - 2, above.grown(1))
    across = _interpolated(np.ascontiguousarray(np.moveaxis(coarse, -1, 0)))
    fine = _interpolated(np.ascontiguousarray(np.moveaxis(across, (-1, 0), (0, -1))))
    fine >>= 6
    top, left = area.y0 - SCALE * above.y0, area.x0 - SCALE * above.x0
    return np.moveaxis(fine, 0, -2)[..., top : top + area.height, left : left + area.width]


def cells_of(mask: Mask) -> Integers:
    """Return the numbers of parent pixels that have any child in a mask: [4h, 4w] to [n]."""
    rows = np.ascontiguousarray(mask).view(np.uint32)
    parts = rows[0::SCALE] | rows[1::SCALE] | rows[2::SCALE] | rows[3::SCALE]
    return np.flatnonzero(parts)


def children_of(cells: Integers, width: int) -> Integers:
    """Return the numbers of the 16 children of each of n parent pixels: int64 [16 n].

    width: of the child.
    """
    y, x = np.divmod(cells, width // SCALE)
    first = SCALE * (y * width + x)
    within = np.arange(SCALE) + width * np.arange(SCALE)[:, None]
    children: Integers = (first[:, None] + within.reshape(-1)).reshape(-1)
    return children


def enlarged_at(coarse: Pixels, cells: Integers) -> Short:
    """Interpolate uint8 [h + 2, w + 2, k] at the children of n parent pixels: int16 [n, k, 16].

    Sums are whole numbers below 2**24, which float32 holds exactly in any order.
    """
    side, count = coarse.shape[1], coarse.shape[2]
    y, x = np.divmod(cells, side - 2)
    around = (np.arange(3) + side * np.arange(3)[:, None]).reshape(-1)
    flat = coarse.reshape(-1, count).astype(np.float32)
    near = flat[(y * side + x)[:, None] + around].swapaxes(1, 2).reshape(-1, 9)
    sums = near @ _PARTS
    sums += np.float32(0.5)
    fine: Short = sums.astype(np.int16).reshape(-1, count, SCALE * SCALE)
    return fine


def _parts() -> NDArray[np.float32]:
    """Return how much each of 3 x 3 parent pixels has in each child of the middle one: [9, 16]."""
    along = np.zeros((3, SCALE), np.float32)
    for phase, taps in enumerate(_TAPS):
        along[phase // 2 : phase // 2 + 2, phase] = taps
    return (np.kron(along, along) / 64).astype(np.float32)


_PARTS = _parts()
