"""The course of lines between their points: cubic curves whose middles move by keyed shares.

A piece is a cubic Hermite curve. Its middle point moves across it by a share of its length that a
key decides, and splits it into two pieces, which are split in turn. So the course at a coarse zoom
is that at a fine one, less deep (midpoint displacement: Fournier, Fussell and Carpenter, 1982).

Positions are units of 2**-30 of the world's width. All are whole numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.geography.linefile import WORLD_BITS, Chains
from generator.geography.linekinds import PIXEL, SHARE, LineKind
from generator.grid.hashing import keys

Integers = NDArray[np.int64]
Words = NDArray[np.uint64]

_METRE_BITS = 8
_ROW_BITS = 10


@dataclass(frozen=True, slots=True)
class Pieces:
    """Curves from `start` to `end`, int64 [2, n] each (x, y), with tangents there.

    halves: int64 [2, n], half the width at start and end, in units. lengths: int64 [n], nominal.
    keys: uint64 [n]. scales: int64 [n], the length below which bends fade. depths: int64 [n], how
    often each is to be split.
    """

    start: Integers
    leaving: Integers
    end: Integers
    arriving: Integers
    halves: Integers
    lengths: Integers
    keys: Words
    scales: Integers
    depths: Integers

    def taken(self, where: NDArray[np.bool_]) -> Pieces:
        """Return the pieces at which `where`, bool [n], is true."""
        (index,) = np.nonzero(where)
        return Pieces(*(field[..., index] for field in self.fields()))

    def moved(self, by: Integers) -> Pieces:
        """Return the pieces moved by int64 [2, 1]."""
        start, leaving, end, *rest = self.fields()
        return Pieces(start + by, leaving, end + by, *rest)

    def fields(self) -> tuple[NDArray[Any], ...]:
        """Return the arrays in order; the last axis counts pieces."""
        return (
            self.start, self.leaving, self.end, self.arriving, self.halves, self.lengths,
            self.keys, self.scales, self.depths,
        )  # fmt: skip


def joined(parts: list[Pieces]) -> Pieces:
    """Return all pieces of a list of at least one."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*(part.fields() for part in parts), strict=True)
    return Pieces(*(np.concatenate(column, axis=-1) for column in columns))


def metres(y: Integers) -> Integers:
    """Return units per metre of ground at y, in 1 / 2**8: 6,859 at the equator, more elsewhere."""
    rows = np.clip(y >> (WORLD_BITS - _ROW_BITS), 0, (1 << _ROW_BITS) - 1)
    found: Integers = _metres()[rows]
    return found


@cache
def _metres() -> Integers:
    # A unit is 2 pi R / 2**30 metres, times the cosine of the latitude, 1 / cosh of Mercator's y.
    unit = 2 * math.pi * 6378137 / (1 << WORLD_BITS)
    rows = ((row + 0.5) / (1 << _ROW_BITS) for row in range(1 << _ROW_BITS))
    values = (math.cosh(math.pi * (1 - 2 * row)) * (1 << _METRE_BITS) / unit for row in rows)
    table = np.array([math.floor(value + 0.5) for value in values], np.int64)
    table.setflags(write=False)
    return table


