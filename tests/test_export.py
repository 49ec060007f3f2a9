"""Exports: what independent readers find in the files, and what is left when one fails."""

from __future__ import annotations

import dataclasses
import io
import os
import sqlite3
from pathlib import Path

import mercantile
import numpy as np
import pytest
from PIL import Image

from generator.grid.tile import Tile
from tests import pmtiles_spec
from tests.caches import tiles_of
from tests.fakes import FakeRenderer
from tileserver.batch import export as module
from tileserver.batch.archive import ArchiveMetadata, Checksum
from tileserver.batch.export import TileSource, check_target, write
from tileserver.cache.tilecache import TileCache
from tileserver.encode import decode_png, encode
from tileserver.encoding import Encoding
from tileserver.errors import ExportError
from tileserver.regions.polygon import PolygonShape
from tileserver.regions.region import Box, Region
from tileserver.regions.tileid import tile_id, tile_of
from tileserver.rendering.batch import BatchRenderer

rasterio = pytest.importorskip("rasterio")

ALPS = (6.0, 45.5, 12.0, 47.5)
FIJI = (177.0, -19.0, -178.0, -16.0)
POLE = (-30.0, 84.0, 30.0, 90.0)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> TileSource:
    cache = TileCache.open(tmp_path_factory.mktemp("cache"))
    maker = BatchRenderer(FakeRenderer(), 0, cache)
    return TileSource(cache, maker.world, maker, Encoding.PNG)


def about(region: Region, format: str = "png") -> ArchiveMetadata:
    return ArchiveMetadata(
        "World 0", "Invented", "Credit <b>", format, region.bbox, region.zooms, 0, b"w" * 16
    )


def master(source: TileSource, tile: Tile) -> bytes:
    payload = source.cache.get(source.world, tile)
    assert payload is not None
    return payload


@pytest.mark.parametrize("bbox", [ALPS, FIJI, POLE])
def test_pmtiles_holds_each_tile_of_the_cache_once(
    source: TileSource, tmp_path: Path, bbox: Box
) -> None:
    region = Region(bbox, [0, 3, 5, 6, 7])
    done = write(source, region, tmp_path / "a.pmtiles", about(region))
    found = pmtiles_spec.read(tmp_path / "a.pmtiles")
    assert done.written == len(region) == len(found.tiles)
    assert done.size == (tmp_path / "a.pmtiles").stat().st_size
    assert found.tiles == {tile_id(tile): master(source, tile) for tile in region.walk()}
    assert os.listdir(tmp_path) == ["a.pmtiles"]


def test_pmtiles_says_what_it_is(source: TileSource, tmp_path: Path) -> None:
    region = Region(ALPS, [2, 5])
    write(source, region, tmp_path / "a.pmtiles", about(region))
    found = pmtiles_spec.read(tmp_path / "a.pmtiles")
    head = found.header
    assert (head["min_zoom"], head["max_zoom"], head["type"]) == (2, 5, pmtiles_spec.PNG)
    assert (head["clustered"], head["compression"]) == (1, 1)
    assert head["bounds"] == pytest.approx([6.0, 45.5, 12.0, 47.5])
    assert head["centre"] == pytest.approx([5, 9.0, 46.51], abs=0.001)
    assert found.metadata["description"] == "Invented"
    assert found.metadata["attribution"] == "Credit <b>"


def test_pmtiles_keeps_its_bounds_in_order_across_the_dateline(
    source: TileSource, tmp_path: Path
) -> None:
    region = Region(FIJI, [4])
    write(source, region, tmp_path / "a.pmtiles", about(region))
    head = pmtiles_spec.read(tmp_path / "a.pmtiles").header
    assert head["bounds"] == pytest.approx([-180.0, -19.0, 180.0, -16.0])
    assert head["centre"] == pytest.approx([4, 179.5, -17.51], abs=0.01)


class Sea(FakeRenderer):
    """A world of two tiles, one in the west and one in the east."""

    def compute(self, seed, block, read):  # type: ignore[no-untyped-def]
        self.calls.append((seed, block))
        return {t: np.full((256, 256, 3), 9 * (2 * t.x >> t.z), np.uint8) for t in block.tiles}


