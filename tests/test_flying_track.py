"""The line of a flight, against pyproj's geodesics on a sphere."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pyproj
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tileserver.documents.grid import EARTH_RADIUS
from tileserver.flying.track import MAP_LATITUDE, Track, angle, vector

SPHERE = pyproj.Geod(a=EARTH_RADIUS, b=EARTH_RADIUS)
Point = tuple[float, float]
POINTS = st.tuples(st.floats(-180, 180), st.floats(-89, 89))


def degrees(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y, z = vectors.T
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


@settings(deadline=None, max_examples=30)
@given(POINTS, POINTS, st.floats(0, 1))
def test_a_leg_is_the_great_circle(a: Point, b: Point, t: float) -> None:
    azimuth, _, metres = SPHERE.inv(*a, *b)
    assume(100 < metres < 0.95 * math.pi * EARTH_RADIUS)
    track = Track([a, b], [0, 0])
    assert track.length * EARTH_RADIUS == pytest.approx(metres, rel=1e-9)
    (longitude,), (latitude,) = degrees(track.at(np.array([t * track.length])))
    wanted = SPHERE.fwd(*a, azimuth, t * metres)
    assert angle(vector(longitude, latitude), vector(*wanted[:2])) * EARTH_RADIUS < 0.1


@settings(deadline=None, max_examples=30)
@given(st.lists(POINTS, min_size=3, max_size=5), st.floats(0.05, 0.5))
def test_turns_keep_the_line_whole_and_the_velocity_continuous(
    points: list[Point], turn: float
) -> None:
    legs = [angle(vector(*a), vector(*b)) for a, b in pairwise(points)]
    assume(all(0.1 < leg < 2.5 for leg in legs))
    track = Track(points, [turn] * len(points))
    step = min(turn, *legs) / 100
    lengths = np.arange(0, track.length, step)
    found = track.at(lengths)
    velocities = np.diff(found, axis=0) / step
    assert np.linalg.norm(velocities, axis=1).max() < 1.3  # never faster than the length rises
    # A quadratic curve of reach d turns by at most pi over 2 d.
    reach = min(turn, *(leg / 2 for leg in legs))
    assert np.linalg.norm(np.diff(velocities, axis=0), axis=1).max() < 8 * step / reach
    assert angle(found[0], vector(*points[0])) < 1e-9
    end = track.at(np.array([track.length]))[0]
    assert angle(end, vector(*points[-1])) < 1e-9


def test_a_turn_stays_as_near_to_its_point_as_it_begins_before_it() -> None:
    track = Track([(0, 0), (10, 0), (10, 10)], [0, 0.01, 0])
    found = track.at(np.linspace(0, track.length, 20_001))
    nearest = np.arccos((found @ vector(10, 0)).max())
    assert nearest == pytest.approx(0.01 * math.sqrt(2) / 4, rel=1e-3)


def test_a_way_back_slows_down_to_rest() -> None:
    track = Track([(0, 0), (10, 0), (0, 0)], [0, 0.01, 0])
    middle = track.length / 2
    around = track.at(np.array([middle - 1e-5, middle, middle + 1e-5]))
    assert angle(around[0], around[1]) < 1e-7
    assert angle(around[0], around[2]) < 1e-9


@settings(deadline=None, max_examples=30)
@given(POINTS, POINTS)
def test_the_table_is_the_track_on_the_map(a: Point, b: Point) -> None:
    metres = SPHERE.inv(*a, *b)[2]
    assume(1000 < metres < 0.9 * math.pi * EARTH_RADIUS)
    track = Track([a, b], [0, 0])
    lengths, columns, rows = track.table()
    assume(not track.polar)
    longitudes, latitudes = degrees(track.at(lengths))
    mercator = pyproj.Transformer.from_crs(4326, 3857, always_xy=True)
    x, y = mercator.transform(longitudes, latitudes)
    world = 2 * math.pi * EARTH_RADIUS
    across = np.abs(columns - (x / world + 0.5))
    assert np.minimum(across % 1, 1 - across % 1).max() < 1e-9
    assert np.abs(rows - (0.5 - y / world)).max() < 1e-9
    assert np.abs(np.diff(columns)).max() < 0.01  # on across the dateline without a jump


def test_the_dateline_is_crossed_the_short_way() -> None:
    _, columns, _ = Track([(178, -17), (-178, -16)], [0, 0]).table()
    assert columns[-1] - columns[0] == pytest.approx(4 / 360)


def test_a_pole_is_gone_round_at_an_even_pace() -> None:
    track = Track([(10, 60), (-150, 65)], [0, 0])
    lengths, columns, rows = track.table()
    assert track.polar
    highest = (1 - math.asinh(math.tan(math.radians(MAP_LATITUDE))) / math.pi) / 2
    assert rows.min() == pytest.approx(highest)
    assert abs(columns[-1] - columns[0]) == pytest.approx(160 / 360)
    assert (np.diff(lengths) > 0).all()
    # On the map a step is as long as its length says, by the scale of its latitude.
    level = 1 / np.cosh(2 * math.pi * (0.5 - (rows[1:] + rows[:-1]) / 2))
    steps = np.hypot(np.diff(columns), np.diff(rows)) * 2 * math.pi * level
    np.testing.assert_allclose(steps, np.diff(lengths), rtol=1e-6)
    assert lengths[-1] < track.length * 1.2
