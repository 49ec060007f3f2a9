"""Towns before what stands in them is seen: districts, a grain of blocks and roofs, and avenues.

Districts, each of one colour and about a kilometre wide, blocks and main streets are those of
`blockregions`, and lie where these lie at finer zooms. All of it is whole numbers: a pixel depends
on nothing but its address.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from generator.geography.blockregions import (
    block_of,
    district_maps,
    district_of,
    keys_of,
    lots_at,
    mix_colours,
    mixes_of,
)
from generator.geography.overlay import COLOUR_LANES, MARK, spread
from generator.geography.parcelmaps import (
    MAIN_ABOVE,
    MAIN_BELOW,
    MAIN_LEFT,
    MAIN_RIGHT,
    SIDE,
    cells_at,
    pixels_at,
)
from generator.geography.regiongrid import key_in
from generator.geography.streets import STREET_GRID, regions_at
from generator.grid.integral import squares
from generator.grid.rectangle import Rectangle

ALONG = 11
"""First zoom whose children show blocks along streets."""

_STRENGTH = 36
"""Sixteenths of its mean colour that a district has."""

_GRAIN = 190, 210, 240, 310, 26
"""256ths of the grain that mixes have: suburb, terraces, inner town, works, woods."""

_POWER, _POWER_OF_BLOCKS = 5, 3
"""Of bytes that the grain has, of pixels and of blocks: the higher, the fewer are far lighter than
the others."""

_OF_PIXELS, _OF_BLOCKS = 50, 145
"""256ths of the grain that pixels have, and that blocks have, which lie along streets."""

_AVENUE = -70
"""Light of a main street over the ground's."""

_SHADED = 200, 230, 256, 256, 40
"""256ths of a main street's light that mixes have, in the order of _GRAIN."""

_MAIN = MAIN_LEFT | MAIN_ABOVE | MAIN_RIGHT | MAIN_BELOW


def districts(zoom: int, area: Rectangle, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Return the colours of a rectangle's pixels, and ranks from 0 to 192, in which they appear.

    Colours: int64 [h, w], each four numbers of 16 bits: red, green and blue over the ground's, and
    MARK. Ranks: int16 [h, w].
    """
    seen = STREET_GRID.pixels(zoom, area)
    styles, placed = regions_at(seed, seen.rows, seen.columns)
    own, town = lots_at(seed, seen.rows, seen.columns)
    mixes, roofs = mixes_of(own, town)
    # The block and the district of each pixel, on the map of its region.
    at = seen.positions(placed)
    cells = cells_at(at)
    cells += (styles * SIDE * SIDE).astype(np.int32).take(seen.which)
    number = _numbers().take(cells).astype(np.uint32)
    district = seen.which * mixes.shape[1] + district_of(number).astype(np.intp)
    found = _coloured(mixes, roofs).take(district)
    # A grain of blocks and of roofs, these keyed by world and address of each pixel.
    block = block_of(number, at, keys_of(own).take(seen.which))
    lots = _lots(zoom, area, seed)
    light = _powers(_POWER_OF_BLOCKS, _OF_BLOCKS).take(block & np.uint32(255))
    light += _powers(_POWER, _OF_PIXELS).take(lots & np.uint32(255))
    light *= np.array(_GRAIN, np.int32)[mixes].take(district)
    # Main streets between them.
    light += _avenues().take(cells) * np.array(_SHADED, np.int32)[mixes].take(district)
    # Where a pixel is many blocks, these are alike.
    light >>= 8 if zoom >= ALONG else 9
    found.view(np.int16)[...] += spread(light.astype(np.int16), COLOUR_LANES)
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
def _numbers() -> NDArray[np.uint16]:
    """Return the numbers of blocks and districts of the maps of all styles, one after another."""
    return np.concatenate([drawn.parcels for drawn in district_maps()])


@cache
def _avenues() -> NDArray[np.int8]:
    """Return the light of main streets in each cell of these maps, around 0, the mean of each."""
    found = []
    for drawn in district_maps():
        main = drawn.edges.reshape(SIDE, SIDE) & _MAIN > 0
        # A street is two cells wide, those on its sides: six of the nine cells round each.
        light = _AVENUE * np.minimum(squares(np.pad(main, 1, "wrap"), 3), 6) // 6
        found.append((light - light.sum() // light.size).astype(np.int8).ravel())
    return np.concatenate(found)


@cache
def _powers(power: int, strength: int) -> NDArray[np.int32]:
    """Return powers of bytes, in 2**-8 of them to the power but one, around 0: int32 [256].

    strength: 256ths of them.
    """
    powers = [byte**power >> 8 * (power - 1) for byte in range(256)]
    mean = sum(powers) // len(powers)
    return np.array([(each - mean) * strength >> 8 for each in powers], np.int32)


def _lots(zoom: int, area: Rectangle, seed: int) -> NDArray[np.uint32]:
    """Return numbers of the addresses of pixels in the world of a seed, [h, w]."""
    lots = pixels_at(zoom, area)
    lots ^= np.uint32(key_in(seed, 0) & 0xFFFFFFFF)
    lots ^= lots >> np.uint32(15)
    lots *= np.uint32(0xC2B2AE35)
    return lots >> np.uint32(12)
