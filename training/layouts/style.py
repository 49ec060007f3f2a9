"""How far images are from other places of their kind: what their regions are like, taken together.

Regions are not compared one by one: images that fade would then be nearer to whatever they are
compared with. A critic looks at them place by place.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.critic import Standard
from training.layouts.adversary import Adversary
from training.layouts.objective import distance, joined, opponent
from training.loss import patches
from training.perceptual import GAINS, Perceptual, detail

REGION = 32
"""Pixels along a region; sides of images are multiples of it."""

_STRIDES = (2, 2, 4, 8, 16)
_PATCH = 4
_EPSILON = 1e-2


class Style:
    """Distance of regional statistics from real images', and of features from earlier ones'.

    anchor: weight of the latter, which keeps layouts from turning to mush; adversarial: how many
    times as long as that of all distances the critic's gradient is, 0 for none.
    """

    def __init__(self, anchor: float, adversarial: float) -> None:
        self.anchor, self.adversarial = anchor, adversarial
        self.perceptual = Perceptual()
        self.standard = Standard()
        self.adversary = Adversary()

    def __call__(
        self, images: Tensor, real: Tensor, before: Tensor, gsd: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the gradient at the images, and the distances; all images [B, 3, H, W] in [-1, 1].

        real: other places of the same kinds, which the critic knows as real; before: what the
        images looked like at first; gsd: metres per pixel, [B].
        """
        images = images.detach().requires_grad_()
        with torch.no_grad():
            wanted = self._raw(real)
            self.standard.update(wanted)
            wanted = self.standard(wanted)
            held = self.standard(self._raw(before))
        seen = self.standard(self._raw(images))
        style, anchor = torch.zeros(()), torch.zeros(())
        for number, (gain, stride) in enumerate(zip(GAINS, _STRIDES, strict=True)):
            weight = (GAINS[1] / gain) ** 0.5
            pair = (moments(maps[number], REGION // stride) for maps in (seen, wanted))
            style = style + weight * unlike(*pair)
            anchor = anchor + weight * distance([seen[number]], [held[number]])
        pairs = zip(energies(images), energies(real), strict=True)
        octaves = torch.stack([unlike(first, second) for first, second in pairs]).mean()
        parts = {"style": style.detach(), "octaves": octaves.detach(), "anchor": anchor.detach()}
        total = style + octaves + self.anchor * anchor
        (gradient,) = torch.autograd.grad(total, images, retain_graph=True)
        if self.adversarial:
            parts["critic"], other = self.adversary.judge(images, seen, wanted, gsd)
            gradient = joined(gradient, other, self.adversarial)
        return gradient, parts

    def _raw(self, images: Tensor) -> list[Tensor]:
        return [detail(images), *self.perceptual(images)]


def unlike(first: Tensor, second: Tensor) -> Tensor:
    """Distance of the means and deviations over all regions of maps [B, C, h, w]; a scalar."""
    both = [
        torch.cat([maps.mean((0, 2, 3)), (maps.var((0, 2, 3)) + _EPSILON).sqrt()])[None, :, None]
        for maps in (first, second)
    ]
    return distance([both[0]], [both[1]])


def moments(maps: Tensor, side: int) -> Tensor:
    """Means and deviations of squares of `side`: [B, C, h, w] -> [B, 2C, h/side, w/side]."""
    means = F.avg_pool2d(maps, side)
    squares = F.avg_pool2d(maps.square(), side)
    return torch.cat([means, (squares - means.square()).clamp(min=0).add(_EPSILON).sqrt()], 1)


def energies(images: Tensor) -> list[Tensor]:
    """Root mean squares of 4x4 patches in regions, one [B, 48, H/32, W/32] for each octave.

    images: [B, 3, H, W] in [-1, 1]. The coarsest octave, which holds the tone, is left out.
    """
    made = []
    for level, part in enumerate(patches(opponent(images))[:-1]):
        power = F.avg_pool2d(part.square(), REGION // (_PATCH << level))
        made.append((power + _EPSILON).sqrt())
    return made
