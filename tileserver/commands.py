"""What the commands do once their arguments are read: settings, one line of intent, the work."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from generator.errors import ImageError
from generator.tile import Tile
from tileserver import app as server
from tileserver import bench as benchmark
from tileserver import seed as seeding
from tileserver.cache import TileCache
from tileserver.encode import encode_png
from tileserver.estimate import Estimate, estimate
from tileserver.maker import Maker, Pixels
from tileserver.region import Region
from tileserver.settings import Settings

if TYPE_CHECKING:
    from generator.cascade import Cascade

FORMATS = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"}

LISTED = 20
"""Missing tiles that are printed; the number of the others follows."""


def read_settings(args: argparse.Namespace) -> Settings:
    """Combine flags, environment and file. Raises SettingsError."""
    file = args.config or os.environ.get("ELSEWHERE_CONFIG")
    flags = {item.name: getattr(args, item.name, None) for item in fields(Settings)}
    return Settings.load(flags, os.environ, Path(file) if file else None)


def load_world(settings: Settings) -> Cascade:
    """Load base map and network. Raises GeneratorError."""
    say("Loading the base map and the network")
    return server.load_renderer(settings)


def say(text: str) -> None:
    """Print a line for the person at the terminal, apart from any output."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def open_cache(settings: Settings) -> Iterator[TileCache]:
    """Open the cache and close it whatever happens. Raises CacheError."""
    cache = TileCache.open(settings.cache, settings.cache_limit)
    try:
        yield cache
    finally:
        cache.close()


def serve(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    server.serve(read_settings(args))
    return 0


def seed(args: argparse.Namespace) -> int:
    """Make every tile of a region, or only say what that would take."""
    settings, region = read_settings(args), Region(args.bbox, args.zooms)
    with open_cache(settings) as cache:
        world = load_world(settings)
        if args.dry_run:
            mark = world.fingerprint(settings.seed)
            found = estimate(world, settings.seed, region, lambda tile: cache.has(mark, tile))
            print(estimate_text(found, region, settings))
            return 0
        return _seed(Maker(world, settings.seed, cache), region, settings)


def _seed(maker: Maker, region: Region, settings: Settings) -> int:
    say(f"Making {len(region):,} tiles of world {settings.seed} in {settings.cache}")
    try:
        with seeding.progress() as report:
            tally = seeding.seed(maker, region, report)
    except KeyboardInterrupt:
        maker.flush()
        say("Stopped; the same command goes on from here.")
        return 130
    print(tally_text(tally))
    return 1 if tally.missing else 0


def tally_text(tally: seeding.Tally) -> str:
    """Return the outcome of a seeding, with the tiles that are missing."""
    lines = [
        f"{tally.made:,} tiles made, {tally.present:,} were there, {tally.missing:,} missing; "
        f"{tally.extra:,} others were made on the way."
    ]
    lines += [f"  missing {tile}  {why}" for tile, why in list(tally.reasons.items())[:LISTED]]
    if tally.missing > LISTED:
        lines.append(f"  and {tally.missing - min(LISTED, len(tally.reasons)):,} more")
    if tally.missing:
        lines.append("The same command tries the missing ones again.")
    return "\n".join(lines)


def estimate_text(found: Estimate, region: Region, settings: Settings) -> str:
    """Return a dry run's outcome as lines for people."""
    box = ",".join(f"{edge:g}" for edge in region.bbox)
    lines = [f"World {settings.seed}, box {box}, cache {settings.cache}"]
    lines += [f"  zoom {zoom:>2}  {tiles:>13,} tiles" for zoom, tiles in found.zooms.items()]
    return "\n".join(
        [
            *lines,
            f"  in all   {found.wanted:>13,} tiles, of which {found.stored:,} are stored",
            f"  besides  {found.extra:>13,} tiles that these are made from",
            f"To be made: about {found.size / 1e6:,.1f} MB in {seeding.duration(found.seconds)} "
            f"(from a sample of {found.sampled} tiles). Nothing was stored.",
        ]
    )


def render(args: argparse.Namespace) -> int:
    """Write one tile to a file."""
    settings = read_settings(args)
    if args.output != "-":
        check_output(Path(args.output))
    with contextlib.ExitStack() as stack:
        cache = None if args.no_cache else stack.enter_context(open_cache(settings))
        maker = Maker(load_world(settings), settings.seed, cache)
        maker.make(args.tile)
        pixels = maker.pixels(args.tile)
        maker.flush()
    if args.output == "-":
        sys.stdout.buffer.write(encode_png(pixels))
    else:
        write_picture(Path(args.output), pixels)
        say(f"Wrote {args.output}: {about(args.tile)}")
    return 0


def about(tile: Tile) -> str:
    """Say where a tile lies and how fine it is."""
    west, south, east, north = tile.bounds
    return (
        f"tile {tile}, {south:.4f} to {north:.4f} north, {west:.4f} to {east:.4f} east, "
        f"{tile.ground_resolution:.4g} m per pixel"
    )


def check_output(path: Path) -> None:
    """Raise ImageError now rather than after the work if a picture cannot be written."""
    if path.suffix.lower() not in FORMATS:
        raise ImageError(f"the output is {str(path)!r}, expected a name that ends in .png or .jpg")
    if path.is_dir() or not path.parent.is_dir():
        raise ImageError(f"the output {str(path)!r} cannot be a file, expected an existing folder")
    if not os.access(path.parent, os.W_OK):
        raise ImageError(f"the folder {str(path.parent)!r} cannot be written")


def write_picture(path: Path, pixels: Pixels) -> None:
    """Write uint8 [H, W, 3] by the name's ending, whole or not at all. Raises ImageError."""
    from PIL import Image

    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".elsewhere-") as folder:
            part = Path(folder) / path.name
            if path.suffix.lower() == ".png":
                part.write_bytes(encode_png(pixels))
            else:
                Image.fromarray(pixels).save(part, quality=92)
            part.replace(path)
    except OSError as error:
        raise ImageError(f"{path} cannot be written ({error.strerror or error})") from None


def upscale(args: argparse.Namespace) -> int:
    """Add detail to a picture of the user's own."""
    settings = read_settings(args)
    from generator.upscale import upscale_file

    upscale_file(Path(args.input), Path(args.output), args.gsd, args.stages, settings.seed)
    return 0


def bench(args: argparse.Namespace) -> int:
    """Measure this machine."""
    settings = read_settings(args)
    world = load_world(settings)
    say("Measuring from empty caches; this takes a minute or two")
    report = benchmark.bench(world, settings.seed, args.quick)
    print(json.dumps(report, indent=2) if args.json else benchmark.table(report))
    return 0
