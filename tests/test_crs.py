"""Reference systems: two known without a library, others as pyproj has them, what is refused."""

import sys

import numpy as np
import pytest

from generator.grid.tile import MAX_LATITUDE, row_of
from tileserver.errors import BadRequestError
from tileserver.regions import crs as module
from tileserver.regions.crs import EDGE, named, requested, utm

OGC = "http://www.opengis.net/def/crs/"
X, Y = np.array([-1.9e7, 0.0, 123456.7]), np.array([-1.9e7, 0.0, 7654321.0])


@pytest.fixture
def pyproj() -> object:
    return pytest.importorskip("pyproj")


def test_web_mercator_is_the_map_itself() -> None:
    u, v = named("epsg:3857").shares(X, Y, 1.0)
    assert u == pytest.approx((X + EDGE) / (2 * EDGE))
    assert v == pytest.approx((EDGE - Y) / (2 * EDGE))


def test_degrees_lie_where_tiles_have_them() -> None:
    degrees = np.array([-MAX_LATITUDE, -30.0, 0.0, 60.0, MAX_LATITUDE])
    u, v = named("OGC:CRS84").shares(3 * degrees / 2, degrees, 1.0)
    assert u == pytest.approx(3 * degrees / 2 / 360 + 0.5)
    assert v == pytest.approx([row_of(latitude, 1) for latitude in degrees])


@pytest.mark.parametrize("code", ["EPSG:3035", "EPSG:32633", "EPSG:3395", "EPSG:3857"])
def test_a_place_comes_back(pyproj: object, code: str) -> None:
    crs = named(code)
    u, v = crs.shares(*(np.array([part]) for part in crs.point(15.5, 47.25)), 1.0)
    assert u[0] == pytest.approx(15.5 / 360 + 0.5, abs=1e-12)
    assert v[0] == pytest.approx(row_of(47.25, 1), abs=1e-9)


def test_without_pyproj_web_mercator_and_degrees_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyproj", None)
    module._known.cache_clear()
    assert named("EPSG:3857").point(180, 0) == pytest.approx((EDGE, 0))
    assert named("EPSG:4326").point(7, 46) == (7, 46)
    with pytest.raises(BadRequestError, match=r"needs pyproj: install elsewhere\[geo\], or take"):
        named("EPSG:3035")


def test_the_registrys_order_of_axes_is_known(pyproj: object) -> None:
    order = {code: named(code).swapped for code in ("EPSG:4326", "EPSG:3035", "EPSG:32661")}
    assert order == dict.fromkeys(order, True)
    for code in ("OGC:CRS84", "EPSG:3857", "EPSG:32633", "EPSG:3995"):
        assert not named(code).swapped, code


def test_what_lies_beyond_a_systems_edge_is_nowhere(pyproj: object) -> None:
    u, v = named("EPSG:8857").shares(np.array([0.0, 1.7e7, 1.8e7]), np.array([0.0, 8e6, 0.0]), 10.0)
    assert np.isfinite(u).tolist() == np.isfinite(v).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ((36.8, -1.3), "EPSG:32737"),
        ((-180, 10), "EPSG:32601"),
        ((180, 10), "EPSG:32601"),
        ((179.9, 10), "EPSG:32660"),
        ((0, 85), "EPSG:32661"),
        ((0, -81), "EPSG:32761"),
    ],
)
def test_the_utm_zone_of_a_place(place: tuple[float, float], code: str) -> None:
    assert utm(*place) == code


@pytest.mark.parametrize(
    "text", ["[EPSG:3857]", "EPSG:3857", f"{OGC}EPSG/0/3857", f"https{OGC[4:]}EPSG/0/3857"]
)
def test_clients_name_a_system_in_ogcs_ways(text: str) -> None:
    assert requested(text).name == "EPSG:3857"
    assert requested(text).uri == f"{OGC}EPSG/0/3857"
    assert requested(f"{OGC}OGC/1.3/CRS84").uri == f"{OGC}OGC/1.3/CRS84"


@pytest.mark.parametrize("text", ["", "+proj=merc", "EPSG:3857;", "ESRI:54030", f"{OGC}EPSG/0/"])
def test_clients_cannot_define_systems(text: str) -> None:
    with pytest.raises(BadRequestError, match="the coordinate reference system is"):
        requested(text)


@pytest.mark.parametrize(
    "text", ["EPSG:999999", "hello", "", "+proj=none", "EPSG:4978", "EPSG:5773"]
)
def test_an_unknown_system_is_refused(pyproj: object, text: str) -> None:
    with pytest.raises(BadRequestError, match="is unknown or no map of the Earth"):
        named(text)
