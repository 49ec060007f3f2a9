"""Files of lines: polylines in cells of zoom 7, as differences of whole numbers, compressed.

Behind header and SHA-256 (`generator.geography.layerfile`) a file is `_HEADER`, a table of cells
and one of groups, and the groups. A group holds neighbouring cells and is raw LZMA2.

A segment belongs to the cell that its first point lies in. A chain is a run of segments of one
polyline in one cell, with the polyline's points before and after it, which its bends depend on.
"""

from __future__ import annotations

import lzma
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.geography.layerfile import LayerFile, to_layer

WORLD_BITS = 30
"""The world's width is 2**30 units: 3.7 cm at the equator."""

CELL_ZOOM = 7
CELL_BITS = WORLD_BITS - CELL_ZOOM
LONGEST = 1 << 19
"""Longer segments are split, so that few cells have to be looked at for a window: 20 km."""

Integers = NDArray[np.int64]

_HEADER = struct.Struct("<BII")
_GROUP_POINTS = 3000
_FILTERS = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20, "lc": 0, "lp": 0, "pb": 0}]
_BEFORE, _AFTER, _RANK_SHIFT = 1, 2, 2


@dataclass(frozen=True, slots=True)
class Polylines:
    """Lines of points in units of 2**-30 of the world's width, x eastwards, y southwards.

    points: int64 [n, 2]; x may pass the dateline in either direction. offsets: int64 [m + 1], where
    each line begins, and n. ranks: uint8 [m].
    """

    points: Integers
    offsets: Integers
    ranks: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Chains:
    """The lines of a group of cells: points int64 [n, 2] of units, and their segments.

    firsts: int64 [m], each segment's first point. before, after: int64 [m], the points before it
    and behind it, themselves an end of the segment where the line ends. ranks: uint8 [m]. bounds:
    int64 [cells + 1], each cell's first segment, and m.
    """

    points: Integers
    before: Integers
    firsts: Integers
    after: Integers
    ranks: NDArray[np.uint8]
    bounds: Integers


@dataclass(frozen=True, slots=True)
class LineFile:
    """An opened file: where the groups and cells are."""

    data: bytes
    shift: int
    groups: Integers
    """[groups + 1], where each begins in data."""

    cells: dict[int, tuple[int, int]]
    """Index y * 2**CELL_ZOOM + x of a cell to (group, place in it)."""

    def group(self, number: int) -> Chains:
        """Decode a group of cells."""
        begin, end = self.groups[number : number + 2].tolist()
        raw = lzma.decompress(self.data[begin:end], lzma.FORMAT_RAW, filters=_FILTERS)
        inside = [cell for cell, (group, _) in self.cells.items() if group == number]
        return _decode(np.frombuffer(raw, np.uint8), inside, self.shift)


def encode(lines: Polylines, kind: str, shift: int) -> bytes:
    """Return the bytes of a file; coordinates are rounded to multiples of 2**shift units."""
    chains = _chains(lines, shift)
    # Neighbouring cells share a group until it has enough points.
    cells: dict[int, list[_Chain]] = {}
    for chain in sorted(chains, key=lambda chain: (_morton(chain.cell), chain.order)):
        cells.setdefault(chain.cell, []).append(chain)
    groups: list[list[int]] = []
    points = _GROUP_POINTS
    for cell, inside in cells.items():
        if points >= _GROUP_POINTS:
            groups.append([])
            points = 0
        groups[-1].append(cell)
        points += sum(len(chain.points) for chain in inside)
    packed = [
        lzma.compress(_encode([cells[cell] for cell in group]), lzma.FORMAT_RAW, filters=_FILTERS)
        for group in groups
    ]
    rest = b"".join(
        (
            _HEADER.pack(shift, len(cells), len(groups)),
            np.array(list(cells), "<u2").tobytes(),
            np.array([len(group) for group in groups], "<u2").tobytes(),
            np.array([len(group) for group in packed], "<u4").tobytes(),
            *packed,
        )
    )
    return to_layer(kind, rest, sealed=True)


