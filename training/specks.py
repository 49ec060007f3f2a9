"""Specks on a grid: the sharpest points of samples, by their phase on the pixel grid."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.tile import STAGE_ZOOMS

GRID = 8
"""Side of the grid: twice the pixels that a network makes at once, for its coarser level."""
_POWER = 3
_MOVE = 0.03
_FAINT = 0.5 / 127.5


class Specks(nn.Module):
    """Running means of how unevenly extremes lie over the phases of an 8-pixel grid, by stage.

    The ground knows no grid. The mean step can be the same at every phase (`training.loss.lattice`)
    while nearly all of the sharpest points are at two of sixteen phases: one channel that fires now
    and then. Few windows say little of rare points, so the weight of each phase's own gradient is
    the unevenness over the last windows.
    """

    excess: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("excess", torch.zeros(len(STAGE_ZOOMS), 2, GRID * GRID))

    def forward(self, images: Tensor, band: Tensor) -> Tensor:
        """Move the means, and return the pull: its gradient at the images is what counts.

        images: [B, 3, H, W], cut on the parent's grid; band: index of the stage, [B].
        """
        phases = extremes(images)
        shares = phases.detach() / (phases.detach().mean(2, keepdim=True) + 1e-6) - 1
        for stage, share in zip(band.tolist(), shares, strict=True):
            self.excess[stage].lerp_(share, _MOVE)
        return (self.excess[band] * phases).mean()


def extremes(images: Tensor) -> Tensor:
    """Mean cubes of bright and of dark detail, by phase, [B, 2, 64]; the detail has unit rms."""
    grey = images.float().mean(1, keepdim=True)
    detail = grey - F.avg_pool2d(grey, 3, 1, 1, count_include_pad=False)
    detail = detail[..., GRID:-GRID, GRID:-GRID]
    rms = detail.detach().square().mean((1, 2, 3), keepdim=True).sqrt()
    detail = detail / (rms + _FAINT)
    signed = torch.cat([detail, -detail], 1).relu() ** _POWER
    return torch.stack(
        [F.pixel_unshuffle(signed[:, i : i + 1], GRID).mean((2, 3)) for i in (0, 1)], 1
    )
