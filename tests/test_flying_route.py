"""Paths of flights: what is read, and what is refused with one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tileserver.errors import FlightError
from tileserver.flying.route import read_route

LINE = {"type": "LineString", "coordinates": [[7.6, 46.5], [8.5, 47.4, 400.0]]}
POINTS = ((7.6, 46.5), (8.5, 47.4))


def feature(geometry: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {}, "geometry": geometry}


@pytest.mark.parametrize(
    "text",
    ["46.5,7.6 47.4,8.5", " 46.5, 7.6   47.4 ,8.5 ", "46.5,7.6; 47.4,8.5", "46.5,7.6\n47.4,8.5"],
)
def test_coordinates_are_latitude_and_longitude(text: str) -> None:
    assert read_route(text) == POINTS


def test_a_path_may_start_in_the_south_and_west() -> None:
    assert read_route("-33.9,-70.5 +4,.5") == ((-70.5, -33.9), (0.5, 4.0))


def test_points_that_repeat_are_left_out() -> None:
    assert read_route("46.5,7.6 46.5,7.6 47.4,8.5 47.4,-351.5") == POINTS


@pytest.mark.parametrize(
    "document",
    [
        LINE,
        feature(LINE),
        {"type": "FeatureCollection", "features": [feature(LINE), feature(None)]},
        {"type": "MultiLineString", "coordinates": [[list(POINTS[0])], [list(POINTS[1])]]},
        {
            "type": "FeatureCollection",
            "features": [feature({"type": "Point", "coordinates": list(p)}) for p in POINTS],
        },
        {"type": "GeometryCollection", "geometries": [LINE]},
        {**LINE, "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}},
    ],
)
def test_lines_and_points_of_geojson_are_read_in_order(tmp_path: Path, document: Any) -> None:
    path = tmp_path / "path.geojson"
    path.write_text(json.dumps(document))
    assert read_route(str(path)) == POINTS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("46.5,7.6", "has 1 point, expected"),
        ("46.5,7.6 46.5,7.6", "has 1 point, expected"),
        ("", "neither coordinates nor a file"),
        ("path.geojson", "neither coordinates nor a file"),
        ("46.5 7.6", "neither coordinates nor a file"),
        ("91,7.6 47,8", "has the point 91,7.6, expected latitudes of -90 to 90"),
        ("46,361 47,8", "has the point 46,361"),
        ("10,20 -10,-160", "opposite side of the Earth"),
        ("90,20 -90,50", "opposite side of the Earth"),
        (" ".join(f"1,{n / 100}" for n in range(10_001)), "has 10,001 points, expected at most"),
    ],
)
def test_what_is_no_path_is_refused(text: str, expected: str) -> None:
    with pytest.raises(FlightError, match=expected):
        read_route(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "is not GeoJSON"),
        ("[]", "is not GeoJSON"),
        ('{"type": "Polygon", "coordinates": []}', "holds 'Polygon', expected lines or points"),
        ('{"type": "LineString", "coordinates": [["a", 2], [1, 2]]}', "holds the position"),
        ('{"type": "LineString", "coordinates": []}', "holds the position"),
        ('{"type": "FeatureCollection", "features": []}', "has 0 points"),
        (
            json.dumps({**LINE, "crs": {"properties": {"name": "EPSG:2056"}}}),
            "is in EPSG:2056, expected longitudes",
        ),
    ],
)
def test_files_that_hold_no_path_are_refused(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "path.geojson"
    path.write_text(text)
    with pytest.raises(FlightError, match=expected):
        read_route(str(path))
