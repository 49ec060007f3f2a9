"""One zoom of a region as a Cloud Optimized GeoTIFF in Web Mercator, pixel for pixel the tiles'.

The tiles go into a plain TIFF beside the target, from which GDAL makes the one with overviews; both
steps hold a few rows of tiles in memory, however large the region is. A region that crosses the
dateline goes on beyond 180 degrees east; what is not filled is masked.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.grid.tile import TILE_SIZE, Tile
from generator.rasters import find_rasterio
from generator.rasters.notice import gdal_tags
from tileserver.batch.archive import ArchiveMetadata
from tileserver.documents.grid import geotransform
from tileserver.errors import ExportError
from tileserver.regions.hilbert import tiles_at
from tileserver.regions.region import Region

_CACHE_MB = 256
_FILLED = np.full((TILE_SIZE, TILE_SIZE), 255, np.uint8)
_COMPRESSION = {
    "png": {"COMPRESS": "DEFLATE", "PREDICTOR": "YES"},
    "webp": {"COMPRESS": "WEBP", "QUALITY": "85"},
    "jpg": {"COMPRESS": "JPEG", "QUALITY": "90"},
}
"""The format that the tiles would have, as GDAL's way of packing: png keeps every pixel."""


class GeotiffFile:
    """A GeoTIFF at `path` of the one zoom of a region; needs rasterio.

    whole: whether every tile of the region will come; otherwise what is left out is masked.
    """

    def __init__(self, path: Path, about: ArchiveMetadata, region: Region, whole: bool) -> None:
        self._rasterio = find_rasterio()
        self._path, self._about = path, about
        self._zoom = region.zooms[0]
        self._west, self._columns, self._north, self._rows = frame(region)
        self._masked = not whole or self._columns * self._rows > len(region)
        self._exact = about.format == "png"
        self._plain_path = path.with_name(path.name + ".plain.tif")
        self._plain = self._create()

    def add(self, tile: Tile, payload: bytes) -> bytes:
        """Take the next tile, a PNG; return what `read` has to give for it."""
        with Image.open(io.BytesIO(payload), formats=("PNG",)) as image:
            pixels = np.moveaxis(np.asarray(image.convert("RGB")), -1, 0)
        window = self._window(tile)
        with self._gdal():
            self._plain.write(pixels, window=window)
            if self._masked:
                self._plain.write_mask(_FILLED, window=window)
        return self._seen(pixels)

    def finish(self) -> None:
        """Make the overviews and the final file."""
        from rasterio.shutil import copy

        with self._gdal():
            self._plain.close()
            copy(
                self._plain_path,
                self._path,
                driver="COG",
                BLOCKSIZE=str(TILE_SIZE),
                BIGTIFF="IF_SAFER",
                OVERVIEW_RESAMPLING="AVERAGE",
                **_COMPRESSION[self._about.format],
            )
        self.close()

    def read(self) -> Iterator[tuple[Tile, bytes]]:
        """Yield every tile with its pixels, or without where packing them changes them.

        Raises ExportError for a file that is not laid out as it should.
        """
        with self._gdal(), self._rasterio.open(self._path) as picture:
            if picture.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") != "COG":
                raise ExportError(f"{self._path} is not laid out as a Cloud Optimized GeoTIFF")
            for row in range(self._rows):
                for column in range(self._columns):
                    x = (self._west + column) % (1 << self._zoom)
                    tile = Tile(self._zoom, x, self._north + row)
                    window = self._window(tile)
                    if self._masked and not picture.dataset_mask(window=window).all():
                        continue
                    yield tile, self._seen(picture.read(window=window))

    def close(self) -> None:
        """Let go of the files; a second call does nothing."""
        if not self._plain.closed:
            self._plain.close()
        self._plain_path.unlink(missing_ok=True)

    def _seen(self, pixels: NDArray[np.uint8]) -> bytes:
        return pixels.tobytes() if self._exact else b""

    def _window(self, tile: Tile) -> Any:
        from rasterio.windows import Window

        column = (tile.x - self._west) % (1 << tile.z)
        row = tile.y - self._north
        return Window(column * TILE_SIZE, row * TILE_SIZE, TILE_SIZE, TILE_SIZE)

    @contextlib.contextmanager
    def _gdal(self) -> Iterator[None]:
        """Give GDAL its settings, and its errors the kind that a full disk has."""
        settings = {"GDAL_TIFF_INTERNAL_MASK": "YES", "GDAL_CACHEMAX": _CACHE_MB}
        try:
            with self._rasterio.Env(**settings):
                yield
        except self._rasterio.errors.RasterioError as error:
            raise OSError(str(error)) from error

    def _create(self) -> Any:
        place = geotransform(self._zoom, self._west, self._north)
        with self._gdal():
            plain = self._rasterio.open(
                self._plain_path, "w", driver="GTiff", count=3, dtype="uint8",
                width=self._columns * TILE_SIZE, height=self._rows * TILE_SIZE,
                crs="EPSG:3857", transform=self._rasterio.Affine(*place),
                photometric="RGB", interleave="pixel", tiled=True, blockxsize=TILE_SIZE,
                blockysize=TILE_SIZE, compress="deflate", predictor=2, zlevel=1,
                BIGTIFF="IF_SAFER", SPARSE_OK="TRUE",
            )  # fmt: skip
        plain.update_tags(
            **gdal_tags(f"{self._about.title}. {self._about.description}", self._about.attribution)
        )
        return plain


def frame(region: Region) -> tuple[int, int, int, int]:
    """Return the first column, number of columns, first row and number of rows of one zoom.

    The columns go round the Earth where that is the shorter way; where it is as long, they end at
    the dateline.
    """
    zoom = region.zooms[0]
    ranges = region.ranges[zoom]
    columns, rows = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for part in region.parts():
        for _, places in region.places(part):
            x, y = tiles_at(zoom, places)
            columns, rows = np.union1d(columns, x), np.union1d(rows, y)
    assert len(ranges) >= len(columns)
    size = 1 << zoom
    gaps = np.diff(np.append(columns, columns[0] + size))
    widest = len(gaps) - 1 - int(gaps[::-1].argmax())  # the last one lies across the dateline
    first = int(columns[(widest + 1) % len(columns)])
    width = size - int(gaps[widest]) + 1
    return first, width, int(rows[0]), int(rows[-1] - rows[0] + 1)
