"""Water and roads drawn into a stage's child, at the child's own resolution.

A parent's pixels at a shore are mixtures, so each kind of ground is looked at alone. `dry` is the
parent as if its water were land: a network that is given it draws land up to the shore and beyond.
Where water is, `water_over` then lays the water's own colour over the child, by its share of each
child pixel: a shore is as sharp as the child, and no colour of one side bleeds to the other.

Colours come from weighted means over squares of growing size, near pixels counting most: integer
arithmetic, equal in every window that sees REACH pixels round a place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.geography.layers import Shares
from generator.grid.pixels import Pixels
from generator.grid.tile import SCALE

REACH = 20
"""Parent pixels round a place that its colours depend on."""

_RADII = ((1, 1 << 18), (2, 1 << 13), (4, 1 << 8), (8, 1 << 3), (16, 1))
"""Half the sides of the squares that means are taken over, and the weights of their pixels."""

_FAR = _RADII[-1][0]

_PURE = 64
"""Weight of pixels whose neighbourhood is of one kind beside other pixels of it."""

_MIXED = 4
"""Half the side of the square in which the others count where shores are blurred."""

_SHORE = 2
"""Pixels round land in which ground goes on under water even where no land's colour is known."""

_EDGE = 8
"""Shares up to this, in 255ths, count as none."""

_ISLAND = np.array([104, 108, 72], np.int32)
"""Colour of land of which the parent shows none: small islands."""

_DEEP = np.array([26, 48, 52], np.int32)
_TINT = 6
"""Colour of water of which the parent shows none, and sixteenths of the land's colour in it."""

_FEW = 1 << 16
"""Weight of that colour beside the water that the parent shows; where shores are blurred, 1."""

_ROAD = 44
"""Grey levels by which roads are brighter than the ground."""

_BLACK, _COLOURED = 192, 24
"""Sum of R, G and B below which a base map's lakes are black, and by how much B then passes R."""

