"""Joins rivers to the sea where they end short of it, as in estuaries that no source has whole.

A network of lines that meet is joined if it touches water nowhere: one whose mouth is known is left
alone, so that no source near a coast becomes a mouth. The end nearest to wide water is led there.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from generator.geography.derive.linework import Integers, units
from generator.geography.layers import CoverageLayer
from generator.geography.linefile import WORLD_BITS
from generator.grid.rectangle import Rectangle

_ZOOM = 9
_PIXEL_BITS = WORLD_BITS - _ZOOM - 8
_FARTHEST = 21_000
"""Metres from a river's end to the sea, at most."""

_TOUCHING = 4
"""Pixels from water at which a line touches it."""

_WIDE = 2
"""Pixels of water on each side of a pixel that is taken for the sea or an estuary."""

_LARGE = 2
"""Ranks up to this are joined."""

Line = tuple[int, Integers]


def with_mouths(lines: list[Line], water: CoverageLayer, near_bits: int) -> tuple[list[Line], int]:
    """Return lines of which those of unfinished networks go on to the sea, and how many.

    lines: rank and points; near_bits: ends less than 2**near_bits units apart are one place.
    """
    networks = _networks(lines, near_bits)
    ends: dict[tuple[int, int], int] = defaultdict(int)
    for _, points in lines:
        for side in (0, -1):
            ends[_place(points[side], near_bits)] += 1
    result, count = list(lines), 0
    for network in networks:
        if not any(lines[n][0] <= _LARGE for n in network):
            continue
        if any(_touches(lines[n][1][side], water) for n in network for side in (0, -1)):
            continue
        # Of all free ends the nearest.
        found = []
        for n in network:
            rank, points = lines[n]
            for side in (0, -1):
                if rank <= _LARGE and ends[_place(points[side], near_bits)] == 1:
                    sea = _sea_near(points[side], water)
                    if sea is not None:
                        found.append((*sea, n, side))
        if found:
            _, x, y, n, side = min(found)
            rank, points = lines[n]
            mouth = np.array([[x, y]], np.int64)
            parts = (mouth, points) if side == 0 else (points, mouth)
            result[n] = rank, np.concatenate(parts)
            count += 1
    return result, count


def _networks(lines: list[Line], near_bits: int) -> list[list[int]]:
    """Return the numbers of lines that meet, directly or by way of others."""
    first: dict[tuple[int, int], int] = {}
    above = list(range(len(lines)))

    def top(n: int) -> int:
        while above[n] != n:
            above[n] = above[above[n]]
            n = above[n]
        return n

    for number, (_, points) in enumerate(lines):
        for x, y in (points % (1 << WORLD_BITS) >> near_bits).tolist():
            above[top(number)] = top(first.setdefault((x, y), number))
    found = defaultdict(list)
    for number in range(len(lines)):
        found[top(number)].append(number)
    return list(found.values())


def _place(point: Integers, near_bits: int) -> tuple[int, int]:
    x, y = (point % (1 << WORLD_BITS) >> near_bits).tolist()
    return x, y


def _touches(point: Integers, water: CoverageLayer) -> bool:
    x, y = (point >> _PIXEL_BITS).tolist()
    return water.shares(_ZOOM, Rectangle(x, y, 1, 1).grown(_TOUCHING)) is not None


def _sea_near(point: Integers, water: CoverageLayer) -> tuple[int, int, int] | None:
    """Return how far wide water is, squared, and where: units; None where it is too far."""
    x, y = (point >> _PIXEL_BITS).tolist()
    reach = int(units(_FARTHEST, point[None])) >> _PIXEL_BITS
    shares = water.shares(_ZOOM, Rectangle(x, y, 1, 1).grown(reach + _WIDE))
    if shares is None:
        return None
    wide = shares > 127
    for _ in range(_WIDE):
        rows = wide[:-2] & wide[1:-1] & wide[2:]
        wide = rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
    down, across = np.nonzero(wide)
    if not down.size:
        return None
    away = (down - reach) ** 2 + (across - reach) ** 2
    best = int(away.argmin())
    if away[best] > reach * reach:
        return None
    half = 1 << _PIXEL_BITS - 1
    row, column = y + int(down[best]) - reach, x + int(across[best]) - reach
    return int(away[best]), (column << _PIXEL_BITS) + half, (row << _PIXEL_BITS) + half
