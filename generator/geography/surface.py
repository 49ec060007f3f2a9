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
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.geography.colourmeans import EDGE, Mask, Signed, means, spread, weighed
from generator.geography.enlarging import Short, cells_of, children_of, enlarged, enlarged_at
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

_BRIGHTEST = 270
"""Sum of R, G and B above which ground tints its water no more."""

_DARKEST = 130
"""Sum of R, G and B below which ground has water lighter than it."""

_FEW, _MIXED = 1 << 12, 1 << 8
"""Weight of that colour beside the water that the parent shows, and of water near blurred shores,
of which there are at most 81 pixels."""

_SPARSE = 2
"""What touches less than one in so many parent pixels is drawn at those alone."""

_WHITE = 450
"""Sum of R, G and B above which a base map's water is ice, which layers know nothing of."""

_DARK = np.int16(8)
"""Least of red, green and blue of streets in the shade."""

_ASPHALT = np.array([116, 114, 110], np.int16)
"""Colour that a road has five parts of and its ground three; where that is dry, three and five."""

_DRY = 36
"""By how much red passes blue in ground of which roads are tracks."""

VERGE = 2
"""Child pixels beside a road that are its verge."""

_BLACK, _COLOURED, _BROWN = 192, 24, 8
"""Sum of R, G and B below which a base map's lakes are black, by how much B then passes R, and by
how much it passes R in water that is not brown."""


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


def wet_colours(
    parent: Pixels, water: Shares, dry: Pixels, blur: int = 0, roads: Shares | None = None
) -> Pixels:
    """Return the colour of a parent's water: uint8 [h + 40, w + 40, 3] to [h, w, 3].

    dry: what `dry_colours` returns of the others; roads: shares of the parent's pixels that are
    bridges, None for none.
    """
    wide = parent.astype(np.int32)
    # A base map's water that is as white as ice says nothing of the water's colour, nor do bridges.
    hidden = wide.sum(2) > _WHITE if blur else np.zeros(water.shape, bool)
    if roads is not None:
        hidden |= roads > EDGE
    sea = weighed(255 - water, hidden, blur)
    if sea.mixed is not None:
        # Near blurred shores blue water alone tells its colour.
        sea = replace(sea, mixed=sea.mixed & _is_blue(wide))
    # Water goes over into a colour made of the land's where the parent shows none.
    lost = ((~sea.pure if blur else water < 255 - EDGE) | hidden)[_INNER]
    guess = imagined(dry.astype(np.int32))
    wet = np.where(lost[..., None], guess, wide[_INNER])
    at, total, weight = means(wide, sea, lost, _MIXED)
    mixed = total + _FEW * guess.reshape(-1, 3)[at]
    wet.reshape(-1, 3)[at] = mixed // (weight + _FEW)[:, None]
    if blur:
        wet = _bluer(wet)
    return wet.astype(np.uint8)


