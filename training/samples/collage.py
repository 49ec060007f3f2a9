"""Collages: layouts of other places under a parent, in cells as the memory has them.

A window's own layout never takes part, and a cell is lent by a window that fits it. The target of
a collage is what the parent leads plus the detail of the places that the cells were taken from, its
joints feathered: the decoder is asked for just that, so that an invented parent does not lead.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.grid.tile import SCALE

FEATHER = 2.0
"""Child pixels over which the details of two cells pass into each other (standard deviation)."""
NOISE = 0.3
"""Weight of a cell's noise against its misfit."""
_WINDOW = 15
"""Parent pixels along the square whose mean is compared."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A partition of windows, int64: owner [B, H, W], the row that lends each parent pixel, and
    members [B, M], the rows that may lend to each window."""

    owner: Tensor
    members: Tensor

    def gather(self, codes: Tensor) -> Tensor:
        """Take each place's code from its owner: [N, D, H, W] -> [B, D, H, W]."""
        index = self.owner[:, None].expand(-1, codes.shape[1], -1, -1)
        return torch.gather(codes, 0, index)

    def blend(self, details: Tensor) -> Tensor:
        """Take details from their owners, joints feathered: [N, 3, 4H, 4W] -> [B, 3, 4H, 4W]."""
        total = torch.zeros((len(self.owner), *details.shape[1:]), device=details.device)
        for rows in self.members.unbind(1):
            mask = (self.owner == rows[:, None, None]).float()[:, None]
            mask = F.interpolate(mask, scale_factor=SCALE, mode="nearest")
            total = total + _feathered(mask) * details[rows]
        return total


def misfits(parents: Tensor) -> Tensor:
    """How little each window of a group [G, 3, H, W] resembles each other, place by place.

    Returns [G, G, H, W], about 1 where mean colour and texture round a place differ as those of
    two kinds of ground do.
    """
    # Local mean colour and texture, weighed so that both count about 1.
    mean = _around(parents)
    texture = _around((parents - mean).square().mean(1, keepdim=True)).sqrt()
    look = torch.cat([6 * mean, 12 * texture], 1)
    return (look[:, None] - look[None]).square().mean(2)


def draw_cells(
    owners: list[list[int]], costs: Tensor, spacing: int, random: torch.Generator
) -> Cells:
    """Cut windows into jittered cells, one owner each: one that costs little, noise considered.

    owners: rows of the group that may lend to each window; costs: [B, G, H, W], of showing each
    row of the group at each place; spacing: parent pixels between cells.
    """
    side = costs.shape[-1]
    count = side // spacing + 2
    grid = torch.arange(count) - 0.5
    rows = []
    at = torch.arange(side).float()
    for own, cost in zip(owners, costs, strict=True):
        # Centres of cells on a jittered grid.
        jitter = torch.rand(2, count, count, generator=random)
        y = ((grid[:, None] + jitter[0]) * spacing - spacing / 2).reshape(-1)
        x = ((grid[None] + jitter[1]) * spacing - spacing / 2).reshape(-1)
        # Each parent pixel belongs to the centre that is nearest, borders warped.
        wave = torch.randn(2, 1, side // 4 + 1, side // 4 + 1, generator=random) * 1.5
        warp = F.interpolate(wave, size=(side, side), mode="bilinear", align_corners=True)[:, 0]
        dy = (at[:, None] + warp[0])[..., None] - y
        dx = (at[None] + warp[1])[..., None] - x
        nearest = (dy.square() + dx.square()).argmin(-1)
        # A cell is lent by a window whose parent costs little there, with Gumbel noise.
        gumbel = -torch.rand(len(own), count * count, generator=random).log().neg().log()
        inside = (y.long().clamp(0, side - 1), x.long().clamp(0, side - 1))
        lent = torch.tensor(own)[(cost[own][:, inside[0], inside[1]] - NOISE * gumbel).argmin(0)]
        rows.append(lent[nearest])
    return Cells(torch.stack(rows), torch.tensor(owners))


def _around(x: Tensor) -> Tensor:
    """Mean over the square round each pixel, edges repeated: [B, C, H, W] -> the same."""
    return F.avg_pool2d(F.pad(x, (_WINDOW // 2,) * 4, "replicate"), _WINDOW, 1)


def _feathered(mask: Tensor) -> Tensor:
    reach = int(3 * FEATHER)
    at = torch.arange(-reach, reach + 1, device=mask.device).float()
    taps = torch.exp(-0.5 * (at / FEATHER) ** 2)
    taps = taps / taps.sum()
    mask = F.pad(mask, (reach,) * 4, "replicate")
    return F.conv2d(F.conv2d(mask, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))
