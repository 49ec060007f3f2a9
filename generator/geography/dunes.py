"""Dunes of the Earth's sand seas: ridges with a sunlit and a steep dark side, smaller ones on them.

Ridges of a sand sea lie one way, some kilometres apart, and wind a little. They are colours over
the ground's, whole numbers that depend on nothing but an address.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from generator.geography.landcover import Cover, LandCover
from generator.geography.overlay import Overlay
from generator.geography.regiongrid import ANGLES, BANDS, UNITS_PER_METRE, key_in, stretch, turned
from generator.geography.valuenoise import TILE_BITS, WORLD_BITS, Integers, middles, noise
from generator.geography.worldrule import WorldRule
from generator.grid.rectangle import Rectangle
from generator.grid.tile import row_of

FIRST = 9
"""First zoom whose children show dunes."""


class SandSea(NamedTuple):
    """A sand sea: west, south, east and north in degrees, and its ridges.

    angle: from north to where ridges run, clockwise, in degrees; metres: from ridge to ridge.
    """

    west: float
    south: float
    east: float
    north: float
    angle: int
    metres: int


SEAS = (
    SandSea(14.5, -26.6, 16.1, -22.9, 170, 2100),
    SandSea(45.5, 16.8, 56.5, 23.2, 55, 2200),
    SandSea(39.0, 27.2, 43.2, 29.2, 75, 1800),
    SandSea(58.2, 21.0, 59.2, 22.8, 175, 1700),
    SandSea(3.5, 28.8, 9.8, 33.0, 160, 2100),
    SandSea(-3.0, 29.6, 3.0, 32.2, 20, 1900),
    SandSea(-6.0, 23.0, 2.0, 28.0, 45, 2600),
    SandSea(9.5, 23.5, 15.0, 28.2, 60, 2200),
    SandSea(24.5, 23.5, 28.5, 29.8, 165, 2000),
    SandSea(10.5, 16.8, 16.5, 20.3, 65, 1900),
    SandSea(-12.5, 16.0, -5.0, 22.5, 50, 1900),
    SandSea(77.5, 36.8, 89.0, 41.0, 150, 2600),
    SandSea(99.5, 39.0, 104.5, 41.8, 35, 2500),
    SandSea(135.0, -27.5, 139.5, -23.0, 160, 700),
    SandSea(120.5, -23.0, 127.5, -18.2, 105, 900),
)
"""Sand seas where bare ground has dunes; spacing and direction as they are known of the largest (N.
Lancaster, Geomorphology of Desert Dunes, 1995; E. D. McKee, A Study of Global Sand Seas, 1979)."""

_EDGE_BITS, _EDGES = 18, ((20, 1 << 19), (18, 1 << 18), (16, 1 << 16))
"""Over which a sand sea begins, 10 km at the equator, and octaves that bend its border."""

_WINDING = (18, 110 << 8), (16, 64 << 8), (14, 14 << 8), (12, 3 << 8)
"""Octaves that bend ridges, and amplitudes in 2**-16 of what lies between two."""

_PARTS = 13
"""Parts of a wave, as a power of two: 32 units of the longest are a pixel of 17."""

_ORDERS = (1, 0, 256), (11, 80, 90), (47, 100, 40)
"""How many times closer ridges of an order lie, by which angle they are turned, in degrees, and how
strong they are in 256ths."""

_LEAST = 3
"""Pixels between ridges that are shown."""

_LIT, _DARK = 22, -34
"""Levels of grey of a ridge's long side below its crest, and of its steep side."""

_FLAT, _STEEP = 90, 20
"""256ths between two ridges that are flat, and of half of a steep side."""

_TINT = 256, 226, 178
"""256ths of red, green and blue in light and shadow."""

_CALM = {9: 120, 11: 200, 13: 215, 15: 225, 17: 230}
"""256ths of the layouts' detail that dunes do without, by the zoom of the child."""

_BARE, _GAIN = 120, 3
"""255ths of bare ground from which on there are dunes, and how much each further one counts."""

_WORLD = 1 << WORLD_BITS
_KEY = 0x64756E6573


