"""Pictures of planets: brought to one meridian and north up by what they say, or refused."""

import logging
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image

import generator
from generator.base import planetfile
from generator.grid.errors import BaseMapError
from tests.test_basemap import smooth_planet

WHOLE = (360 / 128, 0.0, -180.0, 0.0, -180 / 64, 90.0)
MARS = "+proj=eqc +lat_ts=0 +lon_0=180 +R=3396190 +units=m"


def save(
    path: Path, pixels: NDArray[np.generic], transform: tuple[float, ...], crs: str = "EPSG:4326",
    **more: object,
) -> Path:  # fmt: skip
    height, width = pixels.shape[:2]
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=3, dtype=pixels.dtype,
        crs=crs, transform=rasterio.Affine(*transform), **more,
    ) as file:  # fmt: skip
        file.write(np.moveaxis(pixels, -1, 0))
    return path


def test_a_planet_that_begins_at_greenwich_is_rolled(tmp_path: Path) -> None:
    east = np.roll(smooth_planet(), 64, axis=1)
    path = save(tmp_path / "a.tif", east, (WHOLE[0], 0, 0, 0, WHOLE[4], 90))
    np.testing.assert_array_equal(planetfile.read(path), smooth_planet())


def test_a_planet_that_is_south_up_or_east_left_is_flipped(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", smooth_planet()[::-1], (WHOLE[0], 0, -180, 0, -WHOLE[4], -90))
    np.testing.assert_array_equal(planetfile.read(path), smooth_planet())
    path = save(tmp_path / "b.tif", smooth_planet()[:, ::-1], (-WHOLE[0], 0, 180, 0, WHOLE[4], 90))
    np.testing.assert_array_equal(planetfile.read(path), smooth_planet())


def test_a_planet_in_equirectangular_metres_is_placed(tmp_path: Path) -> None:
    step = math.radians(1) * 3396190 * WHOLE[0]
    place = (step, 0, -64 * step, 0, -step, 32 * step)
    rolled = np.roll(smooth_planet(), 64, axis=1)
    path = save(tmp_path / "a.tif", rolled, place, MARS)
    np.testing.assert_array_equal(planetfile.read(path), smooth_planet())


@pytest.mark.parametrize("with_rasterio", [True, False])
def test_a_world_file_places_a_picture_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_rasterio: bool
) -> None:
    Image.fromarray(np.roll(smooth_planet(), 64, axis=1)).save(tmp_path / "a.png")
    half = WHOLE[0] / 2
    (tmp_path / "a.pgw").write_text(f"{2 * half}\n0\n0\n{-2 * half}\n{half}\n{90 - half}\n")
    if not with_rasterio:
        monkeypatch.setitem(sys.modules, "rasterio", None)
    np.testing.assert_array_equal(planetfile.read(tmp_path / "a.png"), smooth_planet())


def test_a_grid_that_is_off_by_less_than_half_a_pixel_stays_as_it_is(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", smooth_planet(), (WHOLE[0], 0, -181, 0, WHOLE[4], 91))
    np.testing.assert_array_equal(planetfile.read(path), smooth_planet())


@pytest.mark.parametrize(
    ("transform", "crs", "words"),
    [
        ((0.1, 0, 5, 0, -0.1, 48), "EPSG:4326", "covers 5 to 17.8 degrees east and 41.6 to 48 n"),
        ((WHOLE[0], 0, -180, 0, -1, 90), "EPSG:4326", "-180 to 180 degrees east and 26 to 90"),
        ((9, 0, 0, 0, -9, 0), "EPSG:3857", r"in another projection \(merc\), expected an equi"),
        ((1, 1, -180, 1, -1, 90), "EPSG:4326", "is turned in its reference system"),
    ],
)
def test_a_part_of_a_planet_is_refused_with_its_bounds_before_anything_is_loaded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    transform: tuple[float, ...],
    crs: str,
    words: str,
) -> None:
    path = save(tmp_path / "a.tif", smooth_planet(), transform, crs)
    monkeypatch.setitem(sys.modules, "generator.cascade.loading", None)
    with pytest.raises(BaseMapError, match=words):
        generator.load(base=path)


def test_sixteen_bits_are_stretched_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dark = smooth_planet().astype(np.uint16) * 10
    path = save(tmp_path / "a.tif", dark, WHOLE, photometric="RGB")
    with caplog.at_level(logging.WARNING, "elsewhere"):
        assert 100 < planetfile.read(path).mean() < 155
    (line,) = caplog.messages
    assert "16-bit samples" in line
    assert line.endswith("as 0 to 255")


def test_holes_of_a_planet_are_filled(tmp_path: Path) -> None:
    grey = np.full((64, 128, 3), 90, np.uint8)
    grey[20:30, 40:60] = 0
    path = save(tmp_path / "a.tif", grey, WHOLE, nodata=0)
    assert (planetfile.read(path) == 90).all()
