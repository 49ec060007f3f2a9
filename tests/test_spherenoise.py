"""Noise on a sphere: addressed by place, smooth, without a mean, and its own for every key."""

from __future__ import annotations

import numpy as np
import pytest

from generator.planets.spherenoise import directions, fractal, octave, points, ridged, uniform

ROWS = np.arange(64)
GLOBE = points(128, ROWS)


def test_points_lie_on_the_sphere_and_go_on_beyond_the_poles() -> None:
    assert np.sqrt((GLOBE**2).sum(0)) == pytest.approx(np.ones((64, 128)), abs=1e-6)
    beyond = points(128, np.array([-1, 64]))
    assert beyond[:, 0] == pytest.approx(np.roll(GLOBE[:, 0], 64, 1), abs=1e-6)
    assert beyond[:, 1] == pytest.approx(np.roll(GLOBE[:, -1], 64, 1), abs=1e-6)


def test_noise_depends_on_the_place_alone() -> None:
    whole = octave((7, 3), GLOBE, 9.0)
    assert np.array_equal(octave((7, 3), points(128, ROWS[20:23]), 9.0), whole[20:23])
    assert np.array_equal(octave((7, 3), GLOBE[:, ::-1, ::2], 9.0), whole[::-1, ::2])


@pytest.mark.parametrize("other", [(8, 3), (7, 4), (2**64 - 1, 3)])
def test_another_key_is_another_noise(other: tuple[int, int]) -> None:
    pair = [octave(key, GLOBE, 9.0).ravel() for key in ((7, 3), other)]
    assert abs(np.corrcoef(pair)[0, 1]) < 0.15


def test_noise_is_smooth_and_about_zero() -> None:
    noise = octave((1, 1), GLOBE, 9.0)
    assert abs(noise.mean()) < 0.05
    assert 0.2 < noise.std() < 0.5
    assert np.abs(noise).max() < 1.7
    near = octave((1, 1), GLOBE + np.float32(1e-4), 9.0)
    assert np.abs(near - noise).max() < 0.01


def test_octaves_add_up() -> None:
    spread = (2.0, 0.5)
    whole = fractal(5, 2, GLOBE, spread, range(4))
    parts = fractal(5, 2, GLOBE, spread, range(2)) + fractal(5, 2, GLOBE, spread, range(2, 4))
    assert whole == pytest.approx(parts, abs=1e-5)
    assert ridged(5, 2, GLOBE, spread, range(3)).min() >= 0


def test_directions_point_everywhere_and_numbers_are_even() -> None:
    found = directions((3, 9), 500)
    assert found.shape == (500, 3)
    assert (found**2).sum(1) == pytest.approx(np.ones(500))
    assert np.abs(found.mean(0)).max() < 0.1
    numbers = uniform((3, 9), 1000)
    assert 0 <= numbers.min() < numbers.max() < 1
    assert numbers.mean() == pytest.approx(0.5, abs=0.04)


def test_the_numbers_are_the_same_on_every_machine() -> None:
    picked = octave((3, 5), GLOBE[:, ::16, ::32], 50.0)
    assert picked.dtype == np.float32
    assert uniform((3, 5), 2).tolist() == PINNED[0]
    assert picked.ravel()[:3].tolist() == PINNED[1]


PINNED: tuple[list[float], list[float]] = (
    [0.08910064623458391, 0.33189185276481004],
    [0.14126788079738617, -0.5626260638237, -0.2138241082429886],
)
