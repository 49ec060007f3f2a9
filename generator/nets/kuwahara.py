"""Enlargement by four that keeps edges: Kuwahara's filter between and after two doublings.

Kuwahara et al., "Processing of RI-angiocardiographic images", 1976: each pixel takes the mean of
the calmest of several windows beside it, so that a soft step becomes a sharp one and what lies
between steps becomes plain. The windows here are tents, which leave no square corners, and all is
whole numbers, so that a pixel depends on nothing but the parent pixels within REACH.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.grid.tile import SCALE

REACH = 9
"""Parent pixels on each side that an enlarged pixel reads."""
OFFSETS = ((0, 3), (0, -3), (3, 0), (-3, 0), (2, 2), (2, -2), (-2, 2), (-2, -2))
"""Where the windows lie round a pixel: rows, columns."""
RING = 3
"""Pixels on each side by which OFFSETS reach."""
LOST = 34
"""Child pixels on each side that both doublings and the last blur read."""

_HALVES, _BYTES = np.uint32(128 << 16 | 128), np.uint32(255 << 16 | 255)

Bytes = NDArray[np.uint8]
Counts = NDArray[np.uint32]


def enlarge_sharply(parent: Bytes) -> Bytes:
    """Enlarge a picture: uint8 [h, w, 3] -> [4 (h - 2 REACH), 4 (w - 2 REACH), 3]."""
    # Twice on the first doubling, where a window is as wide as three and a half parent pixels.
    half = _kuwahara(_kuwahara(_doubled(parent)))
    whole = _smoothed(_kuwahara(_doubled(half)))
    edge = SCALE * REACH - LOST
    return np.ascontiguousarray(whole[edge:-edge, edge:-edge])


def _doubled(picture: Bytes) -> Bytes:
    """Interpolate linearly by two, in quarters: [h, w, 3] -> [2 h - 2, 2 w - 2, 3]."""
    for axis in (0, 1):
        lines = np.moveaxis(picture, axis, 0).astype(np.uint16)
        before, behind = lines[:-1], lines[1:]
        pairs = np.stack([(3 * before + behind + 2) >> 2, (before + 3 * behind + 2) >> 2], 1)
        picture = np.moveaxis(pairs.reshape(-1, *lines.shape[1:]), 0, axis).astype(np.uint8)
    return picture


def _kuwahara(picture: Bytes) -> Bytes:
    """Give each pixel the mean of the calmest window: [h, w, 3] -> [h - 12, w - 12, 3]."""
    red, green, blue = np.moveaxis(picture, 2, 0).astype(np.uint32)
    # Variance of luminance in the tent round each pixel: at most 255 squared, times 2**16.
    luminance: Counts = (77 * red + 150 * green + 29 * blue + 128) >> 8
    # Sums of bytes have 16 bits, so that two planes are summed up as one.
    outer, inner = _tent(red | blue << 16), _tent(green | luminance << 16)
    total = inner >> 16
    variance = (_tent(luminance * luminance) << 8) - total * total
    # Their means, red, green and blue in a byte each.
    packed = (outer + _HALVES >> 8) & _BYTES | (inner & 0xFFFF) + 128 & 0xFF00
    # The calmest of the windows round each pixel; its number is in the lowest bits.
    height, width = (side - 2 * RING for side in variance.shape)
    variance &= np.uint32(0xFFFFFFF8)
    least = np.full((height, width), 0xFFFFFFFF, np.uint32)
    for number, (down, across) in enumerate(OFFSETS):
        y, x = RING + down, RING + across
        np.minimum(least, variance[y : y + height, x : x + width] | np.uint32(number), out=least)
    # The mean of that window.
    stride = variance.shape[1]
    steps = np.array([down * stride + across for down, across in OFFSETS], np.int32)
    places = np.arange(height, dtype=np.int32)[:, None] * stride + np.arange(width, dtype=np.int32)
    chosen = packed.ravel()[places + (RING * stride + RING) + steps[least & 7]]
    return np.stack([chosen, chosen >> 8, chosen >> 16], 2).astype(np.uint8)


def _tent(plane: Counts) -> Counts:
    """Sum with tent weights, a box of 4 twice along each axis: [h, w] -> [h - 6, w - 6]."""
    for _ in range(2):
        pairs = plane[:-1] + plane[1:]
        plane = pairs[:-2] + pairs[2:]
        pairs = plane[:, :-1] + plane[:, 1:]
        plane = pairs[:, :-2] + pairs[:, 2:]
    return plane


def _smoothed(picture: Bytes) -> Bytes:
    """Blur by one pixel, so that edges have no stairs: [h, w, 3] -> [h - 2, w - 2, 3]."""
    sums = picture.astype(np.uint16)
    for axis in (0, 1):
        lines = np.moveaxis(sums, axis, 0)
        sums = np.moveaxis(lines[:-2] + 2 * lines[1:-1] + lines[2:], 0, axis)
    return ((sums + 8) >> 4).astype(np.uint8)
