"""Checkerboard: what repeats with every code.

A decoder that turns a code into 4 x 4 pixels may give each of them its own value, a pattern that
comes back with every code (Odena et al., "Deconvolution and checkerboard artifacts", 2016): dots
in fields of one colour. Where codes and parent are the same everywhere, so is the drawing; and in
drawn samples hardly more repeats than would by chance.
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
    """Return half the variance of even drawings and of what repeats in the samples, a scalar.

    Its gradient at a drawing is as long as its deviation in grey levels.
    """
    even = context.needed("drawings of one code", context.drawn.even)
    gap = even - even.mean((2, 3), keepdim=True)
    repeated = repetition(samples)
    context.log["dots"] = gap.detach().square().mean().sqrt() * _GREY
    context.log["repeated"] = repeated.detach().mean().sqrt() * _GREY
    of_even = even[0].numel() ** 0.5 * gap.square().mean((1, 2, 3)).sum()
    drawn: Tensor = 0.5 * _GREY * (of_even + samples[0].numel() ** 0.5 * repeated.sum())
    return drawn


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
