"""The command `elsewhere seed`: looks before it begins, makes a region, says what is missing."""

from __future__ import annotations

import argparse
from pathlib import Path

from tileserver.batch import seed as seeding
from tileserver.batch.estimate import Estimate
from tileserver.batch.progress import duration, progress
from tileserver.batch.seed import Tally, missing_tiles
from tileserver.cache.tilecache import TileCache
from tileserver.commands import cluster as clusters
from tileserver.commands.basics import check_zoom, say
from tileserver.commands.configtext import read_settings
from tileserver.commands.confirmation import RegionJob, confirmed, open_job
from tileserver.errors import RegionError
from tileserver.regions.polygonfile import read_polygon
from tileserver.regions.region import Region
from tileserver.settings import Settings

LISTED = 20
"""Missing tiles that are printed; the number of the others follows."""


def read_region(args: argparse.Namespace) -> Region:
    """Return the region of --bbox or --polygon. Raises RegionError or TileError."""
    if args.polygon is None:
        if args.layer is not None:
            raise RegionError(f"--layer is {args.layer!r}, expected it beside --polygon only")
        return Region(args.bbox, args.zooms)
    shape = read_polygon(Path(args.polygon), args.layer)
    if shape.left_out:
        say(f"Note: {shape.name} holds what is no area and is left out: {shape.left_out}")
    return Region(shape, args.zooms)


def seed(args: argparse.Namespace) -> int:
    """Make every tile of a region, or only say what that would take."""
    clusters.check_flags(args)
    settings, region = read_settings(args), read_region(args)
    check_zoom(region.zooms[-1], settings)
    with open_job(settings, region, args.out is not None) as job:
        if args.dry_run:
            dry_run(args, job)
            return 0
        if not confirmed(job, args.yes, kept=args.out is None):
            return 2
        if not args.no_pin and args.out is None:
            job.cache.pins.add(job.maker.world, region.bbox, region.zooms)
        status = _make(args, job)
        if args.missing is not None:
            write_missing(Path(args.missing), job.cache, job.maker.world, region)
        return status


def dry_run(args: argparse.Namespace, job: RegionJob) -> None:
    """Print what making a region takes, here or by a cluster."""
    found = job.estimate()
    print(estimate_text(found, job.region, job.settings))
    if args.cluster is not None:
        print(clusters.cluster_text(found, job))


def _make(args: argparse.Namespace, job: RegionJob) -> int:
    if args.cluster is not None:
        tally = clusters.make(args, job)
    else:
        settings, region = job.settings, job.region
        say(f"Making {len(region):,} tiles of world {settings.seed} in {settings.cache}")
        with progress() as report:
            tally = seeding.seed(job.maker, region, report)
    print(tally_text(tally))
    return 1 if tally.missing else 0


def write_missing(path: Path, cache: TileCache, world: bytes, region: Region) -> None:
    """Write the region's tiles that are not stored, a line each. Raises RegionError."""
    try:
        with path.open("w", encoding="ascii") as file:
            file.writelines(f"{tile}\n" for tile in missing_tiles(cache, world, region))
    except OSError as error:
        raise RegionError(
            f"the list {path} cannot be written ({error.strerror}), expected a path to a new file"
        ) from None


def tally_text(tally: Tally) -> str:
    """Return the outcome of a seeding, with the tiles that are missing."""
    besides = (
        f"{tally.blocks:,} blocks were computed"
        if tally.blocks
        else f"{tally.extra:,} others were made on the way"
    )
    lines = [
        f"{tally.made:,} tiles made, {tally.present:,} were there, {tally.missing:,} missing; "
        f"{besides}."
    ]
    lines += [f"  missing {tile}  {why}" for tile, why in list(tally.reasons.items())[:LISTED]]
    if tally.missing > LISTED:
        lines.append(f"  and {tally.missing - min(LISTED, len(tally.reasons)):,} more")
    if tally.missing:
        lines.append("The same command tries the missing ones again.")
    return "\n".join(lines)


def estimate_text(found: Estimate, region: Region, settings: Settings) -> str:
    """Return a dry run's outcome as lines for people."""
    lines = [f"World {settings.seed}, {region.shape.name}, cache {settings.cache}"]
    lines += [f"  zoom {zoom:>2}  {tiles:>13,} tiles" for zoom, tiles in found.zooms.items()]
    blocks = sum(found.blocks.values())
    return "\n".join(
        [
            *lines,
            f"  in all   {found.wanted:>13,} tiles, of which {found.stored:,} are stored",
            f"  besides  {found.extra:>13,} tiles that these are made from or with",
            f"To be made: {found.made:,} tiles in {blocks:,} blocks, about "
            f"{found.size / 1e6:,.1f} MB in {duration(found.seconds)} "
            f"(from a sample of {found.sampled} blocks). Nothing was stored.",
        ]
    )
