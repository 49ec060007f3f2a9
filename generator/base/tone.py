"""The tone curve of the base map: sRGB in, sRGB out, pixel by pixel, in integers.

The Blue Marble is darker and greener than true-colour imagery of the same ground. The curve lifts
its shadows, keeps its bright ground and rolls white off, so that ice has relief and room above it:

    luma       L  = (5 R + 9 G + 2 B) / 16
    below 64   f(L) = 255 (L / 255)^(3/4)
    64 to 255  a cubic, without a kink at 64, up to f(255) = 242 with the slope 5/4
    blueness   u  = (B - R) / (L + 4), held to 0 to 1: the sea, and black lakes
    colour     c  = 0.81 in the dark to 1 at L = 96 and above, on the sea 0.69
    channels   x' = f(L) + c (x - L) + u (1 - L / 64) (6, 14, 26), the last only where L < 64

Chosen by imagery at its own places, in the figures of docs/base-map.md: where the map is darker
than 65 it was 26 levels off the imagery's mean colour and is 4 off now; over the globe's land its
mean rose from 70, 76, 64 to 94, 97, 83. 14.6 million pixels take 0.6 s on one core.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.grid.errors import BaseMapError
from generator.grid.pixels import Pixels

TONES = ("natural", "none")
"""The names that a base map's tone can be given by."""

_ONE = 16
"""Parts of a grey level in which luma is counted."""
_TOP = 255 * _ONE
_KNEE = 64 * _ONE
_WHITE = 242 * _ONE
_FULL = 64
"""The colour factor of 1."""
_DARK, _SEA = 52, 44
_ABYSS = np.array([6, 14, 26], np.int32)
"""What the blackest sea is lifted by, so that it is blue."""
_STRIP = 64


def apply(pixels: Pixels) -> Pixels:
    """Return pixels of the Blue Marble's tone in that of imagery, uint8 [..., 3] to [..., 3]."""
    if pixels.ndim <= 2:
        return _toned(pixels)
    out = np.empty(pixels.shape, np.uint8)
    for row in range(0, len(pixels), _STRIP):
        out[row : row + _STRIP] = _toned(pixels[row : row + _STRIP])
    return out


def is_natural(tone: str | None, base: Path | None) -> bool:
    """Say whether the curve applies to a base map: None is the base map's own default.

    That is "natural" for the Blue Marble and for made-up planets, which are painted in its
    colours, and "none" for a picture of the user's, which looks as its maker wished.
    Raises BaseMapError for another name.
    """
    if tone is None:
        return base is None or str(base).startswith("planet:")
    if tone not in TONES:
        raise BaseMapError(f"tone is {tone!r}, expected one of: {', '.join(TONES)}")
    return tone == "natural"


def _toned(pixels: Pixels) -> Pixels:
    wide = pixels.astype(np.int32)
    red, green, blue = wide[..., 0], wide[..., 1], wide[..., 2]
    luma = 5 * red + 9 * green + 2 * blue
    # How much of a sea it is, and the colour factor that follows.
    sea = np.clip(_FULL * _ONE * (blue - red) // (luma + 4 * _ONE), 0, _FULL)
    factor = _FACTORS[luma]
    factor -= (factor - _SEA) * sea // _FULL
    # The new luma, the old distance of each channel from the old one, and the sea's own blue.
    bright = _FULL * _CURVE[luma] + (_FULL * _ONE) // 2
    total = bright[..., None] + factor[..., None] * (_ONE * wide - luma[..., None])
    deep = sea * np.maximum(_KNEE - luma, 0) // 64
    total += deep[..., None] * _ABYSS
    toned: Pixels = np.clip(total // (_FULL * _ONE), 0, 255).astype(np.uint8)
    return toned


def _curve() -> NDArray[np.int32]:
    """Return f for every luma in sixteenths of a level, int32 [4081]: whole-number arithmetic."""
    # A fourth root of whole numbers, rounded to the nearest sixteenth.
    low = [(_fourth_root(_TOP * luma**3 << 16) + 8) >> 4 for luma in range(_KNEE + 1)]
    # Hermite's cubic in t = n / span; its slopes times the span are whole numbers too.
    span, start = _TOP - _KNEE, low[-1]
    rise, fall = 3 * start * span // (4 * _KNEE), 5 * span // 4
    high = []
    for n in range(1, span + 1):
        m = span - n
        total = start * m * m * (span + 2 * n) + _WHITE * n * n * (span + 2 * m)
        total += n * m * (rise * m - fall * n)
        high.append((2 * total + span**3) // (2 * span**3))
    return np.array(low + high, np.int32)


def _fourth_root(number: int) -> int:
    return math.isqrt(math.isqrt(number))


_CURVE = _curve()
_FACTORS = np.minimum(_DARK + np.arange(_TOP + 1) // (8 * _ONE), _FULL).astype(np.int32)