@pytest.mark.parametrize("name", ["a.pmtiles", "a.mbtiles"])
def test_equal_tiles_are_stored_once(tmp_path: Path, name: str) -> None:
    cache = TileCache.open(tmp_path / "cache")
    maker = BatchRenderer(Sea(), 0, cache)
    region = Region((-180, -85.05, 180, 85.05), range(4))
    write(
        TileSource(cache, maker.world, maker, Encoding.PNG), region, tmp_path / name, about(region)
    )
    if name == "a.pmtiles":
        found = pmtiles_spec.read(tmp_path / name)
        assert len(found.tiles) == len(region)
        assert len(set(found.offsets.values())) == found.header["contents"] == 2
        assert found.header["entries"] < len(region) / 4
        assert found.header["addressed"] == len(region)
    else:
        base = sqlite3.connect(tmp_path / name)
        assert base.execute("SELECT count(*) FROM images").fetchone() == (2,)
        assert base.execute("SELECT count(*) FROM tiles").fetchone() == (len(region),)
        base.close()


@pytest.mark.parametrize("bbox", [ALPS, FIJI, POLE])
def test_mbtiles_holds_each_tile_of_the_cache_with_rows_from_the_south(
    source: TileSource, tmp_path: Path, bbox: Box
) -> None:
    region = Region(bbox, [0, 5, 6, 7])
    write(source, region, tmp_path / "a.mbtiles", about(region))
    base = sqlite3.connect(tmp_path / "a.mbtiles")
    rows = base.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles").fetchall()
    texts = dict(base.execute("SELECT name, value FROM metadata"))
    base.close()
    found = {Tile(z, x, (1 << z) - 1 - row): payload for z, x, row, payload in rows}
    assert len(rows) == len(found)
    assert found == {tile: master(source, tile) for tile in region.walk()}
    assert (texts["minzoom"], texts["maxzoom"], texts["format"]) == ("0", "7", "png")
    assert [float(part) for part in texts["center"].split(",")] == pytest.approx(about(region).view)
    assert texts["description"] == "Invented"


def test_gdal_reads_the_mbtiles_as_the_tiles_mosaic(source: TileSource, tmp_path: Path) -> None:
    region = Region(ALPS, [7])
    write(source, region, tmp_path / "a.mbtiles", about(region))
    with rasterio.open(tmp_path / "a.mbtiles") as picture:
        assert (picture.driver, picture.crs.to_epsg()) == ("MBTiles", 3857)
        pixels, place = picture.read((1, 2, 3)), picture.transform
    compared = 0
    for tile in region.walk():
        west, _, _, north = mercantile.xy_bounds(tile.x, tile.y, tile.z)
        x, y = round((west - place.c) / place.a), round((north - place.f) / place.e)
        rows, columns = slice(max(y, 0), y + 256), slice(max(x, 0), x + 256)
        found = pixels[:, rows, columns]  # GDAL cuts the tiles to the region's bounds
        expected = np.moveaxis(decode_png(master(source, tile)), -1, 0)
        expected = expected[:, max(-y, 0) :, max(-x, 0) :][:, : found.shape[1], : found.shape[2]]
        np.testing.assert_array_equal(found, expected)
        compared += found[0].size
    assert compared == pixels[0].size


@pytest.mark.parametrize(("bbox", "zoom"), [(ALPS, 8), (FIJI, 8), (POLE, 6)])
def test_a_geotiff_is_cloud_optimized_and_has_every_pixel_in_its_place(
    source: TileSource, tmp_path: Path, bbox: Box, zoom: int
) -> None:
    cogeo = pytest.importorskip("rio_cogeo")
    region, path = Region(bbox, [zoom]), tmp_path / "a.tif"
    write(source, region, path, about(region))
    assert cogeo.cog_validate(path, strict=True) == (True, [], [])
    with rasterio.open(path) as picture:
        assert picture.crs.to_epsg() == 3857
        assert picture.width * picture.height == 256 * 256 * len(region)
        assert picture.tags()["TIFFTAG_COPYRIGHT"] == "Credit <b>"
        world = 2 * mercantile.xy_bounds(0, 0, 0).right
        for tile in region.walk():
            west, south, east, north = mercantile.xy_bounds(tile.x, tile.y, tile.z)
            beyond = world if west < picture.bounds.left - 1 else 0.0
            window = rasterio.windows.from_bounds(
                west + beyond, south, east + beyond, north, transform=picture.transform
            ).round()
            expected = np.moveaxis(decode_png(master(source, tile)), -1, 0)
            np.testing.assert_array_equal(picture.read(window=window), expected)
    assert os.listdir(tmp_path) == ["a.tif"]


