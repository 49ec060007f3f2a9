"""Collages: layouts of other places under a parent, in cells as the memory lays them.

A window's own layout never takes part. The target of a collage is what the parent leads plus the
detail of the places that the cells were taken from, its joints feathered: the decoder is asked for
just that, so that an invented parent does not lead.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.network import SCALE

FEATHER = 2.0
"""Child pixels over which the details of two cells pass into each other (standard deviation)."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A partition of windows: owner [B, H, W] (int64) of each parent pixel, a row of the group."""

    owner: Tensor

    def lay(self, codes: Tensor) -> Tensor:
        """Take each place's code from its owner: [G, D, H, W] -> [B, D, H, W]."""
        index = self.owner[:, None].expand(-1, codes.shape[1], -1, -1)
        return torch.gather(codes, 0, index)

    def blend(self, details: Tensor) -> Tensor:
        """Take details from their owners, joints feathered: [G, 3, 4H, 4W] -> [B, 3, 4H, 4W]."""
        total = torch.zeros((len(self.owner), *details.shape[1:]))
        for number, detail in enumerate(details):
            mask = (self.owner == number).float()[:, None]
            if mask.any():
                mask = F.interpolate(mask, scale_factor=SCALE, mode="nearest")
                total = total + _feathered(mask) * detail
        return total


def draw_cells(owners: list[list[int]], side: int, spacing: int, random: torch.Generator) -> Cells:
    """Cut windows of `side` parent pixels into jittered cells, one owner each.

    owners: rows of the group that may lend to each window; spacing: parent pixels between cells.
    """
    count = side // spacing + 2
    grid = torch.arange(count) - 0.5
    rows = []
    at = torch.arange(side).float()
    for own in owners:
        jitter = torch.rand(2, count, count, generator=random)
        y = ((grid[:, None] + jitter[0]) * spacing - spacing / 2).reshape(-1)
        x = ((grid[None] + jitter[1]) * spacing - spacing / 2).reshape(-1)
        wave = torch.randn(2, 1, side // 4 + 1, side // 4 + 1, generator=random) * 1.5
        warp = F.interpolate(wave, size=(side, side), mode="bilinear", align_corners=True)[:, 0]
        dy = (at[:, None] + warp[0])[..., None] - y
        dx = (at[None] + warp[1])[..., None] - x
        nearest = (dy.square() + dx.square()).argmin(-1)
        lent = torch.tensor(own)[torch.randint(len(own), (count * count,), generator=random)]
        rows.append(lent[nearest])
    return Cells(torch.stack(rows))


def _feathered(mask: Tensor) -> Tensor:
    reach = int(3 * FEATHER)
    at = torch.arange(-reach, reach + 1).float()
    taps = torch.exp(-0.5 * (at / FEATHER) ** 2)
    taps = taps / taps.sum()
    mask = F.pad(mask, (reach,) * 4, "replicate")
    return F.conv2d(F.conv2d(mask, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))
