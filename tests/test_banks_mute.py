"""Muted pictures: less colour contrast, the same brightness."""

import numpy as np

from generator.banks.mute import muted
from generator.imagery.sources import Decoded

LUMINANCE = np.array([77, 150, 29]) / 256


def test_differences_of_colour_shrink_and_brightness_stays() -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(60, 190, (64, 64, 3)).astype(np.uint8)
    mask = np.full((64, 64), 255, np.uint8)
    made = muted(Decoded(pixels, mask), 0.5)
    before, after = pixels.astype(float), made.pixels.astype(float)
    assert np.abs(before @ LUMINANCE - after @ LUMINANCE).max() < 3
    spreads = [(each[..., 0] - each[..., 1]).std() for each in (before, after)]
    assert 0.48 < spreads[1] / spreads[0] < 0.52
    # The mean colour stays, and so does the mask.
    assert np.abs(before.mean((0, 1)) - after.mean((0, 1))).max() < 1
    assert made.mask is mask


def test_a_share_of_all_changes_next_to_nothing() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    gap = np.abs(muted(Decoded(pixels), 1.0).pixels.astype(int) - pixels)
    assert gap.max() <= 1
