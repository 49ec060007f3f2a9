"""The course of a river in a tile, from the shares of its layer, and colours on it and beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from generator.geography.layers import Shares
from generator.grid.pixels import Pixels

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NEAREST, FARTHEST = 3, 6
"""Widths from the axis between which colours are taken beside it."""

_DRY = 8
"""Share in 255ths up to which a place beside a river is none and no water."""

_AROUND = 4
"""Pixels along the course before and behind a place that give its direction."""

_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True, slots=True)
class Course:
    """A river's axis as pixels in order, int64 [n, 2] (row, column); width: in pixels.

    dry: where a tile has neither rivers nor other water, bool [h, w].
    """

    path: Integers
    width: float
    dry: NDArray[np.bool_]


def course(lines: Shares, wet: Shares, near: tuple[int, int]) -> Course:
    """Follow the river that passes nearest to a pixel through a tile.

    lines: shares of rivers, of which the pixels above half the largest are looked at; wet: shares
    of all water. The course is the longest way through connected pixels, along their middle.
    """
    pieces, _ = ndimage.label(lines > max(int(lines.max()) // 2, _DRY), np.ones((3, 3)))
    at = np.argwhere(pieces > 0)
    nearest = at[np.argmin(((at - np.array(near)) ** 2).sum(1))] if len(at) else None
    if nearest is None:
        return Course(np.zeros((0, 2), np.int64), 1.0, wet <= _DRY)
    river = pieces == pieces[tuple(nearest)]
    depth = ndimage.distance_transform_edt(np.pad(river, 1, mode="edge"))[1:-1, 1:-1]
    nodes = np.argwhere(river)
    # The pixels farthest apart, then the way between them that keeps to the middle.
    plain = _graph(river, np.ones_like(depth))
    first = _farthest(plain, 0)
    last = _farthest(plain, first)
    _, before = dijkstra(
        _graph(river, 1 / depth**2), directed=False, indices=first, return_predecessors=True
    )
    way = [last]
    while way[-1] != first:
        way.append(int(before[way[-1]]))
    path = nodes[way]
    middle = float(np.median(depth[path[:, 0], path[:, 1]]))
    return Course(path, max(1.0, 2 * middle - 1), wet <= _DRY)


def profiles(picture: Pixels, at: Course) -> tuple[Floats, Floats, Floats]:
    """Return colours on the axis [n, 3], and on both sides of it [n, d, 3] at d distances.

    Distances go from 3 to 6 widths, a pixel apart; NaN where either side is off the tile or wet.
    """
    count = len(at.path)
    index = np.arange(count)
    ahead, behind = np.minimum(index + _AROUND, count - 1), np.maximum(index - _AROUND, 0)
    along = (at.path[ahead] - at.path[behind]).astype(np.float64)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    distances = np.arange(np.ceil(NEAREST * at.width), np.floor(FARTHEST * at.width) + 1)
    sides, known = [], np.ones((count, len(distances)), bool)
    for sign in (-1, 1):
        places = at.path[:, None] + sign * across[:, None] * distances[None, :, None]
        places = np.rint(places).astype(np.int64)
        inside = ((places >= 0) & (places < len(picture))).all(2)
        y, x = np.clip(places, 0, len(picture) - 1).transpose(2, 0, 1)
        known &= inside & at.dry[y, x]
        sides.append(picture[y, x].astype(np.float64))
    for side in sides:
        side[~known] = np.nan
    return picture[at.path[:, 0], at.path[:, 1]].astype(np.float64), sides[0], sides[1]


def _graph(river: NDArray[np.bool_], cost: Floats) -> coo_array:
    """Return the steps between a river's pixels, each as long as it is times the mean cost."""
    number = np.full(np.add(river.shape, 2), -1)
    number[1:-1, 1:-1][river] = np.arange(int(river.sum()))
    costs = np.pad(cost, 1)
    here = np.argwhere(number >= 0)
    ends, starts, lengths = [], [], []
    for step in _STEPS:
        there = here + step
        linked = number[there[:, 0], there[:, 1]] >= 0
        one, other = here[linked].T, there[linked].T
        starts.append(number[*one])
        ends.append(number[*other])
        mean = (costs[*one] + costs[*other]) / 2
        lengths.append(float(np.hypot(*step)) * mean)
    count = int(river.sum())
    data = np.concatenate(lengths), (np.concatenate(starts), np.concatenate(ends))
    return coo_array(data, (count, count)).tocsr()


def _farthest(graph: coo_array, start: int) -> int:
    return int(np.argmax(dijkstra(graph, directed=False, indices=start)))
