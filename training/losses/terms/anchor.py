"""Anchor: the distance of features from what the samples looked like before training.

The map of detail is left out: it would keep dots and grain, which training is to take away.
"""

from __future__ import annotations

import torch
from torch import Tensor

from training.losses.context import ScoreContext
from training.losses.distances import distance
from training.losses.perceptual import GAINS


def loss(samples: Tensor, truth: Tensor, context: ScoreContext) -> Tensor:
    """Return the sum over the levels of features, a scalar; it keeps layouts from dissolving."""
    total = torch.zeros((), device=samples.device)
    levels = zip(context.maps[1:], context.first_maps[1:], GAINS[1:], strict=True)
    for made, first, gain in levels:
        total = total + (GAINS[1] / gain) ** 0.5 * distance([made], [first])
    return total