def imagined(dry: NDArray[Any]) -> NDArray[Any]:
    """Return the colour of water in ground of a colour, [h, w, 3] of the same kind."""
    wide = dry.astype(np.int32)
    # Bright ground, as snow, counts like darker ground of its hue.
    bright = np.maximum(wide.sum(2, keepdims=True), _BRIGHTEST)
    guess = (_TINT * _BRIGHTEST * wide // bright + (16 - _TINT) * _DEEP) >> 4
    # In ground as dark as forest water is lighter, as it is muddy or gleams.
    guess += np.clip(_DARKEST - wide.sum(2, keepdims=True), 0, _DARKEST) // 6
    colour: NDArray[Any] = guess.astype(dry.dtype)
    return colour


def water_over(child: Pixels, wet: Pixels, water: Shares) -> Pixels:
    """Lay water over a child: uint8 [4h, 4w, 3].

    wet: its colour at parent pixels, one more on each side, uint8 [h + 2, w + 2, 3]; water: its
    share of each child pixel.
    """
    return _laid_over(child, wet, water, lambda colour: colour)


def roads_over(
    child: Pixels,
    dry: Pixels,
    roads: Shares | None,
    water: Shares | None = None,
    streets: Shares | None = None,
    dim: int = 0,
) -> Pixels:
    """Lay roads with soft verges, and streets without, over a child.

    dry: the ground's colour at parent pixels as `water_over` has the water's; roads: their share,
    with VERGE more pixels on each side, None for none; water: share of each child pixel that has no
    verge; streets: their share of each child pixel, None for none; dim: grey levels by which they
    are darker than the ground where they lie in the shade of what stands along them, 0 for streets
    of asphalt.
    """
    if streets is not None and dim:
        shade = np.maximum(enlarged(dry) - np.int16(dim), _DARK)
        child, streets = _blended(child, shade, streets), None
    verge, share = np.zeros(child.shape[:2], np.uint8), streets
    if roads is not None:
        # Beside a road the ground is even and a little darker.
        verge = np.minimum(tent(roads) // np.uint16(81), np.uint16(64)).astype(np.uint8)
        share = together(streets, roads[VERGE:-VERGE, VERGE:-VERGE])
    if share is None:
        return child
    cells = cells_of(share | verge > 0)
    if water is not None:
        verge = product(verge, 255 - water)
    if _SPARSE * len(cells) * SCALE * SCALE >= share.size:
        return _built_over(child, enlarged(dry), verge, share)
    # Where roads are few, only those parent pixels are looked at.
    at = children_of(cells, child.shape[1])
    laid = child.copy()
    pixels = laid.reshape(-1, 3)
    ground = np.ascontiguousarray(enlarged_at(dry, cells).swapaxes(1, 2)).reshape(-1, 3)
    pixels[at] = _built_over(pixels[at], ground, verge.reshape(-1)[at], share.reshape(-1)[at])
    return laid


def _built_over(child: Pixels, ground: Short, verge: Shares, roads: Shares) -> Pixels:
    """Lay roads and their verges over pixels of ground of a colour, all of one shape."""
    below = _blended(child, ground - (ground >> 3), verge)
    return _blended(below, _paved(ground), roads)


def _paved(ground: Short) -> Short:
    dry = np.clip((ground[..., :1] - ground[..., 2:]) - _DRY, 0, 16)
    # Sixteenths of asphalt: ten on green or grey ground, six on dry.
    part = 10 - (dry >> 2)
    paved: Short = ((ground * (16 - part) + _ASPHALT * part) >> 4) + np.int16(6)
    return paved


def tent(shares: Shares) -> NDArray[np.uint16]:
    """Smooth shares by 1, 2, 3, 2, 1 both ways, 81 times: uint8 [h + 4, w + 4] to [h, w]."""
    sums = shares.astype(np.uint16)
    for _ in range(2):
        rows = sums[:-2] + sums[1:-1]
        rows += sums[2:]
        sums = rows[:, :-2] + rows[:, 1:-1]
        sums += rows[:, 2:]
    return sums


def product(one: Shares, other: Shares) -> Shares:
    """Multiply shares, rounded to the nearest 255th."""
    found: Shares = ((one.astype(np.int32) * other + 127) // 255).astype(np.uint8)
    return found


def together(one: Shares | None, other: Shares | None) -> Shares | None:
    """Return what two things cover together, as if their places in a pixel were unrelated."""
    if one is None or other is None:
        return other if one is None else one
    both: Shares = 255 - product(255 - one, 255 - other)
    return both


def _laid_over(
    child: Pixels, coarse: Pixels, shares: Shares, coloured: Callable[[Short], Short]
) -> Pixels:
    """Lay something over a child by its shares; coloured: its colour from the coarse pixels'."""
    # Where it covers little, only those parent pixels are looked at.
    cells = cells_of(shares > 0)
    if _SPARSE * len(cells) * SCALE * SCALE >= shares.size:
        return _blended(child, coloured(enlarged(coarse)), shares)
    at = children_of(cells, child.shape[1])
    laid = child.copy()
    pixels = laid.reshape(-1, 3)
    fine = np.ascontiguousarray(enlarged_at(coarse, cells).swapaxes(1, 2)).reshape(-1, 3)
    pixels[at] = _blended(pixels[at], coloured(fine), shares.reshape(-1)[at])
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


def _bluer(water: Signed) -> Signed:
    """Give a base map's water that is black as forests, or brown, up to half of water's colour."""
    dark = np.clip(_BLACK - water.sum(2), 0, 64)
    over = water[..., 2] - water[..., 0]
    grey = np.clip(_COLOURED - over, 0, _COLOURED)
    brown = np.clip(_BROWN - over, 0, _COLOURED) * 64
    share = np.maximum(dark * grey, brown)[..., None]
    whole = 2 * 64 * _COLOURED
    coloured: Signed = (water * (whole - share) + _DEEP * share) // whole
    return coloured


def _is_blue(pixels: Signed) -> Mask:
    """Say which pixels may be water: bluer than red by 8 %, and dark."""
    red, green, blue = (pixels[..., k] for k in range(3))
    water: Mask = (25 * blue > 27 * red) & (red + green + blue < 400)
    return water
