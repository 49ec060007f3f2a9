"""What a camera sees: its zooms, its tiles, and where its pixels lie on the ground."""

from __future__ import annotations

import math

import mercantile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.grid.tile import MAX_LATITUDE, MAX_ZOOM, Tile
from tileserver.documents.grid import EDGE
from tileserver.errors import FlightError
from tileserver.flying.flight import Flight, FlightPlan
from tileserver.flying.route import read_route
from tileserver.flying.view import FADE, Camera, layers, window

ALPS = read_route("46.5,7.6 47.4,8.5")


def planned(
    path: str, *altitudes: float, size: tuple[int, int] = (384, 216), **rest: float
) -> Flight:
    return Flight(FlightPlan(read_route(path), altitudes, size, **{"fps": 12.0, **rest}))


@given(st.floats(-2, 20))
def test_no_pixel_of_a_tile_is_larger_than_the_frames(level: float) -> None:
    found = layers(level)
    assert sum(weight for _, weight in found) == pytest.approx(1)
    for zoom, weight in found:
        assert weight > 0
        assert zoom >= level or zoom == MAX_ZOOM
        assert zoom < level + 1 + FADE or zoom == 0 or weight == 0


@given(st.floats(-2, 20))
def test_weights_change_gradually(level: float) -> None:
    before, after = dict(layers(level)), dict(layers(level + 1e-4))
    for zoom in before.keys() | after.keys():
        assert abs(before.get(zoom, 0) - after.get(zoom, 0)) < 1e-3


@settings(deadline=None)
@given(st.floats(-1, 2), st.floats(0.1, 0.9), st.floats(0, 16), st.integers(0, 1))
def test_a_window_holds_the_frame_and_what_the_filter_reaches(
    x: float, y: float, level: float, extra: int
) -> None:
    size = (640, 360)
    camera = Camera(x, y, 256 * 2**level)
    if size[1] > camera.scale * 2 * min(y, 1 - y):
        return
    zoom = min(math.ceil(level) + extra, MAX_ZOOM)
    view = window(camera, zoom, size)
    ratio = 256 * 2**zoom / camera.scale
    left, top, right, lower = view.box
    assert (right - left, lower - top) == pytest.approx((640 * ratio, 360 * ratio))
    middle = (
        view.columns.start * 256 + (left + right) / 2,
        view.rows.start * 256 + (top + lower) / 2,
    )
    assert middle == pytest.approx((x * 256 * 2**zoom, y * 256 * 2**zoom), abs=1e-3)
    reach = 2 * max(ratio, 1)
    assert left >= reach
    assert right + reach <= 256 * len(view.columns)
    assert top >= reach or view.rows.start == 0
    assert lower + reach <= 256 * len(view.rows) or view.rows.stop == 1 << zoom
    for _, _, tile in view.cells():
        assert 0 <= tile.x < 1 << zoom


def test_the_frame_is_as_wide_as_the_camera_is_high() -> None:
    flight = planned("46.5,7.6 47.4,8.5", 40_000.0)
    for camera in (flight.camera(0), flight.camera(flight.frames - 1)):
        latitude = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * camera.y))))
        metres = 2 * EDGE * math.cos(math.radians(latitude)) / camera.scale
        assert metres * 384 == pytest.approx(40_000, rel=1e-9)


def test_the_flight_begins_and_ends_over_its_points() -> None:
    flight = planned("46.5,7.6 47.0,8.0 47.4,8.5", 400_000.0, 5_000.0)
    for frame, (longitude, latitude) in ((0, (7.6, 46.5)), (flight.frames - 1, (8.5, 47.4))):
        camera = flight.camera(frame)
        x, y = mercantile.xy(longitude, latitude)
        assert camera.x == pytest.approx(0.5 + x / (2 * EDGE), abs=1e-9)
        assert camera.y == pytest.approx(0.5 - y / (2 * EDGE), abs=1e-9)


def test_the_picture_moves_evenly_without_jitter() -> None:
    flight = planned("46.5,7.6 47.0,8.2 46.4,8.5", 60_000.0, seconds=20, fps=30.0)
    place = np.array([(camera.x, camera.y) for camera in flight])
    steps = np.diff(place, axis=0) * flight.camera(300).scale  # in frame pixels
    assert np.linalg.norm(steps, axis=1).max() < 8
    assert np.linalg.norm(np.diff(steps, axis=0), axis=1).max() < 0.2


