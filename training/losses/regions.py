"""What regions of images are like, taken together: means and deviations, and octaves' energies.

Regions are not compared one by one: images that fade would then be nearer to whatever they are
compared with.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.losses.distances import distance, opponent, patches

REGION = 32
"""Pixels along a region; sides of images are multiples of it."""
STRIDES = (2, 2, 4, 8, 16)
"""Pixels between the places of the map of detail and of the pretrained features."""

_PATCH = 4
_EPSILON = 1e-2


def set_distance(first: Tensor, second: Tensor, group: int) -> Tensor:
    """Distance of the means and deviations over all regions of a group; a scalar.

    first, second: maps [B, C, h, w], of `group` images one behind the other.
    """
    both = []
    for maps in (first, second):
        regions = maps.reshape(-1, group, *maps.shape[1:]).transpose(1, 2).flatten(2)
        spread = (regions.var(2) + _EPSILON).sqrt()
        both.append(torch.cat([regions.mean(2), spread], 1)[..., None])
    return distance([both[0]], [both[1]])


def region_moments(maps: Tensor, side: int) -> Tensor:
    """Means and deviations of squares of `side`: [B, C, h, w] -> [B, 2C, h/side, w/side]."""
    means = F.avg_pool2d(maps, side)
    squares = F.avg_pool2d(maps.square(), side)
    return torch.cat([means, (squares - means.square()).clamp(min=0).add(_EPSILON).sqrt()], 1)


def octave_energies(images: Tensor) -> list[Tensor]:
    """Root mean squares of 4x4 patches in regions, one [B, 48, H/32, W/32] for each octave.

    images: [B, 3, H, W] in [-1, 1]. The coarsest octave, which holds the tone, is left out.
    """
    made = []
    for level, part in enumerate(patches(opponent(images))[:-1]):
        power = F.avg_pool2d(part.square(), REGION // (_PATCH << level))
        made.append((power + _EPSILON).sqrt())
    return made
