"""Region octaves: the energies of patches in regions by octave, over all images of a group."""

from __future__ import annotations

import torch
from torch import Tensor

from training.losses.context import ScoreContext
from training.losses.regions import octave_energies, set_distance


def loss(samples: Tensor, truth: Tensor, context: ScoreContext) -> Tensor:
    """Return the mean distance over the octaves, a scalar."""
    pairs = zip(octave_energies(samples), octave_energies(truth), strict=True)
    group = context.drawn.group
    return torch.stack([set_distance(first, second, group) for first, second in pairs]).mean()
