"""The command `elsewhere export`: a region of a world as one file."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from tileserver.batch.archive import About
from tileserver.batch.export import Source, check_target, write
from tileserver.batch.progress import progress
from tileserver.cache.claims import Claims
from tileserver.commands import basics as commands
from tileserver.commands.basics import say
from tileserver.commands.configtext import read_settings
from tileserver.commands.seed import read_region
from tileserver.documents.about import abstract, attribution, title
from tileserver.encoding import Encoding
from tileserver.making.maker import Maker
from tileserver.processes.yielding import yield_processor
from tileserver.regions.region import Region
from tileserver.settings import Settings


def export(args: argparse.Namespace) -> int:
    """Write a region to PMTiles, MBTiles or GeoTIFF, making the tiles that are not stored."""
    settings, region, path = read_settings(args), read_region(args), Path(args.output)
    check_target(path, region.zooms, args.force)
    yield_processor(settings.nice)
    with (
        commands.open_cache(settings) as cache,
        contextlib.closing(Claims(settings.cache)) as claims,
    ):
        maker = Maker(commands.load_world(settings), settings.seed, cache, claims)
        encoding = Encoding.of("png" if path.suffix.lower() in (".tif", ".tiff") else args.format)
        assert encoding is not None
        source = Source(cache, maker.world, None if args.cached else maker, encoding)
        say(f"Writing {len(region):,} tiles of world {settings.seed} to {path}")
        with progress() as report:
            done = write(source, region, path, about(settings, region, args.format), report)
    absent = f", {done.absent:,} of the region are not stored" if done.absent else ""
    print(f"Wrote {path}: {done.written:,} tiles, {done.size / 1e6:,.1f} MB{absent}.")
    return 0


def about(settings: Settings, region: Region, format: str) -> About:
    """Return what the file says of itself."""
    name, credit = title(settings.seed), attribution(settings)
    return About(name, abstract(settings), credit, format, region.bbox, region.zooms)
