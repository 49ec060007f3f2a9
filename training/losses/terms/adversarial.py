"""Adversarial: a critic of features tells samples from real images, place by place.

The critic is taught in every step, before it judges. Of a collage of other places' layouts it is
shown the window itself as real: a sum of the parent's blurred edges and of foreign detail is what
it shall not pass for real.
"""

from __future__ import annotations

from torch import Tensor

from training.losses.balance import equal_say
from training.losses.context import ScoreContext
from training.losses.perceptual import GAINS

BALANCE = "share"


def loss(samples: Tensor, truth: Tensor, context: ScoreContext) -> Tensor:
    """Return how far samples score below real images, a scalar; updates the critic once."""
    adversary, gsd = context.judges.adversary, context.drawn.gsd
    made, real = context.maps, context.real_maps
    context.log["critic"] = adversary.teach(made, real, gsd)
    return adversary.judge(equal_say(made, GAINS), real, gsd)
