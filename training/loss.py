"""Losses: P2-weighted denoising and the energy score of one-step samples."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.diffusion import p2_weight


def denoising(predicted: Tensor, clean: Tensor, abar: Tensor) -> Tensor:
    """P2-weighted squared error of x_0, a scalar; images [B, 3, H, W], abar [B] (Eq. 10)."""
    error = (predicted - clean).square().mean((1, 2, 3))
    return (p2_weight(abar) * error).mean()


def patches(x: Tensor, levels: int = 4) -> list[Tensor]:
    """Cut [B, 3, H, W] into 4x4 patches at `levels` octaves: [B, 48, h, w] each."""
    parts = []
    for level in range(levels):
        parts.append(F.pixel_unshuffle(x, 4))
        if level < levels - 1:
            x = F.avg_pool2d(x, 2)
    return parts


def energy_score(first: list[Tensor], second: list[Tensor], truth: list[Tensor]) -> Tensor:
    """Energy score of two independent samples against the truth, a scalar.

    E|y-g| - E|g-g'|/2 over the vectors [B, N, h, w] of each map, averaged over the maps. It is
    strictly proper: its least value is reached by samples of the true conditional distribution of
    those vectors, so it neither blurs nor fades (Gneiting and Raftery 2007).
    """
    total = torch.zeros((), device=truth[0].device)
    for a, b, y in zip(first, second, truth, strict=True):
        near = 0.5 * (_norm(a - y) + _norm(b - y))
        total = total + (near - 0.5 * _norm(a - b)).mean()
    return total / len(truth)


def _norm(x: Tensor) -> Tensor:
    return (x.square().mean(1) + 1e-4).sqrt()
