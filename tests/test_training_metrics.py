import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from training.measure.metrics import (
    absolute_error,
    contrast,
    decibels,
    octave_errors,
    sliced_wasserstein,
    spectrum,
)

SIZE = 64


def noise(count: int = 6, seed: int = 0, spread: float = 20.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    values = 128 + spread * random.standard_normal((count, SIZE, SIZE, 1))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8).repeat(3, -1)


def wave(cycles: int, amplitude: float) -> np.ndarray:
    x = np.arange(SIZE) / SIZE
    row = 128 + amplitude * np.sin(2 * np.pi * cycles * x)
    image = np.rint(np.tile(row, (SIZE, 1)))[None, ..., None]
    return image.astype(np.uint8).repeat(3, -1)


def test_spectrum_peaks_at_the_frequency_of_a_wave():
    assert np.argmax(spectrum(wave(12, 60))) == 12


def test_half_the_amplitude_is_six_decibels_less():
    difference = decibels(spectrum(noise(spread=10)), spectrum(noise(spread=20)))
    assert absolute_error(difference) == pytest.approx(6.02, abs=0.2)
    assert octave_errors(difference) == pytest.approx((-6.02, -6.02), abs=0.3)


def test_octave_errors_keep_their_sign_where_the_absolute_error_cannot_cancel():
    difference = np.zeros(SIZE // 2)
    difference[8:16], difference[16:] = 4.0, -2.0
    assert octave_errors(difference) == (4.0, -2.0)
    assert absolute_error(difference) == pytest.approx((8 * 4 + 16 * 2) / 24)


def test_blur_lowers_contrast():
    sharp = noise()
    soft = gaussian_filter(sharp.astype(float), (0, 1.5, 1.5, 0)).astype(np.uint8)
    assert contrast(soft) < 0.7 * contrast(sharp)


def test_sliced_wasserstein_grows_with_the_difference():
    truth = noise(seed=0)
    same, near = (sliced_wasserstein(noise(seed=1, spread=s), truth) for s in (20.0, 16.0))
    assert same < 0.3 * near
