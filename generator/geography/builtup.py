"""How built-up the ground is, pixel by pixel: towns' discs and urban land cover, with a rough edge.

Each town is a bump whose width follows its population; bumps add up, so that neighbouring towns
grow together. Urban land cover adds to them. A noise with an address makes the outline irregular.
All of it is whole numbers: a pixel's value depends on nothing but its address.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from generator.geography.landcover import Cover, LandCover
from generator.geography.layers import Shares
from generator.geography.towns import CELL_BITS, RADII_PER_OCTAVE, TownTable
from generator.geography.valuenoise import TILE_BITS, WORLD_BITS, middles, noise
from generator.grid.rectangle import Rectangle, pieces
from generator.grid.tile import TILE_SIZE

CHUNK = 128
"""Pixels along the squares that are computed and kept."""

KEPT = 256
"""Squares that are kept, 16 KiB each."""

LARGEST = 1 << 20
"""Greatest radius of a town in units: 39 km at the equator; land cover knows what is larger."""

_MANTISSAS = (256, 279, 304, 332, 362, 395, 431, 470)
"""256 times 2 to the power of 0, 1/8 ... 7/8."""

_WIDER = 3, 2
"""Radius of a bump over that of its town's disc, as a fraction."""

_SMALL = 8

_LOBES = ((1, 300), (0, 400), (-1, 300), (-2, 180))
"""Octaves of the noise that makes a bump narrower and wider: wave length over its radius' power of
two, in bits, and amplitude in 256ths of its distance's square."""

_WIDEST = -128
"""Least of it: no bump reaches further than _FURTHER 256ths, the root of 2, of its radius."""

_FURTHER = 363

_REACH = LARGEST * 3 // 2 * _FURTHER >> 8

_HEIGHT = 900
"""Value in the middle of a bump, before all above 255 is cut."""

_FAINTEST = 150
"""What of a sum of bumps shows as nothing."""

_URBAN_FROM, _URBAN_GAIN = 60, 4
"""255ths of urban land cover from which on it counts, and by how much each more counts."""

_NOISE = ((17, 150), (15, 130), (13, 100))
"""Octaves of the outline's noise: wave length in bits of units, amplitude in 1/256."""

_KEY = 0x70776E73

Integers = NDArray[np.int64]


