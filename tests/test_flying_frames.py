"""Frames: right pixels in the right place, from the right tiles, each time the same."""

from __future__ import annotations

import math

import numpy as np
import pytest

from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from tests.fakes import draw
from tileserver.flying.flight import Flight, FlightPlan
from tileserver.flying.frames import FrameRenderer, region
from tileserver.flying.route import read_route
from tileserver.flying.view import window

FIJI = "-17,179 -16.5,-179"


def planned(
    path: str, *altitudes: float, size: tuple[int, int] = (96, 54), **rest: float
) -> Flight:
    return Flight(
        FlightPlan(read_route(path), altitudes, size, **{"fps": 6.0, "seconds": 3.0, **rest})
    )


def smooth(tile: Tile) -> Pixels:
    """A world whose colours are a smooth function of the place, the same at every zoom."""
    side = 256 << tile.z
    x = (tile.x * 256 + np.arange(256) + 0.5) / side
    y = (tile.y * 256 + np.arange(256) + 0.5) / side
    return colours(*np.meshgrid(x, y))


def colours(x: np.ndarray, y: np.ndarray) -> Pixels:
    """Colours that go on across the dateline, uint8 [..., 3]."""
    turn = 2 * math.pi
    waves = (np.sin(turn * 300 * x), np.cos(turn * 200 * y), np.sin(turn * (100 * x + 150 * y)))
    return np.rint(127.5 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


@pytest.mark.parametrize("path", ["46.5,7.6 47.4,8.5", FIJI, "83,10 83.5,60"])
def test_each_pixel_shows_its_place(path: str) -> None:
    flight = planned(path, 50_000.0, 8_000.0)
    renderer = FrameRenderer(flight, smooth)
    for frame in (0, flight.frames // 2, flight.frames - 1):
        camera = flight.camera(frame)
        x = camera.x + (np.arange(96) + 0.5 - 48) / camera.scale
        y = camera.y + (np.arange(54) + 0.5 - 27) / camera.scale
        wanted = colours(*np.meshgrid(x, y))
        assert np.abs(renderer.frame(frame).astype(int) - wanted).max() <= 3


def test_a_camera_right_above_tiles_shows_their_average() -> None:
    flight = planned("46.5,7.6 47.4,8.5", 40_000.0)
    tiles = {tile: draw(7, tile) for tile in region(flight).walk()}
    ((zoom, _),) = flight.layers(0)
    painted = FrameRenderer(flight, tiles.__getitem__).frame(0)
    view = window(flight.camera(0), zoom, (96, 54))
    assert painted.shape == (54, 96, 3)
    assert abs(painted.mean() - np.mean([tiles[t] for _, _, t in view.cells()])) < 8


def test_frames_need_exactly_the_tiles_that_the_region_names() -> None:
    for path, altitudes in ((FIJI, [60_000.0, 5_000.0]), ("83,-170 84,175", [300_000.0])):
        flight, read = planned(path, *altitudes), set()

        def fetch(tile: Tile, read: set[Tile] = read) -> Pixels:
            read.add(tile)
            return np.zeros((256, 256, 3), np.uint8)

        renderer = FrameRenderer(flight, fetch)
        for frame in range(flight.frames):
            renderer.frame(frame)
        assert set(region(flight).walk()) == read


def test_a_frame_depends_on_nothing_but_its_number() -> None:
    flight = planned(FIJI, 60_000.0, 5_000.0)
    forth = FrameRenderer(flight, lambda tile: draw(3, tile))
    back = FrameRenderer(flight, lambda tile: draw(3, tile))
    frames = [forth.frame(number) for number in range(flight.frames)]
    for number in reversed(range(flight.frames)):
        np.testing.assert_array_equal(back.frame(number), frames[number])


def test_nothing_pops_when_the_zoom_changes() -> None:
    flight = planned("46.5,7.6 46.6,7.7", 50_000.0, 4_000.0, fps=24.0)

    def plain(tile: Tile) -> Pixels:
        return np.full((256, 256, 3), 16 * tile.z, np.uint8)

    renderer = FrameRenderer(flight, plain)
    means = [renderer.frame(frame).mean() for frame in range(flight.frames)]
    assert max(means) - min(means) > 32  # several zooms
    assert np.abs(np.diff(means)).max() <= 7


def test_the_region_says_where_the_flight_goes() -> None:
    west, south, east, north = region(planned(FIJI, 60_000.0)).bbox
    assert (west, east) == pytest.approx((178.7, -178.7), abs=0.1)
    assert (south, north) == pytest.approx((-17.2, -16.3), abs=0.1)
    assert region(planned("0,0 0,100 0,-160", 2e7)).bbox[::2] == (-180.0, 180.0)
