"""Tiles: addresses, relations, geometry and boxes, with mercantile as the oracle."""

import math
from typing import Any

import mercantile
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.grid.errors import GeneratorError, TileError
from generator.grid.tile import MAX_ZOOM, STAGE_ZOOMS, Tile, kind_at, tile_at, tiles_in_bbox


@st.composite
def tiles(draw: st.DrawFn, least: int = 0, most: int = MAX_ZOOM) -> Tile:
    """Any tile with least <= z <= most."""
    z = draw(st.integers(least, most))
    cell = st.integers(0, 2**z - 1)
    return Tile(z, draw(cell), draw(cell))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ((-1, 0, 0), "zoom is -1, expected 0 to 17"),
        ((18, 0, 0), "zoom is 18, expected 0 to 17"),
        ((3, 8, 0), "tile x is 8, expected 0 to 7 at zoom 3"),
        ((3, 0, -1), "tile y is -1, expected 0 to 7 at zoom 3"),
        ((3, 99999999999999999999, 0), "tile x is 99999999999999999999"),
        ((3, 10**5000, 0), "more than 24 digits"),
        ((10**5000, 0, 0), "more than 24 digits"),
        ((1, True, 0), "tile x is True, expected a whole number"),
        ((1.0, 0, 0), "tile z is 1.0, expected a whole number"),
        ((1, 0, "0"), "tile y is '0', expected a whole number"),
    ],
)
def test_an_address_off_the_map_is_refused_in_words(address: Any, words: str) -> None:
    with pytest.raises(TileError, match=words) as caught:
        Tile(*address)
    assert isinstance(caught.value, GeneratorError)
    assert isinstance(caught.value, ValueError)


@given(tiles(most=MAX_ZOOM - 1))
def test_children_match_mercantile_and_lead_back(tile: Tile) -> None:
    children = tile.children()
    assert {(c.x, c.y, c.z) for c in children} == set(mercantile.children(tile.x, tile.y, tile.z))
    assert all(child.parent() == tile for child in children)
    north_west, north_east, south_west, south_east = children
    assert (north_east.x, north_east.y) == (north_west.x + 1, north_west.y)
    assert (south_west.x, south_west.y) == (north_west.x, north_west.y + 1)
    assert (south_east.x, south_east.y) == (north_west.x + 1, north_west.y + 1)


@given(tiles(), st.integers(0, MAX_ZOOM))
def test_ancestor_is_the_parent_applied_again(tile: Tile, levels: int) -> None:
    if levels > tile.z:
        with pytest.raises(TileError, match="ancestor"):
            tile.parent(levels)
        return
    expected = tile
    for _ in range(levels):
        expected = expected.parent()
    assert tile.parent(levels) == expected
    assert expected <= tile


def test_relations_past_the_ends_are_refused() -> None:
    with pytest.raises(TileError, match="children"):
        Tile(17, 0, 0).children()
    with pytest.raises(TileError, match="ancestor"):
        Tile(4, 0, 0).parent(-1)


@given(tiles())
def test_bounds_match_mercantile(tile: Tile) -> None:
    assert tile.bounds == pytest.approx(mercantile.bounds(tile.x, tile.y, tile.z), abs=1e-9)
    west, south, east, north = tile.bounds
    assert south < tile.latitude < north
    assert west < east


@given(tiles(least=1))
def test_ground_resolution_is_the_size_of_the_tile_in_metres(tile: Tile) -> None:
    equator = 2 * math.pi * 6378137 / 256 / 2**tile.z
    assert tile.ground_resolution == pytest.approx(
        equator * math.cos(math.radians(tile.latitude)), rel=1e-12
    )
    assert 0 < tile.ground_resolution < equator


def test_kind_and_stage_of_each_zoom() -> None:
    made = [Tile(z, 0, 0).stage for z in range(MAX_ZOOM + 1)]
    stages = [each for zoom in (7, 9, 11, 13, 15, 17) for each in ("average", zoom)]
    assert made == ["base map"] * 6 + stages
    assert [z for z in range(MAX_ZOOM + 1) if Tile(z, 0, 0).kind == "stage"] == list(STAGE_ZOOMS)


