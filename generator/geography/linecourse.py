"""The course of lines between their points: cubic curves whose middles move by keyed shares.

A piece is a cubic Hermite curve. Its middle point moves across it by a share of its length that a
key decides, and splits it into two pieces, which are split in turn. So the course at a coarse zoom
is that at a fine one, less deep (midpoint displacement: Fournier, Fussell and Carpenter, 1982).

Pieces are a table int64 [ROWS, n]. Positions and lengths are units of 2**-30 of the world's width.
All are whole numbers.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from generator.geography.linefile import WORLD_BITS, Chains
from generator.geography.linekinds import SHARE, LineKind
from generator.geography.relief import Relief
from generator.grid.hashing import keys

Integers = NDArray[np.int64]

START, LEAVING, END, ARRIVING = (slice(k, k + 2) for k in (0, 2, 4, 6))
"""Rows of a piece's first point and the tangent there, its last point and the tangent there."""

HALVES = slice(8, 10)
"""Rows of half the width at the start and at the end."""

LENGTH, SCALE, RANK, KEY, DEPTH = 10, 11, 12, 13, 14
"""Rows of the nominal length, the length below which bends fade, the rank, the key (as int64) and
how often the piece is still to be split."""

RANKS = slice(15, 17)
"""Rows of the ranks whose least widths count at the start and at the end."""

ROWS = 17

_NO_RANK = 64
_METRE_BITS = 8
_ROW_BITS = 10
_SIBLING = 0x5555555555555555


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


