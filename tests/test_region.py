"""Regions to seed: what they hold, and the order they are walked in."""

from __future__ import annotations

from collections import Counter

import mercantile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.grid.errors import TileError
from generator.grid.tile import Tile, tiles_in_bbox
from tileserver.regions.region import Ranges, Region, parse_bbox, parse_zooms
from tileserver.regions.tileid import first_id, tile_id

boxes = st.tuples(
    st.floats(-180, 180), st.floats(-85, 85), st.floats(-180, 180), st.floats(-85, 85)
).map(lambda box: (box[0], min(box[1], box[3]), box[2], max(box[1], box[3])))


@settings(max_examples=40, deadline=None)
@given(boxes, st.sets(st.integers(0, 6), min_size=1))
def test_walk_gives_each_tile_of_the_box_once_and_ancestors_first(
    box: tuple[float, float, float, float], zooms: set[int]
) -> None:
    region = Region(box, zooms)
    walked = list(region.walk())
    expected = [tile for zoom in zooms for tile in tiles_in_bbox(*box, zoom)]
    assert Counter(walked) == Counter(expected)
    assert len(region) == len(walked)
    assert all(tile in region for tile in walked)
    place = {tile: index for index, tile in enumerate(walked)}
    for tile in walked:
        for levels in range(1, tile.z + 1):
            assert place.get(tile.parent(levels), -1) < place[tile]


def test_walk_finishes_one_subtree_before_the_next() -> None:
    walked = [tile.parent(tile.z - 1) for tile in Region((-180, -85, 180, 85), [3]).walk()]
    assert [walked[i] for i in range(0, 64, 16)] == list(dict.fromkeys(walked))


def test_the_same_tiles_as_an_independent_library_across_the_dateline() -> None:
    box = (170.0, -50.0, -170.0, -30.0)
    ours = {(tile.z, tile.x, tile.y) for tile in Region(box, [2, 5, 7]).walk()}
    assert ours == {(tile.z, tile.x, tile.y) for tile in mercantile.tiles(*box, [2, 5, 7])}


def test_a_large_region_is_walked_without_a_list() -> None:
    region = Region((-180, -90, 180, 90), range(16))
    assert len(region) == (4**16 - 1) // 3
    walk = region.walk()
    assert [next(walk) for _ in range(3)] == [Tile(0, 0, 0), Tile(1, 0, 0), Tile(2, 0, 0)]


def test_a_box_beyond_the_edge_of_the_map_is_refused() -> None:
    with pytest.raises(TileError, match="holds no tile"):
        Region((0, 86, 10, 89), [4])


@pytest.mark.parametrize(
    ("text", "zooms"),
    [("7", (7,)), ("0-3", (0, 1, 2, 3)), ("9,2-3", (2, 3, 9)), ("2-4,3", (2, 3, 4))],
)
def test_zooms_are_read(text: str, zooms: tuple[int, ...]) -> None:
    assert parse_zooms(text) == zooms


@pytest.mark.parametrize("text", ["", "x", "5-3", "0-18", "-1", "1-", "9" * 20, "1,,2", "²"])
def test_zooms_that_mean_nothing_are_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_zooms(text)


def test_boxes_are_read() -> None:
    assert parse_bbox("-10, 35,5.5,45") == (-10.0, 35.0, 5.5, 45.0)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d"])
def test_boxes_that_mean_nothing_are_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="expected four numbers"):
        parse_bbox(text)


@pytest.mark.parametrize("box", [(0, 0, 200, 10), (0, 40, 10, 30), (float("nan"), 0, 1, 1)])
def test_boxes_off_the_map_are_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(TileError, match="expected"):
        Region(box, [3])


def test_the_places_above_ranges_are_those_of_the_parents() -> None:
    region = Region((6.0, 45.5, 12.0, 47.5), [7, 9])
    found = Ranges.above([(region.ranges[9], 4), (region.ranges[7], 2)])
    above = {tile.parent(tile.z - 5) for tile in region.walk()}
    assert len(found) == len(above)
    assert found.between(0, 1 << 10).tolist() == sorted(
        tile_id(tile) - first_id(5) for tile in above
    )
