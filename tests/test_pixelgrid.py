"""Grids of pixels: where they lie, when they are a zoom's own, and which zoom shows them."""

import numpy as np
import pytest

from generator.grid.tile import EQUATOR_RESOLUTION, Tile
from tileserver.documents.grid import geotransform
from tileserver.errors import BadRequestError
from tileserver.regions.crs import EDGE, named
from tileserver.regions.pixelgrid import PixelGrid

MERCATOR = named("EPSG:3857")


def test_pixels_lie_on_multiples_of_their_size_about_the_place() -> None:
    grid = PixelGrid.about(MERCATOR, (7.6, 46.5), 250.0, (1000, 600))
    west, south, east, north = grid.bounds
    assert (west % 250, north % 250, east - west, north - south) == (0, 0, 250_000, 150_000)
    x, y = MERCATOR.point(7.6, 46.5)
    assert abs((west + east) / 2 - x) <= 125
    assert abs((south + north) / 2 - y) <= 125
    assert grid.transform == (250.0, 0.0, west, 0.0, -250.0, north)


@pytest.mark.parametrize("digits", [17, 10])
def test_a_zooms_own_pixels_are_known_from_its_resolution(digits: int) -> None:
    for zoom in (0, 7, 12, 15):
        gsd = float(f"{EQUATOR_RESOLUTION / 2**zoom:.{digits}g}")
        grid = PixelGrid.about(MERCATOR, (11.0, 44.0), gsd, (300, 200))
        assert grid.is_native(zoom)
        assert grid.zoom() == (zoom, pytest.approx(1.0))
        assert not grid.is_native(zoom + 1)


def test_a_tiles_box_is_its_pixels() -> None:
    tile = Tile(9, 266, 180)
    a, _, west, _, e, north = geotransform(tile.z, tile.x, tile.y)
    box = tuple(round(v, 6) for v in (west, north + 256 * e, west + 256 * a, north))
    grid = PixelGrid.fitted(MERCATOR, box, (256, 256))
    assert grid.is_native(9)
    assert (grid.left + 2**16, grid.top + 2**16) == (tile.x * 256, tile.y * 256)
    assert grid.bounds == pytest.approx(box)


def test_a_box_keeps_its_corner_to_a_thousandth_of_a_pixel() -> None:
    grid = PixelGrid.fitted(MERCATOR, (1234.567, -9876.5, 11234.567, -876.5), (100, 60))
    assert grid.step == (100.0, 150.0)
    assert grid.bounds == pytest.approx((1234.567, -9876.5, 11234.567, -876.5), abs=0.1)


@pytest.mark.parametrize(
    ("code", "place", "gsd", "zoom"),
    [
        ("EPSG:3857", (0, 0), EQUATOR_RESOLUTION / 2**9 * 1.01, 9),
        ("EPSG:3857", (0, 60), EQUATOR_RESOLUTION / 2**9 * 0.9, 10),
        ("EPSG:32633", (15, 0.2), 10.0, 14),
        ("EPSG:32633", (15, 62), 10.0, 13),
        ("EPSG:3035", (10, 52), 100.0, 10),
    ],
)
def test_the_zoom_is_the_coarsest_that_is_as_fine_everywhere(
    code: str, place: tuple[float, float], gsd: float, zoom: int
) -> None:
    pytest.importorskip("pyproj")
    found, spanned = PixelGrid.about(named(code), place, gsd, (64, 64)).zoom()
    assert found == zoom
    assert 0.99 <= spanned < 1.99


def test_a_finer_picture_than_the_finest_zoom_is_refused() -> None:
    grid = PixelGrid.about(MERCATOR, (0, 0), 2.0, (64, 64))
    assert grid.zoom() == (17, pytest.approx(2 / 1.19432, rel=1e-3))
    assert grid.zoom(15) == (15, pytest.approx(2 / 4.777, rel=1e-3))
    with pytest.raises(BadRequestError, match=r"is 2 m, .* expected 4\.78 m or more, or --zoom 15"):
        grid.check_fine(15)
    assert grid.check_fine() == 17


def test_degrees_and_what_is_off_the_map_are_refused() -> None:
    with pytest.raises(BadRequestError, match="EPSG:4326 is not a projected one"):
        PixelGrid.about(named("EPSG:4326"), (0, 0), 10.0, (64, 64))
    above = PixelGrid(MERCATOR, (100.0, 100.0), (0, 0), 0, -round(EDGE / 100) - 90, 64, 64)
    with pytest.raises(BadRequestError, match="nothing of the map, which ends at 85.05 degrees"):
        above.fineness()


def test_blocks_are_counted_from_the_origin() -> None:
    grid = PixelGrid(MERCATOR, (10.0, 10.0), (0, 0), -1, 255, 258, 2)
    assert grid.blocks == (range(-1, 2), range(0, 2))
    assert grid.block_count == 6
    columns, rows = grid.corners(np.array([0.0]), np.array([256.0]))
    assert (columns[0], rows[0]) == (0.0, -2560.0)
