"""The wide branch of the exact U-Net: parent and noise seen from far, at a quarter of the grid.

Rivers, coasts and cities are laid out over more than the 26 parent pixels that the small network
sees. Three ways to see further were weighed. A third level makes every layer before it work on a
wider window, at full cost per pixel; dilation does the same and skips pixels. This branch reads the
parent and the noise by itself, four parent pixels to a cell, so that only cells, 16 times fewer
than pixels, carry the wider halo, and its result is added where the half-resolution level begins.
Four ResBlocks bring the margin from 26 to 58 parent pixels: a stage tile still needs no more
parent tiles than with 26, since any margin up to 64, a tile's own width there, needs the same ones.

Its last layer starts at zero: a network with the branch can begin from weights without it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.nets.blocks import PixelNorm, ResBlock, central_rows
from generator.nets.config import CONTEXT_STEP

_PLANES = 6


class ContextBranch(nn.Module):
    """Unpadded ResBlocks on cells of CONTEXT_STEP parent pixels, equal on every aligned window.

    width, count: channels and ResBlocks; deep: channels of the half-resolution level.
    """

    def __init__(self, width: int, count: int, deep: int, embedding: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(_PLANES * CONTEXT_STEP**2, width, 3)
        self.blocks = nn.ModuleList(ResBlock(width, width, embedding) for _ in range(count))
        self.norm = PixelNorm(width)
        self.up = nn.Conv2d(width, 4 * deep, 1)
        for value in self.up.parameters():
            nn.init.zeros_(value)

    @property
    def reach(self) -> int:
        """Parent pixels consumed on each side."""
        return CONTEXT_STEP * (1 + 2 * len(self.blocks))

    def forward(self, x: Tensor, parent: Tensor, modulations: list[Tensor]) -> Tensor:
        """Noisy residual, parent and the blocks' modulations as in `ExactUNet.forward`.

        The noise is averaged over each parent pixel, to unit variance. H and W are multiples of
        CONTEXT_STEP. Returns [B, deep, H/2 - reach, W/2 - reach] on the half-resolution grid.
        """
        height = parent.shape[-2]
        scale = x.shape[-1] // parent.shape[-1]
        # Noise and parent side by side, on cells of CONTEXT_STEP parent pixels.
        noise = scale * F.avg_pool2d(x, scale)
        cells = F.pixel_unshuffle(torch.cat([noise, parent], 1), CONTEXT_STEP)
        cells = cells.to(self.stem.weight.dtype).contiguous(memory_format=torch.channels_last)
        # ResBlocks over the cells, each with the modulations of its rows.
        h = self.stem(cells)
        for block, modulation in zip(self.blocks, modulations, strict=True):
            rows = central_rows(modulation, height, CONTEXT_STEP * h.shape[-2], CONTEXT_STEP)
            h = block(h, rows)
        # From cells to the half-resolution grid, two of its pixels to a cell.
        return F.pixel_shuffle(self.up(F.silu(self.norm(h))), 2)
