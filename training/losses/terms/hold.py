"""Hold: coarse colour stays what it was before training; blots are not for a critic to paint."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from training.losses.context import ScoreContext

BALANCE = "relative"
SIDE = 16
"""Pixels along the squares whose mean colours are held."""
_GREY = 127.5


def loss(samples: Tensor, truth: Tensor, context: ScoreContext) -> Tensor:
    """Return half the squared differences of mean colours, summed over the samples, a scalar.

    Its gradient at a sample is as long as the root mean square of the differences in grey levels.
    """
    first = context.needed("earlier samples", context.drawn.first)
    difference = F.avg_pool2d(samples - first, SIDE)
    context.log["coarse_colour"] = difference.detach().abs().mean() * _GREY
    squares = difference.square().mean((1, 2, 3)).sum()
    held: Tensor = 0.5 * _GREY * samples[0].numel() ** 0.5 * squares
    return held
