"""Joins rivers to the sea where they end short of it, as in estuaries that no source has whole.

A network of lines that meet is joined if it touches water nowhere: one whose mouth is known is left
alone, so that no source near a coast becomes a mouth. The end nearest to wide water is led there.
Arms of large deltas that no source has are lines of their own, known to some kilometres.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from generator.geography.derive.linework import Integers, mercator, units
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

ARMS = (
    (0, (10.01, 105.83), (9.92, 105.93), (9.82, 106.03), (9.72, 106.13), (9.62, 106.25)),
    (0, (10.32, 106.42), (10.33, 106.55), (10.30, 106.67), (10.28, 106.79)),
    (0, (10.25, 106.28), (10.15, 106.40), (10.05, 106.52), (9.96, 106.62)),
    (0, (10.24, 106.11), (10.12, 106.22), (9.98, 106.36), (9.82, 106.54)),
    (0, (23.94, 89.18), (23.83, 89.55), (23.80, 89.75), (23.60, 89.95), (23.45, 90.20),
     (23.38, 90.45), (23.22, 90.62), (23.00, 90.58), (22.85, 90.61)),
    (0, (24.03, 89.69), (23.80, 89.75)),
    (1, (45.18, 28.89), (45.16, 29.30), (45.15, 29.70)),
    (1, (45.22, 28.75), (45.41, 29.10), (45.37, 29.62)),
    (1, (37.73, 118.68), (37.76, 119.00), (37.75, 119.26)),
    (1, (-18.81, 36.13), (-18.89, 36.30)),
    (1, (56.91, -92.88), (57.06, -92.48)),
)  # fmt: skip
"""Rank and course, degrees north and east, of arms of the Mekong, of the Ganges and the Brahmaputra
down to the Meghna's estuary, of the Danube, the Yellow River, the Zambezi and the Nelson River."""

_SNAPPED = 3000
"""Metres up to which an arm begins where a line ends."""

Line = tuple[int, Integers]


def with_arms(lines: list[Line]) -> list[Line]:
    """Return lines with the ARMS, each from the nearest end of a line on, if one is near."""
    ends = np.array([points[side] for _, points in lines for side in (0, -1)])
    found = list(lines)
    for rank, *course in ARMS:
        north, east = np.array(course).T
        points = mercator(east, north)
        away = np.square((ends - points[0]).astype(float)).sum(1)
        nearest = int(away.argmin())
        if away[nearest] < float(units(_SNAPPED, points[:1])) ** 2:
            points[0] = ends[nearest]
        found.append((rank, points))
    return found


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
