"""Boxes of the map as ranges of tile numbers: what lies in a box lies together on the curve."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from generator.grid.tile import MAX_ZOOM, Tile
from tileserver.regions.region import Box, Region
from tileserver.regions.tileid import first_id

END = first_id(MAX_ZOOM + 1)
"""One more than the number of the last tile of the last zoom."""


class IdRanges:
    """Some tile numbers, as rising ranges (first, last + 1) that do not touch."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        self.ranges: list[tuple[int, int]] = []
        for first, end in sorted(ranges):
            if self.ranges and first <= self.ranges[-1][1]:
                first, end = self.ranges[-1][0], max(end, self.ranges.pop()[1])
            self.ranges.append((first, end))
        self._firsts = [first for first, _ in self.ranges]

    def __contains__(self, number: int) -> bool:
        """Say whether the number lies in one of the ranges."""
        place = bisect_right(self._firsts, number)
        return place > 0 and number < self.ranges[place - 1][1]

    def __len__(self) -> int:
        """Return how many numbers there are."""
        return sum(end - first for first, end in self.ranges)


def id_ranges(bbox: Box | None = None, zooms: Iterable[int] | None = None) -> IdRanges:
    """Return the numbers of the tiles of `zooms` (None: all) that meet the box (None: the map).

    Exact; about as many ranges as the box's edge has tiles. Raises TileError for a box or a zoom
    off the map.
    """
    chosen = tuple(range(MAX_ZOOM + 1) if zooms is None else zooms)
    if bbox is None:
        zooms = [Tile(zoom, 0, 0).z for zoom in chosen]
        return IdRanges((first_id(zoom), first_id(zoom + 1)) for zoom in zooms)
    region = Region(bbox, chosen)
    return IdRanges(
        span for zoom in region.zooms for span in zip(*region.id_ranges(zoom), strict=True)
    )
