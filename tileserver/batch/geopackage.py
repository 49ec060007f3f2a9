"""GeoPackage: one SQLite file of tiles that GIS programs open as a picture with its overviews.

GDAL makes the tables, with the tile matrices of Web Mercator; the tiles are put in as they are, so
that every zoom has the server's own bytes and not GDAL's averages.
"""

from __future__ import annotations

from pathlib import Path

from generator.grid.tile import TILE_SIZE, Tile, span_in_bbox
from generator.rasters import find_rasterio
from tileserver.batch.archive import ArchiveMetadata, SqliteArchive
from tileserver.documents.grid import geotransform

TABLE = "elsewhere"

_COLUMNS = "zoom_level, tile_column, tile_row, tile_data"
_FORMATS = {"png": "PNG", "webp": "WEBP", "jpg": "JPEG"}


class GeopackageFile(SqliteArchive):
    """A GeoPackage at `path`; needs rasterio. Equal tiles are stored as often as they occur."""

    SELECT = f"SELECT {_COLUMNS} FROM {TABLE}"

    def __init__(self, path: Path, about: ArchiveMetadata) -> None:
        path.unlink(missing_ok=True)
        _create(path, about)
        super().__init__(path)
        # Without a journal: the file is no one's until it is renamed.
        self._base.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        others = f"zoom_level NOT IN ({','.join(map(str, about.zooms))})"
        self._base.execute(f"DELETE FROM gpkg_tile_matrix WHERE {others}")

    def add(self, tile: Tile, payload: bytes) -> bytes:
        """Take the next tile; return its bytes."""
        row = (tile.z, tile.x, tile.y, payload)
        self._base.execute(f"INSERT INTO {TABLE} ({_COLUMNS}) VALUES (?, ?, ?, ?)", row)
        return payload


def _create(path: Path, about: ArchiveMetadata) -> None:
    """Have GDAL make a file without tiles that covers the region's tiles of the deepest zoom."""
    rasterio = find_rasterio()
    columns, rows = span_in_bbox(*about.bounds, about.zooms[-1])
    try:
        with rasterio.open(
            path, "w", driver="GPKG", count=3, dtype="uint8", crs="EPSG:3857",
            width=len(columns) * TILE_SIZE, height=len(rows) * TILE_SIZE,
            transform=rasterio.Affine(*geotransform(about.zooms[-1], columns[0], rows[0])),
            TILING_SCHEME="GoogleMapsCompatible", TILE_FORMAT=_FORMATS[about.format],
            RASTER_TABLE=TABLE, RASTER_IDENTIFIER=about.title,
            RASTER_DESCRIPTION=f"{about.description} {about.attribution}",
        ) as file:  # fmt: skip
            file.update_tags(ATTRIBUTION=about.attribution)
    except rasterio.errors.RasterioError as error:
        raise OSError(str(error)) from error
