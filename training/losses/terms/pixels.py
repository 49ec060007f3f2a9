"""Pixels: the mean length of the differences of 4x4 patches at four octaves."""

from __future__ import annotations

from torch import Tensor

from training.losses.context import ScoreContext
from training.losses.distances import distance, opponent, patches


def loss(samples: Tensor, truth: Tensor, context: ScoreContext) -> Tensor:
    """Return the distance of images [B, 3, H, W], a scalar; colour counts more than brightness."""
    return distance(patches(opponent(samples)), patches(opponent(truth)))
