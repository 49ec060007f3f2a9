"""Views: which tiles a static picture shows, where they stand in it, and what is refused."""

import mercantile
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from generator.grid.tile import MAX_LATITUDE, MAX_ZOOM, Tile
from tileserver.errors import BadRequestError
from tileserver.regions.view import MAX_SIDE, MapView

LONGITUDES = st.floats(-180, 180)
LATITUDES = st.floats(-90, 90)
SIZES = st.tuples(st.integers(1, MAX_SIDE), st.integers(1, MAX_SIDE))


def test_a_whole_zoom_is_shown_in_the_tiles_own_pixels() -> None:
    tile = mercantile.tile(7.4, 46.9, 9)
    bounds = mercantile.bounds(tile)
    middle = ((bounds.west + bounds.east) / 2, 46.9)
    view = MapView.centred(middle, 9, (256, 256))
    assert (view.zoom, view.step, view.left) == (9, 1, tile.x * 256)
    assert {t.x for t in view.window.tiles()} == {tile.x}
    assert {t.y for t in view.window.tiles()} >= {tile.y}


@given(LONGITUDES, LATITUDES, st.floats(0, MAX_ZOOM), SIZES)
def test_the_place_is_in_the_middle(
    longitude: float, latitude: float, zoom: float, size: tuple[int, int]
) -> None:
    view = MapView.centred((longitude, latitude), zoom, size)
    assert (view.width, view.height) == size
    assert 1 <= view.step < 2
    assert zoom <= view.zoom + 1e-9 < zoom + 1 + 2e-9
    latitude = max(-MAX_LATITUDE, min(MAX_LATITUDE, latitude))
    x, y = mercantile._xy(longitude, latitude)
    side = 256 << view.zoom
    assert view.left + view.step * size[0] / 2 == pytest.approx(x * side, abs=0.51)
    assert view.top + view.step * size[1] / 2 == pytest.approx(y * side, abs=0.51)


@given(LONGITUDES, LATITUDES, LONGITUDES, LATITUDES, SIZES)
def test_a_box_fits_with_two_of_its_edges_on_the_pictures(
    west: float, south: float, east: float, north: float, size: tuple[int, int]
) -> None:
    south, north = sorted((south, north))
    try:
        view = MapView.fitted((west, south, east, north), size)
    except BadRequestError:
        assume(False)
    assert view.step * max(size) <= 2 * MAX_SIDE
    limit = (
        max(min(north, MAX_LATITUDE), -MAX_LATITUDE),
        max(min(south, MAX_LATITUDE), -MAX_LATITUDE),
    )
    left, top = mercantile._xy(west, limit[0])
    right, bottom = mercantile._xy(east + 360 * (west > east), limit[1])
    side = 256 << view.zoom
    width, height = view.step * size[0], view.step * size[1]
    gaps = [
        (width - (right - left) * side) / view.step,
        (height - (bottom - top) * side) / view.step,
    ]
    assert min(gaps) >= -1e-3
    if view.zoom < MAX_ZOOM or view.step > 1:
        assert min(gaps) < 1e-3
    assert view.left + width / 2 == pytest.approx((left + right) / 2 * side, abs=0.51)
    assert len(view.window.columns) * len(view.window.rows) <= 18 * 18


def test_a_view_goes_on_across_the_dateline() -> None:
    centred = MapView.centred((180, 0), 3, (512, 512))
    assert centred.window.tiles() == tuple(Tile(3, x, y) for y in (3, 4) for x in (7, 0))
    fitted = MapView.fitted((135, -40.979898, -135, 40.979898), (512, 512))
    assert fitted.window.tiles() == centred.window.tiles()


def test_a_world_narrower_than_the_picture_is_there_again_and_nothing_is_above_it() -> None:
    view = MapView.centred((0, 0), 0, (600, 400))
    assert view.window.tiles() == (Tile(0, 0, 0),)
    assert (len(view.window.columns), len(view.window.rows)) == (3, 3)
    assert list(view.window.cells()) == [(column, 1, Tile(0, 0, 0)) for column in range(3)]
    assert MapView.fitted((-180, -90, 180, 90), (1, 1)).step == pytest.approx(256)


def test_double_scale_shows_the_same_piece_from_the_next_zoom() -> None:
    single, double = (MapView.centred((7.4, 46.9), 9, (300, 200), scale) for scale in (1, 2))
    assert (double.zoom, double.step, double.width, double.height) == (10, 1, 600, 400)
    assert double.left == pytest.approx(2 * single.left, abs=1.1)
    last = MapView.centred((7.4, 46.9), MAX_ZOOM, (300, 200), 2)
    assert (last.zoom, last.step, last.width) == (MAX_ZOOM, 0.5, 600)


@pytest.mark.parametrize(
    ("place", "zoom", "size", "scale", "message"),
    [
        ((181, 0), 3, (9, 9), 1, "the longitude is 181, expected -180 to 180"),
        ((0, float("nan")), 3, (9, 9), 1, "the latitude is nan, expected -90 to 90"),
        ((0, 0), 17.1, (9, 9), 1, "the zoom is 17.1, expected 0 to 17"),
        ((0, 0), 3, (2049, 9), 1, "the picture is 2049x9, expected 1 to 2048 pixels each way"),
        ((0, 0), 3, (9, 1025), 2, "9x1025 at @2x, expected 1 to 1024"),
        ((0, 0), 3, (0, 9), 1, "0x9"),
    ],
)
def test_what_is_not_there_is_refused(
    place: tuple[float, float], zoom: float, size: tuple[int, int], scale: int, message: str
) -> None:
    with pytest.raises(BadRequestError, match=message):
        MapView.centred(place, zoom, size, scale)


def test_the_finest_zoom_is_the_world_s() -> None:
    with pytest.raises(BadRequestError, match=r"the zoom is 16, expected 0 to 15"):
        MapView.centred((7.4, 46.9), 16, (300, 200), max_zoom=15)
    speck = (7.4, 46.9, 7.4, 46.9)
    for most in (15, 17):
        view = MapView.fitted(speck, (300, 200), max_zoom=most)
        assert (view.zoom, view.step) == (most, 1.0)
        assert MapView.centred((7.4, 46.9), most, (300, 200), 2, most).step == 0.5


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((-181, 0, 1, 1), "the west of the box is -181, expected -180 to 180"),
        ((0, 2, 1, 1), "from 2 to 1 degrees of latitude, expected west, south, east, north"),
        ((0, 0, 1, 91), "the north of the box is 91"),
        ((-180, -80, 180, 80), "into 1x2048 pixels only as a speck, expected a picture shaped"),
    ],
)
def test_a_box_that_is_none_or_does_not_fit_is_refused(
    box: tuple[float, float, float, float], message: str
) -> None:
    with pytest.raises(BadRequestError, match=message):
        MapView.fitted(box, (1, 2048))
