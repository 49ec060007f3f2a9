"""How much detail there is at each scale, compared between samples and truths."""

from __future__ import annotations

from enum import IntEnum

import torch
import torch.nn.functional as F
from torch import Tensor

BANDS = 13
"""Bands of radial frequency: eight from a quarter of the highest up, four octaves below, and what
lies beyond the highest along rows: the finest diagonals."""
LAGS = (1, 2, 4, 8)
"""Distances in pixels over which mean steps are taken."""
_FAINT = (1 / 127.5, 0.25 / 127.5)
"""A grey level, and a fourth of one for colour, are added to the scale of errors: calm windows
would outweigh all others."""
COLOUR = 0.25
"""Weight of the two differences of colour beside luminance."""
_POWER_FALLS = (2, 6)
"""By what power of frequency a band's power falls naturally: luminance's and colour's."""
_OWN = 0.1
"""What an amount itself adds to the scale of its error, which so stays below 1 / _OWN."""
_CORNERS = 1.3
"""Area of the corners beside a band's at their radius."""
GUIDE = 9
"""Band of frequencies that a parent still fixes, from which those beyond are foreseen."""


class Kind(IntEnum):
    """What amounts are of: luminance, or differences of colour."""

    GREY = 0
    COLOUR = 1


def luminance(images: Tensor) -> Tensor:
    """Mean of the channels, [B, H, H]."""
    return images.float().mean(1)


def colours(images: Tensor) -> Tensor:
    """Red less green, then blue less green, [2B, H, H]."""
    red, green, blue = images.float().unbind(1)
    return torch.cat([red - green, blue - green])


def amounts(grey: Tensor) -> tuple[Tensor, Tensor]:
    """Power by band [B, BANDS], under a Hann window, and mean steps by lag [B, LAGS].

    grey: one channel, [B, H, H]. Power is a variance: the bands add up to about the window's.
    """
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

    Luminance alone would leave noise of colour at the finest octave: real imagery has next to none
    there, and a score of pixels hardly sees it.
    """
    images = (first, second, truth)
    grey = _error([luminance(x) for x in images], Kind.GREY)
    colour = _error([colours(x) for x in images], Kind.COLOUR)
    return grey + COLOUR * colour


def _error(channels: list[Tensor], kind: Kind) -> Tensor:
    """Squared relative error of two samples' amounts beside the truth's, each [B, H, H]."""
    first, second, truth = (torch.cat(amounts(x), 1) for x in channels)
    pulls = []
    for one, other in ((first, second.detach()), (second, first.detach())):
        scale = scale_of(other, truth, kind)
        real = truth / scale
        pulls.append((one / scale - real) * (other / scale - real))
    squares = 0.5 * (pulls[0] + pulls[1])
    return 0.5 * (squares[:, :BANDS].mean() + squares[:, BANDS:].mean())


def scale_of(made: Tensor, real: Tensor, kind: Kind) -> Tensor:
    """What errors are relative to, [B, BANDS + LAGS]; amounts side by side, both treated alike."""
    middle = 0.5 * (made + real)
    bands, steps = middle[:, :BANDS], middle[:, BANDS:]
    faint, falls = _FAINT[kind], _POWER_FALLS[kind]
    power = _foreseen_power(bands, falls) + _OWN * bands + faint**2
    return torch.cat([power, _foreseen_steps(steps, falls) + _OWN * steps + faint], 1)


def _foreseen_power(bands: Tensor, falls: int) -> Tensor:
    """Power by band that a parent lets expect, [B, BANDS]: it falls as f^-falls."""
    guide = bands[:, GUIDE, None]
    frequency = 0.125 + 0.375 * (torch.arange(8, device=bands.device) + 0.5) / 8
    fine = 0.75 * guide * (0.125 / frequency) ** falls
    corners = _CORNERS * 0.75 * guide * (0.125 / 0.57) ** falls
    return torch.cat([fine, 0.5 * guide, bands[:, GUIDE : BANDS - 1], corners], 1)


def _foreseen_steps(steps: Tensor, falls: int) -> Tensor:
    """Mean steps by lag that a parent lets expect, [B, LAGS], of power that falls as f^-falls.

    Of luminance about as long as over the parent's pixels, of colour as on a slope.
    """
    lags = torch.tensor(LAGS, device=steps.device)
    return steps[:, -1:] * (lags / LAGS[-1]) ** (falls / 2 - 1)


def _weights(size: int, device: torch.device) -> Tensor:
    """What each frequency of a real transform, flat, counts for in each band: [S*(S/2+1), BANDS].

    The mean counts for nothing; frequencies that stand for two count twice.
    """
    rows = torch.fft.fftfreq(size, device=device)
    columns = torch.fft.rfftfreq(size, device=device)
    radius = torch.hypot(rows[:, None], columns)
    fine = ((radius - 0.125) / 0.375 * 8).long()
    coarse = 8 + torch.floor(-torch.log2(radius.clamp(min=1e-9) / 0.125)).clamp(0, 3).long()
    band = torch.where(radius >= 0.125, fine, coarse)
    band[radius >= 0.5] = BANDS - 1
    twice = 1.0 + ((columns > 0) & (columns < 0.5))
    counts = (radius > 0) * twice
    hot = F.one_hot(band, BANDS)
    weights: Tensor = (hot * counts[..., None]).flatten(0, 1)
    return weights
