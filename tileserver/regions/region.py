"""A region of the map: its tiles at some zooms, as ranges on each zoom's Hilbert curve.

Ranges make a region small in memory (they follow its outline), let it be counted at once, walked
one subtree at a time, and compared with what the cache holds in one ordered scan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from generator.grid.errors import TileError
from generator.grid.tile import MAX_ZOOM, Tile, span_in_bbox
from tileserver.regions.hilbert import Numbers, tiles_at
from tileserver.regions.tileid import first_id, tile_id

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees; west > east crosses the dateline."""

PART_TILES = 1 << 14
"""Most tiles of one part of a region (more only where a single tile could not be split)."""

OUTSIDE, ACROSS, INSIDE = 0, 1, 2

Kinds = NDArray[np.int8]


class Shape(Protocol):
    """What a region is cut from. bbox: the box round it. name: what messages call it."""

    bbox: Box
    name: str

    def relate(self, zoom: int, cells: int, x: Numbers, y: Numbers) -> Kinds:
        """Return OUTSIDE, ACROSS or INSIDE for cells of 2**cells x 2**cells tiles of a zoom."""


def parse_bbox(text: str) -> Box:
    """Read 'W,S,E,N' in degrees. Raises ValueError with a sentence that says what is expected."""
    expected = "expected four numbers W,S,E,N in degrees, such as 5.9,45.8,10.5,47.8"
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"the box is {text!r}, {expected}") from None
    return west, south, east, north


def parse_zooms(text: str) -> tuple[int, ...]:
    """Read '0-13', '7' or '0-5,9,11' as sorted zooms. Raises ValueError with a sentence."""
    zooms: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        ends = (first, last if dash else first)
        if not all(end.isascii() and end.isdigit() and len(end) < 4 for end in ends):
            raise ValueError(f"the zooms are {text!r}, expected for example 0-13, 7 or 0-5,9,11")
        low, high = int(ends[0]), int(ends[1])
        if low > high or high > MAX_ZOOM:
            raise ValueError(f"the zooms are {text!r}, expected rising numbers 0 to {MAX_ZOOM}")
        zooms.update(range(low, high + 1))
    return tuple(sorted(zooms))


class BoxShape:
    """A box in degrees, cut exactly as `generator.grid.tile.tiles_in_bbox` cuts it.

    Raises TileError for a box off the map.
    """

    def __init__(self, bbox: Box) -> None:
        self.bbox = bbox
        self.name = "the box " + ",".join(f"{edge:g}" for edge in bbox)

    def relate(self, zoom: int, cells: int, x: Numbers, y: Numbers) -> Kinds:
        """Return how cells of a zoom lie to the box."""
        columns, rows = span_in_bbox(*self.bbox, zoom)
        left, right = x << cells, ((x + 1) << cells) - 1
        top, bottom = y << cells, ((y + 1) << cells) - 1
        meets, within = np.zeros(x.shape, bool), np.zeros(x.shape, bool)
        for first, last in _runs(columns):
            meets |= (left <= last) & (right >= first)
            within |= (left >= first) & (right <= last)
        meets &= (top < rows.stop) & (bottom >= rows.start)
        within &= (top >= rows.start) & (bottom < rows.stop)
        return (meets.astype(np.int8) + (meets & within)).astype(np.int8)


@dataclass(frozen=True, slots=True)
class Ranges:
    """Disjoint rising ranges [starts, stops) of places; before: tiles in front of each range."""

    starts: Numbers
    stops: Numbers
    before: Numbers

    @classmethod
    def joined(cls, starts: Numbers, stops: Numbers) -> Ranges:
        """Return rising ranges with those that touch made one."""
        heads = np.append(True, starts[1:] != stops[:-1])[: len(starts)]
        tails = np.append(heads[1:], True)[: len(starts)]
        starts, stops = starts[heads], stops[tails]
        return cls(starts, stops, np.append(0, np.cumsum(stops - starts)).astype(np.int64))

    @classmethod
    def above(cls, ranges: Iterable[tuple[Ranges, int]]) -> Ranges:
        """Return the places some levels above any of those in ranges: (ranges, levels) each."""
        every = [
            (part.starts >> 2 * levels, (part.stops - 1 >> 2 * levels) + 1)
            for part, levels in ranges
        ]
        starts, stops = (np.concatenate(ends) for ends in zip(*every, strict=True))
        order = np.argsort(starts)
        starts, stops = starts[order], stops[order]
        # What an earlier range has is taken from the later ones; some have nothing left.
        starts[1:] = np.maximum(starts[1:], np.maximum.accumulate(stops)[:-1])
        left = starts < stops
        return cls.joined(starts[left], stops[left])

    def __len__(self) -> int:
        """Return how many places there are."""
        return int(self.before[-1])

    def ids(self, zoom: int) -> tuple[list[int], list[int]]:
        """Return the starts and the stops of ranges of a zoom as numbers of `tile_id`."""
        base = first_id(zoom)
        return (self.starts + base).tolist(), (self.stops + base).tolist()

    def below(self, place: int) -> int:
        """Return how many places are smaller than `place`."""
        index = int(np.searchsorted(self.starts, place, "right")) - 1
        if index < 0:
            return 0
        return int(self.before[index] + min(place, int(self.stops[index])) - self.starts[index])

    def between(self, first: int, stop: int) -> Numbers:
        """Return the places from `first` to before `stop`, rising, int64 [N]."""
        low = int(np.searchsorted(self.stops, first, "right"))
        high = int(np.searchsorted(self.starts, stop, "left"))
        starts = np.maximum(self.starts[low:high], first)
        sizes = np.minimum(self.stops[low:high], stop) - starts
        shift = np.repeat(starts - np.append(0, np.cumsum(sizes))[:-1], sizes)
        places: Numbers = np.arange(len(shift), dtype=np.int64) + shift
        return places


