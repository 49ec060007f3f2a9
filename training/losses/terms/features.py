"""Features: the distance of what a small pretrained network sees, and of detail."""

from __future__ import annotations

import torch
from torch import Tensor

from training.losses.context import ScoreContext
from training.losses.distances import distance
from training.losses.perceptual import GAINS


def loss(samples: Tensor, truth: Tensor, context: ScoreContext) -> Tensor:
    """Return the sum over the levels of features, a scalar.

    Levels weigh by how little their gradient is at the image, so that each says the same.
    """
    wanted = context.truth_maps
    levels = [
        distance([a], [b]) * (GAINS[1] / gain) ** 0.5
        for a, b, gain in zip(context.maps, wanted, GAINS, strict=True)
    ]
    return torch.stack(levels).sum()
