"""Scattering of an image: moduli of oriented wavelets, and wavelets of those moduli.

Pixel patches hardly tell an edge from a blotch of the same spectrum; moduli and their own wavelets
do, because they see how detail lines up (Bruna and Mallat 2013).
"""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

ORIENTATIONS = 4
_SIZE = 7
_SIGMA = 1.5
_FREQUENCY = 0.6 * math.pi


@cache
def wavelets(device: torch.device) -> Tensor:
    """Gabor wavelets of zero mean and unit norm, real and imaginary parts: [2 * 4, 1, 7, 7]."""
    axis = torch.arange(_SIZE, device=device) - _SIZE // 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    envelope = torch.exp(-(x**2 + y**2) / (2 * _SIGMA**2))
    parts = []
    for turn in range(ORIENTATIONS):
        angle = math.pi * turn / ORIENTATIONS
        phase = _FREQUENCY * (x * math.cos(angle) + y * math.sin(angle))
        even = envelope * phase.cos()
        parts += [even - envelope * even.sum() / envelope.sum(), envelope * phase.sin()]
    bank = torch.stack(parts)[:, None]
    return bank / bank.square().sum((1, 2, 3), keepdim=True).sqrt()


def modulus(x: Tensor) -> Tensor:
    """Moduli of every channel's wavelets: [B, C, H, W] -> [B, 4C, H-6, W-6]."""
    b, c, height, width = x.shape
    both = F.conv2d(x.reshape(b * c, 1, height, width), wavelets(x.device))
    pairs = both.view(b, c * ORIENTATIONS, 2, *both.shape[-2:])
    return (pairs.square().sum(2) + 1e-4).sqrt()


def scattering(image: Tensor, levels: int = 3) -> list[Tensor]:
    """Scattering vectors of luminance at octaves 0..levels-1, each [B, N, h, w].

    Per octave two maps: first order, moduli averaged over 4x4 in blocks of 2x2 (16 numbers), and
    second order, wavelets of the moduli (16 numbers).
    """
    x = image.mean(1, keepdim=True)
    maps = []
    for level in range(levels):
        first = modulus(x)
        maps.append(F.pixel_unshuffle(_even(F.avg_pool2d(first, 4)), 2))
        maps.append(F.avg_pool2d(modulus(F.avg_pool2d(first, 2)), 4))
        if level < levels - 1:
            x = F.avg_pool2d(x, 2)
    return maps


def _even(x: Tensor) -> Tensor:
    return x[..., : x.shape[-2] // 2 * 2, : x.shape[-1] // 2 * 2]
