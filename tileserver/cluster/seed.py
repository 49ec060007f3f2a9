"""Making a region by a cluster: workers make groups, one sink takes them, a second run goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol

from tileserver.batch.progress import Report, silent
from tileserver.batch.seed import Tally, absent
from tileserver.cache.tilecache import TileCache
from tileserver.cluster.group import TileGroup, group_limit, groups
from tileserver.cluster.raycluster import Workers
from tileserver.cluster.worker import GroupResult, GroupTask
from tileserver.errors import ClusterError
from tileserver.regions.region import Region

STORED = 64
"""Tiles of a transaction."""

HOPELESS = 10
"""Groups without a result in a row after which the cluster is given up."""


class GroupSink(Protocol):
    """Where groups go. limit: of their tiles, None where it is free."""

    limit: int | None

    def left(self, group: TileGroup) -> TileGroup | None:
        """Return what of a group is not there yet."""

    def take(self, number: int, result: GroupResult) -> None:
        """Keep what a worker sent of a group."""


class CacheSink:
    """Stores tiles in a cache, whose index says what is there."""

    limit: int | None = None

    def __init__(self, cache: TileCache, world: bytes) -> None:
        self._cache, self._world = cache, world

    def left(self, group: TileGroup) -> TileGroup | None:
        """Return the tiles of a group that are not stored."""
        found = {
            zoom: absent(self._cache, self._world, zoom, places)
            for zoom, places in group.places.items()
        }
        missing = {zoom: places for zoom, places in found.items() if len(places)}
        return TileGroup(group.number, missing) if missing else None

    def take(self, number: int, result: GroupResult) -> None:
        """Store tiles; those that are there stay. Raises CacheError."""
        tiles = result.tiles()
        for first in range(0, len(tiles), STORED):
            self._cache.put_many(self._world, tiles[first : first + STORED])


def make(
    workers: Workers, task: GroupTask, sink: GroupSink, region: Region, report: Report = silent
) -> Tally:
    """Make every tile of the region that is not there; what fails is tried once more at the end.

    Raises ClusterError where the cluster is of no use, CacheError when nothing can be stored.
    """
    limit = sink.limit or group_limit(region, workers.count)
    tally = _run_pass(workers, task, sink, region, limit, Tally(len(region)), report)
    if tally.missing:
        again = Tally(len(region), made=tally.made, blocks=tally.blocks, again=True)
        tally = _run_pass(workers, task, sink, region, limit, again, report)
    return tally


def _run_pass(
    workers: Workers,
    task: GroupTask,
    sink: GroupSink,
    region: Region,
    limit: int,
    tally: Tally,
    report: Report,
) -> Tally:
    """Have every group made once that is not there; what fails is counted."""

    def missing_groups() -> Iterator[TileGroup]:
        for group in groups(region, limit):
            left = sink.left(group)
            tally.checked += len(group) - (0 if left is None else len(left))
            if left is not None:
                yield left

    step, failed_in_a_row = "Checking" if tally.again else "Making", 0
    with contextlib.closing(workers.results(task, missing_groups())) as results:
        for group, result in results:
            _count(tally, group, result)
            if isinstance(result, GroupResult):
                sink.take(group.number, result)
                failed_in_a_row = 0
            elif (failed_in_a_row := failed_in_a_row + 1) == HOPELESS:
                raise ClusterError(f"{HOPELESS} groups in a row could not be made: {result}")
            report(step, tally.checked, tally.wanted, tally.made)
    return tally


def _count(tally: Tally, group: TileGroup, result: GroupResult | str) -> None:
    """Take a group into the tally, or the sentence why all of it is missing."""
    tally.checked += len(group)
    if isinstance(result, str):
        for tile in group.tiles():
            tally.miss(tile, result)
        return
    tally.made += len(result.ids)
    tally.blocks += result.blocks
    for tile, reason in result.reasons.items():
        tally.miss(tile, reason)
