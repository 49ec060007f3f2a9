"""Rectangles of a view, and how a view is cut into scenes and blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from generator.banks.options import SCALES
from generator.memory.config import STEP, WINDOW

Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a view in child pixels; sides and corners are multiples of the unit."""

    y: int
    x: int
    height: int
    width: int

    def cut(self, array: NDArray[Kind], by: int = 1) -> NDArray[Kind]:
        """Return that part of an array whose pixels are `by` child pixels wide."""
        rows = slice(self.y // by, (self.y + self.height) // by)
        return array[rows, self.x // by : (self.x + self.width) // by]


def frames(size: tuple[int, int], zoom: int) -> Iterator[Box]:
    """Yield the parts of a view that become at most one scene each, in order."""
    yield from parts(Box(0, 0, *size), SCALES[zoom].side, SCALES[zoom].unit, up=True)


def parts(box: Box, side: int, unit: int, up: bool = False) -> Iterator[Box]:
    """Cut a box into nearly equal parts of about `side` (up: at most), in whole units."""
    edges = []
    for start, length in ((box.y, box.height), (box.x, box.width)):
        count = -(-length // side) if up else max(1, round(length / side))
        cells = length // unit
        edges.append([start + unit * (cells * n // count) for n in range(count + 1)])
    rows, columns = edges
    for top, bottom in zip(rows, rows[1:], strict=False):
        for left, right in zip(columns, columns[1:], strict=False):
            yield Box(top, left, bottom - top, right - left)


def centres(box: Box, grid: tuple[int, ...], unit: int) -> tuple[slice, slice]:
    """Return rows and columns of the described windows whose centre a box holds."""
    half = WINDOW // 2
    sides = []
    for start, length, count in (
        (box.y, box.height, grid[0]),
        (box.x, box.width, grid[1]),
    ):
        first = max(0, -(-(start // unit - half) // STEP))
        last = ((start + length) // unit - half - 1) // STEP
        sides.append(slice(first, max(first, min(last + 1, count))))
    rows, columns = sides
    return rows, columns