def parse(file: LayerFile, kind: str) -> LineFile:
    """Check a file and read its tables. Raises GeographyError for another kind or a damaged one."""
    rest, _ = file.sealed(kind)
    with file.damage():
        shift, cells, groups = _HEADER.unpack_from(rest)
        at = _HEADER.size
        ids = np.frombuffer(rest, "<u2", cells, at).tolist()
        counts = np.frombuffer(rest, "<u2", groups, at + 2 * cells)
        sizes = np.frombuffer(rest, "<u4", groups, at + 2 * cells + 2 * groups).astype(np.int64)
        begin = at + 2 * cells + 6 * groups
        places = [(group, place) for group, n in enumerate(counts) for place in range(n)]
        starts = begin + np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
        return LineFile(rest, shift, starts, dict(zip(ids, places, strict=True)))


@dataclass(frozen=True, slots=True)
class _Chain:
    """A run of segments in one cell; points in multiples of 2**shift, relative to the cell."""

    cell: int
    order: int
    points: Integers
    flags: int


def _chains(lines: Polylines, shift: int) -> list[_Chain]:
    found = []
    for line, rank in enumerate(lines.ranks.tolist()):
        points = lines.points[lines.offsets[line] : lines.offsets[line + 1]]
        points = _divided((points + (1 << shift >> 1)) >> shift, LONGEST >> shift)
        if len(points) < 2:
            continue
        # A chain ends where the next segment's first point lies in another cell.
        cells = points[:-1] >> (CELL_BITS - shift)
        cuts = np.flatnonzero((np.diff(cells, axis=0) != 0).any(axis=1)) + 1
        for begin, end in zip([0, *cuts.tolist()], [*cuts.tolist(), len(cells)], strict=True):
            before, after = begin > 0, end + 1 < len(points)
            x, y = cells[begin].tolist()
            y = min(max(y, 0), (1 << CELL_ZOOM) - 1)
            origin = np.array([x, y]) << (CELL_BITS - shift)
            run = points[begin - before : end + 1 + after] - origin
            flags = rank << _RANK_SHIFT | before * _BEFORE | after * _AFTER
            cell = (y << CELL_ZOOM) + x % (1 << CELL_ZOOM)
            coarse = (np.clip(run[0], 0, None) >> max(0, CELL_BITS - shift - 7)).tolist()
            found.append(_Chain(cell, _interleaved(*coarse), run, flags))
    return found


def _divided(points: Integers, longest: int) -> Integers:
    """Leave out points equal to the one before, and split segments longer than `longest`."""
    steps = np.diff(points, axis=0)
    points = points[np.concatenate(([True], (steps != 0).any(axis=1)))]
    steps = np.diff(points, axis=0)
    parts = 1 + np.abs(steps).max(axis=1, initial=0) // longest
    if parts.max(initial=1) == 1:
        return points
    split = [
        start + step * np.arange(n)[:, None] // n
        for start, step, n in zip(points[:-1], steps, parts.tolist(), strict=True)
    ]
    return np.concatenate((*split, points[-1:]))


def _interleaved(x: int, y: int) -> int:
    """Return a place on the Morton curve."""
    return sum((x >> bit & 1) << 2 * bit | (y >> bit & 1) << 2 * bit + 1 for bit in range(12))


def _morton(cell: int) -> int:
    return _interleaved(cell % (1 << CELL_ZOOM), cell >> CELL_ZOOM)


