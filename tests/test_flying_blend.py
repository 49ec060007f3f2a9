"""Fading between pictures: contrast and colours stay what they are."""

from __future__ import annotations

import numpy as np
import pytest

from generator.grid.pixels import Pixels
from tileserver.flying.blend import fade


def noise(seed: int, size: int = 96) -> Pixels:
    values = np.random.default_rng(seed).normal(120, 30, (size, size, 3))
    return values.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("weight", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_unrelated_detail_keeps_its_contrast(weight: float) -> None:
    mixed = fade(noise(1), noise(2), weight).astype(float)
    assert mixed.std() == pytest.approx(30, rel=0.05)
    assert mixed.mean() == pytest.approx(120, abs=1)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_equal_pictures_stay_as_they_are(weight: float) -> None:
    np.testing.assert_array_equal(fade(noise(1), noise(1), weight), noise(1))


def test_the_ends_are_the_pictures_themselves() -> None:
    np.testing.assert_array_equal(fade(noise(1), noise(2), 0.0), noise(1))
    np.testing.assert_array_equal(fade(noise(1), noise(2), 1.0), noise(2))


def test_plain_colours_mix_evenly() -> None:
    dark, light = (np.full((40, 60, 3), value, np.uint8) for value in (40, 240))
    for weight in (0.25, 0.5, 0.75):
        assert (fade(dark, light, weight) == 40 + 200 * weight).all()


def test_contrast_rises_evenly_from_calm_to_rough() -> None:
    calm = np.full((96, 96, 3), 120, np.uint8)
    contrasts = [fade(calm, noise(1), weight).std() for weight in np.linspace(0, 1, 11)]
    assert (np.diff(contrasts) > 0).all()
    assert np.diff(contrasts).max() < 5
