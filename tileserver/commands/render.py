"""The command `elsewhere render`: one tile, or a picture in any reference system, as a file."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
from collections.abc import Iterator
from pathlib import Path

from generator.cascade.weightsheader import finest_zoom
from generator.grid.pixels import Pixels
from generator.grid.tile import EQUATOR_RESOLUTION, TILE_SIZE, Tile
from generator.rasters import TIFF_SUFFIXES, Georeference
from generator.rasters.writing import create_picture
from tileserver.batch.picture import PictureJob, check_memory
from tileserver.batch.progress import progress
from tileserver.commands import basics as commands
from tileserver.commands.basics import check_zoom, say
from tileserver.commands.configtext import read_settings
from tileserver.documents.about import attribution
from tileserver.documents.grid import geotransform
from tileserver.encode import compress
from tileserver.errors import BadRequestError, shortened
from tileserver.regions.crs import named, utm
from tileserver.regions.pixelgrid import PixelGrid
from tileserver.rendering.batch import BatchRenderer
from tileserver.settings import Settings

MOST_HELD = 2048
"""Tiles that a picture may need without a cache: 400 MB of pixels."""


def render(args: argparse.Namespace) -> int:
    """Write one tile or one picture to a file; a tile also to standard output, as PNG."""
    settings = read_settings(args)
    if (args.tile is None) == (args.center is None):
        raise BadRequestError(
            "what to draw is given twice or not at all, expected a tile Z/X/Y, or --center and "
            "--gsd of a picture"
        )
    if args.center is not None:
        return _render_picture(args, settings)
    check_zoom(args.tile.z, settings)
    credit = attribution(settings)
    if args.output == "-":
        sys.stdout.buffer.write(compress(tile_pixels(args, settings), "png", credit))
        return 0
    path = Path(args.output)
    place = georeference(args.tile) if path.suffix.lower() in TIFF_SUFFIXES else None
    with create_picture(path, TILE_SIZE, TILE_SIZE, place, credit=credit) as sink:
        sink.write(0, 0, tile_pixels(args, settings))
    say(f"Wrote {path}: {about(args.tile)}")
    return 0


def tile_pixels(args: argparse.Namespace, settings: Settings) -> Pixels:
    """Make one tile, or read it from the cache, as uint8 [256, 256, 3]."""
    with open_maker(args.no_cache, settings) as maker:
        maker.make(args.tile)
        return maker.pixels(args.tile)


@contextlib.contextmanager
def open_maker(no_cache: bool, settings: Settings) -> Iterator[BatchRenderer]:
    """Load the world, and open the cache of its tiles. Raises CacheError, GeneratorError."""
    if no_cache:
        yield BatchRenderer(commands.load_world(settings), settings.seed, parts=True)
        return
    with commands.open_to_make(settings) as (cache, claims):
        world = commands.load_for_cache(settings)
        yield BatchRenderer(world, settings.seed, cache, claims, parts=True)


def _render_picture(args: argparse.Namespace, settings: Settings) -> int:
    job = picture_job(args, settings)
    job.check()
    with progress("blocks") as report:
        tiles, holes = job.survey(report)
    if args.no_cache:
        check_memory(tiles, MOST_HELD)
    say(drawing_text(job, len(tiles)))
    with open_maker(args.no_cache, settings) as maker, progress("blocks") as report:
        job.write(maker, holes, report, attribution(settings))
    say(f"Wrote {job.path}: {bounds_text(job.grid)}")
    return 0


def picture_job(args: argparse.Namespace, settings: Settings) -> PictureJob:
    """Return the picture that the arguments ask for. Raises BadRequestError."""
    if args.gsd is None:
        raise BadRequestError("--gsd is missing, expected the side of a pixel in metres")
    crs = named(args.crs if args.crs is not None else utm(*args.center))
    grid = PixelGrid.about(crs, args.center, args.gsd, args.size)
    zoom = grid.check_fine(finest_zoom(settings.weights)) if args.zoom is None else args.zoom
    check_zoom(zoom, settings)
    return PictureJob(grid, zoom, Path(args.output))


def drawing_text(job: PictureJob, tiles: int) -> str:
    """Say what will be drawn from what."""
    grid = job.grid
    return (
        f"Drawing {grid.width:,} x {grid.height:,} pixels of {metres_text(grid)} in "
        f"{shortened(grid.crs.name)} from {tiles:,} tiles of zoom {job.zoom}"
    )


def metres_text(grid: PixelGrid) -> str:
    """Return the side of a pixel; on Web Mercator also what of the ground it is in the middle."""
    side = grid.step[0] * grid.crs.unit
    if not grid.crs.is_mercator:
        return f"{side:.6g} m"
    row = (grid.top + grid.height / 2) * side / EQUATOR_RESOLUTION / TILE_SIZE
    return f"{side:.6g} m ({side / math.cosh(2 * math.pi * row):.3g} m of ground)"


def bounds_text(grid: PixelGrid) -> str:
    """Say where a picture lies, in its own coordinates."""
    west, south, east, north = grid.bounds
    return (
        f"{shortened(grid.crs.name)}, {west:.10g} to {east:.10g} east, {south:.10g} to "
        f"{north:.10g} north"
    )


def georeference(tile: Tile) -> Georeference:
    """Return where the tile lies in Web Mercator metres."""
    return Georeference("EPSG:3857", geotransform(tile.z, tile.x, tile.y))


def about(tile: Tile) -> str:
    """Say where a tile lies and how fine it is."""
    west, south, east, north = tile.bounds
    return (
        f"tile {tile}, {south:.4f} to {north:.4f} north, {west:.4f} to {east:.4f} east, "
        f"{tile.ground_resolution:.4g} m per pixel"
    )
