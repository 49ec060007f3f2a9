import numpy as np
import pytest
from scipy.ndimage import convolve as reference

from training.kernels import anisotropic, convolve, sinc


@pytest.mark.parametrize("shape", ["gaussian", "generalised", "plateau"])
def test_bells_sum_to_one_and_are_symmetric(shape):
    kernel = anisotropic(shape, (2.0, 0.7), 0.6, 1.3, 8)
    assert kernel.shape == (17, 17)
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-7)
    assert kernel.argmax() == 17 * 8 + 8


def test_gaussian_has_the_variance_that_it_was_asked_for_along_each_axis():
    kernel = anisotropic("gaussian", (2.0, 1.0), 0.0, 1.0, 12)
    offsets = np.arange(-12, 13)
    assert (kernel.sum(0) * offsets**2).sum() == pytest.approx(4, rel=0.01)
    assert (kernel.sum(1) * offsets**2).sum() == pytest.approx(1, rel=0.01)
    turned = anisotropic("gaussian", (2.0, 1.0), np.pi / 2, 1.0, 12)
    np.testing.assert_allclose(turned, kernel.T, atol=1e-7)


def test_plateau_is_flatter_than_a_gaussian():
    plateau, bell = (anisotropic(s, (3, 3), 0, 2.0, 10)[10] for s in ("plateau", "gaussian"))
    assert plateau[11] / plateau[10] > bell[11] / bell[10]


def test_vanishing_width_leaves_the_image_alone():
    image = np.random.default_rng(0).random((20, 30, 3), np.float32)
    for shape in ("gaussian", "generalised", "plateau"):
        kernel = anisotropic(shape, (0.0, 0.0), 0.3, 1.0, 3)
        np.testing.assert_allclose(convolve(image, kernel), image, atol=5e-3)
    assert convolve(image, sinc(np.pi, 5)) is image


def test_sinc_passes_slow_waves_and_stops_fast_ones():
    x = np.arange(200)
    slow, fast = (np.tile(np.sin(w * x), (200, 1))[..., None] for w in (0.3, 2.6))
    kernel = sinc(1.5, 10)
    inner = (slice(40, 160), slice(40, 160))
    assert convolve(slow.astype(np.float32), kernel)[inner].std() > 0.9 * slow.std()
    assert convolve(fast.astype(np.float32), kernel)[inner].std() < 0.1 * fast.std()


def test_convolution_equals_the_direct_one_also_at_the_edges():
    random = np.random.default_rng(1)
    image = random.random((23, 31, 3), np.float32)
    kernel = random.random((7, 7), np.float32)
    expected = reference(image, kernel[..., None], mode="reflect")
    np.testing.assert_allclose(convolve(image, kernel), expected, rtol=1e-4)
