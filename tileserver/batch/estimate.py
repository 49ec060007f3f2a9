"""What a seeding would take: tiles, bytes and time, from a few blocks made in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from generator.grid.block import Block
from generator.grid.pixels import Pixels
from generator.grid.tile import BASE_ZOOM, MAX_ZOOM, STAGE_ZOOMS, Tile
from tileserver.batch.seed import CacheInventory
from tileserver.regions.hilbert import Numbers, places_of, tiles_at
from tileserver.regions.region import Ranges, Region
from tileserver.regions.tileid import first_id, tile_of
from tileserver.rendering.batch import BatchRenderer, Cost

if TYPE_CHECKING:
    from generator.cascade.renderer import Renderer
    from generator.grid.pixels import Read

SAMPLES = 16
"""Places of the region that are sampled, evenly spread along its curve, each with all above it."""

SAMPLE_SECONDS = 60.0
"""After this long no further place is begun."""

COUNTED = 200_000
"""Tiles of a zoom that are looked at one by one, some seconds; beyond, ranges are counted and
inputs' margins at the region's edge neglected."""

ROW_BYTES = 2_300
"""Bytes that the cache needs for a tile beside its PNG: its row, and the rest of its last page."""

STORE_SECONDS = 0.003
"""Seconds to store a block durably."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tiles of the region, of these stored, others that come with them; bytes and seconds to go.

    zooms: the region's tiles per zoom. made: tiles to make, the region's and others. blocks: what
    they are made in, by the zoom of their tops. size: growth of the cache in bytes. sampled: how
    many blocks were made to find out.
    """

    zooms: dict[int, int]
    stored: int
    made: int
    blocks: dict[int, int]
    size: float
    seconds: float
    sampled: int

    @property
    def wanted(self) -> int:
        """Return how many tiles the region has."""
        return sum(self.zooms.values())

    @property
    def extra(self) -> int:
        """Return how many tiles outside the region have to be made."""
        return max(0, self.made - (self.wanted - self.stored))


class Workload(NamedTuple):
    """What is left to do of a region: its stored tiles, and blocks to make by their tops' zoom."""

    stored: int
    blocks: dict[int, int]

    @property
    def tiles(self) -> int:
        """Return how many tiles are to be made, others that come with the region's included."""
        return sum(count * sum(_tiles_of(top).values()) for top, count in self.blocks.items())


def estimate(renderer: Renderer, seed: int, region: Region, workload: Workload) -> Estimate:
    """Estimate what making the rest of a region takes, from some of its blocks."""
    stored, blocks = workload
    zooms = {zoom: region.count(zoom) for zoom in region.zooms}
    if not blocks:
        return Estimate(zooms, stored, 0, {}, 0.0, 0.0, 0)
    cost, compute, sampled = _sample(renderer, seed, region, blocks)
    size = seconds = 0.0
    for top, count in blocks.items():
        seconds += count * (compute[top] + STORE_SECONDS)
        for zoom, tiles in _tiles_of(top).items():
            spent = cost[zoom]
            size += count * tiles * (spent.size / spent.tiles + ROW_BYTES)
            seconds += count * tiles * spent.encode / spent.tiles
    return Estimate(zooms, stored, workload.tiles, blocks, size, seconds, sampled)


def _tiles_of(top: int) -> dict[int, int]:
    """Return how many tiles of which zoom a block with a top of this zoom has."""
    return {top: 1, top + 1: 4} if top > BASE_ZOOM else {top: 1}


def workload_of(renderer: Renderer, region: Region, inventory: CacheInventory) -> Workload:
    """Return what is left to do of a region.

    Exact up to COUNTED tiles per zoom, as `generator.cascade.renderer.missing_blocks` finds them.
    """
    if max(map(region.count, region.zooms)) > COUNTED:
        return _counted(region, inventory)
    stored = 0
    blocks: dict[int, int] = {}
    needed: dict[int, Numbers] = {}
    # Stages from the deepest up: tops of the region's tiles and of the tiles that are read.
    for zoom in reversed(_TOPS):
        tops = [needed.pop(zoom + 1, _NONE) >> 2]
        for own, shift in ((zoom, 0), (zoom + 1, 2)):
            if own in region.zooms:
                left, there = _left(region, own, inventory)
                stored += there
                tops.append(left >> shift)
        every = np.unique(np.concatenate(tops))
        if len(every):
            blocks[zoom] = len(every)
            for own, inputs in _inputs(renderer, zoom, every).items():
                needed[own] = np.union1d(needed.get(own, _NONE), inventory.absent(own, inputs))
    # The base map: each tile is a block.
    for zoom in range(BASE_ZOOM, -1, -1):
        left = needed.pop(zoom, _NONE)
        if zoom in region.zooms:
            own_left, there = _left(region, zoom, inventory)
            stored += there
            left = np.union1d(left, own_left)
        if len(left):
            blocks[zoom] = len(left)
    return Workload(stored, dict(sorted(blocks.items())))


