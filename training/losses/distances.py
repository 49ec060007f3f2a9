"""Distances of images and of maps: patches at octaves of brightness and colour, smoothed norms."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

COLOUR = 4.0
"""How many times a difference of colour counts beside one of brightness."""
_SCALE = 8.0
"""Images in [-1, 1] times this have detail of about one, as the smoothed norms expect."""


def distance(first: list[Tensor], second: list[Tensor]) -> Tensor:
    """Mean length of the differences of maps [B, C, h, w], smooth at zero; a scalar."""
    terms = [smooth_norm(a - b).mean() for a, b in zip(first, second, strict=True)]
    return torch.stack(terms).mean()


def smooth_norm(x: Tensor) -> Tensor:
    """Root mean square over the channels of a map, smooth at zero: [B, C, h, w] -> [B, h, w]."""
    return (x.square().mean(1) + 1e-4).sqrt()


def opponent(images: Tensor) -> Tensor:
    """Brightness and two differences of colour, scaled: [B, 3, H, W] in [-1, 1], the same shape.

    Differences of colour count COLOUR times: they vary little, and codes would leave them out.
    """
    red, green, blue = images.float().unbind(1)
    parts = (
        (red + green + blue) / 3**0.5,
        COLOUR * (red - blue) / 2**0.5,
        COLOUR * (red + blue - 2 * green) / 6**0.5,
    )
    return torch.stack(parts, 1) * _SCALE


def patches(x: Tensor, levels: int = 4) -> list[Tensor]:
    """Cut [B, 3, H, W] into 4x4 patches at `levels` octaves: [B, 48, h, w] each.

    All but the coarsest lose their mean, which the next octave holds: a difference of tone would
    drown one of texture.
    """
    parts = []
    for level in range(levels):
        part = F.pixel_unshuffle(x, 4)
        x = F.avg_pool2d(x, 2)
        if level < levels - 1:
            part = part - F.avg_pool2d(x, 2).repeat_interleave(16, 1)
        parts.append(part)
    return parts
