"""What the parent leads and what the codes lead: two complementary bands of a child.

At conditioning-augmentation level a in [0, 1] the parent is blurred by sigma = SIGMA * a parent
pixels; what is coarser comes from it, what is finer from the codes. What is coarser than about 16
child pixels is held to the parent up to level 0.36, and at level 1 what is coarser than about 40.
All blurs have one reach, so that windows do not depend on the level. Images are float32
[B, 3, H, W]; kernels differ from sample to sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.grid.tile import SCALE
from generator.nets.blocks import crop
from generator.nets.resampling import separable, upsample

SIGMA = 2.5
"""Standard deviation of the parent's blur at level 1, parent pixels."""
REACH = 6
"""Parent pixels on each side that a blur reads."""
CONSISTENCY_SIGMA = 0.9
"""Least blur of what a child is held to: its average over about 16 of its pixels."""
_CUBIC = 2
"""Parent pixels on each side that the cubic interpolation reads."""
SPLIT_REACH = REACH + _CUBIC
"""Parent pixels on each side that splitting a child consumes."""
_BLACK = 0.03
"""Light of the darkest ground, in halves of the range."""
_DARK = 0.04
_MIDDLE = 0.37
_FINE = (0.21, 0.58)
"""Taps of the blur that fine detail lacks: a normal distribution's of 0.7 child pixels."""
_SNOW = 0.0
"""Least of the three colours, in [-1, 1], from which on ground may be snow."""
_COLOURED = 0.5
"""Difference of the colours from which on it is none."""


@lru_cache(maxsize=512)
def _taps(sigma: float) -> tuple[float, ...]:
    if sigma < 0.05:
        return tuple(float(x == 0) for x in range(-REACH, REACH + 1))
    taps = [pow(2.718281828459045, -0.5 * (x / sigma) ** 2) for x in range(-REACH, REACH + 1)]
    return tuple(tap / sum(taps) for tap in taps)


def blur(x: Tensor, sigmas: Sequence[float], *, padded: bool = False) -> Tensor:
    """Gaussian blur of each sample: [B, C, H, W] -> [B, C, H - 2 REACH, W - 2 REACH].

    sigmas: parent pixels, one per sample; 0 leaves it as it is. padded: repeat the edge, so that
    the size stays.
    """
    batch, channels = x.shape[:2]
    if padded:
        x = F.pad(x, (REACH,) * 4, "replicate")
    if max(sigmas) < 0.05:
        return x[..., REACH:-REACH, REACH:-REACH]
    # A kernel for each sample and channel.
    taps = torch.tensor([_taps(float(sigma)) for sigma in sigmas], device=x.device)
    # All samples are planes of one, so that each has its own kernel.
    planes = x.reshape(1, -1, *x.shape[-2:])
    with torch.autocast(x.device.type, enabled=False):
        planes = separable(planes, taps.repeat_interleave(channels, 0))
    return planes.view(batch, channels, *planes.shape[-2:])


def enlarge(x: Tensor, *, padded: bool = False) -> Tensor:
    """Cubic interpolation by 4: [B, 3, H, W] -> [B, 3, 4 (H - 4), 4 (W - 4)], or all if padded."""
    with torch.autocast(x.device.type, enabled=False):
        return upsample(F.pad(x, (_CUBIC,) * 4, "replicate") if padded else x)


def low_band(parent: Tensor, augmentations: Sequence[float], *, padded: bool = False) -> Tensor:
    """The band that the parent leads: [B, 3, H, W] -> [B, 3, 4 (H - 16), 4 (W - 16)]."""
    sigmas = [SIGMA * augmentation for augmentation in augmentations]
    return enlarge(blur(parent, sigmas, padded=padded), padded=padded)


