"""Where water runs on a grid of heights round a planet: priority flood and accumulation of flow.

Priority flood (Barnes, Lehman and Mulla, 2014) raises the ground from the sea inwards, always at
the lowest place known, so that every depression is filled up to where it spills over. Heights are
whole numbers; all cells of one height are raised together, those nearer to the outlet first, so
that the result is the same everywhere. Columns wrap round the planet, rows end at the poles.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

NO_CELL = -1
_STEPS = ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))
"""Down and across to the eight neighbours, nearer ones first."""
_DOWN, _ACROSS = (np.array(axis)[:, None] for axis in zip(*_STEPS, strict=True))
_SPAN = 1 << 10
_SLOPE_BITS = 20


@dataclass(frozen=True, slots=True)
class Drainage:
    """Where each cell of a grid drains to; cells are numbered row by row.

    receivers: int64 [cells], a neighbour, or NO_CELL where the sea is or nothing drains; order:
    int64 [land cells], each after its receiver; filled: int64 [h, w], heights with depressions
    filled.
    """

    receivers: Integers
    order: Integers
    filled: Integers

    def accumulated(self, rain: Integers) -> Integers:
        """Return the sum of rain, int64 [cells], on all that drains through each cell."""
        cells, below = self.order, self.receivers[self.order]
        total = rain.ravel().copy()
        # Land by its place in the order, so that each cell comes before its receiver in reverse.
        place = np.full(len(total), len(cells))
        place[cells] = np.arange(len(cells))
        sums: list[int] = [*total[cells].tolist(), 0]
        down: list[int] = place[below].tolist()
        for k in range(len(down) - 1, -1, -1):
            sums[down[k]] += sums[k]
        total[cells] = sums[:-1]
        mouths = place[below] == len(cells)
        np.add.at(total, below[mouths], total[cells[mouths]])
        return total


def drain(heights: Integers, sea: NDArray[np.bool_], spans: Integers) -> Drainage:
    """Find where the land drains to. heights: int64 [h, w]; sea: bool [h, w], heights up to 0.

    spans: int64 [h], the width of each row's cells in 1024ths of their height, at least 1.
    """
    filled, land = _flood(heights, sea)
    receivers = _steepest(filled, land, spans)
    # Where nothing beside is lower, a way leads along the lowest ground to where it spills over.
    level = land[receivers[land] == NO_CELL]
    ways = _ways_out(level, heights, filled, receivers)
    turns = np.zeros(heights.size, np.int64)
    turns[list(ways)] = np.arange(1, len(ways) + 1)
    receivers[list(ways)] = list(ways.values())
    order = land[np.lexsort((land, turns[land], filled.ravel()[land]))]
    return Drainage(receivers, order, filled)


def grown(seeds: NDArray[np.bool_], within: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return all cells of `within` that are connected with a seed inside it, bool [h, w]."""
    closed = ~(within & ~seeds).ravel()
    batch = np.flatnonzero(seeds & within & _beside(within & ~seeds))
    while len(batch):
        batch = _reached(batch, closed, seeds.shape)
        closed[batch] = True
    return closed.reshape(seeds.shape) & within


def _flood(heights: Integers, sea: NDArray[np.bool_]) -> tuple[Integers, Integers]:
    """Return filled heights, and the land that the sea can be reached from."""
    flat = heights.ravel()
    filled = flat.copy()
    known = sea.ravel().copy()
    # The shore: sea with land beside it.
    waiting = np.flatnonzero(_beside(~sea) & sea)
    levels = np.zeros(len(waiting), np.int64)
    land = [np.zeros(0, np.int64)]
    while len(waiting):
        level = levels.min()
        now = levels == level
        batch, waiting, levels = waiting[now], waiting[~now], levels[~now]
        later = [(waiting, levels)]
        # All that is no higher than this level is reached before the level rises.
        while len(batch):
            cells = _reached(batch, known, heights.shape)
            known[cells] = True
            filled[cells] = np.maximum(flat[cells], level)
            higher = flat[cells] > level
            later.append((cells[higher], flat[cells[higher]]))
            land.append(cells)
            batch = cells[~higher]
        waiting = np.concatenate([cells for cells, _ in later])
        levels = np.concatenate([values for _, values in later])
    return filled.reshape(heights.shape), np.concatenate(land)


def _steepest(filled: Integers, land: Integers, spans: Integers) -> Integers:
    """Return the neighbour that lies lowest for its distance, NO_CELL where none is lower."""
    flat = filled.ravel()
    receivers = np.full(len(flat), NO_CELL)
    best = np.zeros(len(land), np.int64)
    rows = land // filled.shape[1]
    for (down, across), there in zip(_STEPS, _around(land, filled.shape), strict=True):
        drop = np.where(there == NO_CELL, 0, flat[land] - flat[there])
        length = np.sqrt((across * spans[rows]) ** 2 + (down * _SPAN) ** 2).astype(np.int64)
        slope = (drop << _SLOPE_BITS) // np.maximum(length, 1)
        better = slope > best
        best[better] = slope[better]
        receivers[land[better]] = there[better]
    return receivers


def _ways_out(
    level: Integers, heights: Integers, filled: Integers, receivers: Integers
) -> dict[int, int]:
    """Return the receivers of cells of depressions and flats, each after its own receiver.

    From where they spill over, the lowest ground is followed first (least-cost search;
    Ehlschlaeger, 1989), so that rivers keep to the valleys that were filled.
    """
    flat, height, width = filled.ravel(), filled.shape[0], filled.shape[1]
    inside = set(level.tolist())
    # The rims: neighbours at the same height that drain further down.
    rims = _around(level, filled.shape)
    lower = (rims != NO_CELL) & (flat[rims] == flat[level]) & (receivers[rims] != NO_CELL)
    ground: list[int] = heights.ravel().tolist()
    raised: list[int] = flat.tolist()
    pending = [(ground[cell], cell) for cell in np.unique(rims[lower]).tolist()]
    heapq.heapify(pending)
    ways: dict[int, int] = {}
    while pending:
        _, cell = heapq.heappop(pending)
        row, column = divmod(cell, width)
        for down, across in _STEPS:
            if 0 <= row + down < height:
                there = (row + down) * width + (column + across) % width
                if there in inside and raised[there] == raised[cell]:
                    inside.discard(there)
                    ways[there] = cell
                    heapq.heappush(pending, (ground[there], there))
    return ways


def _reached(batch: Integers, known: NDArray[np.bool_], shape: tuple[int, ...]) -> Integers:
    """Return the cells beside a batch that are not known, rising, each once."""
    there = _around(batch, shape)
    fresh = there[(there != NO_CELL) & ~known[there]]
    fresh.sort()
    once: Integers = fresh[np.flatnonzero(np.diff(fresh, prepend=NO_CELL))]
    return once


def _around(cells: Integers, shape: tuple[int, ...]) -> Integers:
    """Return the eight neighbours of each cell, int64 [8, cells], NO_CELL beyond a pole."""
    height, width = shape
    row, column = np.divmod(cells, width)
    rows, columns = row + _DOWN, (column + _ACROSS) % width
    there: Integers = rows * width + columns
    there[(rows < 0) | (rows >= height)] = NO_CELL
    return there


def _beside(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which cells are among some or beside them, bool [h, w]."""
    near = cells | np.roll(cells, 1, 1) | np.roll(cells, -1, 1)
    beside = near.copy()
    beside[1:] |= near[:-1]
    beside[:-1] |= near[1:]
    return beside
