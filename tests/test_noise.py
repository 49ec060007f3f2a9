"""Noise: fixed values, overlaps, the dateline, statistics, and the paper's repeated tile."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from generator.grid import noise

SCALE = 2**18
"""Every value is a whole multiple of 1 / SCALE."""

coordinates = st.integers(-300, 300) | st.integers(-(10**7), 10**7)
sizes = st.integers(1, 150)


def correlation(plane: NDArray[np.float32], lag: int) -> float:
    """Return the correlation of a plane with itself moved `lag` cells to the right."""
    a, b = plane[:, lag:].ravel().astype(float), plane[:, :-lag].ravel().astype(float)
    return float(np.corrcoef(a, b)[0, 1])


def test_values_are_the_same_for_ever() -> None:
    first = noise.field(7, 3, 0, 0, 4, 2, 2) * SCALE
    assert first.astype(int).tolist() == [
        [[196487, 35072, 132926, -41670], [353399, 54939, -444132, 51204]],
        [[15857, -142062, -359002, -254636], [154893, 269288, 261093, -77712]],
    ]
    far = noise.field(2**64 - 1, 15, -3, -66, 3, 2, 5) * SCALE
    assert far[4].astype(int).tolist() == [[23700, -9823, 102525], [-37198, 476718, -182413]]


def test_table_of_quantiles_is_the_same_everywhere() -> None:
    table = noise._quantiles()
    assert hashlib.sha256(table.astype("<f4").tobytes()).hexdigest().startswith("7bd1f7c5684cb8a5")
    assert np.array_equal(table, -table[::-1])
    assert (np.diff(table) > 0).all()


@settings(max_examples=40)
@given(coordinates, coordinates, sizes, sizes, st.data())
def test_rectangles_agree_where_they_overlap(
    x0: int, y0: int, width: int, height: int, data: st.DataObject
) -> None:
    whole = noise.field(5, 13, x0, y0, width, height)
    left = data.draw(st.integers(0, width - 1))
    top = data.draw(st.integers(0, height - 1))
    part = noise.field(5, 13, x0 + left, y0 + top, width - left, height - top)
    assert whole.shape == (3, height, width)
    assert whole.dtype == np.float32
    assert np.array_equal(whole[:, top:, left:], part)


@given(coordinates, coordinates, st.integers(0, 4), st.integers(-3, 3))
def test_x_wraps_at_the_width_of_the_world(x0: int, y0: int, level: int, turns: int) -> None:
    moved = noise.field(1, level, x0 + turns * (256 << level), y0, 90, 5)
    assert np.array_equal(noise.field(1, level, x0, y0, 90, 5), moved)


def test_a_world_wider_than_one_turn_repeats() -> None:
    two = noise.field(1, 0, -10, 3, 512, 2)
    assert np.array_equal(two[:, :, :256], two[:, :, 256:])


def test_y_does_not_wrap() -> None:
    assert not np.array_equal(noise.field(1, 0, 0, 0, 8, 8), noise.field(1, 0, 0, 256, 8, 8))
    assert not np.array_equal(noise.field(1, 0, 0, -256, 8, 8), noise.field(1, 0, 0, 0, 8, 8))


def test_channels_do_not_depend_on_their_number() -> None:
    many = noise.field(9, 5, 60, 60, 10, 10, 9)
    for count in (1, 3, 4, 5):
        assert np.array_equal(noise.field(9, 5, 60, 60, 10, 10, count), many[:count])
    assert len({plane.tobytes() for plane in many}) == 9


def test_seed_and_level_select_other_noise() -> None:
    made = [noise.field(s, z, 0, 0, 8, 8).tobytes() for s in (0, 1, 2**64 - 1) for z in (7, 9)]
    assert len(set(made)) == 6


def test_moments_are_those_of_a_normal_distribution() -> None:
    values = noise.field(0, 11, -200, 5, 400, 400).ravel().astype(float)
    moments = [float(np.mean(values**n)) for n in (1, 2, 3, 4)]
    assert moments == pytest.approx([0, 1, 0, 3], abs=0.05)


def test_field_is_white() -> None:
    planes = noise.field(0, 11, 0, 0, 600, 300)
    for lag in (1, 4, 63, 64, 128, 256):
        assert abs(correlation(planes[0], lag)) < 0.02
        assert abs(correlation(planes[0].T, min(lag, 250))) < 0.02
    between = np.corrcoef(planes.reshape(3, -1))
    assert np.abs(between - np.eye(3)).max() < 0.02


def test_repeated_noise_repeats_at_its_period_only() -> None:
    plane = noise.repeated(0, 11, 17, 5, 600, 300)[0]
    assert correlation(plane, 128) == pytest.approx(1)
    assert correlation(plane, 256) == pytest.approx(1)
    assert abs(correlation(plane, 64)) < 0.02
    assert np.array_equal(plane[128:], plane[:-128])


@settings(max_examples=20)
@given(coordinates, coordinates)
def test_repeated_noise_agrees_on_overlaps_and_wraps(x0: int, y0: int) -> None:
    whole = noise.repeated(4, 2, x0, y0, 40, 30, period=64)
    assert np.array_equal(whole[:, 7:, 9:], noise.repeated(4, 2, x0 + 9, y0 + 7, 31, 23, period=64))
    assert np.array_equal(whole, noise.repeated(4, 2, x0 + 1024, y0 - 64, 40, 30, period=64))


def test_an_empty_rectangle_is_empty() -> None:
    assert noise.field(0, 5, 3, 3, 0, 4).shape == (3, 4, 0)
    assert noise.repeated(0, 5, 3, 3, 4, 0).shape == (3, 0, 4)


def test_impossible_requests_are_refused() -> None:
    for seed in (-1, 2**64):
        with pytest.raises(ValueError, match="seed is"):
            noise.field(seed, 5, 0, 0, 1, 1)
    with pytest.raises(ValueError, match="level is -1"):
        noise.field(0, -1, 0, 0, 1, 1)
    with pytest.raises(ValueError, match="size is -1 x 1 x 3"):
        noise.field(0, 5, 0, 0, -1, 1)
    with pytest.raises(ValueError, match="period is 0, expected 1 to 256"):
        noise.repeated(0, 0, 0, 0, 1, 1, period=0)
