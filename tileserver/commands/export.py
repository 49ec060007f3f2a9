"""The command `elsewhere export`: a region of a world as one file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from generator.grid.world import fingerprint
from tileserver.batch.export import GEOTIFF, TileSource, check_target, write
from tileserver.batch.progress import progress
from tileserver.cache.tilecache import TileCache
from tileserver.cluster.shards import ShardFolder
from tileserver.commands import basics as commands
from tileserver.commands import cluster as clusters
from tileserver.commands.basics import check_zoom, say
from tileserver.commands.cluster import about
from tileserver.commands.configtext import read_settings
from tileserver.commands.confirmation import RegionJob, confirmed, open_job
from tileserver.commands.merge import check_joined, join
from tileserver.commands.seed import dry_run, read_region, tally_text
from tileserver.encoding import ENCODINGS
from tileserver.errors import ExportError
from tileserver.regions.region import Region
from tileserver.rendering.batch import BatchRenderer
from tileserver.rendering.models import Models
from tileserver.settings import Settings

DECIDING = ("base", "tone", "geography", "weights", "memory", "steps")
"""Settings that decide which world a seed names."""


def export(args: argparse.Namespace) -> int:
    """Write a region to one file of some kind, making the tiles that are not stored."""
    clusters.check_flags(args)
    settings, region = read_settings(args), read_region(args)
    check_zoom(region.zooms[-1], settings)
    if args.output is None and args.out is None:
        raise ExportError("no file is given, expected OUT, or --out beside --cluster")
    if args.cluster is not None and args.cached:
        raise ExportError("--cached makes no tiles, expected it without --cluster")
    if args.dry_run:
        with open_job(settings, region, args.out is not None) as job:
            dry_run(args, job)
        return 0
    if args.out is not None:
        return _export_shards(args, settings, region)
    path = Path(args.output)
    check_target(path, region.zooms, args.force)
    with commands.open_to_make(settings) as (cache, claims):
        maker = None
        if not args.cached:
            maker = BatchRenderer(commands.load_for_cache(settings), settings.seed, cache, claims)
            job = RegionJob(settings, maker, cache, region)
            if not confirmed(job, args.yes, kept=args.cluster is not None):
                return 2
            if args.cluster is not None:
                tally = clusters.make(args, job, args.format)
                if tally.missing:
                    raise ExportError(f"the file cannot be whole: {tally_text(tally)}")
        world = stored_world(settings, cache) if maker is None else maker.world
        encoding = ENCODINGS["png" if path.suffix.lower() in GEOTIFF else args.format, 1]
        source = TileSource(cache, world, maker, encoding)
        for gap in gaps(region.zooms):
            say(gap)
        say(f"Writing {len(region):,} tiles of world {settings.seed} to {path}")
        with progress() as report:
            metadata = about(settings, region, args.format, world)
            done = write(source, region, path, metadata, report)
    absent = f", {done.absent:,} of the region are not stored" if done.absent else ""
    print(f"Wrote {path}: {done.written:,} tiles, {done.size / 1e6:,.1f} MB{absent}.")
    return 0


def _export_shards(args: argparse.Namespace, settings: Settings, region: Region) -> int:
    """Have a cluster write shards, and join them if a file is named too."""
    args.action = "shards"
    path = None if args.output is None else Path(args.output)
    if path is not None:
        check_joined(path, args.force)
    with open_job(settings, region, elsewhere=True) as job:
        if not confirmed(job, args.yes, kept=False):
            return 2
        tally = clusters.make(args, job, args.format)
    print(tally_text(tally))
    if tally.missing:
        return 1
    if path is not None:
        join([ShardFolder(args.out)], path)
    return 0


def stored_world(settings: Settings, cache: TileCache) -> bytes:
    """Return the world whose stored tiles the settings mean, without its network if possible.

    The network is not needed where the settings' model was written down, or where the cache has
    tiles of one world only of this seed and no setting names another model. Raises ExportError
    where it has none, GeneratorError where the network is needed and cannot be loaded.
    """
    model = Models(settings).recall()
    if model is not None:
        return fingerprint(model.identity, settings.seed)
    worlds = [
        world
        for world, about in cache.worlds.about().items()
        if about.get("seed") == str(settings.seed)
    ]
    if not worlds:
        raise ExportError(
            f"no tile of world {settings.seed} is stored in {settings.cache}, expected some, or "
            "the command without --cached"
        )
    if len(worlds) == 1 and all(getattr(settings, name) is None for name in DECIDING):
        return worlds[0]
    return commands.load_world(settings).fingerprint(settings.seed)


def gaps(zooms: Sequence[int]) -> Iterator[str]:
    """Yield a sentence for each run of zooms that rising zooms leave out between them."""
    for low, high in zip(zooms, zooms[1:], strict=False):
        if high > low + 1:
            what = f"zoom {low + 1}" if high == low + 2 else f"zooms {low + 1} to {high - 1}"
            yield (
                f"Note: {what} between {low} and {high} will be missing from the file, and clients "
                f"may show nothing there; --zooms {low}-{high} has them"
            )
