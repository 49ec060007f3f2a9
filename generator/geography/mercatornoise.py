"""Gradient noise on Web Mercator in whole numbers: the octaves that are finer than a picture.

An octave is Perlin's gradient noise on a square lattice. Along one row of lattice cells and one
column of them the fade and the ramp depend on one coordinate each, so that all octaves of a window
are one product of two matrices, `down` and `across`. Their numbers are whole and the sums stay
below 2**53, so the product is exact, whichever way a machine adds it up.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from generator.grid.hashing import keys

Integers = NDArray[np.int64]
Doubles = NDArray[np.float64]
"""float64 that holds whole numbers only."""

WORLD_BITS = 30
"""Positions are in units of 2**-30 of the world's width."""
UNIT_BITS = 30
"""Sums are in units of 2**-30 of the octaves' amplitude 1."""

_FADE_BITS, _SLOPE_BITS, _AMPLITUDE_BITS = 12, 7, 34
_STRETCH = 1.6
_PEAK = 0.72
"""Noise of unit slopes stays below the root of a half, and a bit for rounding."""
_KNOTS = 256
"""Amplitudes are known at this many rows and the map's lower edge, linear between them."""
_KNOT_BITS = WORLD_BITS - _KNOTS.bit_length() + 1
_OFFSET_STREAM, _SLOPE_STREAM = 0x6F666673, 0x736C6F70


class MercatorNoise:
    """Octaves m of noise with 2**m lattice cells round the world, `octaves` being all m there are.

    An octave has the amplitude gain**log2(f / first) where f is its frequency on the ground, cells
    per radius, but none where f is at most `known`; it sets in over the octave that follows. So the
    ground is as rough at every latitude.
    """

    def __init__(
        self, seed: int, octaves: range, spread: tuple[float, float], known: float
    ) -> None:
        """Prepare noise. seed: in [0, 2**64); spread: (first, gain); known: cells per radius."""
        self.octaves = octaves
        self._amplitudes = {m: _amplitudes(m, spread, known) for m in octaves}
        self._keys = {m: keys(seed, _SLOPE_STREAM, m) for m in octaves}
        self._offsets = {
            m: (keys(seed, _OFFSET_STREAM, m, np.arange(2)) >> np.uint64(m + 34)).astype(np.int64)
            for m in octaves
        }

    def bound(self, octaves: range, ys: Integers) -> int:
        """Return what no sum of the octaves at rows exceeds, either way, in 2**-30."""
        first, last = (int(y) >> _KNOT_BITS for y in (ys[0], ys[-1]))
        peaks = sum(int(self._amplitudes[m][first : last + 2].max()) for m in octaves)
        return math.ceil(peaks * _PEAK * 2.0 ** (UNIT_BITS - _AMPLITUDE_BITS))

    def sums(self, octaves: range, ys: Integers, xs: Integers) -> Doubles:
        """Return the sum of octaves at rows and columns, whole numbers [rows, columns].

        ys: rising positions in [0, 2**30); xs: rising positions, which may go on beyond the
        dateline.
        """
        down, across = [], []
        for m in octaves:
            amplitude = _between(self._amplitudes[m], ys)
            shift_y, shift_x = self._offsets[m].tolist()
            top, fade_y, ramp_y = _lattice(ys + shift_y, m)
            left, fade_x, ramp_x = _lattice(xs + shift_x, m)
            slope_y, slope_x = self._slopes(m, (top, fade_y.shape[1]), (left, fade_x.shape[1]))
            # Fades become amplitudes on the way down; ramps of one axis meet fades of the other.
            high = np.floor(fade_y * amplitude[:, None] * 2.0**-_FADE_BITS)
            steep = np.floor(ramp_y * amplitude[:, None] * 2.0**-_FADE_BITS)
            down += [high @ slope_x, steep @ slope_y]
            across += [ramp_x.T, fade_x.T]
        if not down:
            return np.zeros((len(ys), len(xs)))
        total = np.concatenate(down, axis=1) @ np.concatenate(across)
        excess = _FADE_BITS + _SLOPE_BITS + _AMPLITUDE_BITS - UNIT_BITS
        whole: Doubles = np.floor(total * 2.0**-excess)
        return whole

    def _slopes(
        self, m: int, rows: tuple[int, int], columns: tuple[int, int]
    ) -> tuple[Doubles, Doubles]:
        """Return the slopes along y and x at lattice points: (first, how many) of each axis."""
        down = np.arange(rows[0], rows[0] + rows[1])[:, None]
        across = np.arange(columns[0], columns[0] + columns[1])[None] % (1 << m)
        chosen = (keys(self._keys[m], down, across) >> np.uint64(56)).astype(np.intp)
        table = _directions()
        return table[0][chosen], table[1][chosen]


def _lattice(positions: Integers, m: int) -> tuple[int, Doubles, Doubles]:
    """Return the first lattice line, and each line's fade and ramp at positions [n, lines]."""
    bits = WORLD_BITS - m
    line = positions >> bits
    first = int(line[0])
    # How far each position lies in its cell, 0 to 1, exactly.
    t = (positions & ((1 << bits) - 1)) * 2.0**-bits
    fade = np.floor(t * t * t * (t * (t * 6 - 15) + 10) * 2.0**_FADE_BITS + 0.5)
    one = 2.0**_FADE_BITS
    fades = np.zeros((len(positions), int(line[-1]) - first + 2))
    ramps = np.zeros_like(fades)
    each = np.arange(len(positions))
    for side, weight in ((0, one - fade), (1, fade)):
        fades[each, line - first + side] = weight
        ramps[each, line - first + side] = np.floor(weight * (t - side) + 0.5)
    return first, fades, ramps


def _between(table: Integers, ys: Integers) -> Doubles:
    """Return a table of `_KNOTS` + 1 rows at positions in [0, 2**30), linear between them."""
    knot, rest = ys >> _KNOT_BITS, ys & ((1 << _KNOT_BITS) - 1)
    between: Doubles = (table[knot] + ((table[knot + 1] - table[knot]) * rest >> _KNOT_BITS)) * 1.0
    return between


def _amplitudes(m: int, spread: tuple[float, float], known: float) -> Integers:
    """Return the amplitude of octave m at each knot, int64 [_KNOTS + 1]."""
    first, gain = spread
    found = []
    for knot in range(_KNOTS + 1):
        across = 1 / math.cosh(math.pi * (1 - 2 * knot / _KNOTS))
        frequency = 2.0**m / (2 * math.pi * across)
        share = min(max(math.log2(frequency / known), 0.0), 1.0)
        exact = _STRETCH * share * gain ** math.log2(frequency / first)
        found.append(math.floor(exact * 2.0**_AMPLITUDE_BITS + 0.5))
    return np.array(found)


@cache
def _directions() -> Doubles:
    """Return the slopes along y and x of 256 directions, whole numbers [2, 256]."""
    angles = [2 * math.pi * k / 256 for k in range(256)]
    size = 2.0**_SLOPE_BITS
    table = [[math.floor(f(a) * size + 0.5) for a in angles] for f in (math.sin, math.cos)]
    return np.array(table, np.float64)