def _encode(cells: Sequence[Sequence[_Chain]]) -> bytes:
    """Return the bytes of a group: counts, then starts and steps in planes of bytes."""
    chains = [chain for cell in cells for chain in cell]
    starts = np.array([chain.points[0] for chain in chains])
    # A cell's first chain begins relative to the cell, others relative to the one before.
    fresh = np.cumsum([0, *(len(cell) for cell in cells)])[:-1]
    moves = np.diff(starts, axis=0, prepend=np.zeros((1, 2), np.int64))
    moves[fresh] = starts[fresh]
    steps = np.concatenate([np.diff(chain.points, axis=0) for chain in chains])
    return b"".join(
        (
            _planes(np.array([len(cells), *(len(cell) for cell in cells)])),
            bytes(chain.flags for chain in chains),
            _planes(np.array([len(chain.points) for chain in chains])),
            _planes(_zigzag(moves)),
            _planes(_zigzag(steps)),
        )
    )


def _decode(raw: NDArray[np.uint8], cells: Sequence[int], shift: int) -> Chains:
    counts, at = _read(raw, 0, 1 + len(cells))
    counts = counts[1:]
    total = int(counts.sum())
    flags = raw[at : at + total]
    lengths, at = _read(raw, at + total, total)
    moves, at = _read(raw, at, 2 * total)
    steps, at = _read(raw, at, 2 * int((lengths - 1).sum()))
    # Points are sums of steps, started anew in each chain.
    heads = np.cumsum(lengths) - lengths
    points = np.zeros((int(lengths.sum()), 2), np.int64)
    inner = np.ones(len(points), bool)
    inner[heads] = False
    points[inner] = _signed(steps).reshape(-1, 2)
    edges = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    starts = _restarted(_signed(moves).reshape(-1, 2), edges[:-1])
    index = np.repeat(np.array(cells), counts)
    origin = np.stack((index % (1 << CELL_ZOOM), index >> CELL_ZOOM), axis=1)
    points[heads] = starts + (origin << (CELL_BITS - shift))
    return _segments(_restarted(points, heads) << shift, lengths, flags, edges)


def _segments(
    points: Integers, lengths: Integers, flags: NDArray[np.uint8], edges: Integers
) -> Chains:
    """Find the segments of chains; edges: each cell's first chain, and the number of chains."""
    heads = np.cumsum(lengths) - lengths
    before, after = (flags & _BEFORE).astype(np.int64), (flags & _AFTER).astype(np.int64) >> 1
    # All steps of a chain but those to the points before and after are segments.
    counts = lengths - 1 - before - after
    sums = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    chain = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(chain)) - sums[chain]
    firsts = (heads + before)[chain] + place
    at_head = (place == 0) & (before[chain] == 0)
    at_tail = (place == counts[chain] - 1) & (after[chain] == 0)
    ranks: NDArray[np.uint8] = (flags >> np.uint8(_RANK_SHIFT))[chain]
    return Chains(points, firsts - ~at_head, firsts, firsts + 1 + ~at_tail, ranks, sums[edges])


def _restarted(steps: Integers, heads: Integers) -> Integers:
    """Sum steps [n, 2] along the first axis, anew from each of `heads`, where values are kept."""
    sums = np.cumsum(steps, axis=0)
    offset = sums[heads] - steps[heads]
    lengths = np.diff(heads, append=len(steps))
    result: Integers = sums - np.repeat(offset, lengths, axis=0)
    return result


def _zigzag(values: Integers) -> Integers:
    return (values << 1) ^ (values >> 63)


def _signed(values: Integers) -> Integers:
    return (values >> 1) ^ -(values & 1)


def _planes(values: Integers) -> bytes:
    """Return the lowest bytes of values in [0, 2**24), then the middle ones, then the highest."""
    flat = values.reshape(-1)
    assert flat.size == 0 or 0 <= flat.min() <= flat.max() < 1 << 24
    return b"".join((flat >> 8 * k & 255).astype(np.uint8).tobytes() for k in range(3))


def _read(raw: NDArray[np.uint8], at: int, count: int) -> tuple[Integers, int]:
    """Return `count` values that `_planes` wrote at a place, and the place behind them."""
    planes = raw[at : at + 3 * count].reshape(3, count).astype(np.int64)
    return planes[0] | planes[1] << 8 | planes[2] << 16, at + 3 * count