@pytest.mark.parametrize("zoom", [0, 1, 2, 3])
def test_a_geotiff_of_the_whole_world_ends_at_the_dateline(
    source: TileSource, tmp_path: Path, zoom: int
) -> None:
    region = Region((-180, -85, 180, 85), [zoom])
    write(source, region, tmp_path / "a.tif", about(region))
    with rasterio.open(tmp_path / "a.tif") as picture:
        assert tuple(picture.bounds) == pytest.approx(tuple(mercantile.xy_bounds(0, 0, 0)))


def test_a_geotiff_of_places_half_a_world_apart_ends_at_the_dateline(
    source: TileSource, tmp_path: Path
) -> None:
    shapely = pytest.importorskip("shapely")
    places = [shapely.box(west, 0.1, west + 20.1, 20) for west in (-100.05, 79.95)]
    region = Region(PolygonShape(places, "two places"), [4])
    assert region.bbox[0] < region.bbox[2]
    write(source, region, tmp_path / "a.tif", about(region))
    with rasterio.open(tmp_path / "a.tif") as picture:
        world = 20037508.342789244
        assert -world <= picture.bounds.left < picture.bounds.right <= world


def test_what_is_not_stored_is_masked_in_a_geotiff_of_the_cache(
    source: TileSource, tmp_path: Path
) -> None:
    region = Region((20.0, 10.0, 30.0, 20.0), [7])
    source.maker.make(Tile(7, 73, 58))  # type: ignore[union-attr]
    cached = dataclasses.replace(source, maker=None)
    done = write(cached, region, tmp_path / "a.tif", about(region))
    assert (done.written, done.absent) == (4, len(region) - 4)
    with rasterio.open(tmp_path / "a.tif") as picture:
        assert picture.dataset_mask().astype(bool).sum() == 4 * 256 * 256


@pytest.mark.parametrize("format", ["webp", "jpg"])
def test_packed_geotiffs_are_smaller_and_nearly_the_same(
    source: TileSource, tmp_path: Path, format: str
) -> None:
    region = Region(ALPS, [6])
    write(source, region, tmp_path / "a.tif", about(region, format))
    write(source, region, tmp_path / "b.tif", about(region))
    with rasterio.open(tmp_path / "a.tif") as packed, rasterio.open(tmp_path / "b.tif") as exact:
        assert packed.compression.name.lower() in ("webp", "jpeg")
        assert packed.shape == exact.shape
        assert np.abs(packed.read().astype(int) - exact.read()).mean() < 40


@pytest.mark.parametrize(("encoding", "kind"), [(Encoding.WEBP, "WEBP"), (Encoding.JPEG, "JPEG")])
def test_other_formats_have_the_bytes_that_the_server_sends(
    source: TileSource, tmp_path: Path, encoding: Encoding, kind: str
) -> None:
    region = Region(ALPS, [3, 6])
    other = dataclasses.replace(source, encoding=encoding)
    format = {"WEBP": "webp", "JPEG": "jpg"}[kind]
    write(other, region, tmp_path / "a.pmtiles", about(region, format))
    found = pmtiles_spec.read(tmp_path / "a.pmtiles")
    assert found.header["type"] == getattr(pmtiles_spec, kind)
    for number, payload in found.tiles.items():
        assert payload == encode(decode_png(master(source, tile_of(number))), encoding)
        assert Image.open(io.BytesIO(payload)).format == kind


