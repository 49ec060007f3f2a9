"""Land cover at 0.05 degrees: which group of classes a cell belongs to, and shares round a place.

A file of land cover is the 16 bytes of every layer's file and then, compressed by LZMA, 3600 rows
of 3600 bytes, each two cells: the western one in the low four bits.
"""

from __future__ import annotations

import lzma
import math
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from generator.geography.layerfile import LayerFile, to_layer

KIND = "cover"

WIDTH, HEIGHT = 7200, 3600
"""Cells round the Earth and from pole to pole."""

_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "pb": 0}]
_UNIT_BITS = 30

Integers = NDArray[np.int64]
Signed = NDArray[np.int32]


class Cover(IntEnum):
    """Groups of land-cover classes."""

    WATER = 0
    FOREST = 1
    GRASS = 2
    CROP = 3
    URBAN = 4
    ICE = 5
    BARE = 6
    WOODLAND = 7


@dataclass(frozen=True, slots=True, eq=False)
class LandCover:
    """Groups of land cover, two cells in a byte: uint8 [3600, 3600], north first, from 180 W."""

    packed: NDArray[np.uint8]

    @classmethod
    def of(cls, groups: NDArray[np.uint8]) -> LandCover:
        """Pack groups, uint8 [3600, 7200]."""
        return cls(groups[:, 0::2] | groups[:, 1::2] << np.uint8(4))

    @classmethod
    def open(cls, file: LayerFile) -> LandCover:
        """Unpack a file of land cover; raises GeographyError for any other."""
        body = file.body(KIND)
        with file.damage():
            raw = lzma.decompress(body, lzma.FORMAT_XZ)
            return cls(np.frombuffer(raw, np.uint8).reshape(HEIGHT, WIDTH // 2))

    def to_bytes(self) -> bytes:
        """Return the bytes of a file of this land cover."""
        raw = np.ascontiguousarray(self.packed).tobytes()
        return to_layer(KIND, lzma.compress(raw, lzma.FORMAT_XZ, filters=_FILTERS))

    def groups(self, rows: Integers, columns: Integers) -> NDArray[np.uint8]:
        """Return the groups of cells; rows are clipped at the poles, columns wrap."""
        columns = columns % WIDTH
        at = rows.clip(0, HEIGHT - 1) * (WIDTH // 2) + (columns >> 1)
        pairs = self.packed.reshape(-1).take(at)
        found: NDArray[np.uint8] = pairs >> (columns % 2 * 4).astype(np.uint8) & 15
        return found

    def shares(self, ys: Integers, xs: Integers, asked: tuple[Cover, ...]) -> Signed:
        """Return 255ths of groups round places, bilinear between cells: int32 [n, k].

        ys, xs: int64 [n], in units of 2**-30 of the world's width, y within the map.
        """
        (row, down), (column, across) = _rows(ys), _columns(xs)
        # The four cells round each place, weighted: int32 holds the sums.
        rows, columns = np.stack((row, row + 1)), np.stack((column, column + 1))
        group = self.groups(rows[:, None], columns[None]).reshape(4, -1)
        vertical, horizontal = (
            np.stack((256 - part, part)).astype(np.int32) for part in (down, across)
        )
        weight = (vertical[:, None] * horizontal[None]).reshape(4, -1)
        total = np.zeros((len(asked), len(ys)), np.int32)
        for k, cover in enumerate(asked):
            # Most groups are nowhere near.
            held = group == int(cover)
            if held.any():
                np.sum(held * weight, axis=0, dtype=np.int32, out=total[k])
        total *= 255
        total += 1 << 15
        total >>= 16
        return total.T

    def grid_shares(self, ys: Integers, xs: Integers, asked: Cover) -> Integers | None:
        """Return as `shares` those of one group at all of rows ys and columns xs, None for 0.

        Both are in ascending order. Returns int64 [rows, columns].
        """
        (row, down), (column, across) = _rows(ys), _columns(xs)
        rows = np.arange(row[0], row[-1] + 2)
        columns = np.arange(column[0], column[-1] + 2)
        held = self.groups(rows[:, None], columns[None, :]) == asked
        if not held.any():
            return None
        # Along the rows of cells, which are few, then down the columns.
        i, j = row - row[0], column - column[0]
        along = held[:, j] * (256 - across) + held[:, j + 1] * across
        total = along[i] * (256 - down)[:, None] + along[i + 1] * down[:, None]
        shares: Integers = (255 * total + (1 << 15)) >> 16
        return shares


def _rows(ys: Integers) -> tuple[Integers, Integers]:
    """Return the rows whose middles lie before places, and 256ths of the way to the next."""
    middles = row_middles()
    row = np.searchsorted(middles, ys, side="right") - 1
    before, after = (middles[(row + k).clip(0, HEIGHT - 1)] for k in (0, 1))
    return row, (((ys - before) << 8) // np.maximum(after - before, 1)).clip(0, 256)


def _columns(xs: Integers) -> tuple[Integers, Integers]:
    """Return the columns whose middles lie before places, and 256ths of the way to the next."""
    column, rest = np.divmod(2 * WIDTH * xs - (1 << _UNIT_BITS), 2 << _UNIT_BITS)
    return column, rest >> (_UNIT_BITS + 1 - 8)


@cache
def row_middles() -> Integers:
    """Return where the middles of rows lie on Web Mercator, int64 [3600], in 2**-30 of the world.

    None lies within 1e-5 of a rounding boundary, so that no difference between mathematics
    libraries can change one. Those beyond 89.9 degrees count as that.
    """
    latitudes = (90 - (row + 0.5) * 180 / HEIGHT for row in range(HEIGHT))
    turns = (math.asinh(math.tan(math.radians(d))) / (2 * math.pi) for d in latitudes)
    table = np.array([math.floor((0.5 - t) * (1 << _UNIT_BITS) + 0.5) for t in turns], np.int64)
    table.setflags(write=False)
    return table