@dataclass(frozen=True, slots=True)
class Part:
    """Some tiles of a region that lie together: places [first, stop) of its ranges at each zoom."""

    spans: tuple[tuple[int, int, int], ...]
    """(zoom, first, stop), zooms rising."""


class Region:
    """The tiles of `zooms` that meet a box or another shape, each once.

    Raises TileError for a shape off the map.
    """

    def __init__(self, shape: Box | Shape, zooms: Iterable[int]) -> None:
        self.shape: Shape = BoxShape(shape) if isinstance(shape, tuple) else shape
        self.bbox = self.shape.bbox
        self.zooms = tuple(sorted(set(zooms)))
        self.ranges = {zoom: _ranges(self.shape, zoom) for zoom in self.zooms}
        if not len(self):
            raise TileError(
                f"{self.shape.name} holds no tile, "
                "expected one that reaches between 85.05 degrees south and north"
            )

    def __len__(self) -> int:
        """Return how many tiles the region has."""
        return sum(map(len, self.ranges.values()))

    def __contains__(self, tile: Tile) -> bool:
        """Say whether the tile is one of the region's."""
        if tile.z not in self.ranges:
            return False
        place = tile_id(tile) - first_id(tile.z)
        ranges = self.ranges[tile.z]
        return ranges.below(place + 1) > ranges.below(place)

    def count(self, zoom: int) -> int:
        """Return how many tiles the region has at one of its zooms."""
        return len(self.ranges[zoom])

    def parts(self, limit: int = PART_TILES) -> Iterator[Part]:
        """Cut the region into parts of at most `limit` tiles: ancestors first, then by subtree."""
        pending = [(0, 0)]
        while pending:
            zoom, place = pending.pop()
            spans, total = self._spans(zoom, place)
            if not total:
                continue
            if total <= limit or zoom == self.zooms[-1]:
                yield Part(spans)
                continue
            if spans[0][0] == zoom:
                yield Part(spans[:1])
            pending += [(zoom + 1, 4 * place + child) for child in (3, 2, 1, 0)]

    def places(self, part: Part) -> Iterator[tuple[int, Numbers]]:
        """Yield the zooms of a part, each with its places, rising, int64 [N]."""
        for zoom, first, stop in part.spans:
            yield zoom, self.ranges[zoom].between(first, stop)

    def walk(self) -> Iterator[Tile]:
        """Yield each tile once: ancestors first, one subtree at a time, so inputs stay warm."""
        for part in self.parts():
            yield from in_order(dict(self.places(part)))

    def ids(self, zoom: int) -> Iterator[int]:
        """Yield the numbers of a zoom's tiles, as `tile_id` gives them, rising."""
        for start, stop in zip(*self.id_ranges(zoom), strict=True):
            yield from range(start, stop)

    def id_ranges(self, zoom: int) -> tuple[list[int], list[int]]:
        """Return the starts and the stops of a zoom's ranges as numbers of `tile_id`."""
        return self.ranges[zoom].ids(zoom)

    def _spans(self, zoom: int, place: int) -> tuple[tuple[tuple[int, int, int], ...], int]:
        """Return the spans of the subtree under one tile that hold any, and their tiles."""
        spans, total = [], 0
        for deeper in self.zooms:
            if deeper >= zoom:
                first, stop = place << 2 * (deeper - zoom), (place + 1) << 2 * (deeper - zoom)
                tiles = self.ranges[deeper].below(stop) - self.ranges[deeper].below(first)
                if tiles:
                    spans.append((deeper, first, stop))
                    total += tiles
        return tuple(spans), total


def in_order(places: dict[int, Numbers]) -> Iterator[Tile]:
    """Yield the tiles at places of several zooms: each after its ancestors, by subtree."""
    if not places:
        return
    tiles = [(np.full(len(at), zoom), *tiles_at(zoom, at)) for zoom, at in places.items()]
    corners = np.concatenate([at << 2 * (MAX_ZOOM - zoom) for zoom, at in places.items()])
    z, x, y = (np.concatenate(parts) for parts in zip(*tiles, strict=True))
    order = np.lexsort((z, corners))
    yield from map(Tile, z[order].tolist(), x[order].tolist(), y[order].tolist())


def _ranges(shape: Shape, zoom: int) -> Ranges:
    """Find a shape's tiles of a zoom, splitting only the cells that its outline crosses."""
    crossed = np.zeros(1, np.int64)
    found: list[tuple[Numbers, Numbers]] = []
    for level in range(zoom + 1):
        kinds = shape.relate(zoom, zoom - level, *tiles_at(level, crossed))
        taken = crossed[kinds >= (ACROSS if level == zoom else INSIDE)]
        found.append((taken << 2 * (zoom - level), (taken + 1) << 2 * (zoom - level)))
        crossed = (4 * crossed[kinds == ACROSS][:, None] + np.arange(4)).ravel()
    starts, stops = (np.concatenate(ends) for ends in zip(*found, strict=True))
    order = np.argsort(starts)
    return Ranges.joined(starts[order], stops[order])


def _runs(columns: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last of each run of columns, which rise but for one jump."""
    if isinstance(columns, range):
        if columns:
            yield columns.start, columns.stop - 1
        return
    jump = next(i for i in range(1, len(columns)) if columns[i] != columns[i - 1] + 1)
    yield columns[0], columns[jump - 1]
    yield columns[jump], columns[-1]
