"""Towns before their blocks are seen: each district has one colour, and a grain of roofs.

Districts are those of the blocks (`blockregions`), a kilometre wide, and lie where these lie at
finer zooms. All of it is whole numbers: a pixel depends on nothing but its address.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from generator.geography.blockregions import (
    district_maps,
    district_of,
    lots_at,
    mix_colours,
    mixes_of,
)
from generator.geography.overlay import COLOUR_LANES, MARK, spread
from generator.geography.parcelmaps import SIDE, cells_at, pixels_at
from generator.geography.regiongrid import key_in
from generator.geography.streets import STREET_GRID, regions_at
from generator.grid.rectangle import Rectangle

ZOOM = 11
"""Zoom whose children show districts."""

_STRENGTH = 36
"""Sixteenths of its mean colour that a district has."""

_GRAIN = 190, 210, 240, 310, 26
"""256ths of the grain that mixes have: suburb, terraces, inner town, works, woods."""

_POWER = 5
"""Of bytes that the grain has: the higher, the fewer pixels are far lighter than the others."""


def districts(zoom: int, area: Rectangle, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Return the colours of a rectangle's pixels, and ranks from 0 to 192, in which they appear.

    Colours: int64 [h, w], each four numbers of 16 bits: red, green and blue over the ground's, and
    MARK. Ranks: int16 [h, w].
    """
    seen = STREET_GRID.pixels(zoom, area)
    styles, placed = regions_at(seed, seen.rows, seen.columns)
    mixes, roofs = mixes_of(*lots_at(seed, seen.rows, seen.columns))
    # The district of each pixel, on the map of its region.
    cells = cells_at(seen.positions(placed))
    cells += (styles * SIDE * SIDE).astype(np.int32).take(seen.which)
    district = seen.which * mixes.shape[1] + _districts().take(cells)
    found = _coloured(mixes, roofs).take(district)
    # A grain of roofs, keyed by world and address of each pixel.
    lots = _lots(zoom, area, seed)
    amount = np.array(_GRAIN, np.int16)[mixes].take(district)
    grain = _powers().take(lots & 255) * amount >> 8
    found.view(np.int16)[...] += spread(grain.astype(np.int16), COLOUR_LANES)
    rank = (lots >> np.uint32(8) & np.uint32(255)).astype(np.int16)
    return found, rank - (rank >> 2)


def _coloured(mixes: NDArray[np.intp], roofs: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return the colours of districts [n, 16], four numbers of 16 bits each, as one."""
    means = mix_colours()[roofs[:, None], mixes]
    # The mean of a region stays that of the ground.
    means = means - (means.sum(1, keepdims=True) >> 4)
    colours = np.full((*mixes.shape, 4), MARK, np.int16)
    colours[..., :3] = means * _STRENGTH >> 4
    return colours.view(np.int64)[..., 0]


@cache
def _districts() -> NDArray[np.int16]:
    """Return the district of each cell of the maps of all styles, one after another."""
    numbers = np.concatenate([drawn.parcels for drawn in district_maps()])
    return district_of(numbers.astype(np.uint32)).astype(np.int16)


@cache
def _powers() -> NDArray[np.int32]:
    """Return powers of bytes, in 2**-8 of them to the power but one, around 0: int32 [256]."""
    powers = [byte**_POWER >> 8 * (_POWER - 1) for byte in range(256)]
    return np.array([power - sum(powers) // len(powers) for power in powers], np.int32)


def _lots(zoom: int, area: Rectangle, seed: int) -> NDArray[np.uint32]:
    """Return numbers of the addresses of pixels in the world of a seed, [h, w]."""
    lots = pixels_at(zoom, area)
    lots ^= np.uint32(key_in(seed, 0) & 0xFFFFFFFF)
    lots ^= lots >> np.uint32(15)
    lots *= np.uint32(0xC2B2AE35)
    return lots >> np.uint32(12)