def _counted(region: Region, inventory: CacheInventory) -> Workload:
    """Do as `workload_of` for any number of tiles: each is made from those above it, by stages."""
    blocks = {}
    for top in (*range(BASE_ZOOM + 1), *_TOPS):
        # Of the base map only zoom 5 is read by others.
        deepest = MAX_ZOOM if top >= BASE_ZOOM else top
        below = [
            (ranges, zoom - top)
            for zoom, ranges in region.ranges.items()
            if top <= zoom <= deepest and len(ranges)
        ]
        if below:
            tops = Ranges.above(below)
            blocks[top] = len(tops) - inventory.count(top, tops)
    stored = sum(inventory.count(zoom, ranges) for zoom, ranges in region.ranges.items())
    return Workload(stored, {top: count for top, count in blocks.items() if count})


_TOPS = tuple(zoom - 1 for zoom in STAGE_ZOOMS)
"""Zooms of the tops of the stages' blocks."""

_NONE = np.zeros(0, np.int64)


def _left(region: Region, zoom: int, inventory: CacheInventory) -> tuple[Numbers, int]:
    """Return the places of a zoom's tiles that are not stored, and how many are."""
    left = inventory.absent(zoom, region.ranges[zoom].between(0, 1 << 2 * zoom))
    return left, region.count(zoom) - len(left)


def _inputs(renderer: Renderer, zoom: int, tops: Numbers) -> dict[int, Numbers]:
    """Return the places of the tiles that blocks read, rising, by zoom.

    What a block reads of a zoom is some columns times some rows, the ones by its own column, the
    others by its own row; so each column and each row is asked about once.
    """
    x, y = tiles_at(zoom, tops)
    columns, rows = np.unique(x), np.unique(y)
    across = [_sides(renderer, zoom, column, int(rows[0])) for column in columns.tolist()]
    down = [_sides(renderer, zoom, int(columns[0]), row) for row in rows.tolist()]
    found: dict[int, Numbers] = {}
    for own in across[0]:
        wide = _table([sides[own][0] for sides in across])[np.searchsorted(columns, x)]
        high = _table([sides[own][1] for sides in down])[np.searchsorted(rows, y)]
        parts = [
            np.unique(places_of(own, wide[:, i], high[:, j]))
            for i in range(wide.shape[1])
            for j in range(high.shape[1])
        ]
        found[own] = np.unique(np.concatenate(parts))
    return found


def _sides(renderer: Renderer, zoom: int, x: int, y: int) -> dict[int, tuple[list[int], list[int]]]:
    """Return the columns and the rows of what one block reads, by zoom."""
    needs = renderer.needs(Block(Tile(zoom, x, y)))
    return {
        own: (
            sorted({need.x for need in needs if need.z == own}),
            sorted({need.y for need in needs if need.z == own}),
        )
        for own in {need.z for need in needs}
    }


def _table(lists: list[list[int]]) -> Numbers:
    """Return lists as rows of one length, int64 [N, longest], their last items repeated."""
    longest = max(map(len, lists))
    return np.array([items + items[-1:] * (longest - len(items)) for items in lists], np.int64)


class _TimedRenderer:
    """A renderer that notes how long its blocks take. seconds: by the zoom of their tops."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self.fingerprint, self.needs = renderer.fingerprint, renderer.needs
        self.seconds: dict[int, list[float]] = {}

    @property
    def identity(self) -> bytes:
        """Return the renderer's own."""
        return self._renderer.identity

    def compute(self, seed: int, block: Block, read: Read) -> dict[Tile, Pixels]:
        """Compute a block, as the renderer does."""
        started = time.perf_counter()
        pixels = self._renderer.compute(seed, block, read)
        self.seconds.setdefault(block.top.z, []).append(time.perf_counter() - started)
        return pixels


def _sample(
    renderer: Renderer, seed: int, region: Region, blocks: dict[int, int]
) -> tuple[dict[int, Cost], dict[int, float], int]:
    """Make some of the region's blocks in memory, with all that they need.

    Returns the cost per zoom, the mean seconds of computing a block by the zoom of its top, and how
    many blocks were made.
    """
    timed = _TimedRenderer(renderer)
    maker = BatchRenderer(timed, seed)
    for zoom in [zoom for zoom in region.zooms if zoom <= BASE_ZOOM]:
        maker.make(_tile(region, zoom, 0.5))
    started = time.monotonic()
    for fraction in _spread(SAMPLES):
        maker.make(_tile(region, region.zooms[-1], fraction))
        if time.monotonic() - started > SAMPLE_SECONDS:
            break
    stages = [spent for zoom, spent in sorted(timed.seconds.items()) if zoom > BASE_ZOOM]
    every = [seconds for zoom in stages for seconds in zoom]
    stage = _mean(every[1:] or every)  # the first also pays for warming up
    seconds = {
        zoom: stage if zoom > BASE_ZOOM else _mean(timed.seconds.get(zoom, [0.0]))
        for zoom in blocks
    }
    return maker.cost, seconds, sum(map(len, timed.seconds.values()))


def _spread(count: int) -> Iterator[float]:
    """Yield numbers from 0 to 1, of which any first few lie evenly (van der Corput's)."""
    for number in range(1, count + 1):
        yield int(f"{number:032b}"[::-1], 2) / (1 << 32)


def _tile(region: Region, zoom: int, fraction: float) -> Tile:
    """Return the tile this far along the region's curve of a zoom."""
    ranges = region.ranges[zoom]
    index = min(int(fraction * len(ranges)), len(ranges) - 1)
    at = int(np.searchsorted(ranges.before, index, "right")) - 1
    return tile_of(first_id(zoom) + int(ranges.starts[at]) + index - int(ranges.before[at]))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
