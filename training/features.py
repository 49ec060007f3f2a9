"""What shallow random networks see in an image: drawn anew for every step.

Pixel patches hardly tell an edge from a blotch of the same spectrum. Two layers of random filters
with a rectifier between them do (Ustyuzhaninov et al. 2016 made textures with one), and filters
that change with every step leave nothing to specialise on.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CHANNELS = 32
_FIRST, _SECOND = 7, 5
_SMALLEST = 2 * _SECOND + _FIRST + 1


def random_features(images: list[Tensor], random: torch.Generator) -> list[list[Tensor]]:
    """Features of several images [B, 3, H, W] by the same random networks, one per octave.

    Returns, for each image, two maps [B, 32, h, w] per octave that is at least 18 pixels wide.
    The grid that is averaged over is shifted at random.
    """
    x = torch.cat(images)
    maps: list[Tensor] = []
    while min(x.shape[-2:]) >= _SMALLEST:
        first = F.relu(F.conv2d(x, _filters(x.shape[1], _FIRST, random)))
        first = F.avg_pool2d(_shifted(first, random), 2)
        second = F.relu(F.conv2d(first, _filters(CHANNELS, _SECOND, random)))
        maps += [first, F.avg_pool2d(second, 2)]
        x = F.avg_pool2d(_shifted(x, random), 2)
    chunks = [m.chunk(len(images)) for m in maps]
    return [list(parts) for parts in zip(*chunks, strict=True)]


def shifted_window(images: list[Tensor], random: torch.Generator, step: int = 32) -> list[Tensor]:
    """Cut the same random window, a multiple of `step` wide, from several images."""
    size = images[0].shape[-1]
    side = max(step, (size - 1) // step * step)
    top, left = (_integer(size - side, random) for _ in range(2))
    return [image[..., top : top + side, left : left + side] for image in images]


def _filters(inputs: int, size: int, random: torch.Generator) -> Tensor:
    """Filters of zero mean in every input channel and unit norm: [32, inputs, size, size]."""
    weights = torch.randn(CHANNELS, inputs, size, size, generator=random, device=random.device)
    weights = weights - weights.mean((2, 3), keepdim=True)
    return weights / weights.square().sum((1, 2, 3), keepdim=True).sqrt()


def _shifted(x: Tensor, random: torch.Generator) -> Tensor:
    return x[..., _integer(1, random) :, _integer(1, random) :]


def _integer(most: int, random: torch.Generator) -> int:
    return int(torch.randint(most + 1, (), generator=random, device=random.device))
