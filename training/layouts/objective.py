"""How far images are from their targets: patches at four octaves, and pretrained features."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from training.critic import Standard
from training.loss import patches, smooth_norm
from training.perceptual import GAINS, Perceptual, detail

COLOUR = 4.0
"""How many times a difference of colour counts beside one of brightness."""
_SCALE = 8.0
"""Images in [-1, 1] times this have detail of about one, as the smoothed norms expect."""


def distance(first: list[Tensor], second: list[Tensor]) -> Tensor:
    """Mean length of the differences of maps [B, C, h, w], smooth at zero; a scalar."""
    terms = [smooth_norm(a - b).mean() for a, b in zip(first, second, strict=True)]
    return torch.stack(terms).mean()


def opponent(images: Tensor) -> Tensor:
    """Brightness and two differences of colour, scaled: [B, 3, H, W] in [-1, 1], the same shape.

    Differences of colour count COLOUR times: they vary little, and codes would leave them out.
    """
    red, green, blue = images.float().unbind(1)
    parts = (
        (red + green + blue) / 3**0.5,
        COLOUR * (red - blue) / 2**0.5,
        COLOUR * (red + blue - 2 * green) / 6**0.5,
    )
    return torch.stack(parts, 1) * _SCALE


class Objective:
    """Weighted sum of distances; standardises features by the targets' running moments.

    weights: of `pixels` and `features`. Features' levels weigh by how little their gradient is
    at the image, so that each says the same.
    """

    def __init__(self, weights: Mapping[str, float], standard: Standard) -> None:
        self.weights = dict(weights)
        self.perceptual = Perceptual()
        self.standard = standard

    def __call__(self, images: Tensor, targets: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Total and parts; images and targets [B, 3, H, W] in [-1, 1]."""
        pixels = distance(patches(opponent(images)), patches(opponent(targets)))
        with torch.no_grad():
            wanted = [detail(targets), *self.perceptual(targets)]
            self.standard.update(wanted)
            wanted = self.standard(wanted)
        seen = self.standard([detail(images), *self.perceptual(images)])
        levels = [
            distance([a], [b]) * (GAINS[1] / gain) ** 0.5
            for a, b, gain in zip(seen, wanted, GAINS, strict=True)
        ]
        features = torch.stack(levels).sum()
        parts = {"pixels": pixels.detach(), "features": features.detach()}
        total = self.weights["pixels"] * pixels + self.weights["features"] * features
        return total, parts
