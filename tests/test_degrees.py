"""Rings of other reference systems: curves, the dateline, the poles."""

from __future__ import annotations

import numpy as np
import pytest

from tileserver.errors import RegionError
from tileserver.regions.degrees import Degrees, Positions

pyproj = pytest.importorskip("pyproj")

EDGE = 20037508.342789244


def ring(*corners: tuple[float, float]) -> Positions:
    return np.array([*corners, corners[0]], float)


def square(x: float, y: float, half: float) -> Positions:
    low, right, high, left = y - half, x + half, y + half, x - half
    return ring((left, low), (right, low), (right, high), (left, high))


def test_a_straight_line_in_metres_is_curved_in_degrees() -> None:
    (found,) = Degrees("EPSG:2056", "x").rings([square(2_600_000, 1_200_000, 100_000)])
    back = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:2056", always_xy=True).transform
    # Halfway between two vertices the edge still is where it is straight in metres.
    middles = (found[1:] + found[:-1]) / 2
    x, y = back(middles[:, 0], middles[:, 1])
    off = np.minimum.reduce([abs(abs(x - 2_600_000) - 1e5), abs(abs(y - 1_200_000) - 1e5)])
    assert off.max() < 0.05
    assert len(found) > 4 * 199


def test_a_ring_over_the_dateline_goes_on_beyond_it() -> None:
    (found,) = Degrees("EPSG:3832", "x").rings([square(3_339_584.72, 0, 111_319)])
    assert found[:, 0].min() == pytest.approx(179, abs=0.01)
    assert found[:, 0].max() == pytest.approx(181, abs=0.01)


def test_a_hole_is_on_the_same_side_of_the_dateline_as_its_polygon() -> None:
    outer = square(3_339_584.72, 0, 111_319)
    for shift in (-50_000, 0, 50_000):
        hole = square(3_339_584.72 + shift, 0, 20_000)[::-1]
        found, inside = Degrees("EPSG:3832", "x").rings([outer, hole])
        assert found[:, 0].min() < inside[:, 0].min() < inside[:, 0].max() < found[:, 0].max()


@pytest.mark.parametrize("edge", [EDGE, 20037508.34, 20037508.3428])
def test_the_whole_map_in_metres_is_the_whole_map(edge: float) -> None:
    (found,) = Degrees("EPSG:3857", "x").rings([square(0, 0, edge)])
    assert (found[:, 0].min(), found[:, 0].max()) == (-180, 180)
    assert abs(found[:, 1]).max() == pytest.approx(85.0511, abs=1e-4)


def test_a_ring_round_a_pole_is_refused() -> None:
    with pytest.raises(RegionError, match="holds a ring round a pole"):
        Degrees("EPSG:3413", "x").rings([square(0, 0, 1_000_000)])


def test_what_is_nowhere_on_earth_is_refused() -> None:
    with pytest.raises(RegionError, match=r"position \[.*nowhere in its coordinate reference"):
        Degrees("EPSG:3035", "x").rings([square(1e12, 1e12, 5)])


def test_a_ring_of_one_point_stays_one() -> None:
    (found,) = Degrees("EPSG:3857", "x").rings([square(0, 0, 0)])
    assert found == pytest.approx(np.zeros((5, 2)))
