"""The command `elsewhere export`: a region of a world as one file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from generator.grid.world import fingerprint
from tileserver.batch.archive import ArchiveMetadata
from tileserver.batch.export import GEOTIFF, TileSource, check_target, write
from tileserver.batch.progress import progress
from tileserver.cache.tilecache import TileCache
from tileserver.commands import basics as commands
from tileserver.commands.basics import check_zoom, say
from tileserver.commands.configtext import read_settings
from tileserver.commands.confirmation import RegionJob, confirmed
from tileserver.commands.seed import read_region
from tileserver.documents.about import abstract, attribution, title
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
    settings, region, path = read_settings(args), read_region(args), Path(args.output)
    check_zoom(region.zooms[-1], settings)
    check_target(path, region.zooms, args.force)
    with commands.open_to_make(settings) as (cache, claims):
        maker = None
        if not args.cached:
            maker = BatchRenderer(commands.load_for_cache(settings), settings.seed, cache, claims)
            if not confirmed(RegionJob(settings, maker, cache, region), args.yes, kept=False):
                return 2
        world = stored_world(settings, cache) if maker is None else maker.world
        encoding = ENCODINGS["png" if path.suffix.lower() in GEOTIFF else args.format, 1]
        source = TileSource(cache, world, maker, encoding)
        for gap in gaps(region.zooms):
            say(gap)
        say(f"Writing {len(region):,} tiles of world {settings.seed} to {path}")
        with progress() as report:
            done = write(source, region, path, about(settings, source, region, args.format), report)
    absent = f", {done.absent:,} of the region are not stored" if done.absent else ""
    print(f"Wrote {path}: {done.written:,} tiles, {done.size / 1e6:,.1f} MB{absent}.")
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
        world for world, about in cache.worlds().items() if about.get("seed") == str(settings.seed)
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


def about(settings: Settings, source: TileSource, region: Region, format: str) -> ArchiveMetadata:
    """Return what the file says of itself."""
    seed = settings.seed
    texts = (title(seed), abstract(settings), attribution(settings))
    return ArchiveMetadata(*texts, format, region.bbox, region.zooms, seed, source.world)
