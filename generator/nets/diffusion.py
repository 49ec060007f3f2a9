"""The noise schedule, the P2 weight and the variable that is diffused.

What is diffused is x_0 = RESIDUAL_GAIN * low_frequency_consistency(child - upsample(parent)),
images in [-1, 1]; the gain brings its standard deviation near one.
"""

from __future__ import annotations

import torch
from torch import Tensor

TIMESTEPS = 1000
RESIDUAL_GAIN = 8.0


def alpha_bar() -> Tensor:
    """Cumulative products of 1-beta, [TIMESTEPS + 1] float32, alpha_bar[0] = 1 (Eq. 2).

    beta rises linearly from 0.0015 to 0.0155 over 1000 steps, as in the paper.
    """
    beta = torch.linspace(0.0015, 0.0155, TIMESTEPS, dtype=torch.float64)
    # In float64, so that a thousand factors lose nothing.
    products = torch.cumprod(1 - beta, 0)
    return torch.cat([torch.ones(1, dtype=torch.float64), products]).float()


def diffuse(clean: Tensor, noise: Tensor, abar: Tensor) -> Tensor:
    """x_t = sqrt(abar) x_0 + sqrt(1-abar) eps (Eq. 3); abar: [B], the others [B, C, H, W]."""
    a = abar.view(-1, 1, 1, 1)
    return a.sqrt() * clean + (1 - a).sqrt() * noise


def p2_weight(abar: Tensor) -> Tensor:
    """Weight of the squared error of x_0 that equals P2 on epsilon with k = gamma = 1.

    1/(1+SNR) on epsilon is SNR/(1+SNR) = abar on x_0, because the errors differ by sqrt(SNR).
    """
    return abar


def ddim_times(steps: int) -> list[int]:
    """Evenly spaced timesteps from TIMESTEPS down to 0, `steps` + 1 of them."""
    return [round(TIMESTEPS * (steps - i) / steps) for i in range(steps + 1)]
