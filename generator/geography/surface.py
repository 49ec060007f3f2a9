"""Water and roads drawn into a stage's child, at the child's own resolution.

A parent's pixels at a shore are mixtures, so each kind of ground is looked at alone. `dry` is the
parent as if its water were land: a network that is given it draws land up to the shore and beyond.
Where water is, `water_over` then lays the water's own colour over the child, by its share of each
child pixel: a shore is as sharp as the child, and no colour of one side bleeds to the other.

Colours come from weighted means over squares of growing size, near pixels counting most: integer
arithmetic, equal in every window that sees REACH pixels round a place.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from generator.geography.colourmeans import EDGE, Integers, Mask, Signed, means, spread, weighed
from generator.geography.layers import Shares
from generator.grid.pixels import Pixels
from generator.grid.tile import SCALE

REACH = 20
"""Parent pixels round a place that its colours depend on."""

_INNER = np.s_[REACH:-REACH, REACH:-REACH]

_SHORE = 2
"""Pixels round land in which ground goes on under water even where no land's colour is known."""

_ISLAND = np.array([104, 108, 72], np.int32)
"""Colour of land of which the parent shows none: small islands."""

_DEEP = np.array([20, 47, 66], np.int32)
_TINT = 4
"""Colour of water of which the parent shows none, and sixteenths of the land's colour in it."""

_FEW = 1 << 16
"""Weight of that colour beside the water that the parent shows; where shores are blurred, 1."""

_TAPS = ((3, 5), (1, 7), (7, 1), (5, 3))
"""Eighths of the two nearest parent pixels in each of the four children along an axis."""

_SPARSE = 6
"""What covers less than one in so many pixels is drawn pixel by pixel."""

_WHITE = 450
"""Sum of R, G and B above which a base map's water is ice, which layers know nothing of."""

_ROAD = 44
"""Grey levels by which roads are brighter than the ground."""

_BLACK, _COLOURED = 192, 24
"""Sum of R, G and B below which a base map's lakes are black, and by how much B then passes R."""

Short = NDArray[np.int16]


def dry_colours(parent: Pixels, water: Shares, blur: int = 0) -> Pixels:
    """Return a parent as if its water were land: uint8 [h + 40, w + 40, 3] to [h, w, 3].

    water: its share of each pixel; blur: pixels, 2 or less, by which colours of one side have run
    over the parent's shores.
    """
    wide = parent.astype(np.int32)
    dry = wide[_INNER].copy()
    # Pixels of land that are as blue as water say nothing of land's colour.
    land = weighed(water, _is_blue(wide), blur)
    # Land keeps its own pixels where no water is near; far out at sea there is none.
    lost = ~land.pure if blur else water > EDGE
    dry[(lost & spread(water < 255, _SHORE))[_INNER]] = _ISLAND
    at, total, weight = means(wide, land, lost[_INNER])
    dry.reshape(-1, 3)[at] = (total + _ISLAND) // (weight + 1)[:, None]
    return dry.astype(np.uint8)


def wet_colours(parent: Pixels, water: Shares, dry: Pixels, blur: int = 0) -> Pixels:
    """Return the colour of a parent's water: uint8 [h + 40, w + 40, 3] to [h, w, 3].

    dry: what `dry_colours` returns of the others.
    """
    wide = parent.astype(np.int32)
    # A base map's water that is as white as ice says nothing of the water's colour.
    ice = wide.sum(2) > _WHITE if blur else np.zeros(water.shape, bool)
    sea = weighed(255 - water, ice, blur)
    # Water goes over into a colour made of the land's where the parent shows none.
    lost = (~sea.pure | ice if blur else water < 255 - EDGE)[_INNER]
    guess = (_TINT * dry.astype(np.int32) + (16 - _TINT) * _DEEP) >> 4
    wet = np.where(lost[..., None], guess, wide[_INNER])
    at, total, weight = means(wide, sea, lost)
    few = 1 if blur else _FEW
    mixed = total + few * guess.reshape(-1, 3)[at]
    wet.reshape(-1, 3)[at] = mixed // (weight + few)[:, None]
    if blur:
        wet = _bluer(wet)
    return wet.astype(np.uint8)


def water_over(child: Pixels, wet: Pixels, water: Shares) -> Pixels:
    """Lay water over a child: uint8 [4h, 4w, 3].

    wet: its colour at parent pixels, one more on each side, uint8 [h + 2, w + 2, 3]; water: its
    share of each child pixel.
    """
    return _laid_over(child, wet, water, lambda colour: colour)


def roads_over(child: Pixels, dry: Pixels, roads: Shares) -> Pixels:
    """Lay roads over a child, greyer and brighter than the ground round them.

    dry: the ground's colour at parent pixels as `water_over` has the water's; roads: their share.
    """
    return _laid_over(child, dry, roads, _paved)


def _paved(ground: Short) -> Short:
    grey = (5 * ground[..., 0] + 9 * ground[..., 1] + 2 * ground[..., 2]) >> 4
    colour: Short = ((ground + 3 * grey[..., None]) >> 2) + np.int16(_ROAD)
    return np.minimum(colour, np.int16(235))


def product(one: Shares, other: Shares) -> Shares:
    """Multiply shares, rounded to the nearest 255th."""
    found: Shares = ((one.astype(np.int32) * other + 127) // 255).astype(np.uint8)
    return found


def _laid_over(
    child: Pixels, coarse: Pixels, shares: Shares, coloured: Callable[[Short], Short]
) -> Pixels:
    """Lay something over a child by its shares; coloured: its colour from the coarse pixels'."""
    at = np.flatnonzero(shares)
    # Where it covers little, only those pixels are looked at.
    if _SPARSE * len(at) >= shares.size:
        return _blended(child, coloured(enlarged(coarse)), shares)
    laid = child.copy()
    pixels = laid.reshape(-1, 3)
    colour = coloured(_enlarged_at(coarse, at))
    pixels[at] = _blended(pixels[at], colour, shares.reshape(-1)[at])
    return laid


def _blended(below: Pixels, colour: Short, shares: Shares) -> Pixels:
    # Whole rows of numbers are faster than threes of them.
    share = shares.reshape(-1).repeat(3).astype(np.uint16).reshape(below.shape)
    mixed = below * (255 - share)
    share *= colour.view(np.uint16)
    mixed += share
    mixed += np.uint16(127)
    mixed //= np.uint16(255)
    return mixed.astype(np.uint8)


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


def _enlarged_at(coarse: Pixels, at: Integers) -> Short:
    """Interpolate at some child pixels, by their numbers: int16 [n, 3]."""
    side = coarse.shape[1]
    y, x = np.divmod(at, SCALE * (side - 2))
    corner = ((y >> 1) + 1 >> 1) * side + ((x >> 1) + 1 >> 1)
    flat, taps = coarse.reshape(-1, 3), np.array(_TAPS, np.int16)
    down, across = taps[y & 3], taps[x & 3]
    total = np.full((len(at), 3), 32, np.int16)
    for row in range(2):
        for column in range(2):
            weight = down[:, row] * across[:, column]
            total += weight[:, None] * flat[corner + row * side + column]
    return total >> 6


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
