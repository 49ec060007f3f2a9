"""The amounts of detail that samples are compared by, and the pull towards the truth's."""

import pytest
import torch
from torch import Tensor

from training.spectral import BANDS, LAGS, amounts, luminance, spectral

SIZE = 64


def noise(seed: int, count: int = 4, deviation: float = 0.2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return deviation * torch.randn(count, 3, SIZE, SIZE, generator=generator)


def scene(seed: int, count: int) -> Tensor:
    """As much power by frequency as natural images have."""
    frequency = torch.hypot(torch.fft.fftfreq(SIZE)[:, None], torch.fft.rfftfreq(SIZE))
    waves = torch.fft.rfft2(noise(seed, count)) / frequency.clamp(min=1 / SIZE) ** 1.5
    images = torch.fft.irfft2(waves, s=(SIZE, SIZE))
    return 0.2 * images / images.std()


def pull(gain: float, first: Tensor, second: Tensor, truth: Tensor) -> float:
    """Slope of the score along the contrast of the samples, positive where there is too much."""
    strength = torch.tensor(gain, requires_grad=True)
    loss = spectral(strength * first, strength * second, truth)
    return float(torch.autograd.grad(loss, strength)[0])


def test_the_bands_add_up_to_the_power_of_the_image() -> None:
    bands, steps = amounts(luminance(noise(0, 32)))
    variance = 0.2**2 / 3
    assert bands.shape == (32, BANDS)
    assert steps.shape == (32, len(LAGS))
    assert float(bands.sum(1).mean()) == pytest.approx(variance, rel=0.02)
    assert float(bands[:, -1].mean()) == pytest.approx(variance * (1 - torch.pi / 4), rel=0.05)
    assert float(steps.mean()) == pytest.approx((2 * variance) ** 0.5 * (2 / torch.pi) ** 0.5, 0.02)


@pytest.mark.parametrize(("period", "band"), [(2.2, 7), (5.5, 1), (10, 8), (20, 9), (40, 10)])
def test_a_wave_lies_in_the_band_of_its_period(period: float, band: int) -> None:
    wave = 0.1 * torch.sin(2 * torch.pi * torch.arange(128) / period)
    bands, _ = amounts(wave.expand(1, 128, 128))
    assert int(bands.argmax()) == band
    assert float(bands[0, band] / bands.sum()) > 0.7


def test_the_finest_diagonals_have_a_band() -> None:
    wave = torch.sin(2 * torch.pi * torch.arange(128) / 2.3)
    bands, _ = amounts((0.1 * wave[:, None] * wave)[None])
    assert float(bands[0, -1] / bands.sum()) > 0.9


def test_samples_as_rich_as_the_truth_score_about_nothing_and_others_more() -> None:
    truth, first, second = scene(0, 64), scene(1, 64), scene(2, 64)
    even = abs(float(spectral(first, second, truth)))  # the truths' own spread
    assert even < 0.05
    for gain in (0.5, 1.5):
        assert float(spectral(gain * first, gain * second, truth)) > 4 * even


def test_noise_of_colour_is_seen_where_luminance_is_right() -> None:
    truth, first, second = (scene(seed, 16).mean(1, keepdim=True).expand(-1, 3, -1, -1)
                            for seed in range(3))  # fmt: skip
    even = abs(float(spectral(first, second, truth)))
    coloured = []
    for seed, image in ((5, first), (6, second)):
        speckle = noise(seed, 16, 0.03)
        coloured.append(image + speckle - speckle.mean(1, keepdim=True))
    assert float(spectral(*coloured, truth)) > 0.2 + 4 * even


@pytest.mark.parametrize(("gain", "sign"), [(0.5, -1), (2.0, 1)])
def test_the_pull_is_towards_the_truth_and_bounded(gain: float, sign: int) -> None:
    assert sign * pull(gain, noise(1), noise(2), noise(0)) > 0
    assert -10 < 0.01 * pull(0.01, noise(1), noise(2), noise(0)) < 0


def test_samples_as_varied_as_truths_are_left_alone() -> None:
    """Strengths of a wide spread, each drawn for itself: no pull where they are spread alike."""

    def drawn(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return scene(seed, 512) * torch.randn(512, 1, 1, 1, generator=generator).mul(0.6).exp()

    first, second, truth = drawn(1), drawn(2), drawn(3)
    less, right, more = (pull(gain, first, second, truth) for gain in (0.7, 1.0, 1.4))
    assert less < 0 < more
    assert abs(right) < 0.25 * min(-less, more)


def test_the_expected_amount_counts_and_not_that_all_have_the_same() -> None:
    """Half the truths twice as strong, which samples of one strength cannot know."""
    strengths = torch.tensor([1.0, 2.0]).repeat(128)[:, None, None, None]
    truth = strengths * scene(0, 256)
    even = [(2.5**0.5) * scene(seed, 256) for seed in (3, 4)]
    assert pull(0.7, *even, truth) < 0 < pull(1.4, *even, truth)


def test_plain_images_are_no_trouble() -> None:
    plain = torch.zeros(2, 3, SIZE, SIZE, requires_grad=True)
    loss = spectral(plain, plain, torch.zeros(2, 3, SIZE, SIZE))
    (slope,) = torch.autograd.grad(loss, plain)
    assert float(loss.detach()) == 0
    assert torch.isfinite(slope).all()
