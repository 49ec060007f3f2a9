import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from training.measure.metrics import (
    absolute_error,
    contrast,
    decibels,
    gradient_kurtosis,
    gradient_magnitude,
    grain,
    octave_errors,
    repetition,
    sliced_wasserstein,
    spectra,
    spectral_slope,
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


def test_the_fall_of_a_spectrum_is_measured_from_the_parents_octave_whatever_the_contrast():
    frequency = np.arange(1, 129)
    natural = np.stack([frequency**-2.0, 100.0 * frequency**-2.0]) * 1e9
    lower, upper = spectral_slope(natural)
    assert lower == pytest.approx(-6.0, abs=0.1)
    assert upper == pytest.approx(-12.0, abs=0.1)
    assert spectral_slope(np.full((3, 128), 5.0)) == (0.0, 0.0)


def test_octave_errors_keep_their_sign_where_the_absolute_error_cannot_cancel():
    difference = np.zeros(SIZE // 2)
    difference[8:16], difference[16:] = 4.0, -2.0
    assert octave_errors(difference) == (4.0, -2.0)
    assert absolute_error(difference) == pytest.approx((8 * 4 + 16 * 2) / 24)


def test_one_loud_image_rules_the_mean_spectrum_and_not_the_median():
    quiet = noise(5, spread=2)
    mixed = np.concatenate([quiet, noise(1, spread=60)])
    assert absolute_error(decibels(spectrum(mixed), spectrum(quiet))) > 15
    assert (
        absolute_error(decibels(*(np.median(spectra(images), 0) for images in (mixed, quiet)))) < 2
    )


def test_blur_lowers_contrast_gradient_and_grain():
    sharp = noise()
    soft = gaussian_filter(sharp.astype(float), (0, 1.5, 1.5, 0)).astype(np.uint8)
    for measure in (contrast, gradient_magnitude, grain):
        assert measure(soft) < 0.7 * measure(sharp)


def test_edges_have_a_higher_kurtosis_than_noise():
    edges = np.full((2, SIZE, SIZE, 3), 60, np.uint8)
    edges[:, :, SIZE // 2 :] = 200
    assert gradient_kurtosis(noise()) == pytest.approx(3, abs=0.3)
    assert gradient_kurtosis(edges) > 20
    assert gradient_kurtosis(np.zeros((1, SIZE, SIZE, 3), np.uint8)) == 3


def test_repetition_finds_a_repeated_block_and_none_in_noise():
    block = noise(3)
    assert repetition(np.tile(block, (1, 2, 2, 1)), (SIZE,)) > 0.9
    assert abs(repetition(noise(3, seed=1), (16, 32))) < 0.1


def test_sliced_wasserstein_grows_with_the_difference():
    truth = noise(seed=0)
    same, near = (sliced_wasserstein(noise(seed=1, spread=s), truth) for s in (20.0, 16.0))
    assert same < 0.3 * near