class BuiltUp:
    """Built-up degree of towns and land cover, uint8 0 to 255."""

    def __init__(self, towns: TownTable, cover: LandCover) -> None:
        self.towns, self.cover = towns, cover
        self._radii = radii_of(towns.classes)
        self._chunk = lru_cache(maxsize=KEPT)(self._painted)

    def shares(self, zoom: int, area: Rectangle) -> Shares | None:
        """Return the degree of each world pixel of a rectangle, None where all are 0."""
        found = np.zeros((area.height, area.width), np.uint8)
        count = max(1, (TILE_SIZE << zoom) // CHUNK)
        # Square by square: columns wrap, rows beyond the map's edges are mirrored.
        for row, into_y, from_y in pieces(area.y0, area.height, CHUNK):
            turned = row // count % 2
            row = row % count if not turned else count - 1 - row % count
            for column, into_x, from_x in pieces(area.x0, area.width, CHUNK):
                chunk = self._chunk(zoom, row, column % count)
                if chunk is not None:
                    found[into_y, into_x] = (chunk[::-1] if turned else chunk)[from_y, from_x]
        return found if found.any() else None

    def outside(self, zoom: int, area: Rectangle, values: NDArray[np.int16]) -> NDArray[np.int16]:
        """Return values of at most 128, int16 [..., h, w], less as much as is built-up."""
        degree = self.shares(zoom, area)
        if degree is None:
            return values
        return values - (values * degree.astype(np.int16) >> 8)

    def _painted(self, zoom: int, row: int, column: int) -> Shares | None:
        """Return the degree in a square, None where all of it is 0."""
        bits = WORLD_BITS - TILE_BITS - zoom
        ys, xs = middles(zoom, Rectangle(column * CHUNK, row * CHUNK, CHUNK, CHUNK))
        total = self._bumps(ys, xs, bits)
        total = total + self._urban(ys, xs)
        if not total.any():
            return None
        # The outline is roughened where it is neither town nor country.
        total += total * noise(_KEY, _NOISE, ys, xs, bits) >> 8
        chunk: Shares = (total - _FAINTEST).clip(0, 255).astype(np.uint8)
        chunk.setflags(write=False)
        return chunk if chunk.any() else None

    def _urban(self, ys: Integers, xs: Integers) -> Integers:
        """Return what urban land cover adds: int64 [rows, columns], or [1, 1] for nothing."""
        share = self.cover.grid_shares(ys, xs, Cover.URBAN)
        if share is None:
            return np.zeros((1, 1), np.int64)
        return (share - _URBAN_FROM).clip(0) * _URBAN_GAIN

    def _bumps(self, ys: Integers, xs: Integers, bits: int) -> Integers:
        """Add the bumps of all towns that reach into a square: int64 [rows, columns]."""
        y, x, radius, height = self._reaching(ys, xs, bits)
        total = np.zeros(CHUNK * CHUNK, np.int64)
        # A noise for each size of towns, numbered, whose waves are about as long as their radius.
        sizes, size = np.unique(np.frexp(radius)[1] - 1, return_inverse=True)
        wider = np.zeros((len(sizes), len(ys), len(xs)), np.int64)
        for number, length in enumerate(sizes.tolist()):
            octaves = tuple((length + more, amplitude) for more, amplitude in _LOBES)
            wider[number] = noise(_KEY + 1, octaves, ys, xs, bits).clip(_WIDEST)
        # Towns of a few pixels all at once, by the pixels that they may reach.
        reach = (radius * _FURTHER >> bits + 8) + 1
        small = reach <= _SMALL
        for least, most in ((0, 2), (2, 4), (4, _SMALL)):
            some = np.flatnonzero((reach > least) & (reach <= most))
            step = np.arange(-most, most + 1)
            rows = (y[some] >> bits)[:, None, None] + step[:, None] - (ys[0] >> bits)
            columns = (x[some] >> bits)[:, None, None] + step - (xs[0] >> bits)
            inside = (rows >= 0) & (rows < CHUNK) & (columns >= 0) & (columns < CHUNK)
            which, down, across = np.nonzero(inside)
            i, j, town = rows[which, down, 0], columns[which, 0, across], some[which]
            away, narrow = (ys[i] - y[town], xs[j] - x[town]), wider[size[town], i, j]
            np.add.at(total, i * CHUNK + j, _bump(*away, narrow, radius[town], height[town]))
        # Larger ones one by one.
        square = total.reshape(CHUNK, CHUNK)
        for large in np.flatnonzero(~small)[:, None]:
            away = ys[:, None] - y[large], xs - x[large]
            square += _bump(*away, wider[size[large][0]], radius[large], height[large])
        return square

    def _reaching(
        self, ys: Integers, xs: Integers, bits: int
    ) -> tuple[Integers, Integers, Integers, Integers]:
        """Return y, x, radius and height of the bumps that may reach into a square."""
        rows, columns = (
            range((int(at[0]) - _REACH) >> CELL_BITS, ((int(at[-1]) + _REACH) >> CELL_BITS) + 1)
            for at in (ys, xs)
        )
        towns = self.towns.within(columns, rows)
        # Bumps of less than a pixel are as wide as one, and so much lower.
        radius = self._radii[towns] * _WIDER[0] // _WIDER[1]
        least = np.maximum(radius, 5 << bits >> 2)
        height = _HEIGHT * radius * radius // (least * least)
        y, x = (at[towns].astype(np.int64) for at in (self.towns.y, self.towns.x))
        # x as it lies nearest to the square's middle, across the dateline or not.
        middle = int(xs[0] + xs[-1]) >> 1
        half = 1 << (WORLD_BITS - 1)
        x = (x - middle + half) % (2 * half) - half + middle
        reach = least * _FURTHER >> 8
        near = (y + reach > ys[0]) & (y - reach < ys[-1])
        near &= (x + reach > xs[0]) & (x - reach < xs[-1])
        return y[near], x[near], least[near], height[near]


def _bump(
    down: Integers, across: Integers, narrow: Integers, radius: Integers, height: Integers
) -> Integers:
    """Return a bump's value at distances, all in units; narrow: 256ths by which their squares grow.

    0 from its radius on where nothing makes it wider.
    """
    squared = (down * down + across * across) * (narrow + 256)
    part = 256 - squared // (radius * radius)
    value: Integers = np.maximum(part, 0) ** 2 * height >> 16
    return value


def radii_of(classes: NDArray[np.uint8]) -> Integers:
    """Return radii in units of towns' classes, int64 [n]."""
    octave, eighth = np.divmod(classes.astype(np.int64), RADII_PER_OCTAVE)
    radii: Integers = np.array(_MANTISSAS, np.int64)[eighth] << octave >> 8
    return np.minimum(radii, LARGEST)
