"""How far images are from other places of their kind: what their regions are like, taken together.

Regions are not compared one by one: images that fade would then be nearer to whatever they are
compared with. A critic looks at them place by place.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.losses.adversary import Adversary
from training.losses.critic import Standard
from training.losses.distances import patches
from training.losses.objective import distance, joined, opponent
from training.losses.perceptual import GAINS, Perceptual, detail

REGION = 32
"""Pixels along a region; sides of images are multiples of it."""

_STRIDES = (2, 2, 4, 8, 16)
_PATCH = 4
_EPSILON = 1e-2


class Style:
    """Distance of regional statistics from real images', and of features from earlier ones'.

    anchor: weight of the latter, which keeps layouts from turning to mush; adversarial: how many
    times as long as that of all distances the critic's gradient is, 0 for none; group: images,
    one behind the other, whose regions are taken together.
    """

    def __init__(
        self, anchor: float, adversarial: float, group: int, device: torch.device | str = "cpu"
    ) -> None:
        self.anchor, self.adversarial, self.group = anchor, adversarial, group
        self.perceptual = Perceptual().to(device)
        self.standard = Standard().to(device)
        self.adversary = Adversary(device)

    def __call__(
        self, images: Tensor, real: Tensor, before: Tensor, gsd: Tensor, counted: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the gradient at the images, and the distances; all images [B, 3, H, W] in [-1, 1].

        real: other places of the same kinds, which the critic knows as real; before: what the
        images looked like at first; gsd: metres per pixel, [B]; counted: bool [B], the others have
        no gradient.
        """
        # What does not count is real, and is like what it is compared with.
        others = ~counted[:, None, None, None]
        images = torch.where(others, real, images).detach().requires_grad_()
        before = torch.where(others, real, before)
        with torch.no_grad():
            wanted = self._raw(real)
            self.standard.update(wanted)
            wanted = self.standard(wanted)
            held = self.standard(self._raw(before))
        seen = self.standard(self._raw(images))
        style, anchor = (torch.zeros((), device=images.device) for _ in range(2))
        for number, (gain, stride) in enumerate(zip(GAINS, _STRIDES, strict=True)):
            weight = (GAINS[1] / gain) ** 0.5
            pair = [moments(maps[number], REGION // stride) for maps in (seen, wanted)]
            style = style + weight * unlike(pair[0], pair[1], self.group)
            anchor = anchor + weight * distance([seen[number]], [held[number]])
        pairs = zip(energies(images), energies(real), strict=True)
        octaves = torch.stack([unlike(first, second, self.group) for first, second in pairs]).mean()
        parts = {"style": style.detach(), "octaves": octaves.detach(), "anchor": anchor.detach()}
        total = style + octaves + self.anchor * anchor
        (gradient,) = torch.autograd.grad(total, images, retain_graph=True)
        if self.adversarial:
            parts["critic"], other = self.adversary.judge(images, seen, wanted, gsd)
            gradient = joined(gradient, other, self.adversarial)
        return torch.where(others, 0.0, gradient), parts

    def _raw(self, images: Tensor) -> list[Tensor]:
        return [detail(images), *self.perceptual(images)]


def unlike(first: Tensor, second: Tensor, group: int) -> Tensor:
    """Distance of the means and deviations over all regions of a group; a scalar.

    first, second: maps [B, C, h, w], of `group` images one behind the other.
    """
    both = []
    for maps in (first, second):
        regions = maps.reshape(-1, group, *maps.shape[1:]).transpose(1, 2).flatten(2)
        spread = (regions.var(2) + _EPSILON).sqrt()
        both.append(torch.cat([regions.mean(2), spread], 1)[..., None])
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
