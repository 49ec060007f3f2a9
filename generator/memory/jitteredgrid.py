"""The lattice: jittered cells that tile a world, each of which will show one piece of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.grid.hashing import keys
from generator.grid.tile import TILE_SIZE

Integers = NDArray[np.int64]

CYCLE = 6
"""Cells round a world come in multiples of this: of 6 for the colours, of 2 for the phases."""


@dataclass(frozen=True, slots=True)
class MapSize:
    """Size of a map in pixels of zoom 0; x wraps round it, and no cell lies above or below it."""

    width: int
    height: int


EARTH = MapSize(TILE_SIZE, TILE_SIZE)


@dataclass(frozen=True, slots=True)
class Axis:
    """Cells along one axis of a choosing grid: cell i covers [start(i), start(i + 1)).

    spacing: their nominal length in pixels; length: the world's, None for a plane without end.
    Raises ValueError for a world of less than 24 cells.
    """

    spacing: int
    length: int | None

    def __post_init__(self) -> None:
        """Refuse a world in which cells would be much longer than their spacing."""
        if self.length is not None and self.length < 4 * CYCLE * self.spacing:
            raise ValueError(
                f"a world of {self.length} pixels, expected at least {4 * CYCLE * self.spacing}"
            )

    @property
    def count(self) -> int | None:
        """Return the number of cells round the world."""
        return None if self.length is None else self.length // self.spacing // CYCLE * CYCLE

    @property
    def longest(self) -> int:
        """Return the length of the longest cell."""
        if self.length is None or self.count is None:
            return self.spacing
        return -(-self.length // self.count)

    def start(self, jittered_cells: Integers) -> Integers:
        """Return the first pixel of cells, which may have any number."""
        if self.length is None or self.count is None:
            return jittered_cells * self.spacing
        turns, cell = np.divmod(jittered_cells, self.count)
        starts: Integers = turns * self.length + cell * self.length // self.count
        return starts

    def cell(self, pixel: int) -> int:
        """Return the cell that covers a pixel."""
        if self.length is None or self.count is None:
            return pixel // self.spacing
        turns, rest = divmod(pixel, self.length)
        # The last cell whose start, rounded down, is not beyond the pixel.
        return turns * self.count + ((rest + 1) * self.count - 1) // self.length

    def number(self, jittered_cells: Integers) -> Integers:
        """Return the numbers that cells have in the world: those of one turn."""
        return jittered_cells if self.count is None else jittered_cells % self.count


@dataclass(frozen=True, slots=True)
class JitteredCells:
    """A rectangle of cells with whatever is keyed by their address; arrays are [rows, columns].

    row, column: of the first; keys: uint64; ys, xs: int64, the centres, as pixel corners of the
    choosing grid.
    """

    row: int
    column: int
    keys: NDArray[np.uint64]
    ys: Integers
    xs: Integers


def jittered_cells(
    seed: int, zoom: int, rows: tuple[Axis, range], columns: tuple[Axis, range]
) -> JitteredCells:
    """Return the cells of a rectangle of the lattice.

    zoom: of the choosing stage; rows, columns: each an axis and the cells' numbers along it, which
    are not reduced to one turn.
    """
    (vertical, i), (horizontal, j) = rows, columns
    down, across = np.arange(i.start, i.stop + 1), np.arange(j.start, j.stop + 1)
    # A key for each cell, by its number in the world.
    key = keys(
        seed, zoom, vertical.number(down[:-1])[:, None], horizontal.number(across[:-1])[None, :]
    )
    tops, lefts = vertical.start(down), horizontal.start(across)
    # Jitter: the upper and lower half of the key, as fractions of the cell.
    high = (key >> np.uint64(32)).astype(np.int64)
    low = (key & np.uint64(0xFFFFFFFF)).astype(np.int64)
    ys = tops[:-1, None] + (high * np.diff(tops)[:, None] >> 32)
    xs = lefts[None, :-1] + (low * np.diff(lefts)[None, :] >> 32)
    return JitteredCells(i.start, j.start, key, ys, xs)
