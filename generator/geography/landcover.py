"""Land cover at 0.05 degrees: which group of classes a cell is of, and shares round a place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from generator.geography.cellgrid import CellGrid

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
class LandCover(CellGrid):
    """Groups of land cover."""

    KIND: ClassVar[str] = "cover"
    WIDTH: ClassVar[int] = 7200
    HEIGHT: ClassVar[int] = 3600

    def shares(self, ys: Integers, xs: Integers, asked: tuple[Cover, ...]) -> Signed:
        """Return 255ths of groups round places, bilinear between cells: int32 [n, k].

        ys, xs: int64 [n], in units of 2**-30 of the world's width, y within the map.
        """
        # int32 holds the sums.
        group, weight = self.around(ys, xs)
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
        (row, down), (column, across) = self.rows_before(ys), self.columns_before(xs)
        rows = np.arange(row[0], row[-1] + 2)
        columns = np.arange(column[0], column[-1] + 2)
        held = self.cells(rows[:, None], columns[None, :]) == asked
        if not held.any():
            return None
        # Along the rows of cells, which are few, then down the columns.
        i, j = row - row[0], column - column[0]
        along = held[:, j] * (256 - across) + held[:, j + 1] * across
        total = along[i] * (256 - down)[:, None] + along[i + 1] * down[:, None]
        shares: Integers = (255 * total + (1 << 15)) >> 16
        return shares
