"""Losses: P2-weighted denoising, the energy score of one-step samples, the adversarial term."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.nets.diffusion import p2_weight

_GROUP = 8


def denoising(predicted: Tensor, clean: Tensor, abar: Tensor) -> Tensor:
    """P2-weighted squared error of x_0, a scalar; images [B, 3, H, W], abar [B] (Eq. 10)."""
    error = (predicted - clean).square().mean((1, 2, 3))
    return (p2_weight(abar) * error).mean()


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


def shifted_window(images: list[Tensor], random: torch.Generator, step: int = 32) -> list[Tensor]:
    """Cut the same random window, a multiple of `step` wide, from several images."""
    size = images[0].shape[-1]
    side = max(step, (size - 1) // step * step)
    top, left = (_integer(size - side, random) for _ in range(2))
    return [image[..., top : top + side, left : left + side] for image in images]


def mixed_groups(maps: list[Tensor], random: torch.Generator) -> list[Tensor]:
    """Rotate the channels of each map [B, C, h, w] at random, then cut them into groups of 8.

    Returns [B*C/8, 8, h, w] each. In few dimensions the energy score tells distributions apart by
    more than their mean and spread.
    """
    groups = []
    for m in maps:
        channels = m.shape[1]
        normal = torch.randn(channels, channels, generator=random, device=m.device)
        rotation, _ = torch.linalg.qr(normal)
        mixed = F.conv2d(m, rotation[:, :, None, None])
        groups.append(mixed.reshape(-1, _GROUP, *m.shape[2:]))
    return groups


def energy_score(first: list[Tensor], second: list[Tensor], truth: list[Tensor]) -> Tensor:
    """Energy score of two independent samples against the truth, a scalar.

    E|y-g| - E|g-g'|/2 over the vectors [B, N, h, w] of each map, averaged over the maps. It is
    strictly proper: its least value is reached by samples of the true conditional distribution of
    those vectors, so it neither blurs nor fades (Gneiting and Raftery 2007).
    """
    total = torch.zeros((), device=truth[0].device)
    for a, b, y in zip(first, second, truth, strict=True):
        near = 0.5 * (smooth_norm(a - y) + smooth_norm(b - y))
        total = total + (near - 0.5 * smooth_norm(a - b)).mean()
    return total / len(truth)


def relativistic(better: list[Tensor], worse: list[Tensor]) -> Tensor:
    """Softplus of how far scores [B, 1, h, w] of `worse` exceed those of `better`, a scalar.

    Each place is compared with the same place of the truth (Jolicoeur-Martineau 2018), so what
    the place holds does not count. The critic has (real, made), the generator (made, real).
    """
    terms = [F.softplus(w - b).mean() for b, w in zip(better, worse, strict=True)]
    return torch.stack(terms).mean()


def gradient_penalty(scores: list[Tensor], maps: list[Tensor]) -> Tensor:
    """Half the squared slope of a critic's scores in its maps, per place, a scalar.

    Zero-centred and taken of real and made images alike (R1 and R2; Mescheder et al. 2018).
    """
    slopes = torch.autograd.grad([s.sum() for s in scores], maps, create_graph=True)
    return 0.5 * torch.stack([g.square().sum(1).mean() for g in slopes]).mean()


def smooth_norm(x: Tensor) -> Tensor:
    """Root mean square over the channels of a map, smooth at zero: [B, C, h, w] -> [B, h, w]."""
    return (x.square().mean(1) + 1e-4).sqrt()


def _integer(most: int, random: torch.Generator) -> int:
    return int(torch.randint(most + 1, (), generator=random, device=random.device))
