"""Land cover at 0.05 degrees: which group of classes a cell is of, and shares round a place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from generator.geography.cellgrid import CellGrid

Integers = NDArray[np.int64]
Signed = NDArray[np.int32]


_FILLED = 2
"""Cells by which land reaches into water."""

_BESIDE = (0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)
"""Rows down and columns along to the cells beside one, in the order in which they count."""

_KEPT = 4
"""Windows of land cover that are kept: about two for each thread that renders."""


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

        Both are in ascending order. Water within two cells of land counts as that: shores run
        through cells. Returns int64 [rows, columns], which is shared and cannot be written.
        """
        return _window(self, ys.tobytes(), xs.tobytes()).shares(asked)

    def grid_total(self, ys: Integers, xs: Integers, *asked: Cover) -> Integers:
        """Return the sum of what `grid_shares` returns of some groups: int64 [rows, columns]."""
        total = np.zeros((len(ys), len(xs)), np.int64)
        for cover in asked:
            share = self.grid_shares(ys, xs, cover)
            total += 0 if share is None else share
        return total


class _CoverWindow:
    """Land cover at all of some rows and columns, looked up once for all that ask."""

    def __init__(self, cover: LandCover, ys: Integers, xs: Integers) -> None:
        (row, self._down), (column, self._across) = cover.rows_before(ys), cover.columns_before(xs)
        rows = np.arange(row[0] - _FILLED, row[-1] + 2 + _FILLED)
        columns = np.arange(column[0] - _FILLED, column[-1] + 2 + _FILLED)
        self._cells = _filled(cover.cells(rows[:, None], columns[None, :]))
        self._rows, self._columns = row - row[0], column - column[0]
        self._found: dict[Cover, Integers | None] = {}

    def shares(self, asked: Cover) -> Integers | None:
        """Return 255ths of a group, int64 [rows, columns], None for 0."""
        if asked not in self._found:
            self._found[asked] = self._shares(self._cells == asked)
        return self._found[asked]

    def _shares(self, held: NDArray[np.bool_]) -> Integers | None:
        if not held.any():
            return None
        # Along the rows of cells, which are few, then down the columns.
        i, j = self._rows, self._columns
        along = held[:, j] * (256 - self._across) + held[:, j + 1] * self._across
        total = along[i] * (256 - self._down)[:, None] + along[i + 1] * self._down[:, None]
        shares: Integers = (255 * total + (1 << 15)) >> 16
        shares.setflags(write=False)
        return shares


@lru_cache(maxsize=_KEPT)
def _window(cover: LandCover, ys: bytes, xs: bytes) -> _CoverWindow:
    """Return what lies at rows and columns, the bytes of int64."""
    return _CoverWindow(cover, np.frombuffer(ys, np.int64), np.frombuffer(xs, np.int64))


def _filled(cells: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Let water be what lies beside it, once for each row and column that is lost on all sides."""
    for _ in range(_FILLED):
        filled = cells[1:-1, 1:-1].copy()
        for i, j in _BESIDE:
            beside = cells[1 + i : len(cells) - 1 + i, 1 + j : cells.shape[1] - 1 + j]
            np.copyto(filled, beside, where=filled == int(Cover.WATER))
        cells = filled
    return cells
