"""How much detail there is at each scale, compared between samples and truths."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BANDS = 12
"""Bands of radial frequency: eight from a quarter of the highest up, four octaves below."""
LAGS = (1, 2, 4, 8)
"""Distances in pixels over which mean steps are taken."""
_FAINT = 1 / 127.5
"""One grey level, added to the scale of errors: calm windows would outweigh all others."""
_OWN = 0.1
"""What an amount itself adds to the scale of its error, which so stays below 1 / _OWN."""
_GUIDE = 9
"""Band of frequencies that a parent still fixes, from which those beyond are foreseen."""


def amounts(images: Tensor) -> tuple[Tensor, Tensor]:
    """Power of luminance by band [B, BANDS], under a Hann window, and mean steps by lag [B, LAGS].

    images: [B, 3, H, H]. Power is a variance: the bands add up to about that of the window.
    """
    grey = images.float().mean(1)
    size = grey.shape[-1]
    hann = torch.hann_window(size, periodic=False, device=grey.device)
    hann = hann / hann.square().mean().sqrt()
    spread = (grey - grey.mean((1, 2), keepdim=True)) * hann * hann[:, None]
    transform = torch.view_as_real(torch.fft.rfft2(spread)) / size**2
    bands = transform.square().sum(-1).flatten(1) @ _weights(size, grey.device)
    steps = [
        (grey[:, lag:, lag:] - grey[:, :-lag, lag:]).abs().mean((1, 2))
        + (grey[:, lag:, lag:] - grey[:, lag:, :-lag]).abs().mean((1, 2))
        for lag in LAGS
    ]
    return bands, torch.stack(steps, 1) / 2


def spectral(first: Tensor, second: Tensor, truth: Tensor) -> Tensor:
    """Squared relative error of the expected amounts of detail, a scalar; images [B, 3, H, H].

    The product of two independent samples' errors has as its mean the square of the mean error:
    it is least where the mean power and the mean steps, given the condition, are the truth's, and
    does not ask that every sample have the same (which would make all alike). Scores per pixel or
    per patch leave that out where they cannot be met: the sharpest windows then fade most.

    What a sample is pulled by is the other's error over a scale that treats that other and the
    truth alike. Over the sample's own amount, or cut on one side, the pull would not vanish where
    samples are as varied as truths.
    """
    terms = []
    for a, b, y, foreseen, faint in zip(
        amounts(first),
        amounts(second),
        amounts(truth),
        (_foreseen_power, _foreseen_steps),
        (_FAINT**2, _FAINT),
        strict=True,
    ):
        pulls = []
        for one, other in ((a, b.detach()), (b, a.detach())):
            middle = 0.5 * (other + y)
            scale = foreseen(middle) + _OWN * middle + faint
            pulls.append((one - y) / scale * ((other - y) / scale))
        terms.append(0.5 * (pulls[0] + pulls[1]).mean())
    return 0.5 * torch.stack(terms).sum()


def _foreseen_power(bands: Tensor) -> Tensor:
    """Power by band that a parent lets expect, [B, BANDS]: natural images' falls as f^-3."""
    guide = bands[:, _GUIDE, None]
    frequency = 0.125 + 0.375 * (torch.arange(8, device=bands.device) + 0.5) / 8
    fine = 0.75 * guide * (0.125 / frequency) ** 2
    return torch.cat([fine, 0.5 * guide, bands[:, _GUIDE:]], 1)


def _foreseen_steps(steps: Tensor) -> Tensor:
    """Mean steps by lag that a parent lets expect, [B, LAGS]: about as long as over its pixels."""
    return steps[:, -1:].expand_as(steps)


def _weights(size: int, device: torch.device) -> Tensor:
    """What each frequency of a real transform, flat, counts for in each band: [S*(S/2+1), BANDS].

    The mean and the corners count for nothing; frequencies that stand for two count twice.
    """
    rows = torch.fft.fftfreq(size, device=device)
    columns = torch.fft.rfftfreq(size, device=device)
    radius = torch.hypot(rows[:, None], columns)
    fine = ((radius - 0.125) / 0.375 * 8).long()
    coarse = 8 + torch.floor(-torch.log2(radius.clamp(min=1e-9) / 0.125)).clamp(0, 3).long()
    band = torch.where(radius >= 0.125, fine, coarse)
    twice = 1.0 + ((columns > 0) & (columns < 0.5))
    counts = ((radius > 0) & (radius < 0.5)) * twice
    hot = F.one_hot(band.clamp(max=BANDS), BANDS + 1)[..., :BANDS]
    weights: Tensor = (hot * counts[..., None]).flatten(0, 1)
    return weights