@dataclass(frozen=True, slots=True, eq=False)
class Dunes(WorldRule):
    """Dunes of the Earth in the world of a seed."""

    NAME: ClassVar[str] = "dunes"
    VERSION: ClassVar[int] = 2

    cover: LandCover

    def overlay(self, zoom: int, area: Rectangle) -> Overlay | None:
        """Return the dunes in a rectangle of world pixels, None where there are none."""
        if zoom < FIRST:
            return None
        found = None
        for sea, shown in sand_seas(self.cover, zoom, area):
            light = self._light(sea, zoom, area) * shown >> 16
            colours = (light[..., None] * np.array(_TINT) >> 8).astype(np.int16)
            withheld = shown.clip(0, 255).astype(np.uint16) * np.uint16(_CALM.get(zoom, 0))
            found = Overlay(colours, withheld).joined(found)
        return found

    def _light(self, sea: SandSea, zoom: int, area: Rectangle) -> Integers:
        """Return how light a sand sea's pixels are, 256 times levels of grey: int64 [h, w]."""
        ys, xs = _within(zoom, area)
        bits, spacing = WORLD_BITS - TILE_BITS - zoom, _spacing(sea)
        winding = noise(key_in(self.seed, _KEY + 1), _WINDING, ys, xs, bits, _PARTS)
        winding = winding * spacing >> 16
        light = np.zeros(winding.shape, np.int64)
        for closer, turn, strength in _ORDERS:
            between = spacing // closer
            if between >> bits >= _LEAST:
                cosine, sine = turned((sea.angle + turn) * ANGLES // 180)
                across = (xs * cosine)[None, :] + (ys * sine)[:, None] >> 10
                phase = ((across + winding) % between << 8) // between
                light += _profile().take(phase) * strength >> 8
        return light


def sand_seas(cover: LandCover, zoom: int, area: Rectangle) -> Iterator[tuple[SandSea, Integers]]:
    """Return the sand seas in a rectangle of world pixels, and where, in 256ths: int64 [h, w]."""
    ys, xs = _within(zoom, area)
    seas = _seas_at(ys, xs)
    bare = cover.grid_shares(ys, xs, Cover.BARE) if seas else None
    if bare is None:
        return
    bare = ((bare - _BARE) * _GAIN).clip(0, 256)
    for sea in seas:
        shown = _inside(sea, zoom, ys, xs) * bare >> 8
        if shown.any():
            yield sea, shown


def _within(zoom: int, area: Rectangle) -> tuple[Integers, Integers]:
    """Return the middles of rows and columns within the map, in units: int64 [h], [w]."""
    ys, xs = middles(zoom, area)
    return ys.clip(0, _WORLD - 1), xs % _WORLD


def _seas_at(ys: Integers, xs: Integers) -> list[SandSea]:
    """Return the sand seas that pixels may lie in; none lies at 180 degrees."""
    found = []
    for sea in SEAS:
        left, top, right, bottom = _bounds(sea)
        if left <= xs[-1] and xs[0] <= right and top <= ys[-1] and ys[0] <= bottom:
            found.append(sea)
    return found


def _inside(sea: SandSea, zoom: int, ys: Integers, xs: Integers) -> Integers:
    """Return how far pixels lie inside a sand sea, in 256ths: int64 [h, w]."""
    left, top, right, bottom = _bounds(sea)
    down, across = np.minimum(ys - top, bottom - ys), np.minimum(xs - left, right - xs)
    within = noise(_KEY, _EDGES, ys, xs, WORLD_BITS - TILE_BITS - zoom)
    # Nothing is outside of the bounds.
    within += np.minimum(down[:, None], across[None, :]) - sum(most for _, most in _EDGES)
    found: Integers = (within >> _EDGE_BITS - 8).clip(0, 256)
    return found


@cache
def _bounds(sea: SandSea) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom in units."""
    left, right = (int((degrees + 180) / 360 * _WORLD) for degrees in (sea.west, sea.east))
    top, bottom = (int(row_of(degrees, _WORLD)) for degrees in (sea.north, sea.south))
    return left, top, right, bottom


@cache
def _spacing(sea: SandSea) -> int:
    """Return what lies between two ridges, in units."""
    _, top, _, bottom = _bounds(sea)
    return sea.metres * UNITS_PER_METRE * stretch((top + bottom) // 2 * BANDS >> WORLD_BITS) >> 6


@cache
def _profile() -> NDArray[np.int64]:
    """Return the light across a ridge, 256 times levels of grey: int64 [256], 0 on the whole."""
    long, steep = 256 - _FLAT - 2 * _STEEP, np.arange(_STEEP)
    light = np.concatenate(
        [
            np.zeros(_FLAT, np.int64),
            np.arange(long) * _LIT * 256 // long,
            _DARK * 256 - steep * _DARK * 64 // _STEEP,
            (_STEEP - steep) * _DARK * 192 // _STEEP,
        ]
    )
    found: NDArray[np.int64] = light - light.sum() // len(light)
    return found
