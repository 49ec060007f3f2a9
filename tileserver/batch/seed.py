"""Seeding: makes every tile of a region, and goes on where it was stopped.

The cache itself says what is there, so a second run continues the first, whatever ended it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from generator.grid.errors import GeneratorError
from generator.grid.tile import Tile
from tileserver.batch.progress import Report, silent
from tileserver.cache.tilecache import TileCache
from tileserver.errors import CacheError, ServerError
from tileserver.regions.hilbert import Numbers
from tileserver.regions.region import Ranges, Region, in_order
from tileserver.regions.tileid import first_id
from tileserver.rendering.batch import BatchRenderer, BlockTakenError

LISTED = 1000
"""Missing tiles that are remembered with their reason; of the rest only the number is kept."""

HOPELESS = 100
"""Failures in a row after which a pass gives up."""

GAP = 1000
"""Numbers between two tiles that a scan rather jumps over than reads."""


@dataclass(slots=True)
class Tally:
    """How far a seeding is, in tiles of the region, and `extra`: others that had to be made too.

    checked: visited so far. made: in this run. missing: could not be made; reasons: of the first.
    taken: left to other programs that were making them. blocks: computed by a cluster's workers.
    again: whether this is a later pass, which only looks unless something is missing.
    """

    wanted: int
    checked: int = 0
    made: int = 0
    extra: int = 0
    missing: int = 0
    taken: int = 0
    blocks: int = 0
    reasons: dict[Tile, str] = field(default_factory=dict)
    again: bool = False

    @property
    def present(self) -> int:
        """Return how many of the visited tiles were there before, or others made meanwhile."""
        return max(0, self.checked - self.made - self.missing)

    def fail(self, tile: Tile, error: Exception) -> None:
        """Count a tile that could not be made."""
        self.miss(tile, f"{type(error).__name__}: {error}")

    def miss(self, tile: Tile, reason: str) -> None:
        """Count a tile that is missing."""
        self.missing += 1
        if len(self.reasons) < LISTED:
            self.reasons[tile] = reason


def seed(maker: BatchRenderer, region: Region, report: Report = silent) -> Tally:
    """Make every tile of the region that is not there; what fails is tried once more at the end.

    Blocks that other programs make are left to them, for as long as there are others to make. The
    last pass waits for them, and finds what was lost meanwhile; the tally says what is missing
    after it. Raises CacheError when nothing can be stored any more.
    """
    tally = _run_pass(maker, region, Tally(len(region)), report, wait=False)
    while tally.taken and tally.made:
        made = tally.made
        tally = _run_pass(maker, region, _next(tally), report, wait=False)
        if tally.made == made:
            break
    if tally.made or tally.missing or tally.taken:
        tally = _run_pass(maker, region, _next(tally), report, wait=True)
    return tally


def _next(tally: Tally) -> Tally:
    return Tally(tally.wanted, made=tally.made, extra=tally.extra, again=True)


def _run_pass(
    maker: BatchRenderer, region: Region, tally: Tally, report: Report, wait: bool
) -> Tally:
    """Visit every tile of the region once; one that fails is counted and does not end the pass."""

    def count(made: Tile) -> None:
        if made in region:
            tally.made += 1
        else:
            tally.extra += 1

    step, failed_in_a_row = "Checking" if tally.again else "Making", 0
    assert maker.cache is not None
    for size, missing in absent_parts(maker.cache, maker.world, region):
        tally.checked += size - sum(map(len, missing.values()))
        for tile in in_order(missing):
            try:
                maker.make(tile, count, wait)
                failed_in_a_row = 0
            except BlockTakenError:
                tally.taken += 1
            except CacheError:
                raise
            except Exception as error:  # one tile's failure, whatever it is, is not the others'
                tally.fail(tile, error)
                failed_in_a_row += 1
            tally.checked += 1
            report(step, tally.checked, tally.wanted, tally.made + tally.extra)
            if failed_in_a_row == HOPELESS:
                tally.missing += tally.wanted - tally.checked
                tally.checked = tally.wanted
                return tally
        report(step, tally.checked, tally.wanted, tally.made + tally.extra)
    return tally


@contextmanager
def failing_as(failure: type[ServerError], tile: Tile) -> Iterator[None]:
    """Raise `failure` with a sentence for whatever making a tile ran into that has none itself."""
    try:
        yield
    except (ServerError, GeneratorError):
        raise
    except Exception as error:  # whatever the network ran into
        raise failure(
            f"tile {tile} could not be made ({type(error).__name__}: {error}); what was made is "
            "stored, the same command goes on from there"
        ) from error


def absent_parts(
    cache: TileCache, world: bytes, region: Region
) -> Iterator[tuple[int, dict[int, Numbers]]]:
    """Yield for each part of a region its tiles, and per zoom the places of those not stored."""
    for part in region.parts():
        size, missing = 0, {}
        for zoom, places in region.places(part):
            size += len(places)
            left = absent(cache, world, zoom, places)
            if len(left):
                missing[zoom] = left
        yield size, missing


@dataclass(frozen=True, slots=True)
class CacheInventory:
    """What a cache holds of a world."""

    cache: TileCache
    world: bytes

    def absent(self, zoom: int, places: Numbers) -> Numbers:
        """Return those of a zoom's rising places whose tiles are not stored."""
        return absent(self.cache, self.world, zoom, places)

    def ids(self, zoom: int, ranges: Ranges) -> Iterator[int]:
        """Yield the numbers of the stored tiles at places of a zoom, rising."""
        for start, stop in zip(*ranges.ids(zoom), strict=True):
            yield from self.cache.scan(self.world, start, stop - 1)

    def count(self, zoom: int, ranges: Ranges) -> int:
        """Return how many tiles at places of a zoom are stored."""
        return sum(1 for _ in self.ids(zoom, ranges))


def absent(cache: TileCache, world: bytes, zoom: int, places: Numbers) -> Numbers:
    """Return those of a zoom's rising places whose tiles are not stored, from ordered scans."""
    base = first_id(zoom)
    ends = np.flatnonzero(np.diff(places) > GAP) + 1
    left = []
    for run in np.split(places, ends):
        if len(run):
            found = cache.scan(world, base + int(run[0]), base + int(run[-1]))
            stored = np.fromiter(found, np.int64) - base
            left.append(run[~np.isin(run, stored, assume_unique=True)])
    return np.concatenate(left) if left else places


def missing_tiles(cache: TileCache, world: bytes, region: Region) -> Iterator[Tile]:
    """Yield the tiles of a region that are not stored: ancestors first, by subtree."""
    for _, missing in absent_parts(cache, world, region):
        yield from in_order(missing)
