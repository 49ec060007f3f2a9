"""Polygons from files of all kinds: what is left out, what is refused and in which words."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.test_polygon import box
from tileserver.errors import RegionError
from tileserver.regions.polygonfile import read_polygon
from tileserver.regions.region import Region

shapely = pytest.importorskip("shapely")
pyogrio = pytest.importorskip("pyogrio")

ALPS = box(6, 45, 8, 47)
WANTED = Region((6.0, 45.0, 8.0, 47.0), [8])


def polygon(rings: Any = ALPS) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": rings}


def features(*geometries: dict[str, Any] | None, **members: Any) -> dict[str, Any]:
    found = [{"type": "Feature", "properties": {}, "geometry": shape} for shape in geometries]
    return {"type": "FeatureCollection", "features": found, **members}


def written(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def refusal(path: Path, layer: str | None = None) -> str:
    with pytest.raises(RegionError) as caught:
        read_polygon(path, layer)
    return str(caught.value)


def test_what_is_no_polygon_is_left_out_and_named(tmp_path: Path) -> None:
    document = features(
        polygon(),
        {"type": "Point", "coordinates": [7, 46]},
        {"type": "LineString", "coordinates": [[0, 0], [9, 9]]},
        {"type": "Point", "coordinates": [1, 1]},
        polygon([]),
        {"type": "MultiPolygon", "coordinates": []},
        polygon([[[0, 0], [9, 9], [5, 5], [0, 0]]]),
        None,
    )
    shape = read_polygon(written(tmp_path / "a.geojson", document))
    assert list(Region(shape, [8]).walk()) == list(WANTED.walk())
    assert shape.left_out == (
        "2 x Point, 1 x LineString, 2 x empty Polygon, 1 x Polygon without area, "
        "1 x Feature without geometry"
    )
    assert read_polygon(written(tmp_path / "b.geojson", polygon())).left_out == ""


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"type": "Point", "coordinates": [1, 2]}, "no polygon with an area .left out: 1 x Point"),
        ([1, 2], "holds null, expected a Polygon"),
        ({"type": "Topology", "objects": {}}, 'holds "Topology", expected a Polygon'),
        (features(), "holds no polygon with an area, expected a Polygon"),
        (polygon([]), "left out: 1 x empty Polygon"),
        (polygon(7), "without rings"),
        (polygon([[[0, 0], [1, 1]]]), "less than four positions"),
        (polygon([[[0, 0], [9, 9], [9, 0], [1, 0]]]), "not closed"),
        (polygon([[["a", 0]] * 4]), "expected two numbers, longitude and latitude"),
        (polygon([[[float("nan"), 0]] * 4]), "nan"),
        (polygon(box(0, 80, 10, 91)), r"\[10, 91\].*expected longitude and latitude in degrees"),
        (polygon(box(2600000, 1200000, 2600010, 1200090)), "names no coordinate reference system"),
        (polygon(box(177, 0, -178, 9)), "cut at the antimeridian"),
        (polygon([[[0, 0], [9, 9], [5, 5], [0, 0]]]), "left out: 1 x Polygon without area"),
    ],
)
def test_files_that_hold_no_area_on_earth_are_refused_in_one_sentence(
    tmp_path: Path, document: Any, expected: str
) -> None:
    with pytest.raises(RegionError, match=expected):
        read_polygon(written(tmp_path / "a.geojson", document))


def test_files_that_are_not_json_are_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "none.geojson")
    (tmp_path / "a.geojson").write_bytes(b"\xff\xfe{")
    assert "is not JSON" in refusal(tmp_path / "a.geojson")
    (tmp_path / "b").write_text('{"type": "Polygon", ')
    assert "is not JSON" in refusal(tmp_path / "b")


# Coordinate reference systems.


@pytest.mark.parametrize(
    "crs",
    [
        {"type": "name", "properties": {"name": "EPSG:3857"}},
        {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}},
        {"type": "EPSG", "properties": {"code": 3857}},
    ],
)
def test_a_geojson_in_metres_lies_where_its_crs_says(tmp_path: Path, crs: Any) -> None:
    pyproj = pytest.importorskip("pyproj")
    to_metres = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:3857", always_xy=True).transform
    metres = box(*to_metres(6, 45), *to_metres(8, 47))
    for name, document in (
        ("whole", features(polygon(metres), crs=crs)),
        ("inner", features({**polygon(metres), "crs": crs})),
    ):
        shape = read_polygon(written(tmp_path / f"{name}.geojson", document))
        assert shape.bbox == pytest.approx((6, 45, 8, 47))


def test_metres_near_nought_are_not_taken_for_degrees(tmp_path: Path) -> None:
    crs = {"type": "name", "properties": {"name": "EPSG:32632"}}
    document = features(polygon(box(500010, 10, 500090, 90)), crs=crs)
    shape = read_polygon(written(tmp_path / "a.geojson", document))
    assert shape.bbox == pytest.approx((9.0, 0.0, 9.0, 0.0), abs=0.001)
    assert len(Region(shape, [10])) == 1


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326"])
def test_degrees_by_name_need_no_pyproj(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "pyproj", None)
    crs = {"type": "name", "properties": {"name": name}}
    shape = read_polygon(written(tmp_path / "a.geojson", {**polygon(), "crs": crs}))
    assert shape.bbox == (6, 45, 8, 47)
    crs["properties"] = {"name": "EPSG:2056"}
    path = written(tmp_path / "b.geojson", {**polygon(), "crs": crs})
    assert "is in EPSG:2056, which needs pyproj: install elsewhere[geo]" in refusal(path)


@pytest.mark.parametrize(
    ("crs", "expected"),
    [
        ({"type": "link", "properties": {"href": "a"}}, "expected one with a name"),
        ("EPSG:2056", "expected one with a name"),
        ({"type": "name", "properties": {"name": "EPSG:999999"}}, "expected one that pyproj knows"),
        ({"type": "name", "properties": {"name": "the moon"}}, "system the moon, expected one"),
    ],
)
def test_a_crs_that_cannot_be_honoured_is_refused(tmp_path: Path, crs: Any, expected: str) -> None:
    assert expected in refusal(written(tmp_path / "a.geojson", {**polygon(), "crs": crs}))


# Other kinds of file.

DRIVERS = {
    "a.gpkg": "GPKG",
    "a.shp": "ESRI Shapefile",
    "a.fgb": "FlatGeobuf",
    "a.geojsonl": "GeoJSONSeq",
    "lines.geojson": "GeoJSONSeq",
}


def vector(path: Path, shapes: list[Any], driver: str = "GPKG", **options: Any) -> Path:
    options = {"crs": "EPSG:4326", "geometry_type": "Polygon"} | options
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array(shapes)),
        field_data=[np.arange(len(shapes))],
        fields=["n"],
        driver=driver,
        **options,
    )
    return path


@pytest.mark.parametrize("name", DRIVERS)
def test_other_kinds_of_file_give_the_same_region(tmp_path: Path, name: str) -> None:
    halves = [shapely.box(6, 45, 7, 47), shapely.box(7, 45, 8, 47)]
    shape = read_polygon(vector(tmp_path / name, halves, DRIVERS[name]))
    assert list(Region(shape, [8]).walk()) == list(WANTED.walk())
    assert shape.bbox == (6, 45, 8, 47)


@pytest.mark.parametrize("name", ["a.gpkg", "a.shp", "a.fgb"])
def test_other_kinds_of_file_lie_where_their_crs_says(tmp_path: Path, name: str) -> None:
    pyproj = pytest.importorskip("pyproj")
    there = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:2056", always_xy=True).transform
    dense = shapely.segmentize(shapely.box(6, 45, 8, 47), 0.01)
    alps = shapely.transform(dense, there, interleaved=False)
    shape = read_polygon(vector(tmp_path / name, [alps], DRIVERS[name], crs="EPSG:2056"))
    assert shape.bbox == pytest.approx((6, 45, 8, 47), abs=1e-6)
    assert list(Region(shape, [8]).walk()) == list(WANTED.walk())


def test_holes_and_other_geometries_of_a_layer(tmp_path: Path) -> None:
    ring = shapely.Polygon(box(0, 0, 40, 40)[0], [box(10, 10, 30, 30)[0]])
    line = shapely.LineString([(0, 0), (1, 1)])
    shapes = [
        shapely.MultiPolygon([ring, shapely.box(19, 19, 21, 21)]),
        shapely.Point(1, 1),
        shapely.Polygon(),
        shapely.GeometryCollection([shapely.box(50, 0, 51, 1), line]),
        None,
    ]
    shape = read_polygon(vector(tmp_path / "a.gpkg", shapes, geometry_type="Unknown"))
    document = features(
        {"type": "MultiPolygon", "coordinates": [
            box(0, 0, 40, 40) + box(10, 10, 30, 30), box(19, 19, 21, 21), box(50, 0, 51, 1)
        ]}
    )  # fmt: skip
    plain = read_polygon(written(tmp_path / "a.geojson", document))
    assert list(Region(shape, [7]).walk()) == list(Region(plain, [7]).walk())
    assert shape.left_out == (
        "1 x Point, 1 x empty Polygon, 1 x LineString, 1 x Feature without geometry"
    )


def test_of_several_layers_one_has_to_be_named(tmp_path: Path) -> None:
    path = vector(tmp_path / "a.gpkg", [shapely.box(6, 45, 8, 47)], layer="alps")
    vector(path, [shapely.box(0, 0, 1, 1)], layer="sea", append=True)
    assert "has 2 layers, expected --layer with one of: alps, sea" in refusal(path)
    assert "no layer 'hills', expected one of: alps, sea" in refusal(path, "hills")
    assert read_polygon(path, "alps").bbox == (6, 45, 8, 47)
    assert read_polygon(path, "sea").bbox == (0, 0, 1, 1)
    geojson = written(tmp_path / "a.geojson", polygon())
    assert "has no layers, expected no --layer" in refusal(geojson, "alps")


def test_a_shapefile_without_prj_is_in_degrees_or_refused(tmp_path: Path) -> None:
    for name, shape in (("a.shp", shapely.box(6, 45, 8, 47)), ("b.shp", shapely.box(0, 0, 500, 9))):
        vector(tmp_path / name, [shape], "ESRI Shapefile")
        (tmp_path / name).with_suffix(".prj").unlink()
    assert read_polygon(tmp_path / "a.shp").bbox == (6, 45, 8, 47)
    assert "the file names no coordinate reference system" in refusal(tmp_path / "b.shp")


def test_other_files_that_cannot_be_read_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "none.gpkg cannot be read" in refusal(tmp_path / "none.gpkg")
    (tmp_path / "a.gpkg").write_bytes(b"no database" * 100)
    assert "expected GeoJSON, GeoJSONSeq, GeoPackage" in refusal(tmp_path / "a.gpkg")
    vector(tmp_path / "b.shp", [shapely.box(0, 0, 1, 1)], "ESRI Shapefile")
    (tmp_path / "b.shx").unlink()
    assert "b.shx" in refusal(tmp_path / "b.shp")
    monkeypatch.setitem(sys.modules, "pyogrio", None)
    assert "other files need pyogrio: install elsewhere[geo]" in refusal(tmp_path / "a.gpkg")
