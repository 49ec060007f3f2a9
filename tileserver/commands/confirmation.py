"""Before long work: whether there is room for it, and whether the user wants it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from tileserver.batch.estimate import Estimate, Workload, estimate, workload_of
from tileserver.batch.progress import duration
from tileserver.batch.seed import CacheInventory
from tileserver.cache.tilecache import TileCache
from tileserver.commands import basics as commands
from tileserver.commands.basics import say
from tileserver.errors import CacheError, RegionError
from tileserver.regions.region import Region
from tileserver.rendering.batch import BatchRenderer
from tileserver.settings import Settings

UNASKED_TILES = 15_000
"""Tiles that are made without a look at what they take: 45 minutes on two cores."""

ASK_SECONDS = 3600.0
ASK_BYTES = 10e9
"""Work that takes longer, or more room in the cache, begins only when the user confirms it."""

TYPICAL_BYTES = 75_000
"""Bytes of a tile where none was measured yet."""


@dataclass(frozen=True)
class RegionJob:
    """Tiles of a region that a maker is about to make and store in a cache.

    elsewhere: whether they go to another place, so that what the cache holds is made again.
    """

    settings: Settings
    maker: BatchRenderer
    cache: TileCache
    region: Region
    elsewhere: bool = False

    @cached_property
    def workload(self) -> Workload:
        """Return what is left to do; counted once."""
        # No tile is of the world without a name.
        world = bytes(len(self.maker.world)) if self.elsewhere else self.maker.world
        inventory = CacheInventory(self.cache, world)
        return workload_of(self.maker.renderer, self.region, inventory)

    def estimate(self) -> Estimate:
        """Return what that takes, from a few blocks that are made in memory."""
        return estimate(self.maker.renderer, self.settings.seed, self.region, self.workload)

    def room(self) -> tuple[int, str, str]:
        """Return how many bytes may be stored, who says so, and what would help."""
        disk = shutil.disk_usage(self.settings.cache).free
        grow = max(0, self.settings.cache_limit - self.cache.size)
        if disk <= grow:
            return disk, "the disk has", "free some"
        return grow, "the cache may grow by", "raise --cache-limit"


@contextmanager
def open_job(settings: Settings, region: Region, elsewhere: bool = False) -> Iterator[RegionJob]:
    """Open what making a region takes, and let other processes go first from now on.

    elsewhere: whether the tiles go to another place than the cache. Raises CacheError,
    GeneratorError.
    """
    with commands.open_to_make(settings) as (cache, claims):
        world = commands.load_for_cache(settings)
        maker = BatchRenderer(world, settings.seed, cache, claims)
        yield RegionJob(settings, maker, cache, region, elsewhere)


def confirmed(job: RegionJob, yes: bool, kept: bool = True) -> bool:
    """Say whether the job shall begin; the user is asked where it is long and `yes` is False.

    A sample is made only where the number of tiles leaves doubt. kept: whether the tiles have to
    stay in the cache. Raises CacheError where they cannot, RegionError where nobody can be asked.
    """
    made = job.workload.tiles
    doubtful = kept and 2 * made * TYPICAL_BYTES > job.room()[0]
    if not doubtful and (yes or made <= UNASKED_TILES):
        return True
    say("Making a few tiles to see what the region takes")
    found = job.estimate()
    if kept:
        check_room(job, found)
    if yes or made <= UNASKED_TILES:
        return True
    if found.seconds <= ASK_SECONDS and found.size <= ASK_BYTES:
        return True
    return _asked(
        f"{job.region.shape.name} takes {found.made:,} tiles that are not stored, about "
        f"{found.size / 1e9:,.1f} GB in {duration(found.seconds)}"
    )


def check_room(job: RegionJob, found: Estimate) -> None:
    """Raise CacheError if a region cannot fit on the disk or in the cache's limit."""
    room, what, advice = job.room()
    if found.size > room:
        raise CacheError(
            f"the region needs about {found.size / 1e9:,.1f} GB more and {what} "
            f"{room / 1e9:,.1f} GB, expected enough: {advice}, or give a smaller region or fewer "
            "zooms"
        )


def _asked(what: str) -> bool:
    if not sys.stdin.isatty():
        raise RegionError(f"{what}; expected --yes for so much, a smaller region or fewer zooms")
    print(f"{what}. Begin? [y/N] ", end="", file=sys.stderr, flush=True)
    yes = sys.stdin.readline().strip().lower() in ("y", "yes")
    if not yes:
        say("Nothing was made.")
    return yes
