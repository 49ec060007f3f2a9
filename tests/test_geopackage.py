"""GeoPackages: the tiles in them, and what GDAL makes of the file."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from generator.grid.tile import Tile
from tests.test_export import ALPS, FIJI, POLE, about, master, source
from tileserver.batch.export import TileSource, write
from tileserver.encode import decode_png, encode
from tileserver.encoding import Encoding
from tileserver.regions.region import Box, Region

rasterio = pytest.importorskip("rasterio")

__all__ = ["source"]


def stored(path: Path) -> dict[Tile, bytes]:
    """Return the tiles as the specification has them: rows from the north, by zoom."""
    with contextlib.closing(sqlite3.connect(path)) as base:
        ((table,),) = base.execute("SELECT table_name FROM gpkg_contents WHERE data_type = 'tiles'")
        rows = base.execute(
            f"SELECT zoom_level, tile_column, tile_row, tile_data FROM {table}"
        ).fetchall()
    found = {Tile(z, x, y): payload for z, x, y, payload in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("bbox", [ALPS, FIJI, POLE])
def test_it_holds_each_tile_of_the_cache(source: TileSource, tmp_path: Path, bbox: Box) -> None:
    region = Region(bbox, [0, 5, 6, 7])
    done = write(source, region, tmp_path / "a.gpkg", about(region))
    found = stored(tmp_path / "a.gpkg")
    assert done.written == len(region) == len(found)
    assert found == {tile: master(source, tile) for tile in region.walk()}
    assert [path.name for path in tmp_path.iterdir()] == ["a.gpkg"]


def mosaic(source: TileSource, region: Region, zoom: int, bounds: Box) -> np.ndarray:
    """Return the pixels of a zoom inside bounds in metres, uint8 [h, w, 4], 0 where no tile is."""
    world = 40075016.68557849
    step = world / (256 << zoom)
    west, north = round((bounds[0] + world / 2) / step), round((world / 2 - bounds[3]) / step)
    east, south = round((bounds[2] + world / 2) / step), round((world / 2 - bounds[1]) / step)
    canvas = np.zeros((256 << zoom, 256 << zoom, 4), np.uint8)
    for tile in region.walk():
        if tile.z == zoom:
            at = np.s_[256 * tile.y : 256 * tile.y + 256, 256 * tile.x : 256 * tile.x + 256]
            canvas[at][..., :3] = decode_png(master(source, tile))
            canvas[at][..., 3] = 255
    return canvas[north:south, west:east]


@pytest.mark.parametrize("zooms", [(4, 5, 6), (2, 6)])
def test_gdal_reads_every_zoom_pixel_for_pixel_in_its_place(
    source: TileSource, tmp_path: Path, zooms: tuple[int, ...]
) -> None:
    region = Region(ALPS, zooms)
    write(source, region, tmp_path / "a.gpkg", about(region))
    with rasterio.open(tmp_path / "a.gpkg") as picture:
        assert (picture.driver, picture.crs.to_epsg()) == ("GPKG", 3857)
        assert picture.tags()["IDENTIFIER"] == "World 0"
        assert picture.tags()["DESCRIPTION"] == "Invented Credit <b>"
        assert picture.overviews(1) == [2 ** (6 - zoom) for zoom in reversed(zooms[:-1])]
        bounds = tuple(picture.bounds)
        pixels = np.moveaxis(picture.read(), 0, -1)
    np.testing.assert_array_equal(pixels, mosaic(source, region, 6, bounds))
    for level, zoom in enumerate(reversed(zooms[:-1])):
        with rasterio.open(tmp_path / "a.gpkg", overview_level=level) as picture:
            pixels = np.moveaxis(picture.read(), 0, -1)
        np.testing.assert_array_equal(pixels, mosaic(source, region, zoom, bounds))


def test_across_the_dateline_it_is_as_wide_as_the_map(source: TileSource, tmp_path: Path) -> None:
    region = Region(FIJI, [4])
    write(source, region, tmp_path / "a.gpkg", about(region))
    with rasterio.open(tmp_path / "a.gpkg") as picture:
        assert picture.width == 256 * 16
        pixels = np.moveaxis(picture.read(), 0, -1)
        bounds = tuple(picture.bounds)
    np.testing.assert_array_equal(pixels, mosaic(source, region, 4, bounds))
    assert 0 < (pixels[..., 3] > 0).sum() == len(region) * 256 * 256 < pixels[..., 3].size


@pytest.mark.parametrize(("encoding", "format"), [(Encoding.WEBP, "webp"), (Encoding.JPEG, "jpg")])
def test_other_formats_have_the_bytes_that_the_server_sends(
    source: TileSource, tmp_path: Path, encoding: Encoding, format: str
) -> None:
    region = Region(ALPS, [6])
    other = dataclasses.replace(source, encoding=encoding)
    write(other, region, tmp_path / "a.gpkg", about(region, format))
    for tile, payload in stored(tmp_path / "a.gpkg").items():
        assert payload == encode(decode_png(master(source, tile)), encoding)
    with contextlib.closing(sqlite3.connect(tmp_path / "a.gpkg")) as base:
        named = {name for (name,) in base.execute("SELECT extension_name FROM gpkg_extensions")}
    assert ("gpkg_webp" in named) == (format == "webp")
    with rasterio.open(tmp_path / "a.gpkg") as picture:
        assert picture.read(4).all()
