"""Rivers on a grid as lines: points that show no grid, one line for each rank of a river."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from generator.geography.drainage import NO_CELL
from generator.geography.linefile import WORLD_BITS, Polylines
from generator.grid.hashing import keys

Integers = NDArray[np.int64]

NO_RIVER = -1
_CELL_BITS = 16
_JITTER = 614
"""Range of a point's place in its cell, in 1024ths of the cell."""
_STREAM = 0x72697672
_FARTHEST = 0.9999
"""Sines of latitude beyond this lie beyond the map's edges anyway."""


@dataclass(frozen=True, slots=True)
class RiverGrid:
    """Rivers as cells of a grid round the planet, numbered row by row.

    seed: of the places in cells; heights: int64 [h, w]; receivers: int64 [cells], where each
    drains to; flow: int64 [cells], how much; ranks: int64 [cells], as
    GSHHG has them: 0 the largest, 1 to 4 permanent, 5 to 7 intermittent; NO_RIVER for no river.
    """

    seed: int
    heights: Integers
    receivers: Integers
    flow: Integers
    ranks: Integers


def river_lines(grid: RiverGrid) -> Polylines:
    """Follow every river from its source to the sea or to a larger river, one line for a rank.

    A line ends at a point of the larger river, or in the deepest cell beside the first of the sea.
    """
    (river,) = np.nonzero(grid.ranks != NO_RIVER)
    above = _main_stems(grid, river)
    receivers, rank_of, stem = grid.receivers.tolist(), grid.ranks.tolist(), above.tolist()
    lines: list[list[int]] = []
    for source in river[above[river] == NO_CELL].tolist():
        line = [source]
        while True:
            cell = line[-1]
            below = receivers[cell]
            line.append(below)
            if rank_of[below] == NO_RIVER:
                lines.append([*line, *_seawards(below, grid.heights)])
                break
            if stem[below] != cell:
                lines.append(line)
                break
            if rank_of[below] != rank_of[cell]:
                lines.append(line)
                line = [below]
    lengths = np.array([len(line) for line in lines], np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    cells = np.array([cell for line in lines for cell in line], np.int64)
    ranks = np.array([rank_of[line[0]] for line in lines], np.uint8)
    return Polylines(_unwrapped(_smoothed(grid, cells, above), offsets), offsets, ranks)


def _main_stems(grid: RiverGrid, river: Integers) -> Integers:
    """Return the largest river above each cell, int64 [cells], NO_CELL where there is none."""
    above = np.full(len(grid.receivers), NO_CELL)
    # Of each cell's rivers the first in order: the largest, of equals that with the least number.
    order = river[np.lexsort((river, -grid.flow[river], grid.receivers[river]))]
    below, first = np.unique(grid.receivers[order], return_index=True)
    above[below] = order[first]
    return above


def _seawards(cell: int, heights: Integers) -> list[int]:
    """Return the deepest cell beside one of the sea, so that a river ends well in the water."""
    height, width = heights.shape
    row, column = divmod(cell, width)
    rows = range(max(row - 1, 0), min(row + 2, height))
    beside = [(r, (column + k) % width) for r in rows for k in (-1, 0, 1)]
    deepest = min(beside, key=lambda at: (int(heights[at]), at))
    return [] if deepest == (row, column) else [deepest[0] * width + deepest[1]]


def _smoothed(grid: RiverGrid, cells: Integers, above: Integers) -> Integers:
    """Return where rivers pass through cells, int64 [n, 2]: between the neighbours along them."""
    place = _places(grid, cells)
    inner = np.flatnonzero((grid.ranks[cells] != NO_RIVER) & (above[cells] != NO_CELL))
    here, middle = cells[inner], place[inner]
    before, after = _places(grid, above[here]), _places(grid, grid.receivers[here])
    # The weighted mean of a cell's place and those above and below it.
    place[inner] += (_way(middle, before) + _way(middle, after)) >> 2
    return place


def _places(grid: RiverGrid, cells: Integers) -> Integers:
    """Return a place in each cell that chance decides, int64 [n, 2]."""
    width = grid.heights.shape[1]
    row, column = np.divmod(cells, width)
    chance = keys(grid.seed, _STREAM, cells)
    half, mask = 1 << (_CELL_BITS - 1), np.uint64((1 << _CELL_BITS) - 1)
    lots = [((chance >> np.uint64(k)) & mask).astype(np.int64) for k in (0, _CELL_BITS)]
    across, down = (half + ((lot - half) * _JITTER >> 10) for lot in lots)
    edges = _row_edges(width)
    y = edges[row] + ((edges[row + 1] - edges[row]) * down >> _CELL_BITS)
    x = ((column << _CELL_BITS) + across << (WORLD_BITS - _CELL_BITS)) // width
    return np.stack([x, y], axis=1)


def _way(start: Integers, end: Integers) -> Integers:
    """Return the way from places to others, the shorter way round the planet."""
    way = end - start
    half = 1 << (WORLD_BITS - 1)
    way[:, 0] = (way[:, 0] + half) % (2 * half) - half
    return way


def _unwrapped(points: Integers, offsets: Integers) -> Integers:
    """Return points whose x goes on beyond the dateline instead of jumping back."""
    if not len(points):
        return points.reshape(0, 2)
    along = np.concatenate([np.zeros(1, np.int64), np.cumsum(_way(points[:-1], points[1:])[:, 0])])
    first = np.repeat(offsets[:-1], np.diff(offsets))
    return np.stack([points[first, 0] + along - along[first], points[:, 1]], axis=1)


@cache
def _row_edges(width: int) -> Integers:
    """Return y of the upper edge of each row of cells and of the lower one of the last."""
    found = []
    for row in range(width // 2 + 1):
        sine = math.sin(math.pi * (0.5 - row / (width // 2)))
        y = 0.5 - math.atanh(max(-_FARTHEST, min(_FARTHEST, sine))) / (2 * math.pi)
        found.append(math.floor(min(max(y, 0.0), 1.0) * (1 << WORLD_BITS) + 0.5))
    return np.array(found)