def test_the_zoom_changes_evenly() -> None:
    flight = planned("46.5,7.6 47.4,8.5", 400_000.0, 3_000.0, 400_000.0, seconds=20)
    levels = np.array([camera.level for camera in flight])
    assert np.abs(np.diff(levels)).max() < 0.12
    assert np.abs(np.diff(levels, n=2)).max() < 0.02
    assert levels.argmax() == pytest.approx(flight.frames / 2, abs=1)


def test_the_length_follows_from_the_speed_or_the_way_down() -> None:
    level = planned("0,0 0,10", 100_000.0, speed=0.5)
    assert level.seconds == pytest.approx(math.radians(10) * 6378137 / 100_000 / 0.5 + 2)
    down = planned("0,0 0,0.01", 512_000.0, 1_000.0)
    assert down.seconds == pytest.approx(9 / 0.75 + 2)
    assert planned("0,0 0,10", 100_000.0, seconds=7).frames == 84


@pytest.mark.parametrize(
    "path", ["60,10 65,-150", "-80,0 -80,180", "90,0 50,20", "-17,178 -16,-178"]
)
def test_every_frame_lies_on_the_map(path: str) -> None:
    flight = planned(path, 2e6)
    x = np.array([camera.x for camera in flight])
    assert np.abs(np.diff(x)).max() < 0.02
    for camera in flight:
        assert 108 / camera.scale <= camera.y + 1e-12
        assert camera.y <= 1 - 108 / camera.scale + 1e-12


def test_what_is_not_shown_as_asked_is_said() -> None:
    assert planned("46.5,7.6 47.4,8.5", 40_000.0).notes() == []
    assert "goes round the pole" in planned("60,10 65,-150", 4e5).notes()[0]
    assert "stays lower" in planned("60,10 65,10", 2e7, size=(200, 400)).notes()[0]
    low = planned("0,0 0,1", 500.0, size=(1088, 64))
    for finest, times in ((15, 10.4), (17, 2.6)):
        (note,) = Flight(low.plan, finest).notes()
        assert f"Zoom {finest}, the finest, is enlarged {times} times" in note


@given(st.floats(-2, 20))
def test_no_frame_is_drawn_from_a_zoom_that_is_not_there(level: float) -> None:
    assert max(zoom for zoom, _ in layers(level, 15)) <= 15
    if level <= 14:
        assert layers(level, 15) == layers(level, 17)


def test_a_level_flight_needs_a_single_zoom() -> None:
    flight = planned("46.5,7.6 47.4,8.5", 40_000.0)
    zooms = {flight.layers(frame) for frame in range(flight.frames)}
    assert len(zooms) == 1
    ((zoom, weight),) = zooms.pop()
    assert weight == 1
    assert all(zoom > camera.level for camera in flight)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"size": (8, 100)}, "width is 8, expected 16 to 4096"),
        ({"size": (100, 99_999)}, "height is 99999, expected 16 to 4096"),
        ({"fps": 0.5}, "frames per second is 0.5, expected 1 to 120"),
        ({"fps": 1000}, "expected 1 to 120"),
        ({"speed": 1000}, "speed is 1000, expected 0.001 to 100"),
        ({"seconds": 0.01}, "length in seconds is 0.01, expected 0.2 to 7200"),
        ({"seconds": 7000, "fps": 60}, "420,000 frames, expected at most 200,000"),
        ({"speed": 0.001, "altitudes": (1000.0,)}, "hours at this speed, expected at most 2"),
    ],
)
def test_films_that_cannot_be_are_refused(changed: dict[str, object], expected: str) -> None:
    plan = {"points": ALPS, "altitudes": (40_000.0,), "size": (384, 216), "fps": 12, **changed}
    with pytest.raises(FlightError, match=expected):
        Flight(FlightPlan(**plan))  # type: ignore[arg-type]


def test_the_map_ends_where_the_tiles_do() -> None:
    flight = planned("89,0 89,90", 400_000.0)
    top = min(camera.y - 108 / camera.scale for camera in flight)
    assert top >= 0
    assert Tile(5, 0, 0).bounds[3] == pytest.approx(MAX_LATITUDE)
