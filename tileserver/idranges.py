"""Boxes of the map as ranges of tile numbers: what lies in a box lies together on the curve."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from generator.tile import MAX_ZOOM, Tile, span_in_bbox
from tileserver.tileid import tile_id

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees; west > east crosses the dateline."""

END = ((1 << 2 * MAX_ZOOM + 2) - 1) // 3
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
    chosen = sorted(set(range(MAX_ZOOM + 1) if zooms is None else zooms))
    found: list[tuple[int, int]] = []
    for zoom in chosen:
        if bbox is None:
            first = tile_id(Tile(zoom, 0, 0))
            found.append((first, first + (1 << 2 * zoom)))
            continue
        columns, rows = span_in_bbox(*bbox, zoom)
        if rows:
            for run in _runs(columns):
                _descend(Tile(0, 0, 0), zoom, run, rows, found)
    return IdRanges(found)


def _runs(columns: Sequence[int]) -> list[range]:
    """Return the columns as unbroken ranges: two where the box crosses the dateline."""
    if isinstance(columns, range):
        return [columns]
    runs: list[range] = []
    for column in columns:
        if runs and runs[-1].stop == column:
            runs[-1] = range(runs[-1].start, column + 1)
        else:
            runs.append(range(column, column + 1))
    return runs


def _descend(
    top: Tile, zoom: int, columns: range, rows: range, found: list[tuple[int, int]]
) -> None:
    """Add the ranges of the tiles of `zoom` below `top` that lie in the columns and rows."""
    levels = zoom - top.z
    west, north = top.x << levels, top.y << levels
    east, south = west + (1 << levels), north + (1 << levels)
    if west >= columns.stop or east <= columns.start or north >= rows.stop or south <= rows.start:
        return
    inside_x = west >= columns.start and east <= columns.stop
    if inside_x and north >= rows.start and south <= rows.stop:
        first_of = tile_id(Tile(zoom, 0, 0))
        place = tile_id(top) - tile_id(Tile(top.z, 0, 0))
        first = first_of + (place << 2 * levels)
        found.append((first, first + (1 << 2 * levels)))
        return
    for child in top.children():
        _descend(child, zoom, columns, rows, found)
