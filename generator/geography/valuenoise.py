"""Value noise with an address: numbers keyed by lattice points, linear between them, all whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.grid.hashing import keys
from generator.grid.rectangle import Rectangle

Integers = NDArray[np.int64]

WORLD_BITS = 30
"""Positions are in units of 2**-30 of the world's width."""

TILE_BITS = 8
"""Pixels along a tile, as a power of two."""


def middles(zoom: int, area: Rectangle) -> tuple[Integers, Integers]:
    """Return the middles of a rectangle's rows and columns in units: int64 [h], [w]."""
    bits = WORLD_BITS - TILE_BITS - zoom
    ys = np.arange(area.y0, area.y0 + area.height, dtype=np.int64) << bits
    xs = np.arange(area.x0, area.x0 + area.width, dtype=np.int64) << bits
    return ys + (1 << bits >> 1), xs + (1 << bits >> 1)


def from_equator(ys: Integers) -> Integers:
    """Return how far rows lie from the equator, in 256ths of 58 degrees on the map: int64 as ys."""
    return abs(ys - (1 << WORLD_BITS - 1)) * 1280 >> WORLD_BITS


def noise(
    key: int,
    octaves: tuple[tuple[int, int], ...],
    ys: Integers,
    xs: Integers,
    bits: int,
    parts: int = 8,
) -> Integers:
    """Return noise at rows and columns, int64 [rows, columns]: half the amplitudes at most.

    octaves: wave length in bits of units, and amplitude, of each; ys, xs: positions in units;
    bits: of a pixel's units; parts: of a wave that are told from each other, as a power of two up
    to 16: where these are longer than pixels, what is drawn has steps.
    """
    total, whole = np.zeros((len(ys), len(xs)), np.int64), 1 << parts
    for length, amplitude in octaves:
        # Shorter than two pixels an octave is below what can be shown.
        if length <= bits:
            continue
        row, column = ys >> length, xs >> length
        down = (ys - (row << length) << parts) >> length
        across = (xs - (column << length) << parts) >> length
        rows = np.arange(row.min(), row.max() + 2)
        columns = np.arange(column.min(), column.max() + 2)
        wrapped = columns[None, :] % (1 << (WORLD_BITS - length))
        points = keys(key, length, rows[:, None], wrapped)
        values = (points >> np.uint64(56)).astype(np.int64) - 128
        i, j = row - rows[0], column - columns[0]
        left = values[:, j] * (whole - across) + values[:, j + 1] * across
        both = left[i] * (whole - down)[:, None] + left[i + 1] * down[:, None]
        total += both * amplitude >> 2 * parts + 7
    return total
