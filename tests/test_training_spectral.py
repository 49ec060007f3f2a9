"""The amounts of detail that samples are compared by, and the pull towards the truth's."""

import pytest
import torch
from torch import Tensor

from training.spectral import BANDS, LAGS, amounts, spectral

SIZE = 64


def noise(seed: int, count: int = 4, deviation: float = 0.2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return deviation * torch.randn(count, 3, SIZE, SIZE, generator=generator)


def test_the_bands_add_up_to_the_power_within_the_circle_of_the_highest_frequency() -> None:
    bands, steps = amounts(noise(0, 32))
    variance = 0.2**2 / 3
    assert bands.shape == (32, BANDS)
    assert steps.shape == (32, len(LAGS))
    assert float(bands.sum(1).mean()) == pytest.approx(variance * torch.pi / 4, rel=0.02)
    assert float(steps.mean()) == pytest.approx((2 * variance) ** 0.5 * (2 / torch.pi) ** 0.5, 0.02)


@pytest.mark.parametrize(("period", "band"), [(2.2, 7), (5.5, 1), (10, 8), (20, 9), (40, 10)])
def test_a_wave_lies_in_the_band_of_its_period(period: float, band: int) -> None:
    wave = 0.1 * torch.sin(2 * torch.pi * torch.arange(128) / period)
    bands, _ = amounts(wave.expand(1, 3, 128, 128))
    assert int(bands.argmax()) == band
    assert float(bands[0, band] / bands.sum()) > 0.7


def test_samples_as_rich_as_the_truth_score_about_nothing_and_others_more() -> None:
    truth, first, second = noise(0, 16), noise(1, 16), noise(2, 16)
    assert abs(float(spectral(first, second, truth))) < 0.01
    for gain in (0.5, 1.5):
        assert float(spectral(gain * first, gain * second, truth)) > 0.15


@pytest.mark.parametrize(("gain", "sign"), [(0.5, -1), (2.0, 1)])
def test_the_pull_is_towards_the_truth_and_bounded(gain: float, sign: int) -> None:
    strength = torch.tensor(gain, requires_grad=True)
    loss = spectral(strength * noise(1), strength * noise(2), noise(0))
    (slope,) = torch.autograd.grad(loss, strength)
    assert sign * float(slope) > 0
    strength = torch.tensor(0.01, requires_grad=True)
    loss = spectral(strength * noise(1), strength * noise(2), noise(0))
    (slope,) = torch.autograd.grad(loss, strength)
    assert -10 < float(strength.detach() * slope) < 0


def test_the_expected_amount_counts_and_not_that_all_have_the_same() -> None:
    """Half the truths twice as strong: samples vary as much, unknown to each other."""
    strengths = torch.tensor([1.0, 2.0]).repeat(128)[:, None, None, None]
    truth = strengths * noise(0, 256)
    mixed = [
        strengths[torch.randperm(256, generator=torch.Generator().manual_seed(seed))]
        * noise(seed, 256)
        for seed in (1, 2)
    ]
    even = [(2.5**0.5) * noise(seed, 256) for seed in (3, 4)]
    for samples in (mixed, even):
        gain = torch.tensor(1.0, requires_grad=True)
        (slope,) = torch.autograd.grad(spectral(*(gain * s for s in samples), truth), gain)
        less, more = torch.tensor(0.7, requires_grad=True), torch.tensor(1.4, requires_grad=True)
        slopes = [
            float(torch.autograd.grad(spectral(*(g * s for s in samples), truth), g)[0])
            for g in (less, more)
        ]
        assert slopes[0] < float(slope) < slopes[1]
        assert slopes[0] < 0 < slopes[1]


def test_plain_images_are_no_trouble() -> None:
    plain = torch.zeros(2, 3, SIZE, SIZE, requires_grad=True)
    loss = spectral(plain, plain, torch.zeros(2, 3, SIZE, SIZE))
    (slope,) = torch.autograd.grad(loss, plain)
    assert float(loss.detach()) == 0
    assert torch.isfinite(slope).all()
