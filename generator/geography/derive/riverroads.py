"""Leaves roads out where they run inside a river.

Sources give roads to some 100 m and rivers no better, so that a road on a bank may lie in the
water for kilometres. Bridges stay: they are short.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from generator.geography.derive.linework import Floats, Integers, units
from generator.geography.layers import CoverageLayer
from generator.geography.linefile import CELL_ZOOM, WORLD_BITS
from generator.grid.rectangle import Rectangle
from generator.grid.tile import TILE_SIZE

_ZOOM = 12
_TILE_BITS = WORLD_BITS - _ZOOM
_PIXEL_BITS = _TILE_BITS - 8
_STEP = 40
"""Metres between the places of a road that are looked at, at most."""

_BRIDGE = 800
"""Metres in a river, 312 m wide at most, up to which a road is a bridge."""

Bools = NDArray[np.bool_]


def outside(
    lines: Sequence[Integers], ranks: Sequence[int], rivers: CoverageLayer
) -> tuple[list[Integers], list[int]]:
    """Return what of lines of points int64 [n, 2] lies outside of rivers, or bridges them.

    A line that runs in a river ends where it enters it, and begins anew where it leaves it.
    """
    sampled = [_samples(points) for points in lines]
    wet = _covered(np.concatenate([points for points, _ in sampled]), rivers)
    kept, kept_ranks, begin = [], [], 0
    for points, rank, (places, at) in zip(lines, ranks, sampled, strict=True):
        inside = wet[begin : begin + len(places)]
        begin += len(places)
        for part in _parts(points, at, _long(inside, at, points)):
            kept.append(part)
            kept_ranks.append(rank)
    return kept, kept_ranks


def _samples(points: Integers) -> tuple[Integers, Floats]:
    """Return the middles of steps along a line, int64 [n, 2], and where steps begin, [n + 1].

    Where: whole numbers are the line's points, the rest the part of the way to the next.
    """
    chords = np.diff(points, axis=0)
    lengths = np.sqrt(np.square(chords.astype(np.float64)).sum(axis=1))
    counts = np.maximum(np.ceil(lengths / units(_STEP, points)), 1).astype(np.int64)
    segment = np.repeat(np.arange(len(chords)), counts)
    place = np.arange(len(segment)) - (np.cumsum(counts) - counts)[segment]
    middles = (place + 0.5) / counts[segment]
    places = points[segment] + np.rint(chords[segment] * middles[:, None]).astype(np.int64)
    return places, np.append(segment + place / counts[segment], float(len(chords)))


def _covered(places: Integers, rivers: CoverageLayer) -> Bools:
    """Say which places rivers cover, tile by tile: bool [n]."""
    tiles = places >> _TILE_BITS
    cells = tiles >> (_ZOOM - CELL_ZOOM)
    # Tiles of one cell of the file after each other.
    order = np.lexsort((tiles[:, 0], tiles[:, 1], cells[:, 0], cells[:, 1]))
    fresh = (np.diff(tiles[order], axis=0, prepend=-1) != 0).any(axis=1)
    found = np.zeros(len(places), np.bool_)
    for some in np.split(order, np.flatnonzero(fresh)[1:]):
        x, y = (tiles[some[0]] * TILE_SIZE).tolist()
        shares = rivers.shares(_ZOOM, Rectangle(x, y, TILE_SIZE, TILE_SIZE))
        if shares is not None:
            column, row = (places[some] >> _PIXEL_BITS).T
            found[some] = shares[row - y, column - x] >= 128
    return found


def _long(inside: Bools, at: Floats, points: Integers) -> list[tuple[int, int]]:
    """Return the runs of steps in a river that are longer than a bridge: first, and behind last."""
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False)).reshape(-1, 2)
    found = []
    for first, last in edges.tolist():
        part = _between(points, at[first], at[last])
        length = np.sqrt(np.square(np.diff(part, axis=0)).sum(axis=1)).sum()
        if length > units(_BRIDGE, part):
            found.append((first, last))
    return found


def _parts(points: Integers, at: Floats, gaps: Sequence[tuple[int, int]]) -> Iterator[Integers]:
    """Yield what of a line lies between gaps of steps."""
    begin = 0.0
    for first, last in [*gaps, (len(at) - 1, len(at) - 1)]:
        if at[first] > begin:
            yield _between(points, begin, at[first])
        begin = at[last]


def _between(points: Integers, begin: float, end: float) -> Integers:
    """Return the part of a line from one place on it to another."""
    inner = points[int(np.floor(begin)) + 1 : int(np.ceil(end))]
    ends = [_point(points, place) for place in (begin, end)]
    return np.concatenate((ends[0], inner, ends[1]))


def _point(points: Integers, place: float) -> Integers:
    """Return the point at a place, int64 [1, 2]."""
    before = min(int(place), len(points) - 2)
    chord = points[before + 1] - points[before]
    point: Integers = points[before] + np.rint(chord * (place - before)).astype(np.int64)
    return point[None]
