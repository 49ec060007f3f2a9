"""The heights of a made-up planet at any zoom, in whole numbers of 2**-30.

They are the heights that its picture is painted from (`generator.planets`), interpolated cubically
so that they keep the picture's own, with the octaves of its ground added that are finer than the
picture, down to cells 8 pixels wide.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from generator.geography.mercatornoise import UNIT_BITS, WORLD_BITS, MercatorNoise
from generator.grid.rectangle import Rectangle, pieces
from generator.grid.tile import TILE_SIZE
from generator.grid.window import rows_of
from generator.planets.fields import DETAIL, relief, shown
from generator.planets.planet import WIDTH, Planet
from generator.planets.spherenoise import points

Integers = NDArray[np.int64]
Doubles = NDArray[np.float64]
"""float64 that holds whole numbers only."""

_CHUNK = 64
_CHUNKS = 256
"""How many chunks of 64 x 64 pixels of the picture are remembered: 8 MB."""
_HEIGHT_BITS, _ROUGH_BITS = 20, 12
_PLACE_BITS, _WEIGHT_BITS = 22, 18
_KNOT_BITS = 13
_CELL_BITS = 3
"""The finest lattice cell is 2**3 pixels wide."""
_TAPS = 4
_SHARE_BITS = 18
"""Roughness is a multiple of 2**-18 once it is interpolated."""
_OVERSHOOT = 0.29
"""Of their range, by how much interpolated heights can leave it: 1/8 + 1/8 * 5/4, and a bit."""
_STEEPNESS = 1.9
"""How steep interpolated heights can be where neighbours differ by 1: 3/2 * 5/4, and a bit."""


class PlanetRelief:
    """Heights of a planet; thread-safe, and equal in every window."""

    def __init__(self, planet: Planet) -> None:
        """Prepare a planet; its coarse fields are drawn when first needed."""
        self.planet = planet
        first, gain = DETAIL
        known = first * 2.0 ** (shown(WIDTH, first) - 1)
        # From the octave that sets in at the map's edge on.
        least = math.ceil(math.log2(known * 2 * math.pi / math.cosh(math.pi)))
        octaves = range(least, WORLD_BITS - _CELL_BITS)
        self._noise = MercatorNoise(planet.seed, octaves, (first, gain), known)
        self._chunk = lru_cache(maxsize=_CHUNKS)(self._draw)

    def bounds(self, zoom: int, area: Rectangle) -> tuple[float, float, float]:
        """Return what no height in a rectangle is below, none above, and no slope steeper than.

        In 2**-30; slopes are between the pixels beside one, halved, along one axis.
        """
        height = self._pictured(*self._places(zoom, area))[0]
        low, high = float(height.min()), float(height.max())
        steps = max(float(np.abs(np.diff(height, axis=axis)).max()) for axis in (0, 1))
        # Between the picture's pixels the kernel's negative taps, and finer octaves on top.
        unit = 2.0 ** (UNIT_BITS - _HEIGHT_BITS)
        noise = self._noise.bound(self._octaves(zoom), _positions(zoom, area)[0])
        over = (high - low) * _OVERSHOOT * unit + noise
        steepest = steps * unit * _STEEPNESS * WIDTH / (TILE_SIZE << zoom) + noise
        return low * unit - over, high * unit + over, steepest

    def heights(self, zoom: int, area: Rectangle) -> Doubles:
        """Return the height at each pixel of a rectangle, whole numbers of 2**-30 [h, w].

        Columns wrap at the dateline, rows are mirrored at the map's edges.
        """
        rows, (down, across) = rows_of(area, zoom), self._places(zoom, area)
        height, rough = self._pictured(down, across)
        tall, wide = _kernel(down), _kernel(across)
        # Down first, in units of 2**-30 after rounding, then across.
        fit = 2.0 ** (UNIT_BITS - _HEIGHT_BITS - _WEIGHT_BITS)
        drawn = np.floor(tall @ height * fit) @ wide.T
        drawn = np.floor(drawn * 2.0**-_WEIGHT_BITS)
        octaves = self._octaves(zoom)
        if octaves:
            fit = 2.0 ** -(_ROUGH_BITS + _WEIGHT_BITS - _SHARE_BITS)
            share = np.floor(np.floor(tall @ rough * fit) @ wide.T * 2.0**-_WEIGHT_BITS)
            sums = self._noise.sums(octaves, *_positions(zoom, area))
            drawn += np.floor(share * sums * 2.0**-_SHARE_BITS)
        taken: Doubles = drawn[rows - rows.min()]
        return taken

    def _octaves(self, zoom: int) -> range:
        """Return the octaves that pixels of a zoom show."""
        octaves = self._noise.octaves
        return range(octaves.start, max(octaves.start, zoom + 8 - _CELL_BITS + 1))

    def _places(self, zoom: int, area: Rectangle) -> tuple[Integers, Integers]:
        """Return where rows and columns lie in the picture, 2**-22 pixels; rows once each."""
        ys, xs = _positions(zoom, area)
        # Rows of latitude between knots, linearly; columns exactly.
        bits = WORLD_BITS - _KNOT_BITS
        knots = _latitudes()
        knot, rest = ys >> bits, ys & ((1 << bits) - 1)
        down = knots[knot] + ((knots[knot + 1] - knots[knot]) * rest >> bits)
        half = 1 << (_PLACE_BITS - 1)
        return down - half, xs * (WIDTH >> (WORLD_BITS - _PLACE_BITS)) - half

    def _pictured(self, down: Integers, across: Integers) -> tuple[Doubles, Doubles]:
        """Return height and roughness of the picture's pixels that places lie between."""
        top, left = int(down[0] >> _PLACE_BITS) - 1, int(across[0] >> _PLACE_BITS) - 1
        tall = int(down[-1] >> _PLACE_BITS) - 1 + _TAPS - top
        wide = int(across[-1] >> _PLACE_BITS) - 1 + _TAPS - left
        found = np.empty((2, tall, wide), np.int32)
        for row, vertical, ys in pieces(top, tall, _CHUNK):
            for column, horizontal, xs in pieces(left, wide, _CHUNK):
                chunk = self._chunk(row, column % (WIDTH // _CHUNK))
                found[:, vertical, horizontal] = chunk[:, ys, xs]
        return found[0].astype(np.float64), found[1].astype(np.float64)

    def _draw(self, row: int, column: int) -> NDArray[np.int32]:
        """Return height (2**-20) and roughness (2**-12) of 64 x 64 pixels, int32 [2, 64, 64]."""
        rows = np.arange(row * _CHUNK, (row + 1) * _CHUNK)
        columns = np.arange(column * _CHUNK, (column + 1) * _CHUNK)
        fields = self.planet.fields()
        coarse = fields.at(WIDTH, rows, columns, ("base", "rough", "belt", "crest"))
        place = points(WIDTH, rows, columns)
        height = relief(self.planet.seed, fields.width, WIDTH, (place, coarse))
        both = [height * np.float32(2**_HEIGHT_BITS), coarse["rough"] * np.float32(2**_ROUGH_BITS)]
        return np.floor(np.stack(both)).astype(np.int32)


def _positions(zoom: int, area: Rectangle) -> tuple[Integers, Integers]:
    """Return the middles of rows, each once and rising, and of columns, in 2**-30 of the world."""
    rows = rows_of(area, zoom)
    size = WORLD_BITS - (TILE_SIZE << zoom).bit_length()
    ys = (2 * np.arange(rows.min(), rows.max() + 1) + 1) << size
    xs = (2 * np.arange(area.x0, area.x0 + area.width) + 1) << size
    return ys, xs


def _kernel(places: Integers) -> Doubles:
    """Return Keys' cubic kernel (a = -1/2) of places: whole weights in 2**-18 [n, pixels]."""
    first = places >> _PLACE_BITS
    start = int(first[0])
    t = (places & ((1 << _PLACE_BITS) - 1)) * 2.0**-_PLACE_BITS
    exact = np.stack([
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    ])  # fmt: skip
    # Whole numbers; the second tap takes what rounding left.
    weights = np.floor(exact * 2.0**_WEIGHT_BITS + 0.5)
    weights[1] += 2.0**_WEIGHT_BITS - weights.sum(0)
    kernel = np.zeros((len(places), int(first[-1]) - start + _TAPS))
    for tap in range(_TAPS):
        kernel[np.arange(len(places)), first - start + tap] = weights[tap]
    return kernel


@cache
def _latitudes() -> Integers:
    """Return how far down the picture 2**13 + 1 rows of the map lie, in 2**-22 pixels."""
    found = []
    for knot in range((1 << _KNOT_BITS) + 1):
        latitude = math.atan(math.sinh(math.pi * (1 - 2 * knot / (1 << _KNOT_BITS))))
        found.append(math.floor((0.5 - latitude / math.pi) * (WIDTH // 2 << _PLACE_BITS) + 0.5))
    return np.array(found)
