"""Altitudes over the moments of a flight, and the pace of the picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tileserver.errors import FlightError
from tileserver.flying.altitude import AltitudeProfile, eased, parse_altitudes

ALTITUDES = st.lists(st.floats(500, 2e7), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("40km", (40_000,)),
        ("400km:3km:400km", (400_000, 3_000, 400_000)),
        ("5000", (5_000,)),
        ("750 m : 1.5 KM", (750, 1_500)),
    ],
)
def test_altitudes_are_read(text: str, metres: tuple[float, ...]) -> None:
    assert parse_altitudes(text) == metres


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected one or more such as 40km"),
        ("high", "the altitude is 'high'"),
        ("40km:", "expected one or more"),
        ("40 miles", "expected one or more"),
        ("-5km", "expected one or more"),
        ("nan", "expected one or more"),
        ("100m", "the altitude is 100 m, expected 500 m to 20000 km"),
        ("40000km", "expected 500 m to 20000 km"),
        (":".join(["1km"] * 101), "expected one or more"),
    ],
)
def test_what_is_no_altitude_is_refused(text: str, expected: str) -> None:
    with pytest.raises(FlightError, match=expected):
        parse_altitudes(text)


@settings(deadline=None, max_examples=30)
@given(ALTITUDES)
def test_the_curve_goes_through_the_altitudes_and_overshoots_none(altitudes: list[float]) -> None:
    profile = AltitudeProfile(altitudes)
    knots = altitudes if len(altitudes) > 1 else altitudes * 2
    np.testing.assert_allclose(profile.altitude(np.linspace(0, 1, len(knots))), knots, rtol=1e-9)
    fine = profile.altitude(np.linspace(0, 1, 200 * (len(knots) - 1) + 1))
    for index in range(len(knots) - 1):
        part, ends = fine[200 * index : 200 * index + 201], sorted(knots[index : index + 2])
        assert part.min() >= ends[0] * (1 - 1e-9)
        assert part.max() <= ends[1] * (1 + 1e-9)


def test_an_even_descent_is_a_straight_line_over_the_way() -> None:
    profile = AltitudeProfile([400_000, 4_000])
    moments = np.linspace(0, 1, 50)
    np.testing.assert_allclose(profile.altitude(moments), 400_000 * 0.01**moments)
    wanted = 400_000 - 396_000 * profile.share(moments)
    np.testing.assert_allclose(profile.altitude(moments), wanted, rtol=1e-4)
    assert profile.mean == pytest.approx(396_000 / np.log(100), rel=1e-6)


@settings(deadline=None, max_examples=30)
@given(ALTITUDES)
def test_the_picture_moves_at_an_even_pace(altitudes: list[float]) -> None:
    profile = AltitudeProfile(altitudes)
    moments = np.linspace(0, 1, 1001)
    pace = (
        np.diff(profile.share(moments))
        * profile.mean
        / profile.altitude((moments[1:] + moments[:-1]) / 2)
    )
    np.testing.assert_allclose(pace, 0.001, rtol=0.02)


@settings(deadline=None, max_examples=30)
@given(ALTITUDES, st.floats(0, 1))
def test_the_altitude_after_a_share_of_the_way_is_that_of_its_moment(
    altitudes: list[float], moment: float
) -> None:
    profile = AltitudeProfile(altitudes)
    there = profile.altitude_after(profile.share(np.array([moment])))
    np.testing.assert_allclose(there, profile.altitude(np.array([moment])), rtol=2e-2)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.01, 0.5))
def test_the_camera_starts_and_stops_at_rest(ramp: float) -> None:
    shares = np.linspace(0, 1, 2001)
    moments = eased(shares, ramp)
    assert (moments[0], moments[-1]) == pytest.approx((0, 1))
    assert moments[1000] == pytest.approx(0.5)
    np.testing.assert_allclose(moments + moments[::-1], 1)
    speeds = np.diff(moments) * 2000
    assert speeds.min() >= -1e-9
    assert speeds[0] < 0.02
    assert speeds.max() == pytest.approx(1 / (1 - ramp), rel=1e-3)
    assert np.abs(np.diff(speeds)).max() < 4 / ramp / 2000
