"""The course of a river in a tile, from its layer's shares, and colours on it and beside it."""

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

_SHARE = 4
"""Part of the largest share, as a divisor, from which on a pixel is of a river."""

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

    lines: shares of rivers, of which pixels above a quarter of the largest are looked at; wet:
    shares of all water. The course is the longest way through connected pixels, along their middle.
    """
    pieces, _ = ndimage.label(lines > max(int(lines.max()) // _SHARE, _DRY), np.ones((3, 3)))
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
        _graph(river, 1 / np.maximum(depth, 1) ** 2),
        directed=False,
        indices=first,
        return_predecessors=True,
    )
    way = [last]
    while way[-1] != first:
        way.append(int(before[way[-1]]))
    path = nodes[way]
    middle = float(np.median(depth[path[:, 0], path[:, 1]]))
    return Course(path, max(1.0, 2 * middle - 1), wet <= _DRY)


def beside(picture: Pixels, at: Course, offset: float) -> Floats:
    """Return the colours on a line beside the axis, [n, 3]: NaN where it is off the tile or wet.

    offset: pixels to the left, negative ones to the right; at 0 a river's own colours.
    """
    count = len(at.path)
    index = np.arange(count)
    ahead, behind = np.minimum(index + _AROUND, count - 1), np.maximum(index - _AROUND, 0)
    along = (at.path[ahead] - at.path[behind]).astype(np.float64)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    places = np.rint(at.path + offset * np.stack([-along[:, 1], along[:, 0]], 1)).astype(np.int64)
    inside = ((places >= 0) & (places < len(picture))).all(1)
    y, x = np.clip(places, 0, len(picture) - 1).T
    colours: Floats = picture[y, x].astype(np.float64)
    colours[~inside | (~at.dry[y, x] & (offset != 0))] = np.nan
    return colours


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
