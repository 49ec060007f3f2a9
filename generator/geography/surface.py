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
from generator.grid.integral import squares
from generator.grid.pixels import Pixels
from generator.grid.tile import SCALE

REACH = 20
"""Parent pixels round a place that its colours depend on."""

_RADII = ((1, 1 << 18), (2, 1 << 13), (4, 1 << 8), (8, 1 << 3), (16, 1))
"""Half the sides of the squares that means are taken over, and the weights of their pixels."""

_PURE = 64
"""Weight of pixels whose neighbourhood is of one kind beside other pixels of it."""

_MIXED = 4
"""Half the side of the square in which the others count where shores are blurred."""

_SHORE = 2
"""Pixels round land in which ground goes on under water even where no land's colour is known."""

_EDGE = 8
"""Shares up to this, in 255ths, count as none."""

_ISLAND = np.array([104, 108, 72], np.int64)
"""Colour of land of which the parent shows none: small islands."""

_DEEP = np.array([26, 48, 52], np.int64)
_TINT = 6
"""Colour of water of which the parent shows none, and sixteenths of the land's colour in it."""

_FEW = 1 << 16
"""Weight of that colour beside the water that the parent shows; where shores are blurred, 1."""

_ROAD = 44
"""Grey levels by which roads are brighter than the ground."""

_BLACK, _COLOURED = 192, 24
"""Sum of R, G and B below which a base map's lakes are black, and by how much B then passes R."""

Integers = NDArray[np.int64]
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
    wide = parent.astype(np.int64)
    # Pixels of land that are as blue as water say nothing of land's colour.
    share, none = water.astype(np.int64), np.zeros(water.shape, bool)
    sides = ((share, _is_blue(wide)), (255 - share, none))
    means, pure = zip(*(_mean(wide, other, blind, blur) for other, blind in sides), strict=True)
    # Land keeps its own pixels where no water is near; far out at sea there is none.
    own = pure[0] if blur else water <= _EDGE
    total, weight = means[0]
    land = (total + _ISLAND) // (weight + 1)[..., None]
    beside = squares(np.pad(water < 255, _SHORE), 2 * _SHORE + 1) > 0
    dry = np.where((own | (weight == 0) & ~beside)[..., None], wide, land)
    # Water goes over into a colour made of the land's where the parent shows none.
    own = pure[1] if blur else water >= 255 - _EDGE
    total, weight = means[1]
    guess = (_TINT * dry + (16 - _TINT) * _DEEP) // 16
    few = 1 if blur else _FEW
    mixed = (total + few * guess) // (weight + few)[..., None]
    wet = np.where(own[..., None], wide, mixed)
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


def _mean(
    pixels: Integers, other: Integers, blind: Mask, blur: int
) -> tuple[tuple[Integers, Integers], Mask]:
    """Sum the colours of one kind of ground round each pixel, near ones counting most.

    other: 255ths of each pixel that are of the other kind; blind: pixels left out. Returns sums
    [h, w, 3] with their weights [h, w], and where all of the neighbourhood is of the kind.
    """
    reach = 1 + blur
    beside = squares(np.pad(other > _EDGE, reach, mode="edge"), 2 * reach + 1)
    pure = beside == 0
    mixed = (other <= _EDGE) & ~pure & ~blind
    weight = pure * ~blind * np.int64(_PURE) + (mixed & (blur == 0))
    total = np.zeros((*weight.shape, 4), np.int64)
    for radius, factor in _RADII:
        total += factor * _summed(pixels, weight, radius)
    # Over blurred shores colours have run together: such pixels count where there are no others.
    if blur:
        total += _summed(pixels, mixed.astype(np.int64), _MIXED)
    return (total[..., :3], total[..., 3]), pure


def _summed(pixels: Integers, weight: Integers, radius: int) -> Integers:
    """Sum weighted colours and weights over the square round each pixel: int64 [h, w, 4]."""
    planes = np.concatenate([pixels * weight[..., None], weight[..., None]], 2)
    padded = np.pad(planes, ((radius, radius), (radius, radius), (0, 0)))
    side = 2 * radius + 1
    return np.stack([squares(padded[..., k], side) for k in range(4)], 2)


def _bluer(water: Integers) -> Integers:
    """Give black lakes of a base map, which are as dark as forests, half of water's colour."""
    dark = np.clip(_BLACK - water.sum(2), 0, 64)
    grey = np.clip(_COLOURED - (water[..., 2] - water[..., 0]), 0, _COLOURED)
    share = (dark * grey)[..., None]
    whole = 2 * 64 * _COLOURED
    coloured: Integers = (water * (whole - share) + _DEEP * share) // whole
    return coloured


def _is_blue(pixels: Integers) -> Mask:
    """Say which pixels may be water: bluer than red by 8 %, and dark."""
    red, green, blue = (pixels[..., k] for k in range(3))
    water: Mask = (25 * blue > 27 * red) & (red + green + blue < 400)
    return water
