"""How far images are from their targets: patches at four octaves, and pretrained features.

A critic may be listened to beside them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from training.losses.adversary import Adversary
from training.losses.critic import Standard
from training.losses.distances import patches, smooth_norm
from training.losses.perceptual import GAINS, Perceptual, detail

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

    weights: of `pixels` and `features`; `adversarial`: how many times as long as theirs the
    critic's gradient is, 0 for no critic. Features' levels weigh by how little their gradient is
    at the image, so that each says the same.
    """

    def __init__(
        self, weights: Mapping[str, float], standard: Standard, adversary: Adversary
    ) -> None:
        self.weights = dict(weights)
        self.perceptual = Perceptual()
        self.standard, self.adversary = standard, adversary

    def __call__(
        self, images: Tensor, targets: Tensor, real: Tensor, gsd: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the gradient at images [B, 3, H, W] in [-1, 1], and the distances to targets.

        real: what the critic takes for real, of the same shape; gsd: metres per pixel, [B].
        """
        share = self.weights["adversarial"]
        leaf = images.detach().requires_grad_()
        pixels = distance(patches(opponent(leaf)), patches(opponent(targets)))
        with torch.no_grad():
            wanted = [detail(targets), *self.perceptual(targets)]
            self.standard.update(wanted)
            wanted = self.standard(wanted)
        seen = self.standard([detail(leaf), *self.perceptual(leaf)])
        levels = [
            distance([a], [b]) * (GAINS[1] / gain) ** 0.5
            for a, b, gain in zip(seen, wanted, GAINS, strict=True)
        ]
        features = torch.stack(levels).sum()
        total = self.weights["pixels"] * pixels + self.weights["features"] * features
        parts = {"pixels": pixels.detach(), "features": features.detach()}
        (gradient,) = torch.autograd.grad(total, leaf, retain_graph=bool(share))
        if share:
            with torch.no_grad():
                truth = self.standard([detail(real), *self.perceptual(real)])
            parts["critic"], other = self.adversary.judge(leaf, seen, truth, gsd)
            gradient = joined(gradient, other, share)
        return gradient, parts


def joined(gradient: Tensor, other: Tensor, share: float) -> Tensor:
    """Add to gradients at images another, made `share` times as long in the mean of the batch."""
    return gradient + other * (share * _length(gradient) / (_length(other) + 1e-12))


def _length(gradients: Tensor) -> Tensor:
    """Mean length of gradients [B, 3, H, W], a scalar."""
    lengths: Tensor = gradients.flatten(1).norm(dim=1)
    return lengths.mean()