def pieces_of(chains: Chains, kind: LineKind, relief: Relief | None = None) -> Integers:
    """Return the segments of a group of cells as pieces, DEPTH 0: int64 [ROWS, m].

    relief: where it is high lines are narrower, None for a plain.
    """
    places = (chains.before, chains.firsts, chains.firsts + 1, chains.after)
    before, start, end, after = (chains.points[place].T for place in places)
    chord = end - start
    lengths = root(chord[0] * chord[0] + chord[1] * chord[1])
    # A curve leaves a point in the mean direction of the segments on its two sides.
    straight = _direction(chord)
    leaving = _tangent(straight + _direction(start - before), lengths)
    arriving = _tangent(straight + _direction(after - end), lengths)
    # Widths vary from point to point, alike for all segments that meet there.
    widths, scale = np.array(kind.widths, np.int64), metres(start[1])
    part = _narrowed(chains.points, kind, relief)
    parts, ranks = (part[chains.firsts], part[chains.firsts + 1]), _ranks_at_ends(chains)
    wide = widths[chains.ranks] * scale * (parts[0] + parts[1]) // (2 * SHARE)
    ends = zip((start, end), ranks, parts, strict=True)
    halves = np.stack(
        [_varied(widths[rank] * scale, point, kind) * part // SHARE for point, rank, part in ends]
    )
    # Both directions of a segment have one key and one course.
    turned = (end[0] < start[0]) | ((end[0] == start[0]) & (end[1] < start[1]))
    pieces = np.zeros((ROWS, len(lengths)), np.int64)
    pieces[START], pieces[END] = np.where(turned, (end, start), (start, end))
    pieces[LEAVING] = np.where(turned, -arriving, leaving)
    pieces[ARRIVING] = np.where(turned, -leaving, arriving)
    pieces[HALVES] = np.where(turned, halves[::-1], halves)
    pieces[RANKS] = np.where(turned, ranks[::-1], ranks)
    pieces[LENGTH] = lengths
    pieces[SCALE] = kind.scale * metres(start[1]) + kind.per_width * wide >> _METRE_BITS
    pieces[RANK] = chains.ranks
    x0, x1 = (pieces[place][0] % (1 << WORLD_BITS) for place in (START, END))
    key = keys(kind.key, x0, pieces[START][1], x1, pieces[END][1])
    pieces[KEY] = key.view(np.int64)
    return pieces


def _ranks_at_ends(chains: Chains) -> Integers:
    """Return the ranks whose widths segments have at their start and end, int64 [2, m].

    Where lines end at one point the second of them by rank is there as wide as the first, so that
    a river goes over from one width into the other.
    """
    ranks = np.stack([chains.ranks, chains.ranks]).astype(np.int64)
    side, place = np.nonzero(
        np.stack([chains.before == chains.firsts, chains.after == chains.firsts + 1])
    )
    if not place.size:
        return ranks
    # Points by number, and the two best ranks at each.
    x, y = chains.points[chains.firsts[place] + side].T
    _, at = np.unique((x % (1 << WORLD_BITS) << WORLD_BITS) + y, return_inverse=True)
    own = ranks[side, place]
    first = np.full(int(at.max()) + 1, _NO_RANK)
    np.minimum.at(first, at, own)
    second = np.full_like(first, _NO_RANK)
    lower = own > first[at]
    np.minimum.at(second, at[lower], own[lower])
    ranks[side, place] = np.where(own == second[at], first[at], own)
    return ranks


def boxes_of(pieces: Integers, kind: LineKind) -> tuple[Integers, Integers]:
    """Return the lowest and highest corners, int64 [2, n] each, that pieces may reach."""
    # A cubic curve lies in the hull of its control points; later bends add at most a series.
    reach = np.abs(pieces[LEAVING])
    np.maximum(reach, np.abs(pieces[ARRIVING]), out=reach)
    reach //= 3
    reach += _sway(pieces[LENGTH], pieces[SCALE], kind) + 64
    reach += np.maximum(pieces[8], pieces[9])
    start, end = pieces[START], pieces[END]
    return np.minimum(start, end) - reach, np.maximum(start, end) + reach


def prepared(pieces: Integers, kind: LineKind, pixel: int) -> Integers:
    """Set least widths and depths for a zoom with `pixel` units in a pixel, in place."""
    least = np.array(kind.least, np.int64) * pixel >> 9
    halves = pieces[HALVES]
    np.maximum(halves, least[pieces[RANKS]], out=halves)
    # Curves of wide lines are smooth over a quarter of their width.
    wide = np.maximum(halves[0], halves[1])
    step = np.maximum(np.maximum(5 * pixel >> 1, wide >> 1), np.minimum(wide, 12 * pixel))
    pieces[DEPTH] = bits(pieces[LENGTH] // step)
    return pieces


def refined(
    pieces: Integers, kind: LineKind, window: tuple[Integers, Integers], pixel: int
) -> Integers:
    """Split pieces to their depths; leave out those that cannot touch a window, or most of them.

    window: its lowest and highest corner, int64 [2, 1] of units each.
    """
    low, high = window[0] - 2 * pixel, window[1] + 2 * pixel
    done, level = [], 0
    while pieces.size:
        # Looking which pieces touch the window pays at every second level.
        level += 1
        if level % 2 == 0:
            least, most = boxes_of(pieces, kind)
            touching = ((least <= high) & (most >= low)).all(axis=0)
            pieces = np.take(pieces, np.flatnonzero(touching), axis=1)
        deep = pieces[DEPTH] > 0
        if not deep.all():
            done.append(np.take(pieces, np.flatnonzero(~deep), axis=1))
            pieces = np.take(pieces, np.flatnonzero(deep), axis=1)
        pieces = split(pieces, kind)
    return np.concatenate(done, axis=1) if done else pieces


def split(pieces: Integers, kind: LineKind) -> Integers:
    """Split each piece at its moved middle: int64 [ROWS, n] to [ROWS, 2 n]."""
    count = pieces.shape[1]
    halves = np.concatenate((pieces, pieces), axis=1)
    if not count:
        return halves
    start, leaving, end, arriving = (pieces[row] for row in (START, LEAVING, END, ARRIVING))
    chord = end - start
    # Middle of the cubic curve and its tangent there, of half the length.
    middle = (start + end >> 1) + (leaving - arriving >> 3)
    through = (3 * chord >> 2) - (leaving + arriving >> 3)
    # The middle moves across the chord.
    mixed = keys(pieces[KEY].view(np.uint64)).view(np.int64)
    most = limits(pieces[LENGTH], pieces[SCALE], kind)
    moves = chord[::-1] * (_bend(mixed) * most // np.maximum(pieces[LENGTH], 1))
    np.negative(moves[0], out=moves[0])
    moves >>= 10
    middle += np.minimum(np.maximum(moves, -most), most)
    first, second = halves[:, :count], halves[:, count:]
    first[END] = second[START] = middle
    first[ARRIVING] = second[LEAVING] = through
    first[LEAVING] >>= 1
    second[ARRIVING] >>= 1
    first[9] = second[8] = pieces[8] + pieces[9] >> 1
    first[KEY] = mixed
    second[KEY] = mixed ^ _SIBLING
    halves[LENGTH] >>= 1
    halves[DEPTH] -= 1
    return halves


def limits(lengths: Integers, scales: Integers, kind: LineKind) -> Integers:
    """Return how far middles move at most: a share of the length, less of what is short or long."""
    faded = (np.minimum(lengths, scales) << 10) // np.maximum(scales, 1)
    long = np.minimum(lengths, kind.swing * scales)
    long *= kind.bend
    long >>= 10
    long *= faded * faded
    long >>= 20
    return long


def bits(values: Integers) -> Integers:
    """Return the number of binary digits of values in [0, 2**31)."""
    found: Integers = np.searchsorted(_POWERS, values, side="right")
    return found


_POWERS = 1 << np.arange(31)


def root(values: Integers) -> Integers:
    """Return the whole part of square roots of values in [0, 2**52)."""
    # A correctly rounded root does not reach the next whole number.
    return np.sqrt(values.astype(np.float64)).astype(np.int64)


def _sway(lengths: Integers, scales: Integers, kind: LineKind) -> Integers:
    """Return how far a piece's middle and all middles inside its parts move at most, together."""
    # Long pieces move alike until their parts are short enough; then each part moves half as far.
    alike = bits(lengths // np.maximum(kind.swing * scales, 1))
    alike += 2
    alike *= limits(lengths, scales, kind)
    return alike


def _direction(step: Integers) -> Integers:
    length = root(step[0] * step[0] + step[1] * step[1])
    return (step << 15) // np.maximum(length, 1)


def _tangent(direction: Integers, lengths: Integers) -> Integers:
    size = root(direction[0] * direction[0] + direction[1] * direction[1])
    return direction * lengths // np.maximum(size, 1)


def _varied(wide: Integers, point: Integers, kind: LineKind) -> Integers:
    """Return half the widths, varied by a key of the point."""
    half = wide >> (_METRE_BITS + 1)
    if not kind.varies:
        return half
    key = keys(kind.key + 1, point[0] % (1 << WORLD_BITS), point[1])
    share = (key >> np.uint64(54)).astype(np.int64) - SHARE // 2
    return half + (half * (share * 2 * kind.varies // SHARE) // SHARE)


def _narrowed(points: Integers, kind: LineKind, relief: Relief | None) -> Integers:
    """Return which part of its width a line has at points [n, 2], in 1 / SHARE: int64 [n]."""
    if relief is None or not kind.narrows:
        return np.full(len(points), SHARE)
    x, y = points.T
    high = relief.degrees(y.clip(0, (1 << WORLD_BITS) - 1), x % (1 << WORLD_BITS))
    return SHARE - kind.narrows * high.astype(np.int64) // 255


def _bend(mixed: Integers) -> Integers:
    """Return shares in 1 / SHARE from -1 to 1, none of them below a third."""
    size = SHARE // 3 + ((mixed >> 32 & 0xFFFF) * (2 * SHARE // 3) >> 16)
    return np.where(mixed < 0, size, -size)