def pieces_of(chains: Chains, chosen: Integers, kind: LineKind, pixel: int) -> Pieces:
    """Return the segments `chosen` of a cell as pieces to be split down to about 1.5 pixels.

    pixel: units in a pixel of the zoom.
    """
    first = chains.firsts[chosen]
    places = (chains.before[chosen], first, first + 1, chains.after[chosen])
    before, start, end, after = (chains.points[place].T for place in places)
    chord = end - start
    lengths = root(chord[0] * chord[0] + chord[1] * chord[1])
    # A curve leaves a point in the mean direction of the segments on its two sides.
    straight = _direction(chord)
    leaving = _tangent(straight + _direction(start - before), lengths)
    arriving = _tangent(straight + _direction(after - end), lengths)
    # Widths vary from point to point, alike for all segments that meet there.
    wide = _widths(chains.ranks[chosen], start[1], kind)
    least = np.array(kind.least, np.int64)[chains.ranks[chosen]] * pixel // (2 * PIXEL)
    halves = np.stack([np.maximum(_varied(wide, at, kind), least) for at in (start, end)])
    scales = _scales(wide, start[1], kind)
    # Both directions of a segment have one key and one course.
    turned = (end[0] < start[0]) | ((end[0] == start[0]) & (end[1] < start[1]))
    start, end = np.where(turned, end, start), np.where(turned, start, end)
    leaving, arriving = np.where(turned, -arriving, leaving), np.where(turned, -leaving, arriving)
    halves = np.where(turned, halves[::-1], halves)
    x0, x1 = (point[0] % (1 << WORLD_BITS) for point in (start, end))
    segment = keys(kind.key, x0, start[1], x1, end[1])
    step = np.maximum(3 * pixel >> 1, halves.max(axis=0, initial=0) >> 1)
    depths = bits(lengths // np.maximum(step, 1))
    return Pieces(start, leaving, end, arriving, halves, lengths, segment, scales, depths)


def boxes_of(chains: Chains, kind: LineKind) -> tuple[Integers, Integers]:
    """Return the lowest and highest corners, int64 [2, m], that segments of a cell may reach.

    Least widths in pixels are not counted.
    """
    start, end = (chains.points[place].T for place in (chains.firsts, chains.firsts + 1))
    chord = end - start
    lengths = root(chord[0] * chord[0] + chord[1] * chord[1])
    wide = _widths(chains.ranks, start[1], kind)
    reach = lengths // 3 + _sway(lengths, _scales(wide, start[1], kind), kind) + 64
    reach += (wide >> _METRE_BITS + 1) * (SHARE + kind.varies) // SHARE
    return np.minimum(start, end) - reach, np.maximum(start, end) + reach


def split(pieces: Pieces, kind: LineKind) -> Pieces:
    """Split each piece at its moved middle: twice as many."""
    start, leaving, end, arriving = pieces.start, pieces.leaving, pieces.end, pieces.arriving
    chord = end - start
    # Middle and direction there of the cubic curve.
    middle = (start + end >> 1) + (leaving - arriving >> 3)
    through = (3 * chord >> 2) - (leaving + arriving >> 3)
    # The middle moves across the chord.
    mixed = keys(pieces.keys)
    most = limits(pieces.lengths, pieces.scales, kind)
    share = _bend(mixed) * most // np.maximum(pieces.lengths, 1)
    across = np.stack((-chord[1], chord[0]))
    middle += np.clip(across * share >> 10, -most, most)
    between = pieces.halves.sum(axis=0, dtype=np.int64) >> 1
    near, far = pieces.halves
    fields = (
        (start, middle),
        (leaving >> 1, through),
        (middle, end),
        (through, arriving >> 1),
        (np.stack((near, between)), np.stack((between, far))),
        (pieces.lengths >> 1,) * 2,
        (mixed, mixed ^ np.uint64(0x5555555555555555)),
        (pieces.scales,) * 2,
        (pieces.depths - 1,) * 2,
    )
    return Pieces(*(np.concatenate(pair, axis=-1) for pair in fields))


def refined(
    pieces: Pieces, kind: LineKind, window: tuple[Integers, Integers], pixel: int
) -> Pieces:
    """Split pieces to their depths; leave out those that cannot touch a window.

    window: its lowest and highest corner, int64 [2, 1] of units each.
    """
    done = []
    while pieces.depths.size:
        pieces = pieces.taken(_touches(pieces, kind, window, pixel))
        deep = pieces.depths > 0
        if not deep.all():
            done.append(pieces.taken(~deep))
            pieces = pieces.taken(deep)
        if pieces.depths.size:
            pieces = split(pieces, kind)
    return joined(done) if done else pieces


def limits(lengths: Integers, scales: Integers, kind: LineKind) -> Integers:
    """Return how far middles move at most: a share of the length, less of what is short or long."""
    long = np.minimum(lengths, kind.swing * scales)
    faded = np.minimum(lengths, scales)
    return kind.bend * long // SHARE * faded // np.maximum(scales, 1)


def _sway(lengths: Integers, scales: Integers, kind: LineKind) -> Integers:
    """Return how far a piece's middle and all middles inside its parts move at most, together."""
    # Long pieces move alike until their parts are short enough; then each part moves half as far.
    alike = bits(lengths // np.maximum(kind.swing * scales, 1))
    return limits(lengths, scales, kind) * (alike + 2)


def _widths(ranks: NDArray[np.uint8], y: Integers, kind: LineKind) -> Integers:
    """Return widths in units / 2**8."""
    return np.array(kind.widths, np.int64)[ranks] * metres(y)


def _scales(wide: Integers, y: Integers, kind: LineKind) -> Integers:
    return kind.scale * metres(y) + kind.per_width * wide >> _METRE_BITS


def bits(values: Integers) -> Integers:
    """Return the number of binary digits of values in [0, 2**31)."""
    return np.searchsorted(1 << np.arange(31), values, side="right").astype(np.int64)


def root(values: Integers) -> Integers:
    """Return the whole part of square roots of values in [0, 2**52)."""
    # A correctly rounded root does not reach the next whole number.
    return np.sqrt(values.astype(np.float64)).astype(np.int64)


def _direction(step: Integers) -> Integers:
    length = root(step[0] * step[0] + step[1] * step[1])
    return (step << 15) // np.maximum(length, 1)


def _tangent(direction: Integers, lengths: Integers) -> Integers:
    size = root(direction[0] * direction[0] + direction[1] * direction[1])
    return direction * lengths // np.maximum(size, 1)


def _varied(wide: Integers, point: Integers, kind: LineKind) -> Integers:
    half = wide >> (_METRE_BITS + 1)
    if not kind.varies:
        return half
    key = keys(kind.key + 1, point[0] % (1 << WORLD_BITS), point[1])
    share = (key >> np.uint64(54)).astype(np.int64) - SHARE // 2
    return half + (half * (share * 2 * kind.varies // SHARE) // SHARE)


def _bend(mixed: Words) -> Integers:
    """Return shares in 1 / SHARE from -1 to 1, none of them below a third."""
    size = SHARE // 3 + ((mixed >> np.uint64(32)) % np.uint64(2 * SHARE // 3)).astype(np.int64)
    return np.where(mixed >> np.uint64(63) != 0, size, -size)


def _touches(
    pieces: Pieces, kind: LineKind, window: tuple[Integers, Integers], pixel: int
) -> NDArray[np.bool_]:
    """Say which pieces may cover pixels of a window, bool [n]."""
    # A cubic curve lies in the hull of its control points; later bends add at most a series.
    reach = np.maximum(np.abs(pieces.leaving), np.abs(pieces.arriving)) // 3
    reach += _sway(pieces.lengths, pieces.scales, kind) + 2 * pixel + 64
    reach += pieces.halves.max(axis=0, initial=0)
    low = np.minimum(pieces.start, pieces.end) - reach
    high = np.maximum(pieces.start, pieces.end) + reach
    touching: NDArray[np.bool_] = ((low <= window[1]) & (high >= window[0])).all(axis=0)
    return touching
