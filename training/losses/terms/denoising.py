"""Denoising: the P2-weighted squared error of the clean image (Eq. 10 and 25)."""

from __future__ import annotations

from torch import Tensor

from generator.nets.diffusion import p2_weight
from training.losses.context import ScoreContext


def loss(samples: Tensor, truth: Tensor, context: ScoreContext) -> Tensor:
    """Return the weighted mean of the squared errors of what was diffused, a scalar.

    On the clean image the weight is alpha_bar; it equals the paper's on the noise.
    """
    alpha_bar = context.needed("noise", context.drawn.alpha_bar)
    error = (context.drawn.gain * (samples - truth)).square().mean((1, 2, 3))
    return (p2_weight(alpha_bar) * error).mean()
