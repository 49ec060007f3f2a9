"""Region style: means and deviations of features in regions, over all images of a group."""

from __future__ import annotations

import torch
from torch import Tensor

from training.losses.context import ScoreContext
from training.losses.perceptual import GAINS
from training.losses.regions import REGION, STRIDES, region_moments, set_distance


def loss(samples: Tensor, truth: Tensor, context: ScoreContext) -> Tensor:
    """Return the distance of the samples' regions from the truth's, a scalar."""
    wanted = context.truth_maps
    total = torch.zeros((), device=samples.device)
    levels = zip(context.maps, wanted, GAINS, STRIDES, strict=True)
    for made, real, gain, stride in levels:
        pair = [region_moments(maps, REGION // stride) for maps in (made, real)]
        weight = (GAINS[1] / gain) ** 0.5
        total = total + weight * set_distance(pair[0], pair[1], context.drawn.group)
    return total
