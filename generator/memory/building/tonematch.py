"""Matching imagery to the tone of the world: the base map's colour at its place.

Sensors and stretches differ; the parents that a stage sees all have the tone of the base map. A
layout is found by its colour too, so that scenes are moved most of the way to that tone.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from generator import tone
from generator.bluemarble import blue_marble
from generator.imagery.sources import Source
from generator.memory.building.resample import Mask, Pixels

BASE_MAP = "blue-marble"
"""Name of a source whose pixels are the base map's own."""

_EXPONENT = 0.7
_LEAST, _MOST = 0.45, 1.8
_BRIGHTNESS = 95.0
_DARK = 4.0
_COARSE = 100.0
_ALIKE = 10.0
_UNIT = 256
_AROUND = 2
_FOLDED_LATITUDE = 45.0


class BaseColours:
    """Mean colours of the shipped base map at places, untoned; read when first asked for."""

    @cached_property
    def _planet(self) -> Pixels:
        return blue_marble()

    def at(self, lat: float | None, lon: float | None) -> NDArray[np.float64] | None:
        """Return the colour, float64 [3], of about 40 km round a place; None without a place."""
        if lat is None or lon is None:
            return None
        height, width = self._planet.shape[:2]
        y = min(max(round((90 - lat) / 180 * height - 0.5), _AROUND), height - 1 - _AROUND)
        x = round((lon + 180) / 360 * width - 0.5)
        rows = slice(y - _AROUND, y + _AROUND + 1)
        columns = np.arange(x - _AROUND, x + _AROUND + 1) % width
        colour: NDArray[np.float64] = self._planet[rows][:, columns].mean((0, 1))
        return colour


def is_base_map(source: Source, mean: NDArray[np.float64], base: BaseColours) -> bool:
    """Say whether an image is of the base map itself: by its name, or coarse and of its colour.

    mean: colour of the image, float64 [3].
    """
    if source.source == BASE_MAP:
        return True
    colour = base.at(source.lat, source.lon) if source.gsd > _COARSE else None
    return colour is not None and bool(np.abs(colour - mean).max() < _ALIKE)


def rows_repeat(source: Source) -> bool:
    """Say whether the finest rows of an image of the base map repeat each other."""
    high = source.lat is not None and abs(source.lat) > _FOLDED_LATITUDE
    return source.source == BASE_MAP and high


def matched(child: Pixels, good: Mask, source: Source, base: BaseColours) -> Pixels:
    """Return a view's pixels in the world's tone, uint8 [H, W, 3].

    good: bool [H/4, W/4], of which the mean colour is taken. Images of the base map get its tone
    curve, others a gain of each channel: the base map's colour there, divided by theirs, at 0.45
    to 1.8 and to the power 0.7. Where no place is known, one gain moves the brightness to 95.
    """
    mean = mean_colour(child, good)
    if is_base_map(source, mean, base):
        return tone.apply(child)
    colour = base.at(source.lat, source.lon)
    if colour is None:
        wanted = np.full(3, (_BRIGHTNESS + _DARK) / (mean.mean() + _DARK))
    else:
        toned = tone.apply(np.clip(np.rint(colour), 0, 255).astype(np.uint8))
        wanted = (toned.astype(np.float64) + _DARK) / (mean + _DARK)
    gain = np.rint(_UNIT * np.clip(wanted, _LEAST, _MOST) ** _EXPONENT).astype(np.int64)
    levels = np.arange(256)
    out = np.empty_like(child)
    for channel in range(3):
        table = np.minimum((levels * gain[channel] + _UNIT // 2) // _UNIT, 255).astype(np.uint8)
        out[..., channel] = table[child[..., channel]]
    return out


def mean_colour(child: Pixels, good: Mask) -> NDArray[np.float64]:
    """Return the mean of the valid pixels, one of 16 looked at, float64 [3]."""
    few = child[2::4, 2::4][: good.shape[0], : good.shape[1]]
    mean: NDArray[np.float64] = few[good].mean(0) if good.any() else few.mean((0, 1))
    return mean
