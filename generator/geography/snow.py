"""Snow of mountains: mixtures of snow and ground are taken apart, snow on heights, ground below.

Pixels of a base map, 5 km wide, are mixtures of snow, rock and forest, which children would keep
as grey. How much of a pixel is snow, its own colour says; whether it lies there, its height.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.geography.enlarging import interpolated
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle

SNOW = 214, 219, 227
"""Red, green and blue of snow in neither sun nor shadow."""

_ROCK, _ROCKY = (74, 78, 60), 200
"""Red, green and blue of rock, and 256ths of the way to it of ground that snow lay all over."""

_GROUND, _FULL = 70, 222
"""Blue of ground without snow, and of nothing but snow."""

_WHITE, _TAN = 8, 40
"""By how much red passes blue in snow at most, and from which on there is none."""

_LEAST, _WHOLE = 24, 250
"""256ths of snow up to which a pixel is ground, and from which on it is snow."""

_DARKEST = 70
"""256ths of a pixel that ground without its snow keeps of each colour at least."""

_MORE = 448
"""256ths of a parent's snow that a pixel holds at most."""

_HIDES = 128
"""256ths of snow from which on it hides what grows there."""

_FIRST = 7
"""Zoom of the first children that are looked at."""

_PART, _SHARP = (170, 220), (2, 5)
"""256ths of the way that mixtures go apart, and how much of a pixel each 256th of height counts:
at first, and at finer zooms."""

Flat = NDArray[np.int32]
Mask = NDArray[np.bool_]
Short = NDArray[np.int16]


def snowy(pixels: Pixels) -> Mask | None:
    """Return which pixels, uint8 [h, w, 3], may be mixtures with snow, [h, w], None for none."""
    found = _pale(pixels, _LEAST)
    return found if found.any() else None


def _pale(pixels: Pixels, least: int) -> Mask:
    """Return which pixels are as pale as more than so many 256ths of snow, whatever their hue."""
    found: Mask = pixels[..., 2] > _GROUND + (least * (_FULL - _GROUND) >> 8)
    return found


def shares(colours: Flat) -> Flat:
    """Return 256ths of snow by colours, int32 [n, 3] to [n]."""
    red, blue = colours[:, 0], colours[:, 2]
    share = ((blue - _GROUND) * 256 // (_FULL - _GROUND)).clip(0, 256)
    white = ((_TAN - (red - blue)) * 256 // (_TAN - _WHITE)).clip(0, 256)
    found: Flat = share * white >> 8
    return found


def most_of(zoom: int, area: Rectangle, dry: Pixels) -> Short:
    """Return the most snow that a rectangle's pixels hold, 256ths: int16 [h, w].

    A child's pale layouts are no snow where its parent has none. dry: the parent, with one more
    pixel on each side, uint8.
    """
    parents = shares(dry.reshape(-1, 3).astype(np.int32)).reshape(dry.shape[:2])
    wide = (parents * _MORE >> 8).clip(0, 256).astype(np.int16)
    return interpolated(zoom, area, lambda *_: wide)


def on_heights(
    zoom: int, pixels: Pixels, mixed: Mask, most: Short, steep: Short, ranks: Short
) -> Pixels:
    """Move snow to high ground where it is steep.

    pixels: uint8 [h, w, 3]; mixed: those to look at, as of `snowy`; most: as of `most_of`; steep: 0
    to 128, int16 [h, w]; ranks: 256ths of ground that lie lower, int16 [h, w].
    """
    part_of, sharp = _PART[zoom > _FIRST], _SHARP[zoom > _FIRST]
    colours = pixels[mixed].astype(np.int32)
    share = np.minimum(shares(colours), most[mixed])
    # How much of each pixel is snow now.
    found = ((ranks[mixed] - 256 + share) * sharp + 128).clip(0, 256)
    found[share >= _WHOLE] = 256
    # What colour it has elsewhere.
    snow = np.array(SNOW, np.int32)
    part = share[:, None]
    ground = (colours * 256 - part * snow) // np.maximum(256 - part, 48)
    ground = ground.clip(colours * _DARKEST >> 8, colours)
    ground += (np.array(_ROCK, np.int32) - ground) * (part * _ROCKY >> 8) >> 8
    target = ground + ((snow - ground) * found[:, None] >> 8)
    way = ((share - _LEAST) * 8).clip(0, 256) * steep[mixed] * part_of >> 15
    made = pixels.copy()
    made[mixed] = (colours + ((target - colours) * way[:, None] >> 8)).clip(0, 255)
    return made


def not_hidden(pixels: Pixels, colours: Short) -> Short:
    """Return what snow leaves of colours that something adds to pixels, int16 [h, w, 3]."""
    at = _pale(pixels, _HIDES)
    if not at.any():
        return colours
    left = colours.copy()
    part = ((shares(pixels[at].astype(np.int32)) - _HIDES) * 4).clip(0, 256)
    left[at] -= (colours[at] * part[:, None] >> 8).astype(np.int16)
    return left