def test_a_deep_base_map_makes_its_zooms_itself() -> None:
    assert [kind_at(z, 7) for z in range(5, 10)] == ["base map"] * 3 + ["average", "stage"]
    assert [kind_at(z) for z in range(MAX_ZOOM + 1)] == [
        Tile(z, 0, 0).kind for z in range(MAX_ZOOM + 1)
    ]


def test_a_tile_prints_as_its_address() -> None:
    assert str(Tile(3, 2, 1)) == "3/2/1"


@given(tiles())
def test_the_box_of_a_tile_holds_that_tile_alone(tile: Tile) -> None:
    assert list(tiles_in_bbox(*tile.bounds, tile.z)) == [tile]


longitudes = st.integers(-17900, 17900).map(lambda v: v / 100 + 0.001234)
latitudes = st.integers(-8900, 8900).map(lambda v: v / 100 + 0.001234)


@given(longitudes, latitudes, longitudes, latitudes, st.integers(0, 6))
def test_box_matches_mercantile(
    west: float, south: float, east: float, north: float, zoom: int
) -> None:
    if south > north:
        south, north = north, south
    found = list(tiles_in_bbox(west, south, east, north, zoom))
    assert len(found) == len(set(found))
    if south < 85.05 and north > -85.05:
        oracle = set(mercantile.tiles(west, south, east, north, zoom))
        assert {(t.x, t.y, t.z) for t in found} == oracle
    else:
        assert found == []


def test_the_whole_world_has_every_tile_of_a_zoom() -> None:
    assert len(list(tiles_in_bbox(-180, -90, 180, 90, 3))) == 64


@pytest.mark.parametrize(
    ("box", "columns"),
    [
        ((170, 0, -170, 10), [0, 7]),
        ((180, 0, -170, 10), [0]),
        ((170, 0, -180, 10), [7]),
        ((180, 0, 180, 10), [7]),
        ((-180, 0, -180, 10), [0]),
        ((10, 0, -10, 10), [0, 1, 2, 3, 4, 5, 6, 7]),
        ((3, 0, 3, 10), [4]),
    ],
)
def test_dateline(box: tuple[float, float, float, float], columns: list[int]) -> None:
    assert sorted({t.x for t in tiles_in_bbox(*box, 3)}) == columns


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((-181, 0, 0, 1), "west is -181 degrees, expected -180 to 180"),
        ((0, 0, 181, 1), "east is 181"),
        ((0, -91, 1, 1), "south is -91 degrees, expected -90 to 90"),
        ((0, 0, 1, float("nan")), "north is nan"),
        ((0, 5, 1, 4), "south is 5 and north is 4"),
    ],
)
def test_a_box_that_is_none_is_refused_at_once(
    box: tuple[float, float, float, float], words: str
) -> None:
    with pytest.raises(TileError, match=words):
        tiles_in_bbox(*box, 3)


def test_a_box_at_no_zoom_is_refused() -> None:
    with pytest.raises(TileError, match="zoom is 18"):
        tiles_in_bbox(0, 0, 1, 1, 18)


@given(st.floats(-180, 179.99), st.floats(-85, 85), st.integers(0, MAX_ZOOM))
def test_a_place_lies_in_the_tile_that_mercantile_says(
    longitude: float, latitude: float, zoom: int
) -> None:
    found = tile_at(longitude, latitude, zoom)
    oracle = mercantile.tile(longitude, latitude, zoom)
    # At an edge both sides are right.
    assert abs(found.x - oracle.x) <= 1
    assert abs(found.y - oracle.y) <= 1
    west, south, east, north = found.bounds
    assert west - 1e-9 <= longitude <= east + 1e-9
    assert south - 1e-9 <= latitude <= north + 1e-9


def test_a_place_beyond_the_map_s_edges_has_a_tile() -> None:
    assert tile_at(180.0, 90.0, 3) == tile_at(-180.0, 89.0, 3) == Tile(3, 0, 0)
    assert tile_at(181.0, -90.0, 3) == tile_at(-179.0, -86.0, 3) == Tile(3, 0, 7)
