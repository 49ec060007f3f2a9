"""Checkerboard: what repeats with every code.

A decoder that turns a code into 4 x 4 pixels may give each of them its own value, a pattern that
comes back with every code (Odena et al., "Deconvolution and checkerboard artifacts", 2016): dots
in fields of one colour. Where one code, or none, lies everywhere, nothing repeats, whatever the
parent is; and in drawn samples hardly more repeats than would by chance.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.grid.tile import SCALE
from training.losses.context import ScoreContext

BALANCE = "direct"
_GREY = 127.5
_SIDE = 5
"""Codes along the square whose patterns are compared."""
_CHANCE = 0.12
"""Share of fine detail that may be the same in all codes of a square: three times what chance
leaves of 25."""


def loss(samples: Tensor, truth: Tensor, context: ScoreContext) -> Tensor:
    """Return half the variance of what repeats in drawings of one code and in samples, a scalar.

    Its gradient at one of B drawings is as long as a Bth of its deviation in grey levels.
    """
    even = context.needed("drawings of one code", context.drawn.even)
    total = torch.zeros((), device=samples.device)
    for name, images in (("dots", even), ("repeated", samples)):
        variance = repetition(images)
        context.log[name] = variance.detach().mean().sqrt() * _GREY
        total = total + 0.5 * _GREY * images[0].numel() ** 0.5 * variance.mean()
    return total


def repetition(images: Tensor) -> Tensor:
    """Return the variance of what repeats every 4 pixels of images beyond chance: [B].

    images: [B, 3, H, W], whose codes begin at the corner; H and W are multiples of 4.
    """
    batch, colours = images.shape[:2]
    pixels = F.pixel_unshuffle(images, SCALE)
    pixels = pixels.view(batch, colours, SCALE**2, *pixels.shape[-2:])
    # Detail within codes, without their brightness and slope.
    along = torch.arange(SCALE, device=images.device) - (SCALE - 1) / 2
    rows, columns = (each.flatten() for each in torch.meshgrid(along, along, indexing="ij"))
    flat = torch.stack([torch.ones_like(rows), rows, columns])
    flat = flat / flat.norm(dim=1, keepdim=True)
    shares = torch.einsum("kp,bcphw->bckhw", flat, pixels)
    fine = pixels - torch.einsum("kp,bckhw->bcphw", flat, shares)
    # Its power in squares of codes, and that of what is the same in all of them.
    power = F.avg_pool2d(fine.square().mean((1, 2)), _SIDE, 1)
    same = F.avg_pool2d(fine.flatten(1, 2), _SIDE, 1).square().mean(1)
    return (same - _CHANCE * power).clamp(min=0).mean((1, 2))
