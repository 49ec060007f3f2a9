"""Losses: P2-weighted denoising, the energy score of one-step samples, the adversarial term."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.diffusion import p2_weight


def denoising(predicted: Tensor, clean: Tensor, abar: Tensor) -> Tensor:
    """P2-weighted squared error of x_0, a scalar; images [B, 3, H, W], abar [B] (Eq. 10)."""
    error = (predicted - clean).square().mean((1, 2, 3))
    return (p2_weight(abar) * error).mean()


def patches(x: Tensor) -> list[Tensor]:
    """Cut [B, 3, H, W] into 4x4 patches at three scales: [B, 48, h, w], in steps of octaves."""
    parts = []
    for level in range(3):
        parts.append(F.pixel_unshuffle(x, 4))
        if level < 2:
            x = F.avg_pool2d(x, 2)
    return parts


def energy_score(first: Tensor, second: Tensor, clean: Tensor) -> Tensor:
    """Energy score of two independent samples against the truth, a scalar.

    E|y-g| - E|g-g'|/2 over patches at three scales. It is strictly proper: its least value is
    reached by samples of the true conditional distribution of a patch, so it neither blurs nor
    fades (Gneiting and Raftery 2007).
    """
    total = torch.zeros((), device=clean.device)
    for a, b, y in zip(patches(first), patches(second), patches(clean), strict=True):
        near = 0.5 * (_norm(a - y) + _norm(b - y))
        total = total + (near - 0.5 * _norm(a - b)).mean()
    return total / 3


def _norm(x: Tensor) -> Tensor:
    return (x.square().mean(1) + 1e-4).sqrt()


def generator_adversarial(fake: Tensor, real: Tensor) -> Tensor:
    """Relativistic pairing loss of the generator (logits of equal shape)."""
    return F.softplus(real - fake).mean()


def discriminator_adversarial(fake: Tensor, real: Tensor) -> Tensor:
    """Relativistic pairing loss of the discriminator (logits of equal shape)."""
    return F.softplus(fake - real).mean()


def gradient_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """R1: squared norm of the gradient of each patch logit at the real images, on average."""
    total = logits.sum() / logits.shape[1] ** 0.5
    (gradient,) = torch.autograd.grad(total, images, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()
