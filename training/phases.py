"""The pixel grid in samples: what they hold at each of its phases, where the ground knows none."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.tile import STAGE_ZOOMS

GRID = 8
"""Side of the grid: twice the pixels that a network makes at once, for its coarser level."""
_POWER = 3
_MOVE = 0.03
_FAINT = 0.5 / 127.5


class Phases(nn.Module):
    """Running means of how unevenly something lies over the phases of an 8-pixel grid, by stage.

    A network that makes 4x4 pixels at once can tell their phases apart, and critics that stride
    hardly see it. A few windows say little, and their squared unevenness is mostly chance: the
    weight of each phase's own gradient is the mean unevenness over the last windows.

    measure: images [B, 3, H, W] -> two amounts at each phase, [B, 2, 64].
    """

    excess: Tensor

    def __init__(self, measure: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.measure = measure
        self.register_buffer("excess", torch.zeros(len(STAGE_ZOOMS), 2, GRID * GRID))

    def forward(self, images: Tensor, band: Tensor) -> Tensor:
        """Move the means, and return the pull: its gradient at the images is what counts.

        images: [B, 3, H, W], cut on the parent's grid; band: index of the stage, [B].
        """
        phases = self.measure(images)
        shares = phases.detach() / (phases.detach().mean(2, keepdim=True) + 1e-6) - 1
        for stage, share in zip(band.tolist(), shares, strict=True):
            self.excess[stage].lerp_(share, _MOVE)
        return (self.excess[band] * phases).mean()


def extremes(images: Tensor) -> Tensor:
    """Mean cubes of bright and of dark detail, by phase, [B, 2, 64]; the detail has unit rms.

    The mean step can be the same at every phase while nearly all of the sharpest points are at two
    of sixteen: one channel that fires now and then.
    """
    grey = images.float().mean(1, keepdim=True)
    detail = grey - F.avg_pool2d(grey, 3, 1, 1, count_include_pad=False)
    detail = detail[..., GRID:-GRID, GRID:-GRID]
    rms = detail.detach().square().mean((1, 2, 3), keepdim=True).sqrt()
    detail = detail / (rms + _FAINT)
    return _by_phase(torch.cat([detail, -detail], 1).relu() ** _POWER)


def steps(images: Tensor) -> Tensor:
    """Mean steps down and to the right, over the image's own, by phase, [B, 2, 64]."""
    sizes = [(images - images.roll(1, axis)).abs().mean(1) for axis in (2, 3)]
    size = torch.stack(sizes, 1)[..., GRID:, GRID:]
    mean = size.detach().mean((2, 3), keepdim=True)
    return _by_phase(size / (mean + _FAINT))


def _by_phase(maps: Tensor) -> Tensor:
    """Mean of each of two maps [B, 2, H, W] at each phase of the grid, [B, 2, 64]."""
    return torch.stack(
        [F.pixel_unshuffle(maps[:, i : i + 1], GRID).mean((2, 3)) for i in (0, 1)], 1
    )
