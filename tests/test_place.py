import math

import pytest

from generator.grid.errors import ImageryError
from generator.imagery.place import METRES_PER_DEGREE, Projected, Scale
from generator.rasters import Georeference

pytest.importorskip("rasterio")


def projected(crs, *transform):
    return Projected("x.tif", Georeference(crs, transform))


def test_web_mercator_pixels_shrink_with_latitude():
    y = 8_399_737.9  # 60 degrees north
    ground = projected("EPSG:3857", 10, 0, 0, 0, -10, y).at(0, 0)
    assert ground.lat == pytest.approx(60, abs=1e-4)
    assert ground.width == pytest.approx(5, rel=1e-3)
    assert ground.height == pytest.approx(5, rel=1e-3)


def test_degrees_are_narrower_than_high_away_from_the_equator():
    ground = projected("EPSG:4326", 0.001, 0, 5, 0, -0.001, 60.0005).at(0.5, 0.5)
    assert ground.height == pytest.approx(METRES_PER_DEGREE / 1000, rel=1e-6)
    assert ground.width == pytest.approx(ground.height / 2, rel=1e-4)
    assert ground.lon == pytest.approx(5.0005)


def test_utm_metres_are_metres_whatever_the_rotation():
    for angle in (0.0, 0.7):
        cos, sin = 10 * math.cos(angle), 10 * math.sin(angle)
        ground = projected("EPSG:32632", cos, sin, 5e5, sin, -cos, 5.2e6).at(100, 100)
        assert ground.width == pytest.approx(10, rel=0.01)
        assert ground.height == pytest.approx(10, rel=0.01)
        assert ground.lon == pytest.approx(9, abs=0.05)


def test_transform_without_a_system_is_degrees_when_it_can_be_and_metres_otherwise():
    degrees = projected(None, 0.001, 0, 5, 0, -0.001, 10).at(0, 0)
    assert degrees.lat == pytest.approx(10)
    metres = projected(None, 30, 0, 400_000, 0, -30, 5_000_000).at(0, 0)
    assert (metres.width, metres.height, metres.lat) == (30, 30, None)


def test_known_scale_moves_the_place_with_the_pixel():
    ground = Scale(100, 60.0, 10.0, 50, 50).at(50 + 1113.2, 50)
    assert ground.lon == pytest.approx(12, abs=0.001)
    assert Scale(100, 60.0, 10.0, 50, 50).at(50, 50 - 1113.2).lat == pytest.approx(61, abs=0.001)
    assert Scale(100).at(3, 4).lat is None


def test_unusable_system_and_place_off_the_earth_are_explained():
    with pytest.raises(ImageryError, match="place of x.tif"):
        projected("EPSG:999999", 1, 0, 0, 0, -1, 0).at(0, 0)
    with pytest.raises(ImageryError, match="place of x.tif"):
        projected("EPSG:32632", 1, 0, 1e12, 0, -1, 1e12).at(0, 0)
