"""Pictures in any reference system: bytes of the grid alone, and where GDAL has the pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.grid.pixels import Pixels
from generator.grid.tile import EQUATOR_RESOLUTION, TILE_SIZE, Tile
from tests.fakes import draw
from tileserver.documents.grid import geotransform
from tileserver.regions.crs import named
from tileserver.regions.gridblock import GridPicture
from tileserver.regions.pixelgrid import PixelGrid

pytest.importorskip("pyproj")


def pattern(tile: Tile) -> Pixels:
    return draw(7, tile)


def waves(tile: Tile) -> Pixels:
    """Return a smooth picture of the world: waves of some 40 pixels, and the place as colours."""
    side = TILE_SIZE << tile.z
    x, y = (at * TILE_SIZE + np.arange(TILE_SIZE) + 0.5 for at in (tile.x, tile.y))
    wave = 127 + 100 * np.sin(x / 6)[None, :] * np.sin(y / 6)[:, None]
    across, down = np.meshgrid(255 * x / side, 255 * y / side)
    return np.round(np.stack((wave, across, down), 2)).astype(np.uint8)


def part(grid: PixelGrid, left: int, top: int, width: int, height: int) -> PixelGrid:
    """Return a part of a grid."""
    place = grid.left + left, grid.top + top
    return PixelGrid(grid.crs, grid.step, grid.phase, *place, width, height)


GRIDS = {
    "lambert": PixelGrid.about(named("EPSG:3035"), (10, 47), 130.0, (420, 330)),
    "utm": PixelGrid.about(named("EPSG:32737"), (36.8, -1.3), 10.0, (300, 300)),
    "dateline": PixelGrid.about(named("EPSG:3832"), (180, -17), 500.0, (330, 300)),
    "pole": PixelGrid.about(named("EPSG:3995"), (0, 90), 30_000.0, (300, 300)),
    "world": PixelGrid.about(named("EPSG:8857"), (0, 0), 90_000.0, (420, 210)),
    "mercator": PixelGrid.about(named("EPSG:3857"), (170, 60), 55.0, (300, 280)),
    "edge": PixelGrid.about(named("EPSG:3857"), (0, 85), 7000.0, (300, 280)),
    "wrapped": PixelGrid.about(named("EPSG:3857"), (180, 60), 55.0, (300, 280)),
    "degrees": PixelGrid.fitted(named("OGC:CRS84"), (170.03, -20.0, 190.1, -9.0), (300, 200)),
}
WHOLE = {
    name: (zoom := grid.zoom()[0], GridPicture(grid, zoom).picture(pattern))
    for name, grid in GRIDS.items()
}


@given(st.sampled_from(list(GRIDS)), st.data())
@settings(max_examples=40, deadline=None)
def test_a_part_of_a_picture_has_the_bytes_of_the_whole(name: str, data: st.DataObject) -> None:
    grid, (zoom, whole) = GRIDS[name], WHOLE[name]
    left = data.draw(st.integers(0, grid.width - 1))
    top = data.draw(st.integers(0, grid.height - 1))
    width = data.draw(st.integers(1, grid.width - left))
    height = data.draw(st.integers(1, grid.height - top))
    shown = GridPicture(part(grid, left, top, width, height), zoom).picture(pattern)
    expected = whole[top : top + height, left : left + width, : shown.shape[2]]
    assert np.array_equal(shown, expected)
    if shown.shape[2] < whole.shape[2]:
        assert whole[top : top + height, left : left + width, 3].min() == 255


@pytest.mark.parametrize("name", ["pole", "world", "edge"])
def test_a_pixel_beside_a_hole_has_the_same_bytes_alone(name: str) -> None:
    grid, (zoom, whole) = GRIDS[name], WHOLE[name]
    shown = whole[..., 3] > 0
    inner = shown.copy()
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        inner &= np.roll(shown, step, axis)
    beside = np.argwhere(shown & ~inner)
    for top, left in beside[:: max(1, len(beside) // 12)]:
        alone = GridPicture(part(grid, int(left), int(top), 1, 1), zoom).picture(pattern)
        assert alone.tolist() == [[whole[top, left, : alone.shape[2]].tolist()]], (left, top)


def test_only_the_tiles_that_are_told_are_read() -> None:
    for name, grid in GRIDS.items():
        picture = GridPicture(grid, WHOLE[name][0])
        told, seen = set(picture.tiles()), set()

        def read(tile: Tile, seen: set[Tile] = seen) -> Pixels:
            seen.add(tile)
            return pattern(tile)

        picture.picture(read)
        assert seen == told, name


@pytest.mark.parametrize("zoom", [3, 9, 14])
def test_a_zooms_own_grid_has_its_tiles_own_bytes(zoom: int) -> None:
    gsd = EQUATOR_RESOLUTION / 2**zoom
    grid = PixelGrid.about(named("EPSG:3857"), (179.99, 60), gsd, (600, 300))
    shown = GridPicture(grid, grid.zoom()[0]).picture(pattern)
    side = TILE_SIZE << zoom
    for row, column in ((0, 0), (150, 299), (299, 599)):
        x, y = (grid.left + column + side // 2) % side, grid.top + row + side // 2
        tile = pattern(Tile(zoom, x // TILE_SIZE, y // TILE_SIZE))
        assert np.array_equal(shown[row, column], tile[y % TILE_SIZE, x % TILE_SIZE])


@pytest.mark.parametrize("name", ["lambert", "utm", "mercator"])
def test_pixels_lie_where_gdal_has_them(name: str) -> None:
    rasterio = pytest.importorskip("rasterio")
    from rasterio.warp import Resampling, reproject

    grid, (zoom, _) = GRIDS[name], WHOLE[name]
    picture = GridPicture(grid, zoom)
    shown = picture.picture(waves)
    tiles = picture.tiles()
    left, top, right, low = (
        end(getattr(tile, axis) for tile in tiles) for end in (min, max) for axis in "xy"
    )
    rows = [[waves(Tile(zoom, x, y)) for x in range(left, right + 1)] for y in range(top, low + 1)]
    mosaic = np.vstack([np.hstack(row) for row in rows])
    place = rasterio.Affine(*geotransform(zoom, left, top))
    expected = np.zeros((3, grid.height, grid.width), np.uint8)
    reproject(
        np.moveaxis(mosaic, 2, 0), expected,
        src_transform=place, src_crs="EPSG:3857",
        dst_transform=rasterio.Affine(*grid.transform), dst_crs=grid.crs.name,
        resampling=Resampling.cubic, tolerance=0,
    )  # fmt: skip
    off = np.abs(np.moveaxis(expected, 0, 2)[4:-4, 4:-4].astype(int) - shown[4:-4, 4:-4])
    # A tenth of a pixel of the waves would be 1.7 in the mean; the filters are not quite the same.
    assert off[..., 0].mean() < 1.2
    assert off[..., 1:].max() <= 1


def test_the_dateline_is_a_place_like_others() -> None:
    mercators = [
        named(f"+proj=merc +lon_0={middle} +datum=WGS84 +type=crs") for middle in (150, -30)
    ]
    pacific = PixelGrid.about(mercators[0], (180, -17), 500.0, (300, 300))
    atlantic = PixelGrid.about(mercators[1], (0, -17), 500.0, (300, 300))
    zoom = pacific.zoom()[0]

    def turned(tile: Tile) -> Pixels:
        return pattern(Tile(tile.z, (tile.x + (1 << (tile.z - 1))) % (1 << tile.z), tile.y))

    shown = GridPicture(atlantic, zoom).picture(turned)
    assert np.array_equal(GridPicture(pacific, zoom).picture(pattern), shown)


def test_the_pole_and_what_is_beyond_the_earth_are_transparent() -> None:
    for name, share in (("pole", 0.01), ("world", 0.2), ("edge", 0.2)):
        whole = WHOLE[name][1]
        assert whole.shape[2] == 4
        clear = whole[..., 3] == 0
        assert set(np.unique(whole[..., 3])) == {0, 255}
        assert not whole[clear].any()
        assert share < clear.mean() < share + 0.3, name
    pole = WHOLE["pole"][1][..., 3]
    assert pole[150, 150] == 0
    assert pole[0].min() == 255
    assert WHOLE["utm"][1].shape[2] == 3


def test_between_zooms_there_is_no_finer_grain_than_pixels_hold() -> None:
    grid = part(GRIDS["mercator"], 0, 0, 200, 200)
    fine = GridPicture(grid, WHOLE["mercator"][0] + 2)

    def checks(tile: Tile) -> Pixels:
        board = (np.indices((TILE_SIZE, TILE_SIZE)).sum(0) % 2 * 255).astype(np.uint8)
        return np.repeat(board[..., None], 3, 2)

    shown = fine.picture(checks).astype(int)
    assert np.abs(shown - 127).max() < 12


def test_a_picture_that_ends_with_the_map_has_no_holes() -> None:
    latitude = 85.0511287798066
    for code, box in (
        ("OGC:CRS84", (-180.0, -latitude, 180.0, latitude)),
        ("EPSG:3857", (-20037508.342, -20037508.342, 20037508.342, 20037508.342)),
    ):
        grid = PixelGrid.fitted(named(code), box, (300, 301))
        assert not GridPicture(grid, grid.zoom()[0]).has_holes
        taller = PixelGrid(grid.crs, grid.step, grid.phase, grid.left, grid.top - 1, 300, 302)
        picture = GridPicture(taller, grid.zoom()[0]).picture(pattern)
        assert picture.shape == (302, 300, 4)
        assert picture[0, :, 3].max() == 0
        assert picture[1:, :, 3].min() == 255
