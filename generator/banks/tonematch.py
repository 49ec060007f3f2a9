"""Matching imagery to the tone of the world: the base map's colour at its place.

Sensors and stretches differ; the parents that a stage sees all have the tone of the base map. A
layout is found by its colour too.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from generator.banks.stageimage import Mask
from generator.base import tone
from generator.base.bluemarble import blue_marble
from generator.grid.pixels import Pixels
from generator.imagery.sources import Source

BASE_MAP = "blue-marble"
"""Name of a source whose pixels are the base map's own."""

_LEAST, _MOST = 0.35, 2.5
_BRIGHTNESS = 95.0
_DARK = 4.0
_COARSE = 100.0
_ALIKE = 10.0
_UNIT = 256
_AROUND = (2, 5)
_FEW = 0.15
_FOLDED_LATITUDE = 45.0


class BaseColours:
    """Mean colours of the shipped base map at places, untoned; read when first asked for."""

    @cached_property
    def _planet(self) -> Pixels:
        return blue_marble()

    def at(self, lat: float | None, lon: float | None) -> NDArray[np.float64] | None:
        """Return the colour, float64 [3], of the land near a place; None without a place.

        The land of 40 km round it counts, or of 100 km; where there is none, the sea does.
        """
        if lat is None or lon is None:
            return None
        height, width = self._planet.shape[:2]
        pixels: Pixels = np.empty((0, 3), np.uint8)
        for around in _AROUND:
            y = min(max(round((90 - lat) / 180 * height - 0.5), around), height - 1 - around)
            x = round((lon + 180) / 360 * width - 0.5)
            columns = np.arange(x - around, x + around + 1) % width
            pixels = self._planet[y - around : y + around + 1][:, columns].reshape(-1, 3)
            land = pixels[~_water(pixels)]
            if len(land) > _FEW * len(pixels):
                pixels = land
                break
        colour: NDArray[np.float64] = pixels.mean(0)
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
    curve, others a gain of each channel: the land's colour on the base map, divided by that of
    their own land, at 0.35 to 2.5. Where no place is known, one gain moves the brightness to 95.
    """
    # The base map has its own curve.
    mean = mean_colour(child, good)
    if is_base_map(source, mean, base):
        return tone.apply(child)
    colour = base.at(source.lat, source.lon)
    # Others get the gain that moves their land to that of the place, or to a middle brightness.
    if colour is None:
        wanted = np.full(3, (_BRIGHTNESS + _DARK) / (mean.mean() + _DARK))
    else:
        toned = tone.apply(np.clip(np.rint(colour), 0, 255).astype(np.uint8))
        wanted = (toned.astype(np.float64) + _DARK) / (mean + _DARK)
    gain = np.rint(_UNIT * np.clip(wanted, _LEAST, _MOST)).astype(np.int64)
    # One table of whole numbers for each channel.
    levels = np.arange(256)
    out = np.empty_like(child)
    for channel in range(3):
        table = np.minimum((levels * gain[channel] + _UNIT // 2) // _UNIT, 255).astype(np.uint8)
        out[..., channel] = table[child[..., channel]]
    return out


def mean_colour(child: Pixels, good: Mask) -> NDArray[np.float64]:
    """Return the mean of the valid pixels of land, one of 16 looked at, float64 [3].

    Where there is hardly any land, water counts too.
    """
    few = child[2::4, 2::4][: good.shape[0], : good.shape[1]]
    seen = few[good] if good.any() else few.reshape(-1, 3)
    land = seen[~_water(seen)]
    mean: NDArray[np.float64] = (land if len(land) > _FEW * len(seen) else seen).mean(0)
    return mean


def _water(pixels: Pixels) -> NDArray[np.bool_]:
    """Say which untoned pixels uint8 [n, 3] are water: bluer than red, and dark.

    Descriptors ask toned pixels, by other bounds (`generator.memory.features`); on the Blue Marble
    the two agree on 99.8 % of its pixels. Banks of the same imagery stay what they were.
    """
    red, green, blue = (pixels[:, k].astype(np.int16) for k in range(3))
    wet: NDArray[np.bool_] = (blue > red + 4) & (2 * blue > red + green) & (red < 70)
    return wet
