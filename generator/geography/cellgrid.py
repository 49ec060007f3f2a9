"""Grids of the whole Earth in degrees, four bits a cell: their files, and cells round places.

A file is the 16 bytes of every layer's file and then, compressed by LZMA, rows of bytes from north
to south, each byte two cells: the western one in the low four bits.
"""

from __future__ import annotations

import lzma
import math
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from generator.geography.layerfile import LayerFile, to_layer

_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "pb": 0}]
_UNIT_BITS = 30

Integers = NDArray[np.int64]
Signed = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class CellGrid:
    """Cells from 180 W and from the pole, two in a byte: uint8 [HEIGHT, WIDTH / 2].

    Each layer says its KIND of file and how many cells lie round the Earth and from pole to pole.
    """

    KIND: ClassVar[str]
    WIDTH: ClassVar[int]
    HEIGHT: ClassVar[int]

    packed: NDArray[np.uint8]

    @classmethod
    def of(cls, cells: NDArray[np.uint8]) -> Self:
        """Pack cells of 0 to 15, uint8 [HEIGHT, WIDTH]."""
        return cls(cells[:, 0::2] | cells[:, 1::2] << np.uint8(4))

    @classmethod
    def open(cls, file: LayerFile) -> Self:
        """Unpack a file; raises GeographyError for one of another kind and for a damaged one."""
        body = file.body(cls.KIND)
        with file.damage():
            raw = lzma.decompress(body, lzma.FORMAT_XZ)
            return cls(np.frombuffer(raw, np.uint8).reshape(cls.HEIGHT, cls.WIDTH // 2))

    def to_bytes(self) -> bytes:
        """Return the bytes of a file of these cells."""
        raw = np.ascontiguousarray(self.packed).tobytes()
        return to_layer(self.KIND, lzma.compress(raw, lzma.FORMAT_XZ, filters=_FILTERS))

    def cells(self, rows: Integers, columns: Integers) -> NDArray[np.uint8]:
        """Return cells; rows are clipped at the poles, columns wrap."""
        pairs, shifts = self._pairs(columns)
        return self._unpacked(self._begins(rows) + pairs, shifts)

    def around(self, ys: Integers, xs: Integers) -> tuple[NDArray[np.uint8], Signed]:
        """Return the four cells round each place, uint8 [4, n], and their weights, int32 [4, n].

        Weights are bilinear, of 2**16 together. ys, xs: int64 [n], in units of 2**-30 of the
        world's width, y within the map.
        """
        # Places mostly follow each other along rows: one of each run is looked up.
        first = np.flatnonzero(np.diff(ys, prepend=~ys[:1]))
        run = np.diff(first, append=len(ys))
        (row, down), (column, across) = self.rows_before(ys[first]), self.columns_before(xs)
        sides = [
            (*self._pairs(column + k), part.astype(np.int32))
            for k, part in enumerate((256 - across, across))
        ]
        cells, weights = np.empty((4, len(ys)), np.uint8), np.empty((4, len(ys)), np.int32)
        for k, part in enumerate((256 - down, down)):
            begins = np.repeat(self._begins(row + k), run)
            vertical = np.repeat(part.astype(np.int32), run)
            for corner, (pairs, shifts, horizontal) in enumerate(sides, 2 * k):
                cells[corner] = self._unpacked(begins + pairs, shifts)
                np.multiply(vertical, horizontal, out=weights[corner])
        return cells, weights

    def rows_before(self, ys: Integers) -> tuple[Integers, Integers]:
        """Return the rows whose middles lie before places, and 256ths of the way to the next."""
        middles = row_middles(self.HEIGHT)
        row = np.searchsorted(middles, ys, side="right") - 1
        before, after = (middles.take(row + k, mode="clip") for k in (0, 1))
        part = ((ys - before) << 8) // np.maximum(after - before, 1)
        return row, np.minimum(np.maximum(part, 0), 256)

    def columns_before(self, xs: Integers) -> tuple[Integers, Integers]:
        """Return the columns whose middles lie before places, and 256ths of the way to the next."""
        places = (2 * self.WIDTH * xs - (1 << _UNIT_BITS)) >> (_UNIT_BITS + 1 - 8)
        return places >> 8, places & 255

    def _begins(self, rows: Integers) -> Integers:
        """Return where rows begin among all bytes; rows are clipped at the poles."""
        return np.minimum(np.maximum(rows, 0), self.HEIGHT - 1) * (self.WIDTH // 2)

    def _pairs(self, columns: Integers) -> tuple[Integers, NDArray[np.uint8]]:
        """Return which byte of a row holds columns, which wrap, and at which bit they begin."""
        columns = columns % self.WIDTH
        return columns >> 1, ((columns & 1) << 2).astype(np.uint8)

    def _unpacked(self, at: Integers, shifts: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the cells that lie at bytes from a bit on."""
        found: NDArray[np.uint8] = self.packed.reshape(-1).take(at)
        found >>= shifts
        found &= 15
        return found


@cache
def row_middles(height: int) -> Integers:
    """Return where the middles of rows lie on Web Mercator, int64 [height], in 2**-30 of the world.

    For 3600 and 1800 rows none lies within 1e-5 of a rounding boundary, so that no difference
    between mathematics libraries can change one. Those beyond 89.9 degrees count as that.
    """
    latitudes = (90 - (row + 0.5) * 180 / height for row in range(height))
    turns = (math.asinh(math.tan(math.radians(d))) / (2 * math.pi) for d in latitudes)
    table = np.array([math.floor((0.5 - t) * (1 << _UNIT_BITS) + 0.5) for t in turns], np.int64)
    table.setflags(write=False)
    return table
