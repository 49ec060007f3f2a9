"""What an exported file says of itself: the view that it opens with."""

from __future__ import annotations

import math

import pytest

from generator.grid.tile import MAX_LATITUDE
from tileserver.batch.archive import VIEW_TILES, ArchiveMetadata
from tileserver.regions.region import Box

EVERY = tuple(range(16))


def view(bbox: Box, zooms: tuple[int, ...] = EVERY) -> tuple[float, float, int]:
    return ArchiveMetadata("", "", "", "png", bbox, zooms, 0, b"").view


@pytest.mark.parametrize(
    ("bbox", "zoom"),
    [
        ((-180, -90, 180, 90), 1),
        ((6, 45.5, 12, 47.5), 7),
        ((6, 20, 7, 60), 4),
        ((7.4, 46.9, 7.5, 47.0), 12),
        ((7.5, 46.9, 7.5, 46.9), 15),
        ((177, -19, -178, -16), 8),
    ],
)
def test_the_view_shows_the_whole_region_and_no_more_than_need_be(bbox: Box, zoom: int) -> None:
    longitude, latitude, found = view(bbox)
    assert found == zoom
    west, south, east, north = bbox
    for degrees in (south, north):
        degrees = max(-MAX_LATITUDE, min(MAX_LATITUDE, degrees))
        rows = _height(degrees) - _height(latitude)
        assert abs(rows) * 2**found <= VIEW_TILES[1] / 2 + 1e-9
    for degrees in (west, east):
        columns = ((degrees - longitude + 180) % 360 - 180) / 360
        assert abs(columns) * 2**found <= VIEW_TILES[0] / 2 + 1e-9


def _height(latitude: float) -> float:
    return math.log(math.tan(math.pi / 4 + math.radians(latitude) / 2)) / (2 * math.pi)


def test_the_middle_of_a_region_across_the_dateline_lies_in_it() -> None:
    assert view((177, -19, -178, -16))[0] == pytest.approx(179.5)
    assert view((170, -19, -178, -16))[0] == pytest.approx(176.0)


def test_the_view_is_of_a_zoom_that_the_file_has() -> None:
    alps = (6, 45.5, 12, 47.5)
    assert view(alps, (0, 5, 11))[2] == 5
    assert view(alps, (9, 11))[2] == 9
