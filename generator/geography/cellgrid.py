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
        columns = columns % self.WIDTH
        at = rows.clip(0, self.HEIGHT - 1) * (self.WIDTH // 2) + (columns >> 1)
        pairs = self.packed.reshape(-1).take(at)
        found: NDArray[np.uint8] = pairs >> (columns % 2 * 4).astype(np.uint8) & 15
        return found

    def around(self, ys: Integers, xs: Integers) -> tuple[NDArray[np.uint8], Signed]:
        """Return the four cells round each place, uint8 [4, n], and their weights, int32 [4, n].

        Weights are bilinear, of 2**16 together. ys, xs: int64 [n], in units of 2**-30 of the
        world's width, y within the map.
        """
        (row, down), (column, across) = self.rows_before(ys), self.columns_before(xs)
        rows, columns = np.stack((row, row + 1)), np.stack((column, column + 1))
        cells = self.cells(rows[:, None], columns[None]).reshape(4, -1)
        vertical, horizontal = (
            np.stack((256 - part, part)).astype(np.int32) for part in (down, across)
        )
        return cells, (vertical[:, None] * horizontal[None]).reshape(4, -1)

    def rows_before(self, ys: Integers) -> tuple[Integers, Integers]:
        """Return the rows whose middles lie before places, and 256ths of the way to the next."""
        middles = row_middles(self.HEIGHT)
        row = np.searchsorted(middles, ys, side="right") - 1
        before, after = (middles[(row + k).clip(0, self.HEIGHT - 1)] for k in (0, 1))
        return row, (((ys - before) << 8) // np.maximum(after - before, 1)).clip(0, 256)

    def columns_before(self, xs: Integers) -> tuple[Integers, Integers]:
        """Return the columns whose middles lie before places, and 256ths of the way to the next."""
        column, rest = np.divmod(2 * self.WIDTH * xs - (1 << _UNIT_BITS), 2 << _UNIT_BITS)
        return column, rest >> (_UNIT_BITS + 1 - 8)


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
