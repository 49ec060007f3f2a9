"""Enlarge batches of pictures so that edges stay sharp, as `generator.nets.kuwahara` does one.

The same whole numbers, on any device.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.grid.tile import SCALE
from generator.nets.kuwahara import LOST, OFFSETS, REACH, RING


def enlarge_sharply(parents: Tensor) -> Tensor:
    """Enlarge pictures beyond which their edges are repeated: [B, 3, h, w] -> [B, 3, 4h, 4w].

    Both in [-1, 1], in steps of 8 bits; without a gradient.
    """
    with torch.no_grad():
        pixels = ((parents.clamp(-1, 1) + 1) * 127.5).round()
        around = F.pad(pixels, (REACH,) * 4, "replicate").long()
        half = _kuwahara(_kuwahara(_doubled(around)))
        whole = _smoothed(_kuwahara(_doubled(half)))
        edge = SCALE * REACH - LOST
        return whole[..., edge:-edge, edge:-edge].float() / 127.5 - 1


def _doubled(pictures: Tensor) -> Tensor:
    """Interpolate linearly by two, in quarters: [B, 3, h, w] -> [B, 3, 2h - 2, 2w - 2]."""
    for axis in (2, 3):
        count = pictures.shape[axis] - 1
        before, behind = (pictures.narrow(axis, start, count) for start in (0, 1))
        pairs = torch.stack(
            [(3 * before + behind + 2) >> 2, (before + 3 * behind + 2) >> 2], axis + 1
        )
        pictures = pairs.flatten(axis, axis + 1)
    return pictures


def _kuwahara(pictures: Tensor) -> Tensor:
    """Give each pixel the mean of the calmest window: [B, 3, h, w] -> [B, 3, h - 12, w - 12]."""
    weights = torch.tensor([77, 150, 29], device=pictures.device).view(3, 1, 1)
    luminance = ((weights * pictures).sum(1, keepdim=True) + 128) >> 8
    total = _tent(luminance)
    # Those that differ by less than 8 are taken for the same, and the first is chosen.
    variance = ((_tent(luminance * luminance) << 8) - total * total) >> 3
    means = (_tent(pictures) + 128) >> 8
    height, width = (side - 2 * RING for side in variance.shape[-2:])

    def beside(planes: Tensor, down: int, across: int) -> Tensor:
        y, x = RING + down, RING + across
        return planes[..., y : y + height, x : x + width]

    least, chosen = beside(variance, *OFFSETS[0]), beside(means, *OFFSETS[0])
    for offset in OFFSETS[1:]:
        here = beside(variance, *offset)
        chosen = torch.where(here < least, beside(means, *offset), chosen)
        least = torch.minimum(here, least)
    return chosen


def _tent(planes: Tensor) -> Tensor:
    """Sum with tent weights, a box of 4 twice along each axis: [.., h, w] -> [.., h - 6, w - 6]."""
    for _ in range(2):
        pairs = planes[..., :-1, :] + planes[..., 1:, :]
        planes = pairs[..., :-2, :] + pairs[..., 2:, :]
        pairs = planes[..., :-1] + planes[..., 1:]
        planes = pairs[..., :-2] + pairs[..., 2:]
    return planes


def _smoothed(pictures: Tensor) -> Tensor:
    """Blur by one pixel: [B, 3, h, w] -> [B, 3, h - 2, w - 2]."""
    rows = pictures[..., :-2, :] + 2 * pictures[..., 1:-1, :] + pictures[..., 2:, :]
    return (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:] + 8) >> 4
