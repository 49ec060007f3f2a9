"""Canopy of forests: a grain of crowns, and stands of unlike age and kind.

Where land cover knows forest, it lies over the ground, whose layouts show less of their detail:
clearings and tracks become rarer. Whole numbers that depend on nothing but an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from generator.geography.builtup import BuiltUp
from generator.geography.enlarging import interpolated
from generator.geography.landcover import Cover, LandCover
from generator.geography.overlay import SHARP, Overlay
from generator.geography.parcelmaps import mixed, pixels_at
from generator.geography.regiongrid import key_in, smoothed
from generator.geography.valuenoise import TILE_BITS, WORLD_BITS, middles, noise
from generator.geography.worldrule import WorldRule
from generator.grid.rectangle import Rectangle

_CROWNS = {11: 14, 13: 24}
"""Levels of grey by which crowns differ, by the zoom of the child; at SHARP they are smoothed."""

_STANDS = (15, 150), (13, 170), (11, 110)
"""Octaves of stands, and eight times their amplitudes in levels of grey."""

_CALM = {11: 64, 13: 80}
"""256ths of the layouts' detail that forest does without, by the zoom of the child."""

_TINT = 110, 128, 75
"""128ths of red, green and blue in light and shadow."""

_LEAST, _GAIN, _WOODLAND = 90, 2, 192
"""255ths of forest from which on it shows, how much each further one counts, of 128, and 256ths of
woodland that are forest."""

_KEY = 0x63616E6F
_WORLD = 1 << WORLD_BITS

Short = NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Canopy(WorldRule):
    """Canopy of the Earth's forests in the world of a seed."""

    NAME: ClassVar[str] = "canopy"
    VERSION: ClassVar[int] = 1

    cover: LandCover
    built: BuiltUp

    def overlay(self, zoom: int, area: Rectangle) -> Overlay | None:
        """Return the canopy in a rectangle of world pixels, None where there is none."""
        if zoom not in _CALM:
            return None
        shown = interpolated(zoom, area, self._shown)
        if not shown.any():
            return None
        # Crowns are drawn by lot; stands are wider than some pixels.
        key = key_in(self.seed, _KEY)
        lots = mixed(pixels_at(zoom, area.grown(1)) ^ np.uint32(key & 0xFFFFFFFF)) >> np.uint32(24)
        crowns = (lots.astype(np.int16) - np.int16(128)) * np.int16(_CROWNS[zoom]) >> 7
        light = smoothed(crowns) if zoom in SHARP else crowns[1:-1, 1:-1]
        light = (light + (interpolated(zoom, area, self._stands) >> 3)) * shown >> 7
        colours = np.empty((*light.shape, 3), np.int16)
        for plane, tint in enumerate(_TINT):
            colours[..., plane] = light * np.int16(tint) >> 7
        withheld = (2 * shown).clip(0, 255).astype(np.uint16) * np.uint16(_CALM[zoom])
        return Overlay(colours, withheld)

    def _shown(self, zoom: int, area: Rectangle) -> Short:
        """Return how much canopy shows, 0 to 128: int16 [h, w]."""
        ys, xs = middles(zoom, area)
        ys = ys.clip(0, _WORLD - 1)
        found = np.zeros((len(ys), len(xs)), np.int64)
        for cover, part in ((Cover.FOREST, 256), (Cover.WOODLAND, _WOODLAND)):
            shares = self.cover.grid_shares(ys, xs, cover)
            if shares is not None:
                found += shares * part >> 8
        shown = ((found - _LEAST) * _GAIN).clip(0, 128).astype(np.int16)
        # Towns have gardens instead.
        return self.built.outside(zoom, area, shown)

    def _stands(self, zoom: int, area: Rectangle) -> Short:
        """Return eight times the light of stands, levels of grey: int16 [h, w]."""
        ys, xs = middles(zoom, area)
        bits = WORLD_BITS - TILE_BITS - zoom
        return noise(key_in(self.seed, _KEY + 1), _STANDS, ys, xs, bits).astype(np.int16)
