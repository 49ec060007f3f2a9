"""Windows of lower contrast: how many, how flat, of which colour."""

import numpy as np
import pytest

from generator.base import tone
from training.samples import contrast


def test_some_windows_are_plain_some_lose_contrast_and_the_rest_are_as_they_were():
    wanted = np.repeat([0.0, 0.4], 4000)
    factor, colour = contrast.draw(wanted, np.random.default_rng(0))
    plain = ~np.isnan(colour).any(1)
    lowered = ~plain & (factor < 1)
    assert not lowered[:4000].any()
    assert plain.mean() == pytest.approx(contrast.PLAIN, abs=0.02)
    assert lowered[4000:].mean() == pytest.approx(0.4, abs=0.03)
    assert factor[~plain & ~lowered].max() == 1
    assert factor[plain].min() >= contrast.LEAST_PLAIN
    assert factor[plain].max() <= 0.8
    assert contrast.LEAST_LOWERED <= factor[lowered].min() < 0.32
    assert np.median(factor[lowered]) == pytest.approx(contrast.LEAST_LOWERED**0.5, abs=0.03)
    toned = tone.apply(np.array(contrast.COLOURS, np.uint8)).astype(float)
    nearest = np.abs(colour[plain][:, None] - toned).max(-1).argmin(1)
    assert set(nearest) == set(range(len(contrast.COLOURS)))


def test_a_plain_window_keeps_its_shapes_at_a_lower_contrast():
    child = np.random.default_rng(1).uniform(60, 200, (40, 40, 3)).astype(np.float32)
    plain = contrast.apply(child, 0.25, np.array([100.0, 120.0, 140.0]))
    assert np.allclose(plain.mean((0, 1)), [100, 120, 140], atol=1e-3)
    assert np.allclose(plain - plain.mean((0, 1)), 0.25 * (child - child.mean((0, 1))), atol=1e-3)


def test_ice_is_cut_off_at_white():
    child = np.random.default_rng(2).uniform(0, 255, (40, 40, 3)).astype(np.float32)
    ice = contrast.apply(child, 0.8, np.array(contrast.COLOURS[0]))
    assert ice.max() == 255
    assert ice.min() >= 0


def test_without_a_colour_a_window_loses_contrast_about_its_own_mean():
    child = np.random.default_rng(4).uniform(60, 200, (40, 40, 3)).astype(np.float32)
    faint = contrast.apply(child, 0.5, np.full(3, np.nan))
    mean = child.mean((0, 1))
    assert np.allclose(faint, mean + 0.5 * (child - mean), atol=1e-3)


def test_at_full_contrast_a_window_stays_as_it_is():
    child = np.random.default_rng(3).uniform(0, 255, (8, 8, 3)).astype(np.float32)
    assert contrast.apply(child, 1.0, np.full(3, np.nan)) is child