def high_band(
    child: Tensor,
    augmentations: Sequence[float],
    sharpness: float | Tensor = 1.0,
    *,
    padded: bool = False,
) -> Tensor:
    """The band that the codes lead: a child without what `low_band` gives of its parent.

    child: [B, 3, 4 H, 4 W] -> [B, 3, 4 (H - 16), 4 (W - 16)], or all if padded. sharpness: factor
    on the finest part of its brightness.
    """
    sigmas = [max(CONSISTENCY_SIGMA, SIGMA * augmentation) for augmentation in augmentations]
    # What is coarse in the child itself, on its own grid.
    coarse = blur(F.avg_pool2d(child, SCALE), sigmas, padded=padded)
    coarse = enlarge(coarse, padded=padded)
    # The rest is fine, the finest of it as strong as it is to be.
    edge = (child.shape[-1] - coarse.shape[-1]) // 2
    whole = child[..., edge:-edge, edge:-edge] if edge else child
    if not isinstance(sharpness, Tensor) and sharpness == 1:
        return whole - coarse
    around = crop(child, edge - 1) if edge else F.pad(child, (1, 1, 1, 1), "replicate")
    return whole - coarse + (sharpness - 1) * _finest(around)


def _finest(child: Tensor) -> Tensor:
    """Take its blur from a child's brightness: [B, 3, H + 2, W + 2] -> [B, 1, H, W]."""
    brightness, (outer, middle) = child.mean(1, keepdim=True), _FINE
    # One sum after the other in a fixed order, so that windows agree.
    rows = brightness[..., :-2, :] + brightness[..., 2:, :]
    rows = outer * rows + middle * brightness[..., 1:-1, :]
    blurred = outer * (rows[..., :-2] + rows[..., 2:]) + middle * rows[..., 1:-1]
    return crop(brightness, 1) - blurred


def contrast_scale(base: Tensor) -> Tensor:
    """How strong detail is at a brightness: [B, 3, H, W] in [-1, 1] -> [B, 1, H, W], about 1.

    Codes hold contrast beside this, so that a layout of a bright place fits a dark one. The square
    root lies between none and that of a change of illumination.
    """
    # Brightness, 0 to 1; black ground keeps a little contrast.
    level = (base.mean(1, keepdim=True) + 1) / 2
    return ((level.clamp(0, 1) + _DARK) / (_MIDDLE + _DARK)).sqrt()


def limited(detail: Tensor, limit: float) -> Tensor:
    """Keep detail within a limit, which it nears as it grows: d / sqrt(1 + (d / limit)^2)."""
    return detail / (detail / limit).square_().add_(1).sqrt_()


def add_detail(base: Tensor, detail: Tensor) -> Tensor:
    """Add detail in [-2, 2] to a base in [-1, 1]; what darkens divides, so that nothing is black.

    Ground in shadow has some light left. Of a darkening by the share u of the light
    1 / (1 + u + u^2) is left, about 1 - u where u is small.
    """
    light = (base + 1).clamp_(min=0).add_(_BLACK)
    share = detail.clamp(max=0).neg_().div_(light)
    left = light / (share * share).add_(share).add_(1)
    return (base + detail.clamp(min=0)).add_(left.sub_(light))


def desaturated(detail: Tensor, base: Tensor, saturation: float | Tensor = 1.0) -> Tensor:
    """Take colour from detail [B, 3, H, W]: by a factor, and all where its base is snow.

    Snow, bright grey in the base in [-1, 1], was drawn in the colours of other places, which on
    white are pinks and greens.
    """
    # How bright the darkest of the three colours is, and how far apart they are.
    darkest, brightest = base.amin(1, keepdim=True), base.amax(1, keepdim=True)
    snow = ((darkest - _SNOW) / (1 - _SNOW) * 2).clamp(0, 1)
    snow = snow * (1 - (brightest - darkest) / _COLOURED).clamp(0, 1)
    greyed = snow + (1 - snow) * (1 - saturation)
    return detail + greyed * (detail.mean(1, keepdim=True) - detail)