def test_only_the_stored_tiles_are_taken_when_asked_so(tmp_path: Path) -> None:
    cache = TileCache.open(tmp_path / "cache")
    renderer = FakeRenderer()
    maker = BatchRenderer(renderer, 0, cache)
    maker.make(Tile(7, 66, 45))
    made = len(renderer.calls)
    region = Region((-180, -85, 180, 85), range(8))
    source = TileSource(cache, maker.world, None, Encoding.PNG)
    done = write(source, region, tmp_path / "a.pmtiles", about(region))
    found = pmtiles_spec.read(tmp_path / "a.pmtiles")
    assert set(found.tiles) == {tile_id(tile) for tile in tiles_of(cache, maker.world)}
    assert (done.written, done.absent) == (cache.count(), len(region) - cache.count())
    assert len(renderer.calls) == made


def test_nothing_stored_is_an_error(source: TileSource, tmp_path: Path) -> None:
    cached = dataclasses.replace(source, world=bytes(16), maker=None)
    region = Region(ALPS, [5])
    with pytest.raises(ExportError, match="no tile of the region is stored"):
        write(cached, region, tmp_path / "a.pmtiles", about(region))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a.pmtiles", "a.mbtiles", "a.gpkg", "a.tif"])
def test_a_tile_that_cannot_be_made_leaves_the_older_file(tmp_path: Path, name: str) -> None:
    cache = TileCache.open(tmp_path / "cache")
    renderer = FakeRenderer()
    maker = BatchRenderer(renderer, 0, cache)
    region = Region(ALPS, [5])
    renderer.broken.add(list(region.walk())[-1])
    (tmp_path / name).write_text("older")
    with pytest.raises(ExportError, match="could not be made .RuntimeError"):
        write(
            TileSource(cache, maker.world, maker, Encoding.PNG),
            region,
            tmp_path / name,
            about(region),
        )
    assert (tmp_path / name).read_text() == "older"
    assert sorted(os.listdir(tmp_path)) == sorted([name, "cache"])


@pytest.mark.parametrize("name", ["a.pmtiles", "a.mbtiles", "a.gpkg", "a.tif"])
def test_a_file_that_changes_before_it_is_named_is_not_kept(
    source: TileSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    region = Region(ALPS, [5])
    fill = module._fill

    def fill_and_forget(*arguments):  # type: ignore[no-untyped-def]
        seen = fill(*arguments)
        seen.add(Tile(0, 0, 0), b"a tile that the file does not hold")
        return seen

    monkeypatch.setattr(module, "_fill", fill_and_forget)
    with pytest.raises(ExportError, match="does not hold what was written"):
        write(source, region, tmp_path / name, about(region))
    assert os.listdir(tmp_path) == []


def test_a_disk_that_is_full_is_one_sentence(
    source: TileSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    region = Region(ALPS, [5])
    with pytest.raises(ExportError, match=r"a.mbtiles cannot be written: No space left"):
        write(source, region, tmp_path / "a.mbtiles", about(region))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "zooms", "expected"),
    [
        ("a.zip", (1,), "expected .pmtiles"),
        ("none/a.pmtiles", (1,), "to be a directory"),
        ("there.pmtiles", (1,), "or --force"),
        ("a.tif", (1, 2), "expected one"),
    ],
)
def test_targets_that_cannot_be_are_refused_before_any_work(
    tmp_path: Path, name: str, zooms: tuple[int, ...], expected: str
) -> None:
    (tmp_path / "there.pmtiles").touch()
    with pytest.raises(ExportError, match=expected):
        check_target(tmp_path / name, zooms, force=False)
    check_target(tmp_path / "there.pmtiles", (1,), force=True)


@pytest.mark.parametrize("name", ["a.gpkg", "a.tif"])
def test_what_gdal_writes_needs_rasterio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(module, "find_rasterio", lambda: None)
    with pytest.raises(ExportError, match=r"needs rasterio: install elsewhere\[geo\]"):
        check_target(tmp_path / name, (1,), force=False)


def test_a_checksum_knows_tiles_and_bytes_but_no_order() -> None:
    def total(*tiles: tuple[Tile, bytes]) -> Checksum:
        sum = Checksum()
        for tile in tiles:
            sum.add(*tile)
        return sum

    a, b = (Tile(1, 0, 0), b"a"), (Tile(1, 1, 0), b"b")
    assert total(a, b) == total(b, a)
    assert total(a, b) != total((a[0], b"b"), (b[0], b"a"))
    assert total(a, b) != total(a, b, b)
