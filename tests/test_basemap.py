"""The base map: geometry, averages, edges of the map, and pictures that are no planets."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rasterio import Affine
from rasterio.warp import Resampling, reproject

from generator.base import tone
from generator.base.basemap import BaseMap
from generator.grid.averaging import averaged
from generator.grid.errors import BaseMapError
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile


def smooth_planet(width: int = 128) -> Pixels:
    """Return a planet whose red tells the latitude and whose green and blue the longitude."""
    columns = (np.arange(width) + 0.5) / width * 2 * math.pi
    rows = (np.arange(width // 2) + 0.5) / (width // 2)
    planet = np.empty((width // 2, width, 3))
    planet[..., 0] = 20 + 200 * rows[:, None]
    planet[..., 1] = 128 + 100 * np.cos(columns)
    planet[..., 2] = 128 + 100 * np.sin(columns)
    return np.round(planet).astype(np.uint8)


@pytest.fixture(scope="module")
def smooth() -> BaseMap:
    return BaseMap(smooth_planet())


@pytest.fixture(scope="module")
def random() -> BaseMap:
    return BaseMap(np.random.default_rng(0).integers(0, 256, (40, 80, 3), np.uint8))


@pytest.mark.parametrize("address", [(5, 0, 0), (5, 17, 16), (5, 31, 31), (4, 9, 3), (2, 1, 2)])
def test_a_tile_shows_its_place_on_earth(smooth: BaseMap, address: tuple[int, int, int]) -> None:
    tile = Tile(*address)
    west, _, east, _ = tile.bounds
    pixels = smooth.tile(tile).astype(float)
    assert pixels.shape == (256, 256, 3)
    longitude = math.radians((west + east) / 2 + 180)
    centre = pixels[127:129, 127:129].mean(axis=(0, 1))
    assert centre[0] == pytest.approx(20 + 200 * (0.5 - tile.latitude / 180), abs=1.5)
    assert centre[1] == pytest.approx(128 + 100 * math.cos(longitude), abs=1.5)
    assert centre[2] == pytest.approx(128 + 100 * math.sin(longitude), abs=1.5)


@pytest.mark.parametrize("address", [(0, 0, 0), (2, 3, 1), (3, 0, 7), (4, 15, 0), (4, 8, 9)])
def test_a_tile_is_the_exact_average_of_its_children(
    random: BaseMap, address: tuple[int, int, int]
) -> None:
    tile = Tile(*address)
    nw, ne, sw, se = (random.tile(child).astype(int) for child in tile.children())
    whole = np.block([[[nw], [ne]], [[sw], [se]]])
    total = whole[0::2, 0::2] + whole[0::2, 1::2] + whole[1::2, 0::2] + whole[1::2, 1::2]
    assert np.array_equal(random.tile(tile), (total + 2) // 4)


@pytest.mark.parametrize("address", [(5, 20, 3), (5, 16, 12), (5, 9, 27)])
def test_a_tile_is_what_gdal_makes_of_the_picture(address: tuple[int, int, int]) -> None:
    rough = np.random.default_rng(3).integers(60, 196, (360, 720, 3), np.uint8)
    tile, made = Tile(*address), np.zeros((3, 256, 256), np.uint8)
    half = math.pi * 6378137
    side = 2 * half / 32
    reproject(
        np.moveaxis(rough, -1, 0),
        made,
        src_transform=Affine(0.5, 0, -180, 0, -0.5, 90),
        src_crs="EPSG:4326",
        dst_transform=Affine(
            side / 256, 0, tile.x * side - half, 0, -side / 256, half - tile.y * side
        ),
        dst_crs="EPSG:3857",
        resampling=Resampling.cubic,
        tolerance=0,
    )
    difference = np.moveaxis(made, 0, -1).astype(int) - BaseMap(rough).tile(tile)
    assert np.abs(difference).max() <= 2


def test_halving_rounds_halves_up() -> None:
    pixels = np.array([[[0, 1, 255], [1, 1, 255]], [[0, 0, 255], [1, 1, 254]]], np.uint8)
    assert averaged(pixels, 2).tolist() == [[[1, 1, 255]]]


def test_the_dateline_is_no_edge(smooth: BaseMap, random: BaseMap) -> None:
    strip = smooth.region(5, 8192 - 300, 4000, 600, 1).astype(int)
    assert np.abs(np.diff(strip, axis=1)).max() <= 1
    for zoom, side in ((5, 8192), (2, 1024)):
        across = random.region(zoom, side - 4, 500, 8, 3)
        assert np.array_equal(across[:, :4], random.region(zoom, side - 4, 500, 4, 3))
        assert np.array_equal(across[:, 4:], random.region(zoom, 0, 500, 4, 3))
        assert np.array_equal(across, random.region(zoom, -4 - side, 500, 8, 3))


@pytest.mark.parametrize("zoom", [5, 3])
def test_rows_are_mirrored_beyond_the_edges_of_the_map(random: BaseMap, zoom: int) -> None:
    side = 256 << zoom
    over = random.region(zoom, 7, -6, 20, 12)
    assert np.array_equal(over[:6], over[6:][::-1])
    under = random.region(zoom, 7, side - 6, 20, 12)
    assert np.array_equal(under[:6], under[6:][::-1])
    assert np.array_equal(over[6:], random.region(zoom, 7, 0, 20, 6))


def test_a_tile_is_a_region(random: BaseMap) -> None:
    assert np.array_equal(
        random.tile(Tile(5, 3, 9))[10:20, 30:50],
        random.region(5, 3 * 256 + 30, 9 * 256 + 10, 20, 10),
    )


def test_one_colour_stays_one_colour_to_the_poles() -> None:
    flat = BaseMap(np.full((32, 64, 3), (3, 130, 251), np.uint8))
    for tile in (Tile(5, 0, 0), Tile(5, 31, 31), Tile(5, 16, 12), Tile(0, 0, 0)):
        assert (flat.tile(tile) == (3, 130, 251)).all()


def test_equal_pictures_have_equal_digests_and_others_do_not() -> None:
    one, other = np.zeros((32, 64, 3), np.uint8), np.zeros((32, 64, 3), np.uint8)
    other[16, 9, 2] = 40
    assert BaseMap(one).digest == BaseMap(one.copy()).digest
    assert BaseMap(one).digest != BaseMap(other).digest


def test_a_picture_finer_than_zoom_5_is_filtered_down() -> None:
    stripes = np.zeros((4608, 9216, 3), np.uint8)
    stripes[:, ::2] = 255
    fine = BaseMap(stripes)
    assert 100 < fine.region(5, 100, 4000, 400, 4).mean() < 155


def test_zooms_that_the_base_map_has_not_are_refused(random: BaseMap) -> None:
    with pytest.raises(BaseMapError, match="zoom is 6, the base map has 0 to 5"):
        random.tile(Tile(6, 0, 0))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_picture_gives_the_planet_that_it_shows(
    tmp_path: Path, smooth: BaseMap, suffix: str
) -> None:
    path = tmp_path / f"planet{suffix}"
    Image.fromarray(smooth_planet()).save(path)
    assert BaseMap.open(path).digest == smooth.digest


def test_a_users_picture_is_toned_only_when_asked(tmp_path: Path, smooth: BaseMap) -> None:
    path = tmp_path / "planet.png"
    Image.fromarray(smooth_planet()).save(path)
    toned = BaseMap(tone.apply(smooth_planet()))
    assert BaseMap.open(path, "natural").digest == toned.digest
    assert BaseMap.open(path, "none").digest == smooth.digest
    with pytest.raises(BaseMapError, match="tone is 'warm', expected one of: natural, none"):
        BaseMap.open(path, "warm")


def test_jpeg_opens(tmp_path: Path, smooth: BaseMap) -> None:
    path = tmp_path / "planet.jpg"
    Image.fromarray(smooth_planet()).save(path, quality=95)
    made = BaseMap.open(path).region(5, 0, 4000, 8192, 64).astype(int)
    assert np.abs(made - smooth.region(5, 0, 4000, 8192, 64)).mean() < 3


def save(path: Path, width: int, height: int) -> Path:
    Image.new("RGB", (width, height)).save(path)
    return path


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(BaseMapError, match=r"planet\.png does not exist"):
        BaseMap.open(tmp_path / "planet.png")
    with pytest.raises(BaseMapError, match="is a directory"):
        BaseMap.open(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_something_else_than_a_picture_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"planet{suffix}"
    path.write_text("this is no picture")
    with pytest.raises(BaseMapError, match="planet"):
        BaseMap.open(path)
    path.write_bytes(b"")
    with pytest.raises(BaseMapError, match="planet"):
        BaseMap.open(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_a_picture_cut_short_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"planet{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 128, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(BaseMapError, match="planet"):
        BaseMap.open(path)


def test_a_decompression_bomb_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generator.rasters.plain.MAX_PIXELS", 10_000)
    for name in ("planet.png", "planet.tif"):
        with pytest.raises(BaseMapError, match="200 x 100 pixels, expected at most"):
            BaseMap.open(save(tmp_path / name, 200, 100))


def test_a_picture_larger_than_pillow_allows_is_no_bomb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000)
    BaseMap.open(save(tmp_path / "planet.png", 128, 64))
    assert Image.MAX_IMAGE_PIXELS == 1_000


def test_a_picture_of_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BaseMapError, match="128 x 65 pixels, expected a whole planet"):
        BaseMap.open(save(tmp_path / "planet.png", 128, 65))


def test_a_tiny_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BaseMapError, match="62 pixels wide, expected at least 64"):
        BaseMap.open(save(tmp_path / "planet.png", 62, 31))
