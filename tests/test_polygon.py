"""Polygons as regions: holes, the dateline, the poles, and files that are something else."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import mercantile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.grid.errors import TileError
from generator.grid.tile import Tile
from tileserver.errors import RegionError
from tileserver.regions import polygon as module
from tileserver.regions.polygon import PolygonShape
from tileserver.regions.polygonfile import read_polygon
from tileserver.regions.region import Box, Region

shapely = pytest.importorskip("shapely")


def box(west: float, south: float, east: float, north: float) -> list[list[list[float]]]:
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


def ring(polygon: dict[str, Any] | list[Any], path: Path) -> PolygonShape:
    path = path / "region.geojson"
    document = {"type": "Polygon", "coordinates": polygon} if isinstance(polygon, list) else polygon
    path.write_text(json.dumps(document))
    return read_polygon(path)


boxes = st.tuples(
    st.floats(-179, 170), st.floats(-84, 80), st.floats(0.001, 9), st.floats(0.001, 4)
).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


@settings(max_examples=40, deadline=None)
@given(boxes)
def test_a_box_drawn_as_a_polygon_is_the_box(bbox: Box) -> None:
    shape = PolygonShape([shapely.box(*bbox)], "the polygon")
    drawn, plain = Region(shape, range(9)), Region(bbox, range(9))
    assert list(drawn.walk()) == list(plain.walk())
    assert drawn.bbox == pytest.approx(bbox)


@pytest.mark.parametrize("tile", [Tile(4, 8, 5), Tile(6, 63, 0), Tile(9, 0, 511)])
def test_a_tile_s_own_outline_is_just_that_tile(tile: Tile) -> None:
    shape = PolygonShape([shapely.box(*tile.bounds)], "the polygon")
    assert list(Region(shape, [tile.z]).walk()) == [tile]
    assert len(Region(shape, [tile.z + 2])) == 16


def test_each_tile_is_one_that_an_independent_test_finds() -> None:
    star = shapely.Polygon(
        [
            (10 + r * math.cos(a), 47 + r * math.sin(a) / 2)
            for a, r in [(i * math.pi / 5, 8 if i % 2 else 3) for i in range(10)]
        ]
    )
    found = {(t.x, t.y) for t in Region(PolygonShape([star], "the star"), [8]).walk()}
    expected = {
        (t.x, t.y)
        for t in mercantile.tiles(*star.bounds, [8])
        if star.intersects(shapely.box(*mercantile.bounds(t)))
    }
    assert found == expected


def test_a_hole_is_left_out_and_an_island_in_it_is_not(tmp_path: Path) -> None:
    lake = box(0, 0, 40, 40) + [box(10, 10, 30, 30)[0][::-1]]
    document = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": lake}},
            {"type": "Feature", "geometry": None},
            {
                "type": "Feature",
                "geometry": {"type": "MultiPolygon", "coordinates": [box(19, 19, 21, 21)]},
            },
        ],
    }
    region = Region(ring(document, tmp_path), [8])
    at = {(t.x, t.y) for t in region.walk()}

    def holds(longitude: float, latitude: float) -> bool:
        tile = mercantile.tile(longitude, latitude, 8)
        return (tile.x, tile.y) in at

    assert holds(5, 5)
    assert holds(20, 20)
    assert not holds(15, 15)
    assert not holds(45, 5)


@pytest.mark.parametrize(
    "coordinates",
    [
        [box(177, -19, 180, -16), box(-180, -19, -178, -16)],
        [box(177, -19, 182, -16)],
        [box(-183, -19, -178, -16)],
    ],
)
def test_the_dateline_is_crossed_as_rfc_7946_says_or_by_going_on(
    tmp_path: Path, coordinates: list[Any]
) -> None:
    shape = ring({"type": "MultiPolygon", "coordinates": coordinates}, tmp_path)
    region, plain = Region(shape, range(10)), Region((177.0, -19.0, -178.0, -16.0), range(10))
    assert list(region.walk()) == list(plain.walk())
    assert shape.bbox == (177.0, -19.0, -178.0, -16.0)


@pytest.mark.parametrize("shift", [0.0, 0.1, -0.3])
def test_places_half_a_world_apart_do_not_cross_the_dateline(shift: float) -> None:
    places = [shapely.box(west + shift, 0, west + shift + 20.1, 20) for west in (-100, 80)]
    west, _, east, _ = PolygonShape(places, "two places").bbox
    assert (west, east) == pytest.approx((-100 + shift, 100.1 + shift))


def test_a_polygon_over_a_pole_ends_where_the_map_does(tmp_path: Path) -> None:
    region = Region(ring(box(-180, 80, 180, 90), tmp_path), [4])
    assert {(t.x, t.y) for t in region.walk()} == {(x, y) for x in range(16) for y in (0, 1)}


def test_a_polygon_beyond_the_map_is_refused(tmp_path: Path) -> None:
    shape = ring(box(0, 86, 10, 89), tmp_path)
    with pytest.raises(TileError, match=r"region\.geojson holds no tile"):
        Region(shape, [4])


def test_rings_that_cross_themselves_still_have_an_area(tmp_path: Path) -> None:
    region = Region(ring([[[0, 0], [40, 40], [40, 0], [0, 40], [0, 0]]], tmp_path), [7])
    at = {(t.x, t.y) for t in region.walk()}
    assert mercantile.tile(5, 20, 7)[:2] in at
    assert mercantile.tile(20, 5, 7)[:2] not in at


def test_without_shapely_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "shapely", None)
    with pytest.raises(RegionError, match=r"install elsewhere\[geo\]"):
        module.find_shapely()
