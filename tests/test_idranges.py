"""Ranges of tile numbers: exactly the tiles of a box, however it lies."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.grid.errors import TileError
from generator.grid.tile import MAX_ZOOM, Tile, tiles_in_bbox
from tileserver.regions.idranges import END, IdRanges, id_ranges
from tileserver.regions.tileid import tile_id

LONGITUDES, LATITUDES = st.floats(-180, 180), st.floats(-84, 84)


@settings(max_examples=50, deadline=None)
@given(LONGITUDES, LATITUDES, LONGITUDES, LATITUDES, st.sets(st.integers(0, 6), min_size=1))
def test_a_box_gives_its_tiles_and_no_others(
    west: float, south: float, east: float, north: float, zooms: set[int]
) -> None:
    box = (west, min(south, north), east, max(south, north))
    found = id_ranges(box, zooms)
    numbers = [number for first, end in found.ranges for number in range(first, end)]
    assert numbers == sorted({tile_id(t) for zoom in zooms for t in tiles_in_bbox(*box, zoom)})
    assert len(found) == len(numbers)
    assert all(number in found for number in numbers)


def test_no_box_and_no_zooms_mean_everything() -> None:
    assert id_ranges().ranges == [(0, END)]
    assert id_ranges(None, [3, 1]).ranges == [(1, 5), (21, 85)]
    assert tile_id(Tile(MAX_ZOOM, 2**MAX_ZOOM - 1, 0)) == END - 1


def test_a_small_box_deep_down_needs_few_ranges() -> None:
    found = id_ranges((8.0, 47.0, 8.1, 47.1), [15])
    assert len(found) > 100
    assert len(found.ranges) < 50


def test_ranges_that_touch_or_overlap_become_one() -> None:
    found = IdRanges([(5, 9), (1, 3), (3, 4), (6, 20)])
    assert found.ranges == [(1, 4), (5, 20)]
    assert [number for number in range(25) if number in found] == [1, 2, 3, *range(5, 20)]


def test_a_box_off_the_map_is_refused() -> None:
    with pytest.raises(TileError, match="expected"):
        id_ranges((0, 86, 1, 87), [3])
    with pytest.raises(TileError, match="north is 99"):
        id_ranges((0, 1, 1, 99), [3])