Integers = NDArray[np.int64]
Signed = NDArray[np.int32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Grounds:
    """A parent taken apart: dry, uint8 [h, w, 3], without its water; wet, the water's colour."""

    dry: Pixels
    wet: Pixels


def taken_apart(parent: Pixels, water: Shares, blur: int = 0) -> Grounds:
    """Take a parent's land and water apart.

    parent: uint8 [h, w, 3]; water: its share of each pixel; blur: pixels, 2 or less, by which
    colours of one side have run over the parent's shores. What lies REACH or more from an edge is
    as in larger windows.
    """
    wide = parent.astype(np.int32)
    # Pixels of land that are as blue as water say nothing of land's colour.
    land = _weighed(water, _is_blue(wide), blur)
    sea = _weighed(255 - water, np.zeros(water.shape, bool), blur)
    # Land keeps its own pixels where no water is near; far out at sea there is none.
    lost = ~land.pure if blur else water > _EDGE
    at, total, weight = _means(wide, land, lost)
    dry = wide.copy()
    dry[lost & spread(water < 255, _SHORE)] = _ISLAND
    dry.reshape(-1, 3)[at] = (total + _ISLAND) // (weight + 1)[:, None]
    # Water goes over into a colour made of the land's where the parent shows none.
    lost = ~sea.pure if blur else water < 255 - _EDGE
    at, total, weight = _means(wide, sea, lost)
    guess = (_TINT * dry + (16 - _TINT) * _DEEP) >> 4
    few = 1 if blur else _FEW
    wet = np.where(lost[..., None], guess, wide)
    mixed = total + few * guess.reshape(-1, 3)[at]
    wet.reshape(-1, 3)[at] = mixed // (weight + few)[:, None]
    if blur:
        wet = _bluer(wet)
    return Grounds(dry.astype(np.uint8), wet.astype(np.uint8))


def water_over(child: Pixels, wet: Pixels, water: Shares) -> Pixels:
    """Lay water over a child: uint8 [4h, 4w, 3].

    wet: its colour at parent pixels, one more on each side, uint8 [h + 2, w + 2, 3]; water: its
    share of each child pixel.
    """
    return _blended(child, enlarged(wet), water)


def roads_over(child: Pixels, dry: Pixels, roads: Shares) -> Pixels:
    """Lay roads over a child, greyer and brighter than the ground round them.

    dry: the ground's colour at parent pixels as `water_over` has the water's; roads: their share.
    """
    ground = enlarged(dry)
    grey = (5 * ground[..., 0] + 9 * ground[..., 1] + 2 * ground[..., 2]) // 16
    colour = (ground + 3 * grey[..., None]) // 4 + _ROAD
    return _blended(child, np.minimum(colour, 235), roads)


def product(one: Shares, other: Shares) -> Shares:
    """Multiply shares, rounded to the nearest 255th."""
    found: Shares = ((one.astype(np.int32) * other + 127) // 255).astype(np.uint8)
    return found


def _blended(child: Pixels, colour: NDArray[np.int32], shares: Shares) -> Pixels:
    share = shares[..., None].astype(np.int32)
    mixed: Pixels = ((child * (255 - share) + colour * share + 127) // 255).astype(np.uint8)
    return mixed


def enlarged(coarse: Pixels) -> NDArray[np.int32]:
    """Interpolate linearly by four: uint8 [h + 2, w + 2, 3] to int32 [4h, 4w, 3]."""
    values = coarse.astype(np.int32)
    for _ in range(2):
        before, middle, after = values[:-2], values[1:-1], values[2:]
        parts = [3 * before + 5 * middle, before + 7 * middle, 7 * middle + after]
        parts.append(5 * middle + 3 * after)
        values = np.stack(parts, 1).reshape(SCALE * len(middle), *values.shape[1:])
        values = values.swapaxes(0, 1)
    return (values + 32) >> 6


@dataclass(frozen=True, slots=True)
class _Weights:
    """Pixels of one kind of ground that tell its colour.

    pure: where all of the neighbourhood is of the kind; weights: int32 [h, w]; mixed: the others of
    the kind that count where shores are blurred, bool [h, w], or None.
    """

    pure: Mask
    weights: Signed
    mixed: Mask | None


def _weighed(other: Shares, blind: Mask, blur: int) -> _Weights:
    """Weigh the pixels of one kind of ground.

    other: 255ths of each pixel that are of the other kind; blind: pixels left out.
    """
    pure = ~spread(other > _EDGE, 1 + blur)
    mixed = (other <= _EDGE) & ~pure & ~blind
    weights = (pure & ~blind) * np.int32(_PURE)
    if blur:
        return _Weights(pure, weights, mixed)
    return _Weights(pure, weights + mixed, None)


def _means(pixels: Signed, kind: _Weights, wanted: Mask) -> tuple[Integers, Integers, Integers]:
    """Sum the colours of one kind of ground round wanted pixels, near ones counting most.

    Returns the n pixels that have any of the kind within reach, by number, with int64 sums [n, 3]
    and weights [n].
    """
    told = kind.weights > 0 if kind.mixed is None else (kind.weights > 0) | kind.mixed
    found = wanted & spread(told, _FAR)
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
            total += _squares(sums, at, _MIXED)
    known = total[:, 3] > 0
    return np.flatnonzero(found)[known], total[known, :3], total[known, 3]


def _around(found: Mask) -> tuple[slice, slice]:
    """Return the part of a picture that squares round some of its pixels lie in."""
    spans = []
    for axis in (1, 0):
        places = np.flatnonzero(found.any(axis))
        spans.append(slice(max(int(places[0]) - _FAR, 0), int(places[-1]) + _FAR + 1))
    return spans[0], spans[1]


def _integral(pixels: Signed, weights: Signed) -> Signed:
    """Sum weighted colours and weights above and left of each corner: int32 [h + 33, w + 33, 4].

    Zeros of the largest radius lie round the pixels. Sums are modulo 2**32; those over squares are
    below 2**31.
    """
    height, width = weights.shape
    sums = np.zeros((height + 2 * _FAR + 1, 4, width + 2 * _FAR + 1), np.int32)
    inner = sums[_FAR + 1 : _FAR + 1 + height, :, _FAR + 1 : _FAR + 1 + width]
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
    flat = sums.reshape(-1, 4)[(_FAR - radius) * (side + 1) :]
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


def _bluer(water: Signed) -> Signed:
    """Give black lakes of a base map, which are as dark as forests, half of water's colour."""
    dark = np.clip(_BLACK - water.sum(2), 0, 64)
    grey = np.clip(_COLOURED - (water[..., 2] - water[..., 0]), 0, _COLOURED)
    share = (dark * grey)[..., None]
    whole = 2 * 64 * _COLOURED
    coloured: Signed = (water * (whole - share) + _DEEP * share) // whole
    return coloured


def _is_blue(pixels: Signed) -> Mask:
    """Say which pixels may be water: bluer than red by 8 %, and dark."""
    red, green, blue = (pixels[..., k] for k in range(3))
    water: Mask = (25 * blue > 27 * red) & (red + green + blue < 400)
    return water
