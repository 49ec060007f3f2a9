"""Exports a region to one file: PMTiles, MBTiles, GeoPackage or GeoTIFF, by the name's ending.

The file is written beside its place under another name, read back and compared, and only then
given its name: nobody ever sees a half one, and an older one stays until then.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from generator.atomicfile import atomic_replace
from generator.grid.tile import Tile
from generator.rasters import find_rasterio
from tileserver.batch.archive import Archive, ArchiveMetadata, Checksum
from tileserver.batch.geopackage import GeopackageFile
from tileserver.batch.geotiff import GeotiffFile
from tileserver.batch.mbtilesfile import MbtilesFile
from tileserver.batch.pmtilesfile import PmtilesFile
from tileserver.batch.progress import Report, silent
from tileserver.batch.seed import CacheInventory, failing_as
from tileserver.cache.tilecache import TileCache
from tileserver.encode import decode_png, encode
from tileserver.encoding import Encoding
from tileserver.errors import ExportError
from tileserver.regions.region import Region
from tileserver.regions.tileid import tile_of
from tileserver.rendering.batch import BatchRenderer

GEOTIFF = (".tif", ".tiff")
NEED_RASTERIO = (".gpkg", *GEOTIFF)
SUFFIXES = (".pmtiles", ".mbtiles", *NEED_RASTERIO)


@dataclass(frozen=True, slots=True)
class TileSource:
    """Where the tiles of a world come from.

    maker: makes what is not stored; None takes only what is. encoding: of the tiles, which have
    the bytes that a server would send.
    """

    cache: TileCache
    world: bytes
    maker: BatchRenderer | None
    encoding: Encoding

    def count(self, region: Region) -> int:
        """Return how many tiles of the region will come."""
        if self.maker:
            return len(region)
        stored = CacheInventory(self.cache, self.world)
        return sum(stored.count(zoom, ranges) for zoom, ranges in region.ranges.items())

    def tiles(self, region: Region) -> Iterator[tuple[Tile, bytes]]:
        """Yield the region's tiles by rising number, each encoded."""
        stored = CacheInventory(self.cache, self.world)
        wanted = (
            region.ids(zoom) if self.maker else stored.ids(zoom, ranges)
            for zoom, ranges in region.ranges.items()
        )
        for number in chain.from_iterable(wanted):
            tile = tile_of(number)
            payload = self._payload(tile)
            if payload is not None:
                yield tile, payload

    def _payload(self, tile: Tile) -> bytes | None:
        """Return a tile, made if need be. Raises ExportError if that fails."""
        if self.encoding.variant:
            entry = self.cache.entry(self.world, tile, self.encoding.variant)
            if entry is not None:
                return entry.payload
        master = self._master(tile)
        if master is None or not self.encoding.variant:
            return master
        return encode(decode_png(master), self.encoding)

    def _master(self, tile: Tile) -> bytes | None:
        payload = self.cache.get(self.world, tile)
        if payload is not None or self.maker is None:
            return payload
        with failing_as(ExportError, tile):
            self.maker.make(tile)
        return self.cache.get(self.world, tile)


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export wrote: tiles, tiles of the region that it left out, bytes of the file."""

    written: int
    absent: int
    size: int


def check_target(path: Path, zooms: tuple[int, ...], force: bool) -> None:
    """Raise ExportError, before any work, for a target that cannot be."""
    if path.suffix.lower() not in SUFFIXES:
        raise ExportError(f"{path} has no known ending, expected {', '.join(SUFFIXES)}")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise ExportError(f"{path} cannot be written, expected {path.parent} to be a directory")
    if path.is_dir():
        raise ExportError(f"{path} is a directory, expected a file to write")
    if path.exists() and not force:
        raise ExportError(f"{path} is there already, expected a new name, or --force to replace it")
    if path.suffix.lower() in NEED_RASTERIO and find_rasterio() is None:
        raise ExportError(f"writing {path.suffix} needs rasterio: install elsewhere[geo]")
    if path.suffix.lower() in GEOTIFF and len(zooms) != 1:
        raise ExportError(f"a GeoTIFF holds one zoom and {len(zooms)} are asked for, expected one")


def write(
    source: TileSource, region: Region, path: Path, about: ArchiveMetadata, report: Report = silent
) -> ExportResult:
    """Write the region's tiles to a file and verify it. Raises ExportError or CacheError."""
    whole = source.maker is not None

    def create(part: Path) -> Archive:
        if path.suffix.lower() in GEOTIFF:
            return GeotiffFile(part, about, region, whole)
        return create_archive(part, path.suffix.lower(), about)

    seen = write_archive(path, create, source.tiles(region), source.count(region), report)
    return ExportResult(seen, len(region) - seen, path.stat().st_size)


def create_archive(part: Path, suffix: str, about: ArchiveMetadata) -> Archive:
    """Begin a file of tiles of the kind that an ending names, but no GeoTIFF."""
    if suffix == ".pmtiles":
        return PmtilesFile(part, about)
    if suffix == ".mbtiles":
        return MbtilesFile(part, about)
    return GeopackageFile(part, about)


def write_archive(
    path: Path,
    create: Callable[[Path], Archive],
    tiles: Iterable[tuple[Tile, bytes]],
    total: int,
    report: Report,
) -> int:
    """Write tiles, by rising number, to a file and verify it; return how many.

    Raises ExportError, after which there is no file, or the older one.
    """
    try:
        with (
            atomic_replace(path, durable=True) as part,
            contextlib.closing(create(part)) as archive,
        ):
            seen = _fill(archive, tiles, total, report)
            _verify(archive, seen, path, report)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ExportError(f"{path} cannot be written: {reason}") from error
    return seen.count


def _fill(
    archive: Archive, tiles: Iterable[tuple[Tile, bytes]], total: int, report: Report
) -> Checksum:
    """Write every tile; return the sum of what reading the file has to give."""
    seen = Checksum()
    for tile, payload in tiles:
        seen.add(tile, archive.add(tile, payload))
        report("Writing", seen.count, total, seen.count)
    if not seen.count:
        raise ExportError("no tile of the region is stored, expected some, or none of --cached")
    archive.finish()
    return seen


def _verify(archive: Archive, wanted: Checksum, path: Path, report: Report) -> None:
    """Read the whole file back. Raises ExportError unless it holds what was written."""
    found = Checksum()
    for tile, payload in archive.read():
        found.add(tile, payload)
        report("Checking", found.count, wanted.count, wanted.count + found.count)
    if found != wanted:
        raise ExportError(
            f"{path} does not hold what was written to it: {found.count:,} tiles are there, "
            f"expected {wanted.count:,}, each unchanged; nothing was kept"
        )
