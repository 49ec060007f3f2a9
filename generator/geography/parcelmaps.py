"""Maps of parcels: squares of 256 x 256 cells, cut into rows of blocks, and blocks into parcels.

A map goes on at its other side. There is one for each style of fields, made once, of whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from generator.geography.regiongrid import FINE_BITS, Integers, MapPositions
from generator.grid.hashing import keys
from generator.grid.rectangle import Rectangle
from generator.grid.window import columns_of, rows_of

SIDE_BITS = 8
SIDE = 1 << SIDE_BITS
"""Cells along a map."""

EDGES = 8
"""Bits of a cell that say where it lies at its parcel's edges: uint8."""

LEFT, ABOVE, RIGHT, BELOW, MAIN_LEFT, MAIN_ABOVE, MAIN_RIGHT, MAIN_BELOW = _BITS = tuple(
    1 << bit for bit in range(EDGES)
)
"""Main are a quarter of the edges between rows of blocks, and between columns that are aligned."""

_KEY = 0x6D617073
_DRAWN = 1 << 14
"""Numbers that a map takes at most."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a map is cut.

    along, down: least and most cells of a block; parts: parcels of a block, one of these; aligned:
    whether blocks of all rows begin at the same cells.
    """

    along: tuple[int, int]
    down: tuple[int, int]
    parts: tuple[int, ...]
    aligned: bool = False


OPEN, STRIPS, LARGE, SMALL, SURVEYED = range(5)
"""Styles; the last is that of land which was divided into square miles, by quarters."""

STYLES = (
    Style((9, 20), (8, 16), (1, 1, 2, 2, 3)),
    Style((12, 22), (11, 20), (2, 3, 4, 5, 6)),
    Style((20, 38), (18, 32), (1, 1, 2, 2, 3)),
    Style((6, 11), (5, 9), (1, 1, 2)),
    Style((32, 32), (32, 32), (1, 2, 2, 2, 3, 4), aligned=True),
)
"""By style."""


@dataclass(frozen=True, slots=True, eq=False)
class ParcelMap:
    """A map, row by row: the number of a cell's parcel, uint16, and its edges, uint8 [65536]."""

    parcels: NDArray[np.uint16]
    edges: NDArray[np.uint8]


def cells_at(at: MapPositions) -> NDArray[np.int32]:
    """Return the cells that positions lie in, of a map that comes again on all sides: [h, w]."""
    down, along = at.down >> FINE_BITS & SIDE - 1, at.along >> FINE_BITS & SIDE - 1
    cells: NDArray[np.int32] = down << SIDE_BITS | along
    return cells


def numbers_at(
    cells: NDArray[np.int32], at: MapPositions, keys: NDArray[np.uint32] | np.uint32
) -> NDArray[np.uint32]:
    """Return well-mixed numbers of the parcels at positions: uint32 [h, w].

    cells: of the joint map at the positions; keys: of the regions that these lie in. Maps come
    again, with other parcels.
    """
    number = joint_map().parcels.take(cells).astype(np.uint32)
    number += squares_at(at, SIDE_BITS)
    number ^= keys
    return mixed(number)


def squares_at(at: MapPositions, bits: int) -> NDArray[np.uint32]:
    """Return numbers of the squares, 2**bits cells along, that positions lie in, for `mixed`."""
    bits += FINE_BITS
    return ((at.down >> bits) * 1031 + (at.along >> bits) * 4099).view(np.uint32)


def pixels_at(zoom: int, area: Rectangle) -> NDArray[np.uint32]:
    """Return numbers of the pixels of a rectangle by their addresses, to be mixed: [h, w]."""
    columns, rows = columns_of(area, zoom).astype(np.uint32), rows_of(area, zoom).astype(np.uint32)
    return (rows * np.uint32(0x9E3779B1))[:, None] ^ columns * np.uint32(0x85EBCA6B)


def mixed(number: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return numbers whose bits are mixed."""
    number = number * np.uint32(0x9E3779B1)
    number ^= number >> np.uint32(15)
    number *= np.uint32(0x85EBCA6B)
    number ^= number >> np.uint32(13)
    return number


@cache
def parcel_maps() -> tuple[ParcelMap, ...]:
    """Return the maps of all styles, 0.2 MiB each."""
    return tuple(cut(number, style) for number, style in enumerate(STYLES))


@cache
def joint_map() -> ParcelMap:
    """Return the maps of all styles one below the other, of which `joint_cells` are cells."""
    maps = parcel_maps()
    parcels, edges = ([getattr(one, name) for one in maps] for name in ("parcels", "edges"))
    return ParcelMap(np.concatenate(parcels), np.concatenate(edges))


def joint_cells(at: MapPositions, styles: Integers, which: NDArray[np.intp]) -> NDArray[np.int32]:
    """Return the cells of the joint map at positions: int32 [h, w].

    styles: of n regions' maps, int64 [n]; which: number of each position's region, [h, w].
    """
    return cells_at(at) + (styles << 2 * SIDE_BITS).astype(np.int32).take(which)


def cut(number: int, style: Style) -> ParcelMap:
    """Cut a map; number: of it, which decides all that is drawn by lot."""
    parcels = np.zeros((SIDE, SIDE), np.uint16)
    drawn = iter(keys(_KEY, number, np.arange(_DRAWN)).tolist())
    count, columns = 0, list(_lengths(style.along, drawn))
    main_rows, main_columns = np.zeros((SIDE, 1), np.bool_), np.zeros(SIDE, np.bool_)
    if style.aligned:
        main_columns[[left for left, _ in columns[::4]]] = True
    for top, bottom in _lengths(style.down, drawn):
        # Rows begin at different places, unless they are aligned.
        usual = next(drawn)
        shift = 0 if style.aligned else usual % SIDE
        main_rows[top] = usual >> 16 & 3 == 0
        for left, right in columns if style.aligned else _lengths(style.along, drawn):
            key = next(drawn)
            parts = style.parts[key % len(style.parts)]
            # Three of four blocks of a row are divided the same way.
            upright = bool((usual if key >> 9 & 3 else key) >> 8 & 1)
            length = bottom - top if upright else right - left
            part = np.arange(length) * parts // length
            cells = np.ix_(np.arange(top, bottom), (np.arange(left, right) + shift) % SIDE)
            parcels[cells] = count + (part[:, None] if upright else part[None, :])
            count += parts
    left, above = (parcels != np.roll(parcels, 1, axis) for axis in (1, 0))
    edges = np.zeros((SIDE, SIDE), np.uint8)
    for first, (across, down) in enumerate(
        ((left, above), (left & main_columns, above & main_rows))
    ):
        sides = across, down, np.roll(across, -1, 1), np.roll(down, -1, 0)
        for side, bit in zip(sides, _BITS[4 * first :], strict=False):
            edges |= side * np.uint8(bit)
    return ParcelMap(parcels.ravel(), edges.ravel())


def _lengths(bounds: tuple[int, int], drawn: Iterator[int]) -> Iterator[tuple[int, int]]:
    """Cut a side into lengths between bounds; the last may be longer."""
    least, most = bounds
    end = 0
    while end < SIDE:
        start, end = end, end + least + next(drawn) % (most - least + 1)
        if SIDE - end < least:
            end = SIDE
        yield start, end
