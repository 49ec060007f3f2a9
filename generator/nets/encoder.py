"""The encoder: a child and its parent become integer layout codes on the parent's grid."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.grid.tile import SCALE
from generator.nets.bands import contrast_scale, high_band, low_band
from generator.nets.blocks import PixelNorm
from generator.nets.codes import bound, quantise
from generator.nets.config import LayoutConfig

DETAIL_GAIN = 6.0
"""Brings normalised detail near a standard deviation of one."""


def detail_of(child: Tensor, parent: Tensor) -> Tensor:
    """Normalised detail of a child: the high band at augmentation level 1, beside its brightness.

    child: [B, 3, 4 H, 4 W]; parent: [B, 3, H, W]; edges are repeated. Returns the child's size.
    """
    full = [1.0] * len(child)
    # The base that the decoder will have, and what the child has beyond it.
    base = low_band(parent, full, padded=True)
    return high_band(child, full, padded=True) / contrast_scale(base)


class Encoder(nn.Module):
    """Codes of a child: used in training and to build memories, never to make tiles."""

    def __init__(self, config: LayoutConfig) -> None:
        super().__init__()
        self.config = config
        wide, blocks = config.encoder
        self.stem = nn.Conv2d(3 * SCALE**2 + 3, wide, 3, 1, 1)
        self.blocks = nn.ModuleList(_ResidualBlock(wide) for _ in range(blocks))
        self.norm = PixelNorm(wide)
        self.head = nn.Conv2d(wide, config.dimensions, 1)

    def forward(self, detail: Tensor, parent: Tensor) -> Tensor:
        """`detail_of` a child [B, 3, 4 H, 4 W] and its parent -> bounded numbers [B, D, H, W].

        They are rounded by `generator.nets.codes.quantise`.
        """
        # Detail as 48 channels on the grid of its parent, which is seen too.
        seen = F.pixel_unshuffle(detail * DETAIL_GAIN, SCALE)
        h = torch.cat([seen, parent], 1).contiguous(memory_format=torch.channels_last)
        h = self.stem(h.to(self.stem.weight.dtype))
        # Residual blocks, and a bounded number for each dimension of the code.
        for block in self.blocks:
            h = block(h)
        return bound(self.head(F.silu(self.norm(h))).float(), self.config.most)

    @torch.inference_mode()
    def codes(self, child: Tensor, parent: Tensor) -> Tensor:
        """Integer codes int8 [B, D, H, W] of a child [B, 3, 4 H, 4 W] in [-1, 1]."""
        return quantise(self(detail_of(child, parent), parent)).to(torch.int8)


class _ResidualBlock(nn.Module):
    def __init__(self, wide: int) -> None:
        super().__init__()
        self.norm = PixelNorm(wide)
        self.conv1 = nn.Conv2d(wide, wide, 3, 1, 1)
        self.conv2 = nn.Conv2d(wide, wide, 3, 1, 1)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.conv2(F.silu(self.conv1(F.silu(self.norm(x)))))
        return x + h
