"""A region to seed: the tiles of some zooms that meet a box, counted and walked in no memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from generator.errors import TileError
from generator.tile import MAX_ZOOM, Tile, span_in_bbox

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees; west > east crosses the dateline."""


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


class Region:
    """The tiles of `zooms` that meet the box, each once. Raises TileError for a box off the map."""

    def __init__(self, bbox: Box, zooms: Iterable[int]) -> None:
        self.bbox = bbox
        self.zooms = tuple(sorted(set(zooms)))
        self.columns: dict[int, frozenset[int]] = {}
        self.rows: dict[int, range] = {}
        for zoom in self.zooms:
            columns, self.rows[zoom] = span_in_bbox(*bbox, zoom)
            self.columns[zoom] = frozenset(columns)
        if not len(self):
            west, south, east, north = bbox
            raise TileError(
                f"the box {west:g},{south:g},{east:g},{north:g} holds no tile, "
                "expected one that reaches between 85.05 degrees south and north"
            )
        self._cover = self._ancestors()

    def __len__(self) -> int:
        """Return how many tiles the region has."""
        return sum(self.count(zoom) for zoom in self.zooms)

    def __contains__(self, tile: Tile) -> bool:
        """Say whether the tile is one of the region's."""
        return tile.z in self.columns and (
            tile.x in self.columns[tile.z] and tile.y in self.rows[tile.z]
        )

    def count(self, zoom: int) -> int:
        """Return how many tiles the region has at one zoom."""
        return len(self.columns[zoom]) * len(self.rows[zoom])

    def walk(self) -> Iterator[Tile]:
        """Yield each tile once: ancestors first, one subtree at a time, so inputs stay warm."""
        pending = [Tile(0, 0, 0)]
        deepest = self.zooms[-1]
        while pending:
            tile = pending.pop()
            columns, first, last = self._cover[tile.z]
            if tile.x not in columns or not first <= tile.y <= last:
                continue
            if tile in self:
                yield tile
            if tile.z < deepest:
                pending += reversed(tile.children())

    def _ancestors(self) -> dict[int, tuple[set[int], int, int]]:
        """Return per zoom the columns, first and last row that hold the region or lead to it."""
        cover: dict[int, tuple[set[int], int, int]] = {}
        for zoom in range(self.zooms[-1], -1, -1):
            below, first, last = cover.get(zoom + 1, (set(), 2 << zoom, -1))
            columns, first, last = {x >> 1 for x in below}, first >> 1, last >> 1
            if zoom in self.columns:
                columns |= self.columns[zoom]
                first = min(first, self.rows[zoom].start)
                last = max(last, self.rows[zoom].stop - 1)
            cover[zoom] = (columns, first, last)
        return cover
