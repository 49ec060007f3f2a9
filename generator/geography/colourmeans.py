"""Mean colours of one kind of ground round pixels, over squares of growing size, near ones most.

All squares are looked up in one integral image, and only where a colour is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.geography.layers import Shares

Integers = NDArray[np.int64]
Signed = NDArray[np.int32]
Mask = NDArray[np.bool_]

_RADII = ((1, 1 << 18), (2, 1 << 13), (4, 1 << 8), (8, 1 << 3), (16, 1))
"""Half the sides of the squares that means are taken over, and the weights of their pixels."""

FAR = _RADII[-1][0]
"""Pixels round a place that its mean depends on, but for those that the kind depends on."""

_PURE = 64
"""Weight of pixels whose neighbourhood is of one kind beside other pixels of it."""

_MIXED = 4
"""Half the side of the square in which the others count where shores are blurred."""

EDGE = 8
"""Shares up to this, in 255ths, count as none."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Pixels of one kind of ground that tell its colour.

    pure: where all of the neighbourhood is of the kind; weights: int32 [h, w]; mixed: the others of
    the kind that count where shores are blurred, bool [h, w], or None.
    """

    pure: Mask
    weights: Signed
    mixed: Mask | None


def weighed(other: Shares, blind: Mask, blur: int) -> Weights:
    """Weigh the pixels of one kind of ground.

    other: 255ths of each pixel that are of the other kind; blind: pixels left out.
    """
    pure = ~spread(other > EDGE, 1 + blur)
    mixed = (other <= EDGE) & ~pure & ~blind
    weights = (pure & ~blind) * np.int32(_PURE)
    if blur:
        return Weights(pure, weights, mixed)
    return Weights(pure, weights + mixed, None)


def means(
    pixels: Signed, kind: Weights, wanted: Mask, mixed: int = 1
) -> tuple[Integers, Integers, Integers]:
    """Sum the colours of one kind of ground round wanted pixels, near ones counting most.

    pixels: int32 [h, w, 3]; wanted: of them without a margin of m, bool [h - 2 m, w - 2 m]; mixed:
    weight of the others that count where shores are blurred. Returns the n wanted pixels that have
    any of the kind within reach, by number, with int64 sums [n, 3]
    and weights [n].
    """
    told = kind.weights > 0 if kind.mixed is None else (kind.weights > 0) | kind.mixed
    margin = (len(pixels) - len(wanted)) // 2
    inner = np.s_[margin : len(pixels) - margin, margin : pixels.shape[1] - margin]
    found = np.zeros(told.shape, bool)
    found[inner] = wanted
    found &= spread(told, FAR)
    total = np.zeros((int(found.sum()), 4), np.int64)
    if len(total):
        part = _around(found)
        sums = _integral(pixels[part], kind.weights[part])
        y, x = np.nonzero(found[part])
        at = y * sums.shape[1] + x
        for radius, factor in _RADII:
            total += _squares(sums, at, radius) * np.int64(factor)
        # Over blurred shores colours have run together: they count where there are no others.
        if kind.mixed is not None:
            sums = _integral(pixels[part], kind.mixed[part].astype(np.int32))
            total += _squares(sums, at, _MIXED) * np.int64(mixed)
    known = total[:, 3] > 0
    return np.flatnonzero(found[inner])[known], total[known, :3], total[known, 3]


def _around(found: Mask) -> tuple[slice, slice]:
    """Return the part of a picture that squares round some of its pixels lie in."""
    spans = []
    for axis in (1, 0):
        places = np.flatnonzero(found.any(axis))
        spans.append(slice(max(int(places[0]) - FAR, 0), int(places[-1]) + FAR + 1))
    return spans[0], spans[1]


def _integral(pixels: Signed, weights: Signed) -> Signed:
    """Sum weighted colours and weights above and left of each corner: int32 [h + 33, w + 33, 4].

    Zeros of the largest radius lie round the pixels. Sums are modulo 2**32; those over squares are
    below 2**31.
    """
    height, width = weights.shape
    sums = np.zeros((height + 2 * FAR + 1, 4, width + 2 * FAR + 1), np.int32)
    inner = sums[FAR + 1 : FAR + 1 + height, :, FAR + 1 : FAR + 1 + width]
    np.multiply(pixels.transpose(0, 2, 1), weights[:, None], out=inner[:, :3])
    inner[:, 3] = weights
    # Along rows at once, then row by row, which is faster than a sum along columns.
    np.cumsum(sums, axis=2, dtype=np.int32, out=sums)
    for above, row in zip(sums[:-1], sums[1:], strict=True):
        row += above
    return np.ascontiguousarray(sums.transpose(0, 2, 1))


def _squares(sums: Signed, at: Integers, radius: int) -> Signed:
    """Return sums over squares from an integral image: int32 [n, 4].

    at: corners of the image 16 pixels above and left of the squares' middles, by number.
    """
    side, along = sums.shape[1], 2 * radius + 1
    # The corner above and left of each square, and the others from it on.
    flat = sums.reshape(-1, 4)[(FAR - radius) * (side + 1) :]
    total: Signed = np.take(flat[along * side + along :], at, axis=0)
    total -= np.take(flat[along * side :], at, axis=0)
    total -= np.take(flat[along:], at, axis=0)
    total += np.take(flat, at, axis=0)
    return total


def spread(mask: Mask, reach: int) -> Mask:
    """Say where a square round a pixel, `reach` pixels to each side, holds any of a mask."""
    found = mask
    for axis in (0, 1):
        padded = np.zeros(
            [size + 2 * reach * (k == axis) for k, size in enumerate(mask.shape)], bool
        )
        np.moveaxis(padded, axis, 0)[reach : reach + mask.shape[axis]] = np.moveaxis(found, axis, 0)
        # Windows of twice the length until the last, which two of them make.
        lines, length = np.moveaxis(padded, axis, 0), 1
        while length < 2 * reach + 1:
            step = min(length, 2 * reach + 1 - length)
            lines = lines[:-step] | lines[step:]
            length += step
        found = np.moveaxis(lines, 0, axis)
    return found
